"""How things stand, as values and as the JSON that `tilth status` and `tilth run` print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

__all__ = ["COUNTS", "DocumentsStatus", "LineageStatus", "SourceStatus", "Status", "TableStatus", "table_document"]

COUNTS = (
    "pulled", "replayed", "pending_before", "inserted", "updated", "unchanged", "duplicate", "superseded", "deleted",
    "quarantined", "pending_after", "closed", "removed", "open_before", "superseded_open", "discarded", "open_after",
)  # fmt: skip


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
    freshness: str  # fresh | late | no promise
    why: str  # why it is fresh or late, in one sentence
    late_after: datetime | None  # in the project's time zone
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
class DocumentsStatus:
    """One document set."""

    name: str
    documents: int  # published
    chunks: int  # published, of them
    quarantined: int  # documents that wait to be mended


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
    documents: tuple[DocumentsStatus, ...] = ()
    lineage: LineageStatus = LineageStatus()

    def to_dict(self) -> dict[str, Any]:
        """As `tilth status --json` prints it."""
        return {
            "release": self.release,
            "published_at": _text(self.published_at),
            "running": self.running,
            "tables": [table_document(table) for table in self.tables],
            "documents": [asdict(one) for one in self.documents],
            "sources": [
                {"name": one.name, "state": one.state, "error": one.error, "at": _text(one.at)} for one in self.sources
            ],
            "conserved": self.conserved,
            "lineage": asdict(self.lineage),
        }


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
        "freshness": {"state": table.freshness, "reason": table.why},
        "late_after": _text(table.late_after),
        "owner": table.owner,
        "source": table.source,
        "data_as_of": _text(table.data_as_of),
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
