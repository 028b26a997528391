"""Whether another record has the key of one that may return from quarantine: then nobody could say which counts.

Asked of its own pull, as when that was judged: its good rows, and what was mended of it. Where a person changed the
key, it is also asked of what is published, and of what waits to be. Of two versions of a key the newer counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.lake import Lake
from tilth.assets.lives import last_status
from tilth.assets.mends import ENTRY, mends_of
from tilth.assets.places import ready_path
from tilth.assets.publishing.engine import connect, quoted
from tilth.assets.publishing.release import Releases
from tilth.assets.pulls import pending_pulls
from tilth.assets.quarantine import open_entries
from tilth.assets.same_record import same_records
from tilth.schemas.reasons import as_json, key_text
from tilth.schemas.spec import Spec

__all__ = ["Asking", "taken"]

_PLACE = ["_batch", "_ordinal"]
_BACK = ("corrected", "replayed", "waived")
_GONE = ("discarded", "superseded")
_HELD = pl.Schema(
    {"key": pl.String(), "version": pl.String(), "content": pl.String(), "_batch": pl.Int64(), "_ordinal": pl.Int64()}
    | {"pull": pl.Int64(), "entry": pl.String(), "kind": pl.String()}
)
"""Records that have a key: what they say, whence (`pull`: an id; null: published), and of which entry; ready | mended |
published."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Whose records they are."""

    table: str
    spec: Spec
    version: str | None  # column
    lake: Lake
    now: datetime


def taken(asking: Asking, good: pl.DataFrame, entries: pl.DataFrame, rekeyed: Collection[str]) -> list[str]:
    """The ids of `entries` (quarantine.OPEN) whose `good` record (ENTRY, then as a ready file) has a taken key.

    `rekeyed`: those whose key a person changed.
    """
    if good.is_empty() or not asking.spec.key:
        return []
    pulls = entries.select(pl.col("id").alias(ENTRY), pl.col("pull_id").alias("pull"))
    mine = _held(asking, good).with_columns(good[ENTRY]).join(pulls, on=ENTRY, how="left", maintain_order="left")
    mine = mine.with_columns(pl.col(ENTRY).is_in(list(rekeyed)).alias("rekeyed"))
    others = pl.concat([pl.DataFrame(schema=_HELD), *_others(asking, good, mine)])
    met = mine.join(others, on="key", suffix="_other")
    here = pl.col("pull").eq_missing(pl.col("pull_other"))
    elsewhere = pl.col("_batch").ne(pl.col("_batch_other")) | pl.col("_ordinal").ne(pl.col("_ordinal_other"))
    met = met.filter(
        here | pl.col("rekeyed"),
        elsewhere,
        pl.col(ENTRY).ne_missing(pl.col("entry")),
        pl.col("version").eq_missing(pl.col("version_other")),
        pl.col("content") != pl.col("content_other"),
    )
    return _but_moot(asking, met, entries)[ENTRY].unique(maintain_order=True).to_list()


def _held(asking: Asking, rows: pl.DataFrame) -> pl.DataFrame:
    """What rows of any contract say under this one: the first columns of _HELD."""
    spec, types = asking.spec, rows.schema
    alike = {name for name, kind in spec.schema.items() if name in types and not _parted(types[name], kind)}
    read = rows.select(
        *(pl.col(n).cast(t, strict=False) if n in alike else pl.lit(None, t).alias(n) for n, t in spec.schema.items()),
        *_PLACE,
        pl.col("_deleted") if "_deleted" in types else pl.lit(False).alias("_deleted"),
    )
    texts = {"key": key_text(read, spec.key), "content": as_json(read, [*spec.schema, "_deleted"])}
    version = pl.lit(None, pl.String) if asking.version is None else as_json(read, [asking.version])
    return read.select(*_PLACE).with_columns(**texts, version=version)


def _parted(a: pl.DataType, b: pl.DataType) -> bool:
    """Whether values of one type cannot be asked to be of the other."""
    return a != b and (a.is_nested() or b.is_nested())


def _others(asking: Asking, good: pl.DataFrame, mine: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Who has one of these keys (_HELD)."""
    keys = good.select(asking.spec.key).unique()
    changed = good.filter(mine["rekeyed"]).select(asking.spec.key).unique()
    current = Releases(asking.lake.curated).current() if changed.height else None
    entry = current.tables.get(asking.table) if current else None
    with asking.lake.state.read() as connection:
        pending = pending_pulls(connection, asking.table, entry.pulls if entry else ()) if changed.height else []
        mended = _mended(connection, asking, mine["pull"].unique().to_list())
    pulls = mine["pull"].drop_nulls().unique().to_list()
    ready = dict.fromkeys(pulls, keys) | {p.id: changed for p in pending if p.id not in pulls}
    none, nobody = pl.lit(None, pl.Int64), pl.lit(None, pl.String)
    for pull, some in ready.items():
        rows = parquet.matching(asking.lake.storage, ready_path(asking.table, pull), some)
        yield _as_held(asking, rows, pl.lit(pull, pl.Int64), nobody, "ready")
    for (path,), some in mended.group_by("mended"):
        rows = parquet.matching(asking.lake.storage, str(path), keys)
        if rows.height:
            rows = rows.join(some.select(pl.col("id").alias(ENTRY), pl.col("pull").alias("_pull")), on=ENTRY)
            yield _as_held(asking, rows, rows["_pull"], rows[ENTRY], "mended")
    if current is not None and changed.height:
        yield _as_held(asking, _published(asking, changed), none, nobody, "published")
    yield _as_held(asking, good, mine["pull"], good[ENTRY], "mended")


def _as_held(
    asking: Asking, rows: pl.DataFrame, pull: pl.Expr | pl.Series, entry: pl.Expr | pl.Series, kind: str
) -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame(schema=_HELD)
    return _held(asking, rows).with_columns(pull=pull, entry=entry, kind=pl.lit(kind)).select(_HELD.names()).cast(_HELD)


def _published(asking: Asking, keys: pl.DataFrame) -> pl.DataFrame:
    """The published rows that have these keys; none where the table has other columns."""
    con = connect(asking.lake.curated, read_only=True, time_zone=asking.lake.time_zone)
    try:
        columns = "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = ?"
        known = {name for (name,) in con.execute(columns, [asking.table]).fetchall()}
        if not known.issuperset(keys.columns):
            return pl.DataFrame()
        con.register("tilth_keys", keys.to_arrow())
        alike = (f"CAST(c.{quoted(k)} AS VARCHAR) = CAST(k.{quoted(k)} AS VARCHAR)" for k in keys.columns)
        return con.sql(f"SELECT c.* FROM {quoted(asking.table)} c SEMI JOIN tilth_keys k ON {' AND '.join(alike)}").pl()
    finally:
        con.close()


def _but_moot(asking: Asking, met: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    """But those who met what is closed for good, or the very same record as it was published before."""
    if met.is_empty():
        return met
    of = state.events.c
    batches = met["_batch_other"].unique().to_list()
    opened = sa.select(of.entry_id, of.batch_id, of.ordinal, of.id).where(
        of.table_name == asking.table, of.event == "opened", of.batch_id.in_(batches)
    )
    schema = {"by": pl.String, "_batch_other": pl.Int64, "_ordinal_other": pl.Int64, "event": pl.Int64}
    with asking.lake.state.read() as connection:
        rows = [tuple(row) for row in connection.execute(opened.order_by(of.id))]
        openers = pl.DataFrame(rows, schema=schema, orient="row").unique(schema.keys() - {"event", "by"}, keep="last")
        told = met.join(openers, on=["_batch_other", "_ordinal_other"], how="left")
        ids = told["by"].drop_nulls().unique().to_list()
        last = last_status(asking.table, entries=ids)
        told_by = sa.select(of.entry_id, of.event).join_from(last, state.events, of.id == last.c.id)
        status = {row.entry_id: row.event for row in connection.execute(told_by)}
        own = entries.filter(pl.col("id").is_in(told[ENTRY].implode()))
        same = {(former, id) for former, id in _pairs(connection, asking, ids, own)}
    moot = [
        (kind == "ready" and status.get(by) in _GONE) or (kind == "published" and (by == id or (by, id) in same))
        for kind, by, id in told.select("kind", "by", ENTRY).iter_rows()
    ]
    return told.filter(~pl.Series(moot, dtype=pl.Boolean))


def _pairs(
    connection: sa.Connection, asking: Asking, former: list[str], open: pl.DataFrame
) -> Iterator[tuple[str, str]]:
    for one in former:  # each by itself: of several the last one alone would count
        yield from same_records(connection, asking.lake.storage, asking.table, [one], open).iter_rows()


def _mended(connection: sa.Connection, asking: Asking, pulls: list[int]) -> pl.DataFrame:
    """The mends of the table that wait, and those of the pulls whose records are back: id, mended, pull (id)."""
    table, mend, opened = asking.table, state.mends.c, state.events.alias("opened")
    open = open_entries(connection, table)
    waiting = mends_of(connection, table, open, contract_version=asking.spec.version, now=asking.now)
    one = state.events.c
    ours = sa.select(opened.c.entry_id).where(
        opened.c.table_name == table, opened.c.event == "opened", opened.c.pull_id.in_(pulls)
    )
    last = last_status(table, entries=ours)
    counts = sa.select(sa.func.max(mend.id)).where(mend.table_name == table, mend.entry_id.in_(ours))
    query = (
        sa.select(mend.entry_id, mend.path, one.pull_id)
        .join_from(state.mends, last, last.c.entry_id == mend.entry_id)
        .join(state.events, one.id == last.c.id)
        .where(mend.id.in_(counts.group_by(mend.entry_id)), one.event.in_(_BACK), one.pull_id.in_(pulls))
    )
    schema = {"id": pl.String, "mended": pl.String, "pull": pl.Int64}
    back = pl.DataFrame([tuple(row) for row in connection.execute(query)], schema=schema, orient="row")
    return pl.concat([waiting.join(open, on="id").select("id", "mended", pl.col("pull_id").alias("pull")), back])
