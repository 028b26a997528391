"""`tilth status`: the read model of `assets/status.py`, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from tilth.assets.provenance.transport import waiting_words
from tilth.assets.standing import SourceStatus, Status, TableStatus
from tilth.assets.status import status as read_status
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.project import Project, open_project

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["age", "asked_status", "status"]

_COLUMNS = ("table", "state", "rows", "fresh", "age / promised", "new", "changed", "gone", "toxic", "source", "owner")
_NUMBERS = ("rows", "new", "changed", "gone", "toxic")
_COLOURS = {"published": "green", "held": "yellow", "failed": "red", "new": "dim", "ok": "green", "never": "dim"}


def status(context: typer.Context) -> Answer:
    """How things stand: tables, freshness against what was promised, toxic records, sources, balances.

    Example: tilth status
    """
    project = open_project(here(context).project, queries=False)
    found = asked_status(project)
    return Answer(found.to_dict(), lambda: _view(project, found))


def asked_status(project: Project) -> Status:
    """The status of a project now."""
    settings = project.settings
    return read_status(
        [*project.tables.values(), *project.derived.values()],
        [*project.connections],
        settings.curated,
        settings.state,
        time_zone=settings.time_zone,
        now=datetime.now(UTC),
    )


def age(seconds: float | None) -> str:
    """A span of time in its largest unit: 45 s, 12 min, 26 h, 3 d."""
    if seconds is None:
        return "-"
    for unit, size, upto in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < upto:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def _view(project: Project, found: Status) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    head = f"{project.settings.name}: "
    if found.published_at:
        head += f"release {found.release}, published {age((found.at - found.published_at).total_seconds())} ago"
    else:
        head += "nothing published yet"
    parts: list[RenderableType] = [Text(head, style="bold")]
    if found.running:
        parts.append(Text(f"under way: {found.running}", style="cyan"))
    parts += [Text(), _tables(found), Text(), _sources(found.sources), Text()]
    parts += [Text(line) for line in _remarks(found)]
    if project.settings.lineage.on and found.lineage.waiting and not found.running:
        told = waiting_words(found.lineage.waiting, found.lineage.place, found.lineage.problem)
        parts += [Text(f"{told}\n  next: tilth lineage deliver")]
    return Group(*parts)


def _tables(found: Status) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        grid.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
    for table in found.tables:
        count = table.counts.get
        grid.add_row(
            table.name,
            Text(table.state, style=_COLOURS.get(table.state, "")),
            f"{table.rows:,}",
            Text("yes", style="green") if table.fresh else Text("late", style="red"),
            f"{age(table.age_s)} / {age(table.sla_s)}",
            f"{count('inserted', 0):,}",
            f"{count('updated', 0):,}",
            f"{count('closed', 0) + count('removed', 0):,}",
            f"{count('open_after', 0):,}",
            table.source or "derived",
            table.owner or "",
        )
    return grid if found.tables else Text("no table is declared yet")


def _sources(sources: tuple[SourceStatus, ...]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("source", "last run", "what it said"):
        grid.add_column(name, overflow="fold")
    for one in sources:
        error = one.error.splitlines()[0] if one.error else ""
        grid.add_row(one.name, Text(one.state, style=_COLOURS.get(one.state, "red")), Text(error))
    return grid if sources else Text("no source is connected yet")


def _remarks(found: Status) -> Iterator[str]:
    """What is not as it should be, each with the next command; else that all is well."""
    for table in found.tables:
        if table.state in ("held", "failed"):
            yield from _with_next(table)
        if not table.fresh:
            yield f"{table.name} is late: {table.why}"
        for name, equation in table.unproved:
            yield f"{table.name}: the {name} balance does not add up: {equation}\n  next: tilth verify"
    toxic = [table.name for table in found.tables if table.counts.get("open_after")]
    if toxic:
        yield f"toxic records: {', '.join(toxic)}\n  next: tilth quarantine list --status open"
    if not found.tables:
        yield "  next: tilth new table NAME --source SOURCE --object OBJECT"
    elif not found.release:
        yield "  next: tilth run"
    yield "balances: all add up" if found.conserved else "balances: NOT all add up"


def _with_next(table: TableStatus) -> Iterator[str]:
    reason, _, step = (table.reason or "").partition("\n  next: ")
    said = "is held" if table.state == "held" else "failed"
    yield f"{table.name} {said}, its last good content stays published: {reason}".rstrip(": ")
    name = table.name
    held = f'tilth quarantine list --table {name}, or tilth publish accept {name} --why "…"'
    check = f"tilth sources check {table.source}" if table.source else "tilth verify"
    yield f"  next: {step or (held if table.state == 'held' else check)}"
