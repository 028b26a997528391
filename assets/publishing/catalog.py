"""The schema `_catalog` inside a release: what an analyst asks about the data, answered where the data is.

Written inside the open transaction of the candidate, so that it becomes visible with the tables it describes.
Its shape, and a comment on every table and column, stand in `catalog.sql`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tilth.assets.publishing.columns import column_rows, comment_on, description_of, physical_columns
from tilth.assets.publishing.engine import literal, quoted
from tilth.assets.publishing.facts import CatalogFacts, TableFacts
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.publishing.stale import stale_keys
from tilth.schemas.freshness import Sla, late_after, reason_of

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

__all__ = ["write_catalog"]

Row = Mapping[str, object]


def write_catalog(con: DuckDBPyConnection, facts: CatalogFacts) -> None:
    """Bring `_catalog`, and the comments on all tables, in line with the release that is about to be sealed."""
    _shape(con)
    physical = physical_columns(con)
    present = dict(
        con.execute(
            "SELECT table_name, comment FROM duckdb_tables() "
            "WHERE schema_name = 'main' AND database_name = current_database()"
        ).fetchall()
    )
    tables = [table for table in facts.tables if table.declaration.name in facts.manifest.tables]
    built = [table for table in tables if table.declaration.name in physical]
    for table in built:
        name = table.declaration.name
        comment_on(con, table, physical[name], present.get(name))
    rows: list[Row] = []
    for table in built:
        rows += column_rows(con, table, physical[table.declaration.name], facts.manifest)
    _forget(con, [*physical, *(table.declaration.name for table in tables)])
    _put(con, "columns", rows, by=("table",))
    _put(con, "tables", [_table(table, facts.manifest) for table in tables], by=("name",))
    _put(con, "promises", _promises(con, tables, facts), by=("table",))
    _put(con, "quality", _quality(con, built, facts), by=("run", "table"))
    con.execute("DELETE FROM _catalog.quarantine").fetchall()
    _put(con, "quarantine", [asdict(row) for row in facts.quarantine], by=())
    con.execute("DELETE FROM _catalog.lineage").fetchall()
    _put(con, "lineage", [asdict(row) for row in facts.lineage], by=())
    _put(con, "runs", [asdict(row) for row in facts.runs], by=("run_id",))
    _put(con, "conservation", _books(facts.manifest), by=("run_id", "table"))
    _put(con, "releases", [_release(facts.manifest)], by=("release",))
    _put(con, "batches", [asdict(row) for row in facts.batches], by=("batch",))
    con.execute(
        "UPDATE _catalog.tables SET release = ?, published_at = ? WHERE release <> ?",
        [facts.manifest.release, facts.manifest.published_at, facts.manifest.release],
    ).fetchall()


def _shape(con: DuckDBPyConnection) -> None:
    """Make the schema as `catalog.sql` says; what an older one held goes over by column name."""
    script = Path(__file__).with_name("catalog.sql").read_text(encoding="utf-8")
    mark = f"catalogue shape {hashlib.sha256(script.encode()).hexdigest()[:12]}"
    con.execute("CREATE SCHEMA IF NOT EXISTS _catalog").fetchall()
    where = "database_name = current_database() AND schema_name = '_catalog'"
    found = dict(con.execute(f"SELECT table_name, comment FROM duckdb_tables() WHERE {where}").fetchall())
    if mark in (found.get("releases") or ""):
        return
    con.execute("DROP VIEW IF EXISTS _catalog.freshness").fetchall()
    for name in found:
        con.execute(f"ALTER TABLE {quoted('_catalog', name)} RENAME TO {quoted(f'old {name}')}").fetchall()
    con.execute(script).fetchall()
    for name in found:
        _carry(con, f"old {name}", name)
    about = f"This release and those that it was made from; the highest number is this one ({mark})"
    con.execute(f"COMMENT ON TABLE _catalog.releases IS {literal(about)}").fetchall()


def _carry(con: DuckDBPyConnection, old: str, new: str) -> None:
    """Move rows to the new shape of a catalogue table; a column that it no longer has is left behind."""
    common = {*_columns(con, old)} & {*_columns(con, new)}
    if common:
        names = ", ".join(quoted(name) for name in sorted(common))
        source, target = quoted("_catalog", old), quoted("_catalog", new)
        con.execute(f"INSERT INTO {target} BY NAME SELECT {names} FROM {source}").fetchall()
    con.execute(f"DROP TABLE {quoted('_catalog', old)}").fetchall()


def _columns(con: DuckDBPyConnection, table: str) -> dict[str, str]:
    rows = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = '_catalog' AND table_name = ?",
        [table],
    ).fetchall()
    return dict(rows)


def _forget(con: DuckDBPyConnection, names: Sequence[str]) -> None:
    """Drop what is said of tables that are neither in the file nor declared."""
    for table, column in (("tables", "name"), ("columns", "table"), ("promises", "table")):
        con.execute(
            f"DELETE FROM {quoted('_catalog', table)} WHERE NOT list_contains(?, {quoted(column)})", [list(names)]
        ).fetchall()


def _table(table: TableFacts, manifest: Manifest) -> Row:
    release = manifest.tables[table.declaration.name]
    return {
        "name": table.declaration.name,
        "description": description_of(table),
        "owner": table.declaration.owner,
        "rows": release.rows,
        "release": manifest.release,
        "published_at": manifest.published_at,
        "licence": table.declaration.rights.licence,
        "purposes": list(table.declaration.rights.purposes),
        "fingerprint": table.fingerprint,
        "state": release.state,
        "reason": release.reason,
        "changed_in": release.changed_in,
    }


def _promises(con: DuckDBPyConnection, tables: Sequence[TableFacts], facts: CatalogFacts) -> list[Row]:
    before = dict(con.execute('SELECT "table", published_at FROM _catalog.promises').fetchall())
    rows: list[Row] = []
    for table in tables:
        name, promise = table.declaration.name, table.declaration.freshness
        release = facts.manifest.tables[name]
        sla = Sla(promise.deadline, promise.max_age, facts.time_zone)
        published_now = release.state == "published"
        fresh, late = (reason_of(sla, release.data_as_of, late=late, through=release.through) for late in (False, True))
        rows.append(
            {
                "table": name,
                "data_as_of": release.data_as_of,
                "published_at": facts.manifest.published_at if published_now else before.get(name),
                "deadline": f"{promise.deadline} {facts.time_zone}" if promise.deadline else None,
                "max_age_s": int(promise.max_age.total_seconds()) if promise.max_age else None,
                "late_after": late_after(sla, release.data_as_of) if release.data_as_of else None,
                "fresh_reason": fresh,
                "late_reason": late,
                "trouble": release.reason.splitlines()[0] if release.reason else None,
            }
        )
    return rows


def _quality(con: DuckDBPyConnection, built: Sequence[TableFacts], facts: CatalogFacts) -> list[Row]:
    stale = {table.declaration.name: stale_keys(con, table, facts.open_keys) for table in built}
    return [asdict(row) | {"stale_keys": stale.get(row.table, {}).get(row.rule, 0)} for row in facts.quality]


def _books(manifest: Manifest) -> list[Row]:
    """The balances of the tables that took part in this release."""
    head = {"run_id": manifest.run_id, "release": manifest.release, "recorded_at": manifest.published_at}
    return [
        {**head, "table": name, "state": table.state, "reason": table.reason, **table.counts}
        for name, table in manifest.tables.items()
        if table.state != "carried"
    ]


def _release(manifest: Manifest) -> Row:
    return {
        "release": manifest.release,
        "run_id": manifest.run_id,
        "published_at": manifest.published_at,
        "previous": manifest.previous,
        "tables": len(manifest.tables),
        "rows": sum(table.rows for table in manifest.tables.values()),
    }


def _put(con: DuckDBPyConnection, table: str, rows: Sequence[Row], *, by: Sequence[str]) -> None:
    """Replace the rows of a catalogue table that have the same `by` as one of `rows`."""
    if not rows:
        return
    name = quoted("_catalog", table)
    frame = _frame(con, table, rows)
    con.register("tilth_facts", frame.to_arrow())
    try:
        if by:
            match = " AND ".join(f"t.{quoted(column)} IS NOT DISTINCT FROM f.{quoted(column)}" for column in by)
            con.execute(f"DELETE FROM {name} t USING tilth_facts f WHERE {match}").fetchall()
        con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM tilth_facts").fetchall()
    finally:
        con.unregister("tilth_facts")


def _frame(con: DuckDBPyConnection, table: str, rows: Sequence[Row]) -> pl.DataFrame:
    """The rows as a frame with the columns and types of the catalogue table; counts that are not given are 0."""
    import polars as pl

    kinds = {
        "VARCHAR": pl.String(),
        "BIGINT": pl.Int64(),
        "INTEGER": pl.Int32(),
        "DOUBLE": pl.Float64(),
        "BOOLEAN": pl.Boolean(),
        "VARCHAR[]": pl.List(pl.String()),
        "TIMESTAMP WITH TIME ZONE": pl.Datetime("us", "UTC"),
    }
    schema = {name: kinds[kind] for name, kind in _columns(con, table).items()}
    values = {name: [_value(row.get(name)) for row in rows] for name in schema}
    return pl.DataFrame(values, schema=schema)


def _value(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
