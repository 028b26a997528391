"""`__all__` is exact: each name in it is there, and whatever another module takes is in it."""

from __future__ import annotations

import ast
import importlib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import pytest
from rooms import Module, benchmarks, dotted, modules, suites


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_all_is_exact(module: Module) -> None:
    listed = exported(module)
    assert listed is not None, f"{module.shown} has no __all__"
    assert len(listed) == len(set(listed)), f"{module.shown} names something twice"
    imported = importlib.import_module(module.name)
    gone = [name for name in listed if not hasattr(imported, name)]
    assert not gone, f"{module.shown} lists {gone}, which it does not have"
    private = [name for name in listed if name.startswith("_")]
    assert not private, f"{module.shown} lists {private}, which its own name calls private"
    missing = sorted(taken()[module.name] - {*listed})
    users = {name: sorted(takers()[module.name, name])[:2] for name in missing}
    assert not missing, f"{module.shown} does not list what others take: {users}"


def exported(module: Module) -> list[str] | None:
    """The names in `__all__`, read as text; None where it is not written as lists of names."""
    names: list[str] | None = None
    for node in module.tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__":
            value = getattr(node, "value", None)
            if not isinstance(value, ast.List):
                return None
            names = (names or []) + [str(ast.literal_eval(item)) for item in value.elts]
    return names


@cache
def takers() -> dict[tuple[str, str], set[str]]:
    """Who takes a name: (module, name) → files."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    known = {module.name for module in modules()}
    for taker in (*modules(), *benchmarks(), *suites()):
        for module, name in _taken_by(taker.tree, known):
            if module != taker.name:
                found[module, name].add(taker.shown)
    return found


@cache
def taken() -> dict[str, set[str]]:
    """What is taken from a module by any other."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, name in takers():
        found[module].add(name)
    return found


def _taken_by(tree: ast.Module, known: set[str]) -> Iterator[tuple[str, str]]:
    """(module, name) of everything taken from the house, by `from … import` or as an attribute of a module."""
    called: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            called |= {alias.asname: alias.name for alias in node.names if alias.asname and alias.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tilth":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in known:
                    called[alias.asname or alias.name] = whole
                elif node.module in known:
                    yield node.module, alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not node.attr.startswith("__") and dotted(node.value) in called:
            yield called[dotted(node.value)], node.attr
