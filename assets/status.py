"""How things stand: each table's rows, freshness and last balances, each source, and whether the books add up.

A read model: it opens nothing for writing, works before the first run and while one is under way, and imports
neither dagster nor (for a SQLite state) SQLAlchemy, so that `tilth status` answers at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.publishing import shelf
from tilth.assets.publishing.books import unproved
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.assets.snapshot import Snapshot, moment, snapshot
from tilth.schemas.freshness import Sla, state_of

__all__ = [
    "COUNTS",
    "LineageStatus",
    "SourceStatus",
    "Status",
    "TableStatus",
    "current_manifest",
    "status",
    "table_document",
]

COUNTS = (
    "pulled", "replayed", "pending_before", "inserted", "updated", "unchanged", "duplicate", "superseded", "deleted",
    "quarantined", "pending_after", "closed", "removed", "open_before", "superseded_open", "discarded", "open_after",
)  # fmt: skip
_BEAT_S = 60

Declared = TableDeclaration | DerivedDeclaration


@dataclass(frozen=True, slots=True)
class TableStatus:
    """One table: what readers see of it, and its last night."""

    name: str
    state: str  # published | held | failed | new
    reason: str | None
    rows: int
    owner: str | None
    source: str | None  # None: derived
    fresh: bool
    late: str | None  # why it is not fresh, in words
    data_as_of: datetime | None
    age_s: float | None
    sla_s: float | None
    counts: Mapping[str, int]
    unproved: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source, as the last run that asked it found it."""

    name: str
    state: str  # ok | failed | never
    error: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class LineageStatus:
    """The lineage events that are not delivered yet, where they go, and what the last attempt met."""

    waiting: int = 0
    place: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole project at one moment."""

    release: int
    published_at: datetime | None
    at: datetime
    tables: tuple[TableStatus, ...]
    sources: tuple[SourceStatus, ...]
    conserved: bool
    running: str | None  # who holds the lease
    lineage: LineageStatus = LineageStatus()
    documents: tuple[object, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """As `tilth status --json` prints it."""
        return {
            "release": self.release,
            "published_at": _text(self.published_at),
            "running": self.running,
            "tables": [table_document(table) for table in self.tables],
            "documents": list(self.documents),
            "sources": [
                {"name": one.name, "state": one.state, "error": one.error, "at": _text(one.at)} for one in self.sources
            ],
            "conserved": self.conserved,
            "lineage": asdict(self.lineage),
        }


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
        lineage=_lineage(state),
    )


def current_manifest(curated: Path) -> Manifest | None:
    """The manifest of the release that readers see; None before the first one."""
    folder = shelf.current_folder(curated)
    return shelf.manifest_in(folder) if folder else None


def table_document(table: TableStatus) -> dict[str, Any]:
    """One table as `status --json` and `run --json` print it."""
    return {
        "name": table.name,
        "rows": table.rows,
        "fresh": table.fresh,
        "age_s": table.age_s,
        "sla_s": table.sla_s,
        **{name: table.counts.get(name, 0) for name in COUNTS},
        "state": table.state,
        "reason": table.reason,
        "late": table.late,
        "owner": table.owner,
        "source": table.source,
        "data_as_of": _text(table.data_as_of),
    }


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
    lateness = state_of(sla, as_of, now)
    counts = dict(entry.counts) if entry else {}
    names = (*COUNTS, "rows_before", "rows_after")
    return TableStatus(
        name=one.name,
        state=said,
        reason=reason,
        rows=entry.rows if entry else 0,
        owner=one.owner,
        source=one.source if isinstance(one, TableDeclaration) else None,
        fresh=lateness.fresh,
        late=lateness.reason,
        data_as_of=as_of,
        age_s=_seconds(lateness.age),
        sla_s=_seconds(lateness.allowed or one.freshness.max_age),
        counts=counts,
        unproved=tuple(unproved({name: counts.get(name, 0) for name in names})),
    )


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


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
