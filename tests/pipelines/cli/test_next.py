"""Every error names a next step, and every command that is named anywhere exists."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import tilth.errors
from tilth.pipelines.cli.root import command_at

ROOT = Path(__file__).parents[3]
FILES = [path for room in ("connectors", "schemas", "assets", "pipelines") for path in (ROOT / room).rglob("*.py")]
ERRORS = {name: getattr(tilth.errors, name) for name in tilth.errors.__all__}
NAMED = re.compile(r"\btilth((?: --(?:debug|project [\w…]+))* [a-z]+(?: [^`;,()\n]*)?)")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text in a module; what is filled in stands as X."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "X" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def steps() -> Iterator[tuple[str, str]]:
    """Every step that is told to somebody: place, command."""
    for path in FILES:
        module = ast.parse(path.read_text("utf-8"))
        told = {
            line
            for node in ast.walk(module)
            if isinstance(node, ast.Call)
            for keyword in node.keywords
            if keyword.arg == "next"
            for line, _ in texts(keyword.value)
        }
        for line, text in texts(module):
            for found in NAMED.findall(text) if line in told or "next: " in text or "Example: " in text else ():
                yield f"{path.relative_to(ROOT)}:{line}", found.strip()


@pytest.mark.parametrize(("step", "place"), sorted({step: place for place, step in steps()}.items()))
def test_a_named_command_exists(step: str, place: str) -> None:
    words = [word for word in shlex.split(step.replace("…", "X").replace("\\", "")) if word != "--debug"]
    command = command_at(words)
    assert isinstance(command, click.Command) and not isinstance(command, click.Group), f"{place}: tilth {step}"
    known = {name for option in command.params for name in option.opts} | {"--help", "--debug", "--json"}
    assert {word for word in words if word.startswith("--")} <= known, f"{place}: tilth {step}"


def test_every_error_says_what_to_do_next() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ERRORS
        and not ERRORS[node.func.id].usual
        and not {"next", None} & {keyword.arg for keyword in node.keywords}
    ]
    assert silent == []
