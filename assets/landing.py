"""From a source into the lake, exactly as pulled: one Parquet file and one state transaction a batch.

The file comes first, then the transaction that names it and moves the pull's resume point: whatever kills a run in
between leaves a file that nobody names, and the next run pulls that batch again under the same name. A pull that
does not complete stays open, and the next run goes on with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.landable import landable
from tilth.assets.places import raw_path
from tilth.assets.provenance.pulled import Pulling, Telling, dataset_of
from tilth.assets.pulls import PullRow, open_pull, pull_row
from tilth.connectors.protocol import Batch, Connector, Pull
from tilth.errors import SourceError

__all__ = ["land"]

_EARLY = 0.9  # nightly runs never start to the second: a daily comparison is due after 21.6 hours


def land(
    connector: Connector,
    table: TableDeclaration,
    lake: Lake,
    run: Run,
    *,
    key: Sequence[str],
    columns: Sequence[str] | None,
    optional: Sequence[str] = (),
    whole: bool = False,
) -> int:
    """Pull what is new of `table` (`whole`: everything) and land it; the pull's id.

    `key`, `columns`, and those of them that are `optional`, are the source's names. Then the keys, when the
    declaration compares them and it is time.
    A SourceError says what is kept; all that was landed before it is judged and published all the same.
    """
    whole = whole or table.load == "replace"
    told = Telling(table, dataset_of(connector, table), columns)
    pulling = _begin(lake, run, told, kind="rows", whole=whole)
    request, pull = Pull(table.object, tuple(key), columns, table.cursor, options=table.format), pulling.pull
    request = replace(request, optional=optional, replaces=table.load == "replace")
    _land(connector, replace(request, cursor=pull.cursor, resume=pull.resume, whole=pull.whole), pulling)
    if table.deletes.kind == "compare_keys" and _keys_due(lake, table, run):
        comparing = _begin(lake, run, replace(told, asked=tuple(key)), kind="keys", whole=True)
        resume = comparing.pull.resume
        _land(connector, replace(request, columns=tuple(key), resume=resume, whole=True, keys_only=True), comparing)
    return pull.id


def _begin(lake: Lake, run: Run, told: Telling, *, kind: str, whole: bool) -> Pulling:
    """The open pull of the table, else a new one; `cursor` is where it starts."""
    table = told.table
    with lake.state.begin() as connection:
        pull = open_pull(connection, table.name, kind)
        if pull is not None and not _goes_on(pull, table, whole=whole):
            _close(connection, pull)
            pull = None
        if pull is None:
            pull = _new(connection, told, run, kind=kind, whole=whole)
        cursor = None if pull.whole or kind == "keys" else _cursor(connection, pull)
        return Pulling.begin(connection, lake, run, replace(pull, cursor=cursor), told)


def _goes_on(pull: PullRow, table: TableDeclaration, *, whole: bool) -> bool:
    same_object = (pull.source, pull.object) == (table.source, table.object)
    resumable = pull.resume is not None or not pull.pulled  # what has no order is read again from its start
    return same_object and resumable and (pull.whole or not whole)


def _close(connection: sa.Connection, pull: PullRow) -> None:
    """End a pull that will never complete: what it brought is judged as it is, and moves no cursor."""
    end = state.pulls.update().where(state.pulls.c.id == pull.id)
    connection.execute(end.values(state="landed", whole=False, resume=None, landed_at=datetime.now(UTC)))


def _new(connection: sa.Connection, told: Telling, run: Run, *, kind: str, whole: bool) -> PullRow:
    table = told.table
    highest = sa.select(sa.func.max(state.pulls.c.number)).where(state.pulls.c.table_name == table.name)
    insert = state.pulls.insert().values(
        table_name=table.name,
        number=(connection.execute(highest).scalar() or 0) + 1,
        kind=kind,
        source=table.source,
        object=table.object,
        run_id=run.id,
        state="open",
        whole=whole,
        started_at=run.at,
        dataset=asdict(told.place),
    )
    pull_id = connection.execute(insert.returning(state.pulls.c.id)).scalar_one()
    return pull_row(connection, pull_id)


def _cursor(connection: sa.Connection, pull: PullRow) -> dict[str, object] | None:
    """Where the last complete pull of the same object ended."""
    of = state.pulls.c
    query = sa.select(of.cursor).where(of.table_name == pull.table_name, of.kind == "rows", of.number < pull.number)
    query = query.where(of.source == pull.source, of.object == pull.object, of.cursor.is_not(None))
    return connection.execute(query.order_by(of.number.desc()).limit(1)).scalar()


def _keys_due(lake: Lake, table: TableDeclaration, run: Run) -> bool:
    of = state.pulls.c
    last = sa.select(sa.func.max(of.started_at)).where(of.table_name == table.name, of.kind == "keys")
    with lake.state.read() as connection:
        unfinished = open_pull(connection, table.name, "keys")
        began = connection.execute(last.where(of.source_time.is_not(None))).scalar()
    every: timedelta = table.deletes.every * _EARLY
    return unfinished is not None or began is None or run.at - began >= every


def _land(connector: Connector, request: Pull, pulling: Pulling) -> None:
    landing, pull = _Landing(pulling), pulling.pull
    where = f"source {pull.source}, object {pull.object}"
    try:
        for batch in connector.pull(request):
            landing.keep(batch)
            if batch.complete is not None:
                return
        what = "it ended before it said that everything was read"
        raise SourceError(what, where=where, next=f"tilth sources check {pull.source}")
    except pa.ArrowException as error:
        step = f"tilth sources check {pull.source}"
        raise SourceError(f"its rows cannot be kept as Parquet: {error}", where=where, next=step) from error
    except SourceError as error:
        raise landing.with_what_is_kept(error) from error


class _Landing:
    """The batches of one pull, as they come in."""

    def __init__(self, pulling: Pulling) -> None:
        self._pulling, self._lake, self._pull = pulling, pulling.lake, pulling.pull
        of, pull_id = state.batches.c, pulling.pull.id
        count = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(of.number), 0)).where(of.pull_id == pull_id)
        with self._lake.state.read() as connection:
            self._kept, self._number = connection.execute(count).one()
        self._records = pulling.pull.pulled

    def keep(self, batch: Batch) -> None:
        """Files first, then the one transaction that makes them count."""
        rows = [self._write("fault" if batch.fault else "rows", batch)] if batch.rows.num_rows else []
        if batch.deleted is not None and batch.deleted.num_rows:
            rows.append(self._write("tombstones", batch))
        records: int = sum(row["rows"] for row in rows)
        values: dict[str, Any] = {"resume": batch.resume, "pulled": state.pulls.c.pulled + records}
        if batch.complete is not None:
            done = batch.complete
            values |= {"state": "landed", "cursor": done.cursor, "whole": done.whole, "source_time": done.source_time}
            values |= {"landed_at": datetime.now(UTC), "resume": None}
        with self._lake.state.begin() as connection:
            if rows:
                connection.execute(state.batches.insert(), rows)
            connection.execute(state.pulls.update().where(state.pulls.c.id == self._pull.id).values(values))
            if batch.complete is not None:
                self._pulling.landed(connection)
        self._kept += len(rows)
        self._records += records

    def _write(self, kind: str, batch: Batch) -> dict[str, Any]:
        rows = batch.deleted if batch.deleted is not None and kind == "tombstones" else batch.rows
        pull, self._number = self._pull, self._number + 1
        path = raw_path(pull.source, pull.object, pull.table_name, pull.id, self._number)
        with self._lake.storage.create(path) as file:
            parquet.write(file, landable(rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])))
        return {
            "pull_id": pull.id,
            "number": self._number,
            "kind": kind,
            "path": path,
            "rows": rows.num_rows,
            "bytes": self._lake.storage.size(path),
            "origin": asdict(batch.origin),
            "fault": asdict(batch.fault) if batch.fault and kind == "fault" else None,
        }

    def with_what_is_kept(self, error: SourceError) -> SourceError:
        """The same error, saying that nothing landed is lost; a connector that says so itself knows it better."""
        if not self._kept or "the next run" in error.kept:
            return error
        batches = "1 batch" if self._kept == 1 else f"{self._kept} batches"
        kept = f"{batches} ({self._records:,} records) are kept, the next run goes on from there"
        kept = f"{error.kept}; {kept}" if error.kept else kept
        facts = {"expected": error.expected, "got": error.got, "next": error.next}
        return SourceError(error.what, where=error.where, kept=kept, **facts)
