"""`tilth check`: every mistake before a night meets it."""

from __future__ import annotations

from typing import Annotated

import typer

from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.project import systems
from tilth.pipelines.settings import find_project, read_settings

__all__ = ["check"]


def check(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Do not reach the sources.")] = False,
) -> Answer:
    """Check declarations, contracts, credentials and reachability; pull nothing.

    Every mistake is named with its file and line, what is expected and the nearest name. Exit code 1 when there is one.

    Example: tilth check
    """
    from tilth.pipelines.inspection import inspect_project

    folder = find_project(here(context).project)
    with systems(read_settings(folder)):
        found = inspect_project(folder, reach=not offline)
    project = found.project
    problems = [
        {"kind": type(one).__name__, "what": one.what, "where": one.where, "expected": one.expected}
        | {"got": one.got, "next": one.next}
        for one in found.problems
    ]
    document = {
        "ok": not problems,
        "tables": [*project.tables],
        "derived": [*project.derived],
        "sources": [
            {"name": name, "ok": name in found.answered, "detail": found.answered.get(name)}
            for name in project.connections
        ],
        "problems": problems,
        "warnings": [*found.warnings],
    }
    counts = f"{len(project.tables)} tables, {len(project.derived)} derived, {len(project.connections)} sources"
    verdict = f"{len(problems)} problem{'s' * (len(problems) != 1)}" if problems else "all is well\n  next: tilth run"
    warned = "".join(f"warning: {one}\n" for one in found.warnings)
    return Answer(document, f"{warned}checked {counts}: {verdict}", 1 if problems else 0, found.problems)
