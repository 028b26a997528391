"""`tilth quarantine`: the records that were refused: list, show, explain, export."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tilth.assets.fields import duration_of
from tilth.assets.marked import mistake
from tilth.errors import TilthError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.cli.status import age
from tilth.pipelines.cli.tables import grid
from tilth.pipelines.project import open_lake, open_project, read_project
from tilth.pipelines.settings import find_project, read_settings

if TYPE_CHECKING:
    from tilth.assets.lake import Lake
    from tilth.assets.listing import Entry, History, Mend

__all__ = ["explain", "export", "list_entries", "show"]

STATUSES = ("open", "replayed", "corrected", "superseded", "waived", "discarded")
_SHOWN = 50  # entries of a list for a person; --limit says otherwise

Table = Annotated[str | None, typer.Option("--table", help="Only this table.", show_default=False)]
State = Annotated[str | None, typer.Option("--status", help=f"Only {', '.join(STATUSES)}.", show_default=False)]
Rule = Annotated[str | None, typer.Option("--rule", help="Only with this rule among the reasons.", show_default=False)]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many entries.", show_default=False)]
Older = Annotated[
    str | None, typer.Option("--older-than", help="Only those opened longer ago: 26h, 7d.", show_default=False)
]
Id = Annotated[str, typer.Argument(help="An entry's id, or its beginning.")]


def list_entries(
    context: typer.Context,
    table: Table = None,
    status: State = None,
    rule: Rule = None,
    older_than: Older = None,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first, not the newest.")] = False,
    only_counts: Annotated[bool, typer.Option("--counts", help="Only how many there are, not the entries.")] = False,
    limit: Limit = None,
) -> Answer:
    """How many entries the quarantine has, by table, status, age and rule; then the entries, newest first.

    Example: tilth quarantine list --table orders --status open --older-than 7d
    """
    from tilth.assets.listing import counts, listing

    lake, now = _lake(context), datetime.now(UTC)
    asked: dict[str, Any] = {
        "table": table,
        "status": _status(status),
        "rule": rule,
        "before": _before(older_than, now),
    }
    counted = [asdict(one) for one in counts(lake.state, now=now, **asked)]
    if table is not None and not counted:
        _refuse_unknown(context, table)
    if only_counts:
        return Answer(counted, lambda: _counted(counted, now))
    entries = listing(lake.state, lake.storage, **asked, oldest_first=oldest, limit=limit)
    rows, all_of_them = [_row(entry) for entry in entries], sum(one["entries"] for one in counted)
    return Answer(rows, lambda: _listed(counted, rows[: limit or _SHOWN], all_of_them, now))


def _counted(counted: list[dict[str, Any]], now: datetime) -> Any:
    """The counts as a person reads them."""
    rows = [
        {
            **one,
            "older": one["entries"] - one["last_week"],
            "oldest": age((now - one["oldest"]).total_seconds()),
            "rules": [f"{rule} {count:,}" for rule, count in one["rules"].items()],
        }
        for one in counted
    ]
    return grid(
        rows, ("table", "status", "entries", "last_day", "last_week", "older", "oldest", "rules"), empty="no entry"
    )


def _listed(counted: list[dict[str, Any]], rows: list[dict[str, Any]], all_of_them: int, now: datetime) -> Any:
    """The counts, and the entries below them."""
    from rich.console import Group
    from rich.text import Text

    if not rows:
        return _counted(counted, now)
    view = [{**row, "id": row["id"][:12], "reasons": [_short(r) for r in row["reasons"]]} for row in rows]
    body = grid(view, ("id", "table", "key", "status", "reasons"), empty="no entry")
    more = f"{all_of_them - len(rows):,} more; --limit {all_of_them} shows all\n" if all_of_them > len(rows) else ""
    return Group(_counted(counted, now), Text(), body, Text(f"{more}  next: tilth quarantine explain ID"))


def show(context: typer.Context, id: Id) -> Answer:
    """One entry: the record as it was pulled, every reason, and what happened to it since.

    Example: tilth quarantine show 3f2a91
    """
    entry, history, mends = _one(_lake(context), id)
    raw: Mapping[str, Any] = json.loads(entry.raw) if entry.raw else {}
    read: Mapping[str, Any] = json.loads(entry.read) if entry.read else {}
    document = {**_row(entry), "raw": raw, "read": read, "history": [_event(event) for event in history]}
    document["mends"] = [asdict(mend) for mend in mends]
    lines = [f"{entry.id}  {entry.table}  {entry.status}", "", "as pulled:", *_values(raw)]
    lines += ["", "as read:", *_values(read)] if read else []
    lines += ["", "reasons:", *(f"  {_short(reason)}" for reason in entry.reasons), "", "history:"]
    for event in history:
        release = f", release {event.release}" if event.release else ""
        why = f": {event.detail}" if event.detail else ""
        lines.append(f"  {event.at:%Y-%m-%d %H:%M}  {event.event}  (run {event.run_id[:8]}{release}){why}")
    lines += ["", "mended:", *(line for mend in mends for line in _mended(mend))] if mends else []
    return Answer(document, "\n".join([*lines, "", f"  next: tilth quarantine explain {entry.id[:12]}"]))


def explain(context: typer.Context, id: Id) -> Answer:
    """One entry in plain words: which rule failed and why it is there, where the record came from, what would mend it.

    Example: tilth quarantine explain 3f2a91
    """
    from tilth.pipelines.cli.explain import explained

    project = open_project(here(context).project, queries=False)
    entry, *_ = _one(project.lake(), id)
    found = explained(project, entry)
    return Answer({**_row(entry), **found.to_dict()}, found.text())


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write: NAME.csv or NAME.xlsx.")],
    table: Table = None,
    status: State = "open",
    rule: Rule = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> Answer:
    """Write entries with their raw values and reasons to a file, for whoever knows what is right.

    Cells that a spreadsheet would run as a formula are written as text.

    Example: tilth quarantine export orders.xlsx --table orders
    """
    from tilth.assets.listing import listing
    from tilth.pipelines.cli.export import write

    lake = _lake(context)
    if file.exists() and not force:
        raise TilthError("this file exists", where=str(file), next=f"tilth quarantine export {file} --force")
    asked: dict[str, Any] = {"table": table, "status": _status(status), "rule": rule}
    entries = listing(lake.state, lake.storage, **asked)
    write(entries, file, storage=lake.storage)
    document = {"file": str(file), "entries": len(entries)}
    return Answer(document, f"{len(entries)} entries written to {file}")


def _lake(context: typer.Context) -> Lake:
    return open_lake(read_settings(find_project(here(context).project)))


def _status(status: str | None) -> str | None:
    if status is not None and status not in STATUSES:
        error = mistake(f"no entry has the status {status}", where="", got=status, known=STATUSES)
        raise TilthError(error.what, expected=error.expected, got=status, next="tilth quarantine list")
    return status


def _before(older_than: str | None, now: datetime) -> datetime | None:
    if older_than is None:
        return None
    span = duration_of(older_than)
    if span is None:
        step = "tilth quarantine list --older-than 7d"
        raise TilthError("this is no span of time", got=older_than, expected="30m, 26h, 7d or 1d12h", next=step)
    return now - span


def _refuse_unknown(context: typer.Context, table: str) -> None:
    """A name that no declaration has is a mistake, not an empty quarantine; broken declarations do not matter here."""
    project, mistakes = read_project(here(context).project, queries=False)
    known = [*project.tables, *project.derived]
    if table not in known and not mistakes:
        error = mistake(f"no table is named {table}", where="", got=table, known=known)
        raise TilthError(error.what, expected=error.expected, got=table, next="tilth quarantine list")


def _one(lake: Lake, id: str) -> tuple[Entry, list[History], list[Mend]]:
    from tilth.assets.listing import details

    found = details(lake.state, lake.storage, id)
    if found is None:
        what = "no entry, or more than one, has this id"
        raise TilthError(what, got=id, expected="an id, or a longer beginning of one", next="tilth quarantine list")
    return found


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "table": entry.table,
        "key": entry.key,
        "status": entry.status,
        "run_id": entry.run_id,
        "source": entry.source,
        "batch": entry.batch,
        "ordinal": entry.ordinal,
        "opened_at": entry.opened_at,
        "contract_version": entry.contract_version,
        "reasons": [dict(reason) for reason in entry.reasons],
    }


def _event(event: History) -> dict[str, Any]:
    return {
        "event": event.event,
        "at": event.at,
        "run_id": event.run_id,
        "release": event.release,
        "detail": event.detail,
    }


def _values(record: Mapping[str, Any]) -> Iterator[str]:
    width = max((len(name) for name in record), default=0)
    for name, value in record.items():
        yield f"  {name:<{width}}  {'(null)' if value is None else value}"


def _mended(mend: Mend) -> Iterator[str]:
    why = f": {mend.why}" if mend.why else ""
    until = f", until {mend.expires_at:%Y-%m-%d %H:%M} UTC" if mend.expires_at else ""
    yield f"  {mend.at:%Y-%m-%d %H:%M}  {mend.kind} by {mend.who}{until}{why}"
    for column, (before, after) in (mend.changes or {}).items():
        yield f"    {column}: {before!r} → {after!r}"


def _short(reason: Mapping[str, Any]) -> str:
    value = "(null)" if reason["value"] is None else str(reason["value"]) or "(empty)"
    column = f"{reason['column']}: " if reason["column"] else ""
    only = "only a warning: " if reason["severity"] == "warn" else ""
    return f"{only}{column}{reason['rule']}, expected {reason['expected']}, got {value[:80]}"
