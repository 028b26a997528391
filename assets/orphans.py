"""Which mended records refer to what is not published: nobody can let them in, they wait for it.

Whether it comes with the next publish is only known then; until then they wait for it all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tilth.assets.lake import Lake
from tilth.assets.mends import ENTRY
from tilth.assets.publishing.engine import connect
from tilth.assets.publishing.links import is_published
from tilth.assets.publishing.release import Releases
from tilth.schemas.judging import REASONS
from tilth.schemas.reasons import one_reason
from tilth.schemas.spec import Column, Spec

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["orphans"]

_LACKS = pl.Schema({"id": pl.String(), "reasons": REASONS})


def orphans(lake: Lake, spec: Spec, good: pl.DataFrame) -> pl.DataFrame:
    """Id and reasons of `good` records (ENTRY, then as a ready file) that refer to no row of the current release."""
    referring = [column for column in spec.columns if column.references]
    rows = good.filter(~pl.col("_deleted"))
    if not referring or rows.is_empty():
        return pl.DataFrame(schema=_LACKS)
    current = Releases(lake.curated).current()
    con = connect(lake.curated if current else None, read_only=current is not None, time_zone=lake.time_zone)
    try:
        found = [_lacking(con, column, rows) for column in referring]
    finally:
        con.close()
    return pl.concat(found).group_by("id", maintain_order=True).agg(pl.col("reasons").explode()).cast(_LACKS)


def _lacking(con: DuckDBPyConnection, column: Column, rows: pl.DataFrame) -> pl.DataFrame:
    """Those whose value of one column no published parent has; it is read as the parent's type, as in a publish."""
    table, parent = column.references or ("", "")
    typed = "SELECT data_type FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = ? AND column_name = ?"
    kind = next((str(row[0]) for row in con.execute(typed, [table, parent]).fetchall()), None)
    con.register("tilth_mended", rows.select(pl.col(ENTRY).alias("id"), pl.col(column.name).alias("value")).to_arrow())
    lacks = f"value IS NOT NULL AND NOT {is_published(table, parent, 'r.value', kind)}"
    told = f"SELECT id, CAST(value AS VARCHAR) AS value FROM tilth_mended r WHERE {lacks}"
    expected = f"a {parent} in {table}"
    reasons = one_reason(pl.lit("reference"), column.name, pl.col("value"), expected, kind="join")
    return con.sql(told).pl().select("id", reasons).cast(_LACKS)
