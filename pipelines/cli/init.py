"""`tilth init`: a project in a folder of its own, that runs as it is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from tilth.errors import DeclarationError
from tilth.pipelines.cli.answers import Answer
from tilth.pipelines.project import open_project

__all__ = ["init"]

_RENAMED = {"gitignore.txt": ".gitignore", "gitignore": ".gitignore"}
_LEFT_OUT = ("__pycache__", "data")
_AN_HOUR_S = 3600


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder; it is made.", show_default=False)],
    sample: Annotated[bool, typer.Option("--sample", help="The sample company: ERP, CRM, drop folders.")] = False,
) -> Answer:
    """Make a project: settings, connections, a contract and a table from a drop folder, ready to run.

    Example: tilth init acme --sample
    """
    target = folder.absolute()
    source = files("tilth.pipelines.sample") / "project" if sample else files("tilth.pipelines.cli") / "scaffold"
    content = {_renamed(path): entry for path, entry in _walk(source, PurePosixPath())}
    _refuse(target, content)
    made: list[str] = []
    for path, entry in content.items():
        goal = target / path
        goal.parent.mkdir(parents=True, exist_ok=True)
        goal.write_bytes(entry.read_bytes().replace(b"PROJECT_NAME", _name(target).encode()))
        made.append(str(path))
        if path.parts[0] == "inbox":  # as old as a finished file: the first run takes it
            then = time.time() - _AN_HOUR_S
            os.utime(goal, (then, then))
    from tilth.pipelines.instance import home

    home(open_project(target, queries=False))
    view = "\n".join([f"made {folder}:", *(f"  {name}" for name in sorted(made)), f"  next: cd {folder} && tilth run"])
    return Answer({"folder": str(target), "files": sorted(made), "sample": sample}, view)


def _walk(folder: Traversable, below: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    if not folder.is_dir():
        what = "the files that a project is made from are not installed"
        raise DeclarationError(what, where=str(folder), next="pip install --force-reinstall tilth")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name in _LEFT_OUT:
            continue
        if entry.is_dir():
            yield from _walk(entry, below / entry.name)
        else:
            yield below / entry.name, entry


def _renamed(path: PurePosixPath) -> PurePosixPath:
    """`contracts.py.txt` is `contracts.py` in a project: no tool of ours takes the templates for modules."""
    name = _RENAMED.get(path.name, path.name)
    return path.with_name(name.removesuffix(".txt") if name.endswith(".py.txt") else name)


def _refuse(target: Path, content: dict[PurePosixPath, Traversable]) -> None:
    if target.exists() and not target.is_dir():
        raise DeclarationError("this is a file", where=str(target), expected="a new folder", next="tilth init OTHER")
    taken = [str(path) for path in content if (target / path).exists()]
    if taken:
        kept = "nothing was written"
        what = "this folder has files that a new project would write over"
        raise DeclarationError(what, where=str(target), got=", ".join(taken[:5]), kept=kept, next="tilth init OTHER")


def _name(target: Path) -> str:
    """The folder's name, as YAML takes it without quotes."""
    kept = "".join(c if c.isalnum() or c in "_-" else "-" for c in target.name)
    return (
        kept
        if kept[:1].isalpha() and kept.lower() not in ("null", "true", "false", "yes", "no", "on", "off")
        else "project"
    )
