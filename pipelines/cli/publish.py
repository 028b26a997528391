"""`tilth publish`: releases, what they differ in, and the two ways a person overrides a publish."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from tilth.assets.marked import mistake
from tilth.errors import ReleaseError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.cli.tables import grid
from tilth.pipelines.project import open_lake, open_project
from tilth.pipelines.settings import Settings, find_project, read_settings

if TYPE_CHECKING:
    from tilth.assets.publishing.release import Releases

__all__ = ["accept", "diff", "list_all", "rollback"]


def list_all(context: typer.Context) -> Answer:
    """The releases that are kept, newest first, and which one readers see.

    Example: tilth publish list
    """
    from tilth.assets.publishing.history import list_releases

    found = list_releases(_releases(_settings(context)))
    rows = [{**asdict(one), "tables": list(one.tables)} for one in found]
    shown = [
        {**row, "tables": len(row["tables"]), "published_at": f"{row['published_at']:%Y-%m-%d %H:%M UTC}"}
        for row in rows
    ]
    columns = ("release", "published_at", "tables", "rows", "current", "run_id")
    return Answer(rows, lambda: grid(shown, columns, empty="nothing is published yet\n  next: tilth run"))


def diff(
    context: typer.Context,
    old: Annotated[
        int | None, typer.Argument(metavar="A", help="A release; else the one before B.", show_default=False)
    ] = None,
    new: Annotated[
        int | None, typer.Argument(metavar="B", help="Another; else the current one.", show_default=False)
    ] = None,
) -> Answer:
    """What release B has that A had not: rows added, removed and changed, by key.

    Example: tilth publish diff 3 4
    """
    from tilth.assets.publishing.history import diff as differences

    releases = _releases(_settings(context))
    kept = [manifest.release for manifest in releases.all()]
    current = releases.current()
    if new is None:
        new = current.release if current else 0
    if old is None:
        old = max((number for number in kept if number < new), default=0)
    if not old or not new:
        what = "there are no two releases to compare"
        raise ReleaseError(what, got=f"kept: {', '.join(map(str, kept)) or 'none'}", next="tilth publish list")
    tables = [{**asdict(one), "same": one.same} for one in differences(releases, old, new)]
    view = [row for row in tables if not row["same"]]
    columns = ("table", "added", "removed", "changed", "columns_added", "columns_removed")
    document = {"from": old, "to": new, "tables": tables}
    return Answer(document, lambda: grid(view, columns, empty=f"releases {old} and {new} hold the same"))


def accept(
    context: typer.Context,
    table: Annotated[str, typer.Argument(help="A held table.")],
    why: Annotated[str, typer.Option("--why", help="The reason; it is kept.")],
) -> Answer:
    """Publish now what is held of a table, though it is held. The reason is kept.

    Accepted is what was told of it, no more: where it got worse, or something else holds it, it stays held and says so.
    What comes later is judged anew. Exit code as `tilth run`.

    Example: tilth publish accept orders --why "the price list was meant to halve"
    """
    from tilth.pipelines.accepting import accept_held
    from tilth.pipelines.cli.live import watching

    project = open_project(here(context).project)
    known = [*project.tables, *project.derived]
    if table not in known:
        error = mistake(f"no table is named {table}", where="tilth publish accept", got=table, known=known)
        raise ReleaseError(error.what, expected=error.expected, got=table, next="tilth status")
    with watching() as progress:
        found, night = accept_held(project, table, why=why, progress=progress)
    if found is None:
        return Answer({"table": table, "accepted": False, "exit": night.exit}, "", night.exit, night.failures)
    facts = {**asdict(found), "held": found.held, "release": night.release}
    document = {"table": table, "why": why, "accepted": True, **facts}
    said = f"accepted {table}, {found.words()}\npublished as release {night.release}"
    return Answer({**document, "exit": night.exit}, f"{said}\n  next: tilth status", night.exit, night.problems)


def rollback(
    context: typer.Context,
    to: Annotated[
        int | None, typer.Argument(metavar="RELEASE", help="Else the one before.", show_default=False)
    ] = None,
) -> Answer:
    """Make an earlier release current again, and hold the tables that this takes back.

    Readers see it at once. A held table is published again after `tilth publish accept`.

    Example: tilth publish rollback 3
    """
    from tilth.assets.lake import Run
    from tilth.assets.lease import lease
    from tilth.assets.publishing.history import rollback as go_back
    from tilth.pipelines.lineage import deliver_after_a_run

    settings = _settings(context)
    releases, lake = _releases(settings), open_lake(settings)
    run_id = str(uuid4())
    run = Run(run_id, run_id, datetime.now(UTC), command="tilth publish rollback", job="rollback")
    with lease(lake.state, holder=run.command):
        manifest = go_back(lake, releases, run, to=to)
    remark = deliver_after_a_run(settings, lake)
    held = _held(lake.state)
    document: dict[str, Any] = {"release": manifest.release, "run_id": run_id, "held": held}
    names = ", ".join(held) or "none"
    view = f"release {manifest.release} is current again; held tables: {names}" + (f"\n{remark}" if remark else "")
    return Answer(document, f"{view}\n  next: tilth status")


def _held(state: Any) -> list[str]:
    import sqlalchemy as sa

    from tilth.assets.state import holds

    with state.read() as connection:
        return sorted(connection.execute(sa.select(holds.c.table_name)).scalars())


def _settings(context: typer.Context) -> Settings:
    return read_settings(find_project(here(context).project))


def _releases(settings: Settings) -> Releases:
    from tilth.assets.publishing.release import Releases

    return Releases(settings.curated)
