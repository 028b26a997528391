"""The way of the data on one screen: pull, land, judge; then publish. Plain Python, whoever runs it.

One table's ingest touches nothing but that table, so a dead source fails alone. Publishing merges whatever is
pending, never "this run's rows".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.landing import land
from tilth.assets.provenance import outbox
from tilth.assets.provenance.pulled import asked_columns, ingest_step
from tilth.assets.publishing.history import withdraw_unused
from tilth.assets.publishing.holds import Hold, too_toxic
from tilth.assets.publishing.planning import Publishable, plan
from tilth.assets.publishing.publish import Published, publish
from tilth.assets.publishing.reconcile import reconcile
from tilth.assets.publishing.release import Releases
from tilth.assets.pulls import pull_row
from tilth.assets.ready import judge_changed, judge_landed
from tilth.assets.sweep import sweep
from tilth.connectors.protocol import Connector, Dataset
from tilth.errors import MissingExtra, TilthError
from tilth.schemas.contract import spec_of

__all__ = ["Publishable", "Published", "TableResult", "ingest_table", "pending", "publish_night", "set_right"]


@dataclass(frozen=True, slots=True)
class TableResult:
    """What one table's ingest did."""

    name: str
    state: str  # done
    pulled: int
    pending: int
    quarantined: int
    duplicate: int
    superseded: int
    seconds: float
    too_toxic: str | None = None  # how the pull exceeds what is declared


def set_right(lake: Lake) -> None:
    """What every run does first: bring the state in line with the current release, sweep up after killed runs."""
    releases = Releases(lake.curated)
    reconcile(lake)
    withdraw_unused(lake.state)
    outbox.close_killed(lake)
    releases.sweep()
    sweep(lake, releases.all())


def ingest_table(
    table: TableDeclaration,
    contract: type,
    connector: Callable[[], Connector],
    lake: Lake,
    run: Run,
    *,
    whole: bool = False,
) -> TableResult:
    """Pull, land and judge one table; a failure is recorded as the table's step before it is raised."""
    start = time.monotonic()
    try:
        pull = _pulled(table, contract, connector, lake, run, whole=whole)
    except MissingExtra as error:
        where = error.where or f"source {table.source}, object {table.object}"
        placed = MissingExtra(error.what, where=where, kept=error.kept, next=error.next)
        _step(lake, run, table, str(placed))
        raise placed from error
    except TilthError as error:
        _step(lake, run, table, "\n".join(error.lines()))
        raise
    except Exception as bug:  # its message may hold anything: only its kind is kept
        _step(lake, run, table, f"unexpected {type(bug).__name__}; next: tilth --debug run --select {table.name}")
        raise
    _step(lake, run, table, None)
    with lake.state.read() as connection:
        row = pull_row(connection, pull)
        over = too_toxic(connection, table.toxic, [row], lake.storage)
    counts = (row.pulled, row.pending, row.quarantined, row.duplicate, row.superseded)
    return TableResult(table.name, "done", *counts, round(time.monotonic() - start, 3), over)


def _pulled(
    table: TableDeclaration, contract: type, connector: Callable[[], Connector], lake: Lake, run: Run, *, whole: bool
) -> int:
    """Land what is new and judge all that is complete, also when the source dies after a complete pull."""
    spec = spec_of(contract)
    key = [column.source for column in spec.columns if column.key]
    optional = [column.source for column in spec.columns if not column.required]
    # a contract that is strict, or ordered, is about all columns of the source
    asked = None if spec.strict or spec.ordered else asked_columns(table, spec)
    try:
        return land(connector(), table, lake, run, key=key, columns=asked, optional=optional, whole=whole)
    finally:
        judge_landed(table, contract, lake, run)


def publish_night(
    tables: Sequence[Publishable], lake: Lake, run: Run, *, select: frozenset[str] | None = None
) -> Published:
    """Publish all that is pending, of the tables in `select` or of all; derived tables downstream come along."""
    chosen = [table for table in tables if select is None or table.name in select]
    return publish(tables, lake, run, select=select, held=_judged_anew(chosen, lake, run))


def _judged_anew(tables: Sequence[Publishable], lake: Lake, run: Run) -> dict[str, Hold]:
    """Judge what waits by the contracts as they are now; a table for which that fails is held."""
    held: dict[str, Hold] = {}
    for table in tables:
        if isinstance(table.declaration, TableDeclaration):
            try:
                judge_changed(table.declaration, table.contract, lake, run)
            except TilthError as error:
                held[table.name] = Hold("\n".join(error.lines()))
    return held


def pending(lake: Lake, tables: Sequence[Publishable]) -> bool:
    """Whether a publish would have anything to do."""
    return plan(tables, lake, Releases(lake.curated).current(), None).anything


def _step(lake: Lake, run: Run, table: TableDeclaration, error: str | None) -> None:
    values = {"run_id": run.id, "step": "ingest", "table_name": table.name, "source": table.source}
    values |= {"state": "failed" if error else "done", "error": error, "at": datetime.now(UTC)}
    with lake.state.begin() as connection:
        connection.execute(sa.insert(state.steps).values(values))
        if error and not outbox.fail(connection, run, error, table=table.name):
            step = ingest_step(table, Dataset(table.source, table.object))
            outbox.fail_at_once(connection, lake, run, error, step)
