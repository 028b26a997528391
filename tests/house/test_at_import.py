"""Importing a module computes nothing, reads no environment, opens nothing: asked of the text, and of a real import."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rooms import ROOMS, ROOT, dotted, modules

WATCH = Path(__file__).with_name("watch_imports.py")
MAKES_A_VALUE = {  # calls that only build what stands there
    "_id", "cast", "count", "date", "datetime", "dict", "dict.fromkeys", "dt.date", "dt.datetime", "enumerate", "field",
    "frozenset", "list", "logging.getLogger", "namedtuple", "range", "re.compile", "sa.text", "set", "sorted", "str",
    "str.maketrans", "timedelta", "tuple", "type", "typing.cast", "zip",
}  # fmt: skip
ON_A_VALUE = {"join", "with_variant"}  # methods of what was just built
DECORATES = {
    "cache",
    "classmethod",
    "contextlib.contextmanager",
    "contextmanager",
    "dataclass",
    "dg.definitions",
    "overload",
    "property",
}
DECORATES |= {"runtime_checkable", "staticmethod", "total_ordering", "wraps", "lru_cache", "cached_property"}
DOES_THINGS = {"Client", "Console", "Context", "Popen", "Process", "Session", "Thread", "ThreadPoolExecutor", "Typer"}
QUESTIONS = {"os.environ", "sys.argv", "os.getcwd"}


def test_no_module_computes_while_it_loads() -> None:
    wrong = [
        f"{module.shown}:{node.lineno} {told}" for module in modules() for node, told in _done(module.tree, frozenset())
    ]
    assert not wrong, "\n".join(wrong)


def test_loading_every_module_opens_nothing_and_asks_for_nothing() -> None:
    names = [module.name for module in modules()]
    done = subprocess.run(
        [sys.executable, "-B", str(WATCH), str(ROOT), ",".join(ROOMS), *names],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["imported"] == len(names)
    assert not seen["wrong"], "\n".join(seen["wrong"])


def _done(tree: ast.AST, local: frozenset[str]) -> Iterator[tuple[ast.expr, str]]:
    """The expressions that a module evaluates while it loads and that are more than a value."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and (_is_main(node.test) or dotted(node.test).endswith("TYPE_CHECKING")):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
            for decorator in node.decorator_list:
                yield from _decorated(decorator)
            for default in defaults:
                yield from _done(ast.Expr(default), local)
        elif isinstance(node, ast.Lambda):
            continue
        elif isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                yield from _decorated(decorator)
            own = {child.name for child in node.body if isinstance(child, ast.FunctionDef)}
            yield from _done(ast.Module(node.body, []), frozenset(own))
        else:
            if isinstance(node, ast.Call) and not _makes_a_value(node, local):
                yield node, f"calls {dotted(node.func) or ast.unparse(node.func)}"
            if isinstance(node, ast.Attribute) and dotted(node) in QUESTIONS:
                yield node, f"asks {dotted(node)}"
            yield from _done(node, local)


def _decorated(node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    name = dotted(node.func if isinstance(node, ast.Call) else node)
    if name not in DECORATES and not name.endswith((".setter", ".register")):
        yield node, f"decorates with {name or ast.unparse(node)}"


def _makes_a_value(call: ast.Call, local: frozenset[str]) -> bool:
    name = dotted(call.func)
    last = name.rpartition(".")[2]
    if name in MAKES_A_VALUE or name in local or name.startswith("pa."):
        return True
    if isinstance(call.func, ast.Attribute) and not isinstance(call.func.value, ast.Name):
        return call.func.attr in ON_A_VALUE
    return last[:1].isupper() and last not in DOES_THINGS


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and dotted(test.left) == "__name__"
