"""How the house is built: small files, short functions, names from the field, a charter for each room."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Sequence

from rooms import ROOMS, ROOT, Module, benchmarks, modules, text_files

FILE_LINES, FUNCTION_LINES = 250, 45
NO_NAMES = re.compile(r"utils?|helpers?|common|misc|managers?|base_utils|tools|stuff|general")
LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
ELSEWHERE = {  # what belongs to one machine only, or to where packages are had from
    "a home folder": re.compile(r"/(?:home|Users)/[a-z]|/ro" + r"ot/|C:\\Users"),
    "a working folder": re.compile(r"/wo" + r"rk/|/tm" + r"p/[a-z]{2,}"),
    "a package index": re.compile(
        r"(?i)py" + r"pi\.org|python" + r"hosted|(?:extra-)?index" + r"-url|find" + r"-links"
    ),
}


def test_no_file_is_long() -> None:
    long = [f"{module.lines} {module.shown}" for module in _all() if module.lines >= FILE_LINES]
    assert not long, _told(long)


def test_no_function_is_long() -> None:
    long = [
        f"{function.lines} {module.shown}:{function.node.lineno} {function.name}"
        for module in _all()
        for function in module.functions()
        if function.lines > FUNCTION_LINES
    ]
    assert not long, _told(long)


def test_names_say_what_a_module_is() -> None:
    wrong = [module.shown for module in _all() if NO_NAMES.fullmatch(module.path.stem)]
    wrong += [m.shown for m in _all() if any(NO_NAMES.fullmatch(part) for part in m.path.relative_to(ROOT).parts[:-1])]
    assert not wrong, _told(wrong)


def test_every_module_begins_with_its_charter() -> None:
    """An `__init__.py` too: the rooms' say what they hold and what stays out."""
    without = [module.shown for module in _all() if not ast.get_docstring(module.tree)]
    assert not without, _told(without)


def test_every_function_is_annotated() -> None:
    wrong: list[str] = []
    for module in _all():
        for function in module.functions():
            given = function.node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            every += [one for one in (given.vararg, given.kwarg) if one]
            bare = [one.arg for one in every if one.annotation is None and one.arg not in ("self", "cls")]
            if bare or function.node.returns is None:
                wrong.append(f"{module.shown}:{function.node.lineno} {function.name}({', '.join(bare)})")
    assert not wrong, _told(wrong)


def _overload(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A signature for the type checker; what it does is said where it is done."""
    return any(isinstance(one, ast.Name) and one.id == "overload" for one in function.decorator_list)


def test_every_public_function_and_class_says_what_it_is() -> None:
    wrong = [
        f"{module.shown}:{function.node.lineno} {function.name}"
        for module in modules()
        for function in module.functions()
        if function.public and not _overload(function.node) and not ast.get_docstring(function.node)
    ]
    wrong += [
        f"{module.shown}:{node.lineno} class {node.name}"
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not wrong, _told(wrong)


def test_nothing_is_put_off() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in text_files()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if LATER.search(line)
    ]
    assert not wrong, _told(wrong)


def test_no_file_names_a_machine_or_an_index() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number} names {what}: {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        for what, pattern in ELSEWHERE.items()
        if pattern.search(line)
    ]
    assert not wrong, _told(wrong)


def test_the_package_maps_every_folder_of_the_rooms() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    folders = sorted({str(module.path.parent.relative_to(ROOT)) for module in modules()})
    packages = {f"tilth.{folder.replace('/', '.')}": folder for folder in folders}
    assert setup["package-dir"] == packages
    assert sorted(setup["packages"]) == sorted(packages)
    assert not (ROOT / "__init__.py").exists(), "tilth is a namespace: other packages may add to it"
    unmarked = [folder for folder in folders if not (ROOT / folder / "__init__.py").exists()]
    assert not unmarked, f"no __init__.py: {unmarked}"
    assert all((ROOT / room / "py.typed").exists() for room in ROOMS)


def _all() -> list[Module]:
    return [*modules(), *benchmarks()]


def _told(rows: Sequence[str]) -> str:
    return "\n".join(sorted(rows, reverse=True))
