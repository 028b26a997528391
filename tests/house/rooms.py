"""The source of the house as parsed text: every module of the rooms, read once, imported never."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

__all__ = ["ROOMS", "ROOT", "Function", "Module", "benchmarks", "dotted", "modules", "suites", "text_files"]

ROOT = Path(__file__).parents[2]
ROOMS = ("errors", "connectors", "schemas", "assets", "pipelines")
_LEFT_OUT = {".git", ".venv", ".dev", "data", "build", "dist", "__pycache__"}
_PROJECTS = (ROOT / "pipelines" / "sample" / "project", ROOT / "pipelines" / "cli" / "scaffold")  # copied, not imported
_LEFT_OUT |= {".pytest_cache", ".ruff_cache", ".hypothesis"}


@dataclass(frozen=True)
class Function:
    """One function or method, wherever it stands."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    name: str  # with the class it is in
    public: bool  # neither it nor what it is in starts with _, and it is in no other function

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1


@dataclass(frozen=True)
class Module:
    """One file of the house."""

    path: Path
    name: str  # as it is imported
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def room(self) -> str:
        return self.path.relative_to(ROOT).parts[0]

    @property
    def shown(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every module that is imported anywhere in this one, with the line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield ("." * node.level + (node.module or ""), node.lineno)

    def functions(self) -> Iterator[Function]:
        """Every function of this module."""
        yield from _functions(self.tree, "", public=True)


def _functions(parent: ast.AST, within: str, *, public: bool) -> Iterator[Function]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = within + node.name
            yield Function(node, name, public and not node.name.startswith("_"))
            yield from _functions(node, f"{name}.", public=False)
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{within}{node.name}.", public=public and not node.name.startswith("_"))
        else:
            yield from _functions(node, within, public=public)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the rooms, by name."""
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return tuple(_module(path, "tilth") for path in paths if not any(map(path.is_relative_to, _PROJECTS)))


@cache
def benchmarks() -> tuple[Module, ...]:
    """Every module of the benchmarks."""
    return tuple(_module(path, "") for path in sorted((ROOT / "benchmarks").rglob("*.py")))


@cache
def suites() -> tuple[Module, ...]:
    """Every module of the tests."""
    return tuple(_module(path, "") for path in sorted((ROOT / "tests").rglob("*.py")))


def _module(path: Path, package: str) -> Module:
    parts = [*([package] if package else []), *path.relative_to(ROOT).with_suffix("").parts]
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text("utf-8")
    return Module(path, name, text, ast.parse(text))


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an expression that is nothing else, or an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def text_files() -> Iterator[Path]:
    """Every file that belongs to the project and holds text."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if _LEFT_OUT & {*inside} or any(part.endswith(".egg-info") for part in inside) or path.is_symlink():
            continue
        if path.is_file() and b"\0" not in path.read_bytes()[:4096]:
            yield path
