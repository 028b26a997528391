"""The outbox: events in the state database, written in the transaction that records the work they tell of.

A step begins, and ends once: what was begun and not ended is open. Nothing is written where no lineage is kept.

A new kind of step needs nothing else: `begin` in the transaction that opens its work, `complete` in the one that
records it, `fail` where its failure is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Lake, Run
from tilth.assets.provenance import events, naming
from tilth.assets.provenance.events import Begun, Outcome, Step, encode
from tilth.assets.provenance.facets import Json

__all__ = ["Prepared", "attempts", "begin", "close_killed", "complete", "complete_open", "fail", "fail_at_once"]
__all__ += ["prepare", "put_of_release"]

_KILLED = "the run ended before this step did: it was killed or interrupted; the next run goes on from there"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Events of one run of a step, ready to be put into the outbox when what they tell has come true."""

    begun: Begun
    events: Sequence[Json]  # in the order in which they happened


def begin(connection: sa.Connection, lake: Lake, run: Run, step: Step) -> Begun | None:
    """Write that a step begins; None where no lineage is kept."""
    if not lake.lineage:
        return None
    begun = _begun(connection, run, step)
    _put(connection, run.id, begun.step, [events.started(begun, run, lake.project)], open_=True)
    return begun


def attempts(connection: sa.Connection, run: Run) -> dict[str, int]:
    """How often each job began in this run of Dagster: more than once where the same run was started again."""
    of = state.outbox.c
    query = sa.select(of.job, sa.func.count()).where(of.of_run == run.id, of.type == "START").group_by(of.job)
    return {row[0]: row[1] for row in connection.execute(query)}


def complete(connection: sa.Connection, lake: Lake, run: Run, begun: Begun, outcome: Outcome) -> None:
    """Write that a step completed."""
    event = events.completed(events.started(begun, run, lake.project), outcome, datetime.now(UTC))
    _put(connection, run.id, begun.step, [event])


def complete_open(connection: sa.Connection, job: str, outcome: Outcome) -> bool:
    """Write that the newest open run of a job completed, whoever began it; False when none is open."""
    of = state.outbox.c
    query = sa.select(state.outbox).where(of.open, of.job == job).order_by(of.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return False
    _end(connection, row, events.completed(json.loads(row["event"]), outcome, datetime.now(UTC)))
    return True


def fail(connection: sa.Connection, run: Run, message: str, *, table: str | None) -> bool:
    """Write that what this run began and did not end, for a table or (None) for all of them, failed; whether it had."""
    of = state.outbox.c
    return _close(connection, [of.of_run == run.id, of.table_name.is_not_distinct_from(table)], message) > 0


def fail_at_once(connection: sa.Connection, lake: Lake, run: Run, message: str, step: Step) -> None:
    """Write that a step failed before it could begin."""
    if lake.lineage:
        begun = _begun(connection, run, step)
        start = events.started(begun, run, lake.project)
        _put(connection, run.id, step, [start, events.failed(start, message, begun.at)])


def close_killed(lake: Lake) -> int:
    """Write that every step that is still open failed, since its run is gone; how many. The caller holds the lease."""
    with lake.state.read() as connection:
        if not connection.execute(sa.select(sa.exists().where(state.outbox.c.open))).scalar():
            return 0
    with lake.state.begin() as connection:
        return _close(connection, [], _KILLED)


def prepare(prepared: Iterable[Prepared], *, run: Run, release: int) -> str:
    """Events as text that is kept with a release until it is current."""
    rows = [_row(run.id, one.begun.step, event, release) for one in prepared for event in one.events]
    return json.dumps(rows, allow_nan=False)


def put_of_release(connection: sa.Connection, release: int) -> None:
    """Put the events that were kept with a release into the outbox: it is current now."""
    of = state.releases.c.release == release
    kept = connection.execute(sa.select(state.releases.c.lineage).where(of)).scalar()
    if kept:
        _insert(connection, json.loads(kept), open_=False)
        connection.execute(sa.update(state.releases).where(of).values(lineage=None))


def _begun(connection: sa.Connection, run: Run, step: Step) -> Begun:
    of = state.outbox.c
    seen = sa.select(sa.func.count()).where(of.of_run == run.id, of.job == step.job, of.type == "START")
    attempt = connection.execute(seen).scalar_one()
    return Begun(step, naming.run_id(run, step.job, attempt), attempt, datetime.now(UTC))


def _close(connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]], message: str) -> int:
    """A FAIL for each open START that fits."""
    of, now = state.outbox.c, datetime.now(UTC)
    found = connection.execute(sa.select(state.outbox).where(of.open, *conditions).order_by(of.id)).mappings().all()
    for row in found:
        _end(connection, row, events.failed(json.loads(row["event"]), message, now))
    return len(found)


def _end(connection: sa.Connection, row: sa.RowMapping, event: Json) -> None:
    """The event that ends the run of an open START."""
    same = {name: row[name] for name in ("run_id", "job", "table_name", "of_run", "release")}
    _insert(connection, [same | {"type": event["eventType"], "event": encode(event)}], open_=False)


def _put(connection: sa.Connection, of_run: str, step: Step, told: Sequence[Json], *, open_: bool = False) -> None:
    _insert(connection, [_row(of_run, step, event, None) for event in told], open_=open_)


def _row(of_run: str, step: Step, event: Json, release: int | None) -> dict[str, Any]:
    known = {"run_id": event["run"]["runId"], "type": event["eventType"], "event": encode(event)}
    return {**known, "job": step.job, "table_name": step.table, "of_run": of_run, "release": release}


def _insert(connection: sa.Connection, rows: Sequence[dict[str, Any]], *, open_: bool) -> None:
    """Append rows that are not there yet: a run begins once and ends once. An end closes what began."""
    of, now = state.outbox.c, datetime.now(UTC)
    ids = {row["run_id"] for row in rows}
    found = connection.execute(sa.select(of.run_id, of.type).where(of.run_id.in_(ids)))
    known = {(run_id, kind == "START") for run_id, kind in found}
    new = [row for row in rows if (row["run_id"], row["type"] == "START") not in known]
    if new:
        connection.execute(sa.insert(state.outbox), [row | {"open": open_, "at": now} for row in new])
    ended = {row["run_id"] for row in new if row["type"] != "START"}
    if ended:
        connection.execute(sa.update(state.outbox).where(of.run_id.in_(ended), of.open).values(open=False))
