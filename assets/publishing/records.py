"""Every record in exactly one state, counted again from the data: landed files, settled files, the release itself.

A good record of a pull that the current release contains is a row now, or was settled otherwise by one of the
releases it was made from, or waits in quarantine because settling refused it. Nothing else, and never two of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Lake
from tilth.assets.lives import standing
from tilth.assets.publishing.checks import Problem, lost_file
from tilth.assets.publishing.engine import attach, connect, parquet, quoted, row_of
from tilth.assets.publishing.lost import unreadable
from tilth.assets.publishing.manifest import Manifest, in_ranges
from tilth.assets.pulls import judged_pulls

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["record_problems"]


def record_problems(lake: Lake, chain: Sequence[Manifest]) -> Iterator[Problem]:
    """Records that are in no state, or in two; `chain` is the current release and all it was made from."""
    with lake.storage.scratch() as folder:
        for name, table in chain[0].tables.items():
            if table.pulls:
                con = connect(None, spill=folder)
                try:
                    yield from _table_problems(con, lake, name, chain)
                finally:
                    con.close()


def _table_problems(con: DuckDBPyConnection, lake: Lake, name: str, chain: Sequence[Manifest]) -> Iterator[Problem]:
    import duckdb

    with lake.state.read() as connection:
        pulls = [p for p in judged_pulls(connection, name) if in_ranges(chain[0].tables[name].pulls, p.number)]
        waiting, returned = _from_quarantine(connection, name)
    ready = [pull.ready for pull in pulls if pull.pending]
    settled = [path for m in chain if name in m.tables and (path := m.tables[name].settled) is not None]
    attach(con, lake.curated, "published")
    con.register("waiting", waiting.to_arrow())
    con.register("returned", returned.to_arrow())
    try:
        for what, paths in (("good", ready), ("settled", settled)):
            con.execute(f"CREATE TEMP TABLE {what} AS {_origins(lake, paths)}").fetchall()
    except (duckdb.Error, RuntimeError):
        lost = [*_lost(lake, name, (*ready, *settled))]
        if not lost:
            raise
        yield from lost
    else:
        yield from _counted(con, name)


def _counted(con: DuckDBPyConnection, name: str) -> Iterator[Problem]:
    """Good, returned, settled and waiting records against the table's rows."""
    con.execute("INSERT INTO good SELECT * FROM returned ANTI JOIN good USING (_batch, _ordinal)").fetchall()
    con.execute(
        "CREATE TEMP TABLE gone AS SELECT DISTINCT _batch, _ordinal FROM "
        "(SELECT _batch, _ordinal FROM settled UNION ALL SELECT _batch, _ordinal FROM waiting)"
    ).fetchall()
    rows = f"(SELECT _batch, _ordinal FROM published.main.{quoted(name)} WHERE _batch IS NOT NULL)"
    lost = f"SELECT count(*) FROM good g ANTI JOIN gone USING (_batch, _ordinal) ANTI JOIN {rows} c "
    yield from _none(con, "records that are in no state", name, lost + "USING (_batch, _ordinal)")
    stray = f"SELECT count(*) FROM {rows} c ANTI JOIN good USING (_batch, _ordinal)"
    yield from _none(con, "rows that no contained pull brought", name, stray)
    double = f"SELECT count(*) FROM {rows} c SEMI JOIN gone USING (_batch, _ordinal)"
    yield from _none(con, "rows that are settled otherwise too", name, double)
    twice = f"SELECT count(*) - count(DISTINCT (_batch, _ordinal)) FROM {rows}"
    yield from _none(con, "records that are two rows", name, twice)


def _lost(lake: Lake, name: str, paths: Sequence[str]) -> Iterator[Problem]:
    con = connect(None)
    try:
        for wrong in filter(None, (unreadable(con, lake, path) for path in paths)):
            yield lost_file(wrong, f"what table {name} was made from")
    finally:
        con.close()


def _origins(lake: Lake, paths: Sequence[str]) -> str:
    if not paths:
        return "SELECT NULL::BIGINT AS _batch, NULL::BIGINT AS _ordinal WHERE false"
    return f"SELECT _batch, _ordinal FROM {parquet(*(lake.storage.url(path) for path in paths))}"


def _none(con: DuckDBPyConnection, what: str, table: str, sql: str) -> Iterator[Problem]:
    (found,) = row_of(con, sql)
    if found:
        yield Problem(what, f"table {table}", "0", f"{found:,}")


def _from_quarantine(connection: sa.Connection, table: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where records stand that settling refused and that did not come back, and those that did come back."""
    of = state.events.c
    query = sa.select(of.id, of.entry_id, of.event, of.release, of.batch_id, of.ordinal).where(
        of.table_name == table, of.event != "seen"
    )
    refused: list[tuple[int, int]] = []
    returned: list[tuple[int, int]] = []
    for events in standing(connection.execute(query.order_by(of.id))).values():
        for one, end in zip(events, [*events, None][1:], strict=True):
            if one.event == "opened" and end is not None and end.event in ("replayed", "corrected", "waived"):
                returned.append((one.batch_id, one.ordinal))
            elif one.event == "opened" and one.release is not None:
                refused.append((one.batch_id, one.ordinal))
    schema = {"_batch": pl.Int64, "_ordinal": pl.Int64}
    return pl.DataFrame(refused, schema=schema, orient="row"), pl.DataFrame(returned, schema=schema, orient="row")
