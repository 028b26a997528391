"""Keys that are published in an older version because a newer record of theirs is in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tilth.assets.publishing.engine import literal, quoted
from tilth.assets.publishing.facts import TableFacts

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["stale_keys"]


def stale_keys(con: DuckDBPyConnection, facts: TableFacts, open_keys: pl.DataFrame | None) -> dict[str, int]:
    """How many published keys have an open entry, for each rule of the table that has any.

    Key texts are turned into the key's types, not the table's keys into text: the table's side stays a plain join.
    """
    table, key = facts.declaration.name, facts.spec.key
    if open_keys is None or not key:
        return {}
    mine = open_keys.filter(pl.col("table") == table, pl.col("key").is_not_null())
    if mine.is_empty():
        return {}
    kinds = dict(
        con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = current_database() AND schema_name = 'main' AND table_name = ?",
            [table],
        ).fetchall()
    )
    parts = ["o.key"] if len(key) == 1 else [f"o.key ->> {literal(f'$[{index}]')}" for index in range(len(key))]
    match = " AND ".join(
        f"t.{quoted(name)} = TRY_CAST({part} AS {kinds[name]})" for name, part in zip(key, parts, strict=True)
    )
    con.register("tilth_open", mine.select("rule", "key").unique().to_arrow())
    try:
        rows = con.execute(
            f"SELECT rule, count(DISTINCT o.key) FROM tilth_open o JOIN {quoted('main', table)} t ON {match} "
            "GROUP BY rule"
        ).fetchall()
    finally:
        con.unregister("tilth_open")
    return dict(rows)
