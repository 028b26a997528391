"""`tilth sources`: the connections, and whether they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tilth.errors import TilthError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.cli.status import asked_status
from tilth.pipelines.cli.tables import grid
from tilth.pipelines.project import Project, open_project

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["check_sources", "list_sources"]


def list_sources(context: typer.Context) -> Answer:
    """The connections of the project, the tables that come from each, and how the last run found it.

    Example: tilth sources list
    """
    project = open_project(here(context).project, queries=False)
    found = {one.name: one for one in asked_status(project).sources}
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "kind": connection.kind,
            "tables": [table.name for table in project.tables.values() if table.source == name],
            "state": found[name].state,
            "error": found[name].error,
        }
        for name, connection in project.connections.items()
    ]
    shown = [{**row, "error": (row["error"] or "").partition("\n")[0]} for row in rows]
    return Answer(rows, lambda: grid(shown, ("name", "kind", "tables", "state", "error"), empty="no connection yet"))


def check_sources(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One source; without it, all of them.", show_default=False)] = None,
) -> Answer:
    """Reach each source with its credentials; nothing is read. Exit code 1 when one does not answer.

    Example: tilth sources check erp
    """
    project = open_project(here(context).project, queries=False)
    if name:
        project.connection(name)
    with project.systems():
        found = [_checked(project, source) for source in ([name] if name else project.connections)]
    rows = [row for row, _ in found]
    problems = [error for _, error in found if error]
    return Answer(rows, lambda: _view(rows), 1 if problems else 0, problems)


def _checked(project: Project, name: str) -> tuple[dict[str, Any], TilthError | None]:
    row: dict[str, Any] = {
        "name": name,
        "kind": project.connections[name].kind,
        "state": "ok",
        "detail": "",
        "error": None,
    }
    try:
        health = project.connector(name).check()
    except TilthError as error:
        return {**row, "state": "failed", "error": "\n".join(error.lines())}, error
    if health.ok:
        return {**row, "detail": health.detail}, None
    error = TilthError(f"source {name} is not well", got=health.detail, next=f"look at {name} in connections.yaml")
    return {**row, "state": "failed", "error": health.detail}, error


def _view(rows: list[dict[str, Any]]) -> RenderableType:
    return grid(rows, ("name", "kind", "state", "detail"), empty="no connection yet")
