"""How things stand: each table's rows, freshness and last balances, each source, and whether the books add up.

A read model: it opens nothing for writing, works before the first run and while one is under way, and imports
neither dagster nor (for a SQLite state) SQLAlchemy, so that `tilth status` answers at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.publishing import shelf
from tilth.assets.publishing.books import unproved
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.assets.snapshot import Snapshot, moment, snapshot
from tilth.assets.standing import COUNTS, DocumentsStatus, LineageStatus, SourceStatus, Status, TableStatus
from tilth.schemas.freshness import Sla, state_of

__all__ = ["current_manifest", "status"]

_BEAT_S = 60

Declared = TableDeclaration | DerivedDeclaration


def status(
    tables: Collection[Declared],
    sources: Collection[str],
    curated: Path,
    state_url: str,
    *,
    time_zone: str,
    now: datetime,
) -> Status:
    """How things stand at `now` (aware) with these declared tables and sources."""
    state = snapshot(state_url)
    manifest = current_manifest(curated)
    attempts = {row["table_name"]: row for row in state.attempts}
    found = [_table(one, manifest, state, attempts.get(one.name), time_zone, now) for one in tables]
    return Status(
        release=manifest.release if manifest else 0,
        published_at=manifest.published_at if manifest else None,
        at=now,
        tables=tuple(found),
        sources=tuple(_source(name, state) for name in sources),
        conserved=not any(table.unproved for table in found),
        running=_running(state, now),
        documents=tuple(_documents(tables, {table.name: table for table in found})),
        lineage=_lineage(state),
    )


def _documents(declared: Collection[Declared], found: Mapping[str, TableStatus]) -> Iterator[DocumentsStatus]:
    chunks = {one.inputs[0]: one.name for one in declared if isinstance(one, DerivedDeclaration) and one.chunking}
    for one in declared:
        if isinstance(one, TableDeclaration) and one.parsing:
            pieces = found[chunks[one.name]].rows if one.name in chunks else 0
            documents = found[one.name]
            yield DocumentsStatus(one.name, documents.rows, pieces, documents.counts.get("open_after", 0))


def current_manifest(curated: Path) -> Manifest | None:
    """The manifest of the release that readers see; None before the first one."""
    folder = shelf.current_folder(curated)
    return shelf.manifest_in(folder) if folder else None


def _table(
    one: Declared,
    manifest: Manifest | None,
    state: Snapshot,
    attempt: Mapping[str, Any] | None,
    zone: str,
    now: datetime,
) -> TableStatus:
    entry = manifest.tables.get(one.name) if manifest else None
    said, reason = _state(one.name, entry, manifest, state, attempt)
    sla = Sla(one.freshness.deadline, one.freshness.max_age, zone)
    as_of = entry.data_as_of if entry else None
    lateness = state_of(sla, as_of, now, through=entry.through if entry else None)
    counts = _counts(one.name, entry, state)
    names = (*COUNTS, "rows_before", "rows_after")
    return TableStatus(
        name=one.name,
        state=said,
        reason=reason,
        rows=entry.rows if entry else 0,
        owner=one.owner,
        source=one.source if isinstance(one, TableDeclaration) else None,
        fresh=lateness.fresh,
        freshness=lateness.state,
        why=lateness.reason,
        late_after=lateness.late_after.astimezone(ZoneInfo(zone)) if lateness.late_after else None,
        data_as_of=as_of,
        age_s=_seconds(lateness.age),
        sla_s=_seconds(lateness.allowed or one.freshness.max_age),
        counts=counts,
        unproved=tuple(unproved({name: counts.get(name, 0) for name in names})),
    )


def _counts(name: str, entry: TableRelease | None, state: Snapshot) -> dict[str, int]:
    """The table's last balances: of its last publish, or of what was judged since and waits for the next one."""
    published = dict(entry.counts) if entry else {}
    last = entry.last_pull if entry else 0
    waiting = [pull for pull in state.judged if pull["table_name"] == name and pull["number"] > last]
    if not waiting:
        return published
    judged = ("pulled", "pending", "duplicate", "superseded", "quarantined", "superseded_open")
    new = {count: sum(int(pull[count]) for pull in waiting) for count in judged}
    pending, open_, rows = (published.get(count, 0) for count in ("pending_after", "open_after", "rows_after"))
    return {
        **new,
        "pending_before": pending,
        "pending_after": pending + new["pending"],
        "open_before": open_,
        "open_after": open_ + new["quarantined"] - new["superseded_open"],
        "rows_before": rows,
        "rows_after": rows,
    }


def _state(
    name: str, entry: TableRelease | None, manifest: Manifest | None, state: Snapshot, attempt: Mapping[str, Any] | None
) -> tuple[str, str | None]:
    """A table's state and the reason: of its last publish, or of a pull that failed since."""
    said, reason = (entry.state, entry.reason) if entry else ("new", None)
    if said == "carried":
        book = next((row for row in state.books if row["table_name"] == name), None)
        said = str(book["state"]) if book else "published"
    hold = next((row for row in state.holds if row["table_name"] == name), None)
    if hold:
        said, reason = "held", str(hold["reason"])
    if attempt and attempt["state"] == "failed" and said != "held":
        return "failed", str(attempt["error"] or reason or "")
    if (
        said == "failed"
        and attempt
        and manifest
        and (moment(attempt["at"]) or manifest.published_at) > manifest.published_at
    ):
        return "published", None  # pulled well since; its publish is still to come
    return said, reason


def _source(name: str, state: Snapshot) -> SourceStatus:
    """What the last run that asked this source found; of several tables, the first that failed."""
    rows = [row for row in state.attempts if row["source"] == name]
    if not rows:
        return SourceStatus(name, "never", None, None)
    last = max(rows, key=lambda row: int(row["id"]))
    failed = [row for row in rows if row["run_id"] == last["run_id"] and row["state"] == "failed"]
    error = str(failed[0]["error"] or "") if failed else None
    return SourceStatus(name, "failed" if failed else "ok", error, moment(last["at"]))


def _lineage(state: Snapshot) -> LineageStatus:
    waiting = int(state.waiting[0]["waiting"]) if state.waiting else 0
    last = state.deliveries[0] if state.deliveries else {"place": None, "problem": None}
    return LineageStatus(waiting, last["place"], last["problem"] if waiting else None)


def _running(state: Snapshot, now: datetime) -> str | None:
    for row in state.leases:
        beat = moment(row["beat_at"])
        if beat and now - beat < timedelta(seconds=_BEAT_S):
            taken = moment(row["taken_at"]) or beat
            return (
                f"{row['holder']} (process {row['pid']} on {row['host']}, since {taken.astimezone(UTC):%H:%M:%S} UTC)"
            )
    return None


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
