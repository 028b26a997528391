"""What the state knows of pulls and their batches: questions only, each inside the caller's transaction.

Landing opens and lands pulls, judging judges them; publishing asks here what it may merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.places import aside_path, ready_path, toxic_path
from tilth.assets.publishing.manifest import in_ranges

__all__ = [
    "BatchRow",
    "PullRow",
    "Since",
    "batches_named",
    "batches_of",
    "judged_pulls",
    "landed_pulls",
    "latest_keys",
    "open_pull",
    "pending_pulls",
    "pull_of_batch",
    "pull_row",
    "since",
    "whole_pulls",
]

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class PullRow:
    """One pull as the state has it."""

    id: int
    table_name: str
    number: int
    kind: str  # rows | keys
    source: str
    object: str
    run_id: str
    state: str  # open | landed | judged
    whole: bool
    cursor: Mapping[str, object] | None
    resume: Mapping[str, object] | None
    source_time: datetime | None  # None: never completed (its object was declared anew, or a full pull took over)
    started_at: datetime
    landed_at: datetime | None
    judged_at: datetime | None
    judged_run: str | None
    contract_version: str | None
    pulled: int
    pending: int
    duplicate: int
    superseded: int
    quarantined: int
    superseded_open: int
    judgings: int = 0  # that were taken back, because the contract changed
    dataset: Mapping[str, str] | None = None  # where the object stands, in OpenLineage's names

    @property
    def ready(self) -> str:
        """The lake path of its good rows; of a pull of keys: of its keys. Written for every judged pull."""
        return ready_path(self.table_name, self.id)

    @property
    def aside(self) -> str | None:
        """The lake path of its duplicate and superseded records, if there are any."""
        return aside_path(self.table_name, self.id) if self.duplicate + self.superseded else None

    @property
    def toxic(self) -> str | None:
        """The lake path of the records that opened quarantine entries, if there are any."""
        return self.toxic_file if self.quarantined else None

    @property
    def toxic_file(self) -> str:
        """Where they are written: what an earlier judging quarantined stays where it is."""
        return toxic_path(self.table_name, self.id, self.judgings)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One landed batch as the state has it."""

    id: int
    pull_id: int
    number: int
    kind: str  # rows | tombstones | fault
    path: str
    rows: int
    bytes: int
    origin: Mapping[str, Any]  # protocol.Origin
    fault: Mapping[str, Any] | None  # protocol.Fault


@dataclass(frozen=True, slots=True)
class Since:
    """What came in since a release: over the judged pulls that it does not contain."""

    pulled: int
    quarantined: int


def pull_row(connection: sa.Connection, pull_id: int) -> PullRow:
    """The pull with this id."""
    return PullRow(**connection.execute(sa.select(state.pulls).where(state.pulls.c.id == pull_id)).mappings().one())


def open_pull(connection: sa.Connection, table: str, kind: str = "rows") -> PullRow | None:
    """The pull of `table` that has begun and is not complete."""
    found = _pulls(connection, table, state.pulls.c.kind == kind, state.pulls.c.state == "open")
    return found[-1] if found else None


def landed_pulls(connection: sa.Connection, table: str) -> list[PullRow]:
    """The complete pulls of `table` that nobody has judged yet, oldest first; rows and keys."""
    return _pulls(connection, table, state.pulls.c.state == "landed")


def judged_pulls(connection: sa.Connection, table: str) -> list[PullRow]:
    """Every judged pull of rows of `table`, oldest first."""
    return _pulls(connection, table, state.pulls.c.kind == "rows", state.pulls.c.state == "judged")


def pending_pulls(connection: sa.Connection, table: str, ranges: Ranges) -> list[PullRow]:
    """The judged pulls of rows whose number is not in `ranges` (of a release's manifest), oldest first."""
    return [pull for pull in judged_pulls(connection, table) if not in_ranges(tuple(ranges), pull.number)]


def whole_pulls(connection: sa.Connection, table: str, ranges: Ranges = ()) -> list[PullRow]:
    """The pending pulls that hold every record the source had."""
    return [pull for pull in pending_pulls(connection, table, ranges) if pull.whole]


def latest_keys(connection: sa.Connection, table: str) -> PullRow | None:
    """The newest judged pull of keys."""
    found = _pulls(connection, table, state.pulls.c.kind == "keys", state.pulls.c.state == "judged")
    return found[-1] if found else None


def since(connection: sa.Connection, table: str, ranges: Ranges) -> Since:
    """How many records came in, and how many of them were quarantined, in pulls outside `ranges`."""
    pulls = pending_pulls(connection, table, ranges)
    return Since(sum(pull.pulled for pull in pulls), sum(pull.quarantined for pull in pulls))


def batches_of(connection: sa.Connection, pull_id: int) -> list[BatchRow]:
    """The batches of a pull, in the order they were landed."""
    query = sa.select(state.batches).where(state.batches.c.pull_id == pull_id).order_by(state.batches.c.id)
    return [BatchRow(**row) for row in connection.execute(query).mappings()]


def batches_named(connection: sa.Connection, ids: Sequence[int]) -> dict[int, BatchRow]:
    """Batch id → batch."""
    rows = connection.execute(sa.select(state.batches).where(state.batches.c.id.in_(ids))).mappings()
    return {row["id"]: BatchRow(**row) for row in rows}


def pull_of_batch(connection: sa.Connection, table: str) -> dict[int, PullRow]:
    """Batch id → pull, for every batch of `table`."""
    pulls = {pull.id: pull for pull in _pulls(connection, table)}
    query = sa.select(state.batches.c.id, state.batches.c.pull_id).join_from(state.batches, state.pulls)
    found = connection.execute(query.where(state.pulls.c.table_name == table))
    return {batch: pulls[pull] for batch, pull in found}


def _pulls(connection: sa.Connection, table: str, *conditions: sa.ColumnElement[bool]) -> list[PullRow]:
    query = sa.select(state.pulls).where(state.pulls.c.table_name == table, *conditions)
    return [PullRow(**row) for row in connection.execute(query.order_by(state.pulls.c.number)).mappings()]
