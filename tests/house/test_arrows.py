"""Imports go along the arrows: errors ← connectors, schemas ← assets ← pipelines; dagster only where it belongs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Set
from importlib.metadata import packages_distributions

import pytest
from rooms import ROOMS, ROOT, Module, benchmarks, dotted, modules, suites

MAY_IMPORT = {
    "errors": set[str](),
    "connectors": {"errors", "connectors"},
    "schemas": {"errors", "schemas"},
    "assets": {"errors", "connectors", "schemas", "assets"},
    "pipelines": {*ROOMS},
}
DAGSTER = {  # files below assets that define components and resources
    "assets/table.py",
    "assets/derived.py",
    "assets/document_set.py",
    "assets/resources.py",
    "assets/specs.py",
}
NEVER_IN_SCHEMAS = {
    "adbc_driver_manager", "adbc_driver_postgresql", "alembic", "dagster", "duckdb", "io", "os", "pathlib", "psycopg",
    "random", "requests", "shutil", "socket", "sqlalchemy", "sqlite3", "subprocess", "tempfile", "time", "urllib",
    "yaml",
}  # fmt: skip
CLOCKS = re.compile(r"(^|\.)(now|utcnow|today|monotonic|perf_counter)$|^time\.")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_is_below_it(room: str) -> None:
    wrong: list[str] = []
    for module in _of(room):
        for name, line in module.imports():
            top, *rest = name.split(".")
            if top == "tilth" and (not rest or rest[0] not in MAY_IMPORT[room]):
                wrong.append(f"{module.shown}:{line} imports {name}: against the arrows")
    assert not wrong, "\n".join(wrong)


def test_every_import_is_absolute_and_begins_with_tilth() -> None:
    """`schemas.judging` beside `tilth.schemas.judging` would make two classes of each."""
    wrong = [
        f"{module.shown}:{line} imports {name}: always tilth.ROOM.MODULE"
        for module in (*modules(), *benchmarks(), *suites())
        for name, line in module.imports()
        if name.split(".")[0] in ROOMS or (name.startswith(".") and module.room != "tests")
    ]
    assert not wrong, "\n".join(wrong)


def test_dagster_is_imported_only_by_components_resources_and_pipelines() -> None:
    allowed = {module.shown for module in _of("pipelines")} | DAGSTER
    wrong = [
        f"{module.shown}:{line} imports {name}"
        for module in modules()
        for name, line in module.imports()
        if name.split(".")[0].startswith("dagster") and module.shown not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_schemas_are_pure() -> None:
    wrong: list[str] = []
    for module in _of("schemas"):
        wrong += [f"{module.shown}:{n} imports {m}" for m, n in module.imports() if m.split(".")[0] in NEVER_IN_SCHEMAS]
        calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
        names = [(dotted(call.func), call.lineno) for call in calls]
        wrong += [f"{module.shown}:{n} calls {name}" for name, n in names if name == "open" or CLOCKS.search(name)]
    assert not wrong, "\n".join(wrong)


def test_no_two_modules_import_each_other_while_they_load() -> None:
    known = {module.name for module in modules()}
    graph = {
        module.name: {n for n in _at_import(module.tree) if n in known and n != module.name} for module in modules()
    }
    circles = [" → ".join(circle) for circle in _circles(graph)]
    assert not circles, "\n".join(circles)


def test_every_library_that_is_imported_is_declared() -> None:
    """By a dependency of its own, or by an extra: not by what another library happens to bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    said = [*project["dependencies"], *(line for name, lines in extras.items() if name != "dev" for line in lines)]
    declared = {_plain(line) for line in said}
    brought_by = packages_distributions()
    wrong = sorted(
        f"{module.shown}:{line} imports {name}"
        for module in modules()
        for name, line in module.imports()
        if (top := name.split(".")[0]) not in sys.stdlib_module_names and top != "tilth"
        if not declared & {_plain(one) for one in brought_by.get(top, [top])}
    )
    assert not wrong, "\n".join(wrong)


def test_optional_libraries_are_imported_inside_functions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    always = {_plain(line) for line in project["dependencies"]}
    extras = {_plain(line) for lines in project["optional-dependencies"].values() for line in lines} - always
    brought_by = packages_distributions()
    optional = {top for top, names in brought_by.items() if {_plain(name) for name in names} & extras} - {"tilth"}
    wrong = [
        f"{module.shown} imports {name} when it is imported"
        for module in modules()
        for name in _at_import(module.tree)
        if name.split(".")[0] in optional
    ]
    assert not wrong, "\n".join(wrong)


def _of(room: str) -> list[Module]:
    return [module for module in modules() if module.room == room]


def _plain(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _at_import(tree: ast.AST, known: Set[str] = frozenset()) -> Iterator[str]:
    """What is imported while the module loads: not inside functions, not for the type checker alone.

    `from package import module` imports the module, where that is `known` to be one.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in names)
        else:
            yield from _at_import(node, known)


def _circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> Iterator[list[str]]:
        if name in way:
            yield [*way[way.index(name) :], name]
        elif name not in done:
            for other in sorted(graph[name]):
                yield from visit(other, [*way, name])
            done.add(name)

    for name in sorted(graph):
        yield from visit(name, [])
