"""Keys that are published in an older version because a newer record of theirs is in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.facts import TableFacts
from tilth.schemas.keys import typed_keys

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
    open_now = mine.select("rule", "key").unique()
    typed = typed_keys(open_now["key"], facts.spec).rename({name: f"k{place}" for place, name in enumerate(key)})
    match = " AND ".join(f"t.{quoted(name)} = o.k{place}" for place, name in enumerate(key))
    con.register("tilth_open", open_now.hstack(typed).to_arrow())
    try:
        rows = con.execute(
            f"SELECT rule, count(DISTINCT o.key) FROM tilth_open o JOIN {quoted('main', table)} t ON {match} "
            "GROUP BY rule"
        ).fetchall()
    finally:
        con.unregister("tilth_open")
    return dict(rows)
