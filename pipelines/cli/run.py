"""`tilth run`: one nightly pass, watched while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.cli.status import asked_status
from tilth.pipelines.project import open_project

__all__ = ["run"]

BUSY = 4


def run(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="", show_default=False)] = None,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar="NAME…", help="Only these tables, and the derived ones made from them."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Pull whole objects, whatever the cursors say.")] = False,
    no_publish: Annotated[bool, typer.Option("--no-publish", help="Pull and judge only.")] = False,
) -> Answer:
    """Pull every table, judge it, and publish what is good, in one release.

    Exit code: 0 done as asked; 1 nothing published; 3 published, with holds or failed sources; 4 another run is active.

    Example: tilth run --select orders customers
    """
    if names and not select:
        raise typer.BadParameter(f"tables are named by --select: tilth run --select {' '.join(names)}")
    from tilth.pipelines.cli.live import watching
    from tilth.pipelines.night import run_night

    project = open_project(here(context).project)
    wanted = [name for text in [*(select or ()), *(names or ())] for name in text.split(",") if name]
    with project.systems(), watching() as progress:
        night = run_night(project, select=wanted, full=full, publish=not no_publish, progress=progress)
    status = asked_status(project)
    document: dict[str, Any] = {
        "run_id": night.run_id,
        "night": night.night,
        "release": status.release,
        "published": night.release is not None,
        "tables": status.to_dict()["tables"],
        "seconds": round(night.seconds, 3),
        "exit": night.exit,
        "conserved": status.conserved,
        "problems": list(night.problems),
        "remarks": list(night.remarks),
    }
    held = [table.name for table in status.tables if table.state == "held"]
    view = "" if night.exit == BUSY else _words(night.release, night.seconds, len(status.tables), held, night.remarks)
    said = {str(failure) for failure in night.failures}
    holds = [problem for problem in night.problems if problem not in said]
    return Answer(document, view, night.exit, [*night.failures, *holds])


def _words(release: int | None, seconds: float, tables: int, held: list[str], remarks: Sequence[str]) -> str:
    took, said = f"in {seconds:.1f} s", "".join(f"\n{remark}" for remark in remarks)
    if release is None:
        return f"nothing new was published ({took}){said}\n  next: tilth status"
    holds = f", {len(held)} held ({', '.join(held)})" if held else ""
    return f"release {release} published {took}: {tables} tables{holds}{said}\n  next: tilth status"
