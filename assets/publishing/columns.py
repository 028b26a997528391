"""What the catalogue says of columns: meaning from the contract, statistics from the data, comments on both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tilth.assets.publishing.engine import literal, quoted, row_of
from tilth.assets.publishing.facts import TableFacts
from tilth.assets.publishing.manifest import Manifest
from tilth.schemas.spec import Column

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Statistics", "column_rows", "comment_on", "description_of", "physical_columns"]

_PROVENANCE = {
    "_source": "The source that the row was pulled from",
    "_batch": "The batch that the row came in: see _catalog.batches",
    "_ordinal": "Position of the record in its batch, from 0",
    "_updated_at": "When this version of the row was published",
}
_NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "JSON")
_TEXT = 200  # characters shown of a smallest or largest value
_SMALL = 250_000  # rows: below, statistics are always those of the data
_STALE = 0.05  # share of the rows of a larger table that may have changed since its statistics were computed
_CHANGES = ("inserted", "updated", "closed", "removed")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one column holds."""

    null_share: float | None = None
    distinct: int | None = None
    min: str | None = None
    max: str | None = None
    release: int | None = None  # that it was computed for


def physical_columns(con: DuckDBPyConnection) -> dict[str, list[tuple[str, str, str | None]]]:
    """Every table of `main`, with (name, type, comment) of its columns in order."""
    rows = con.execute(
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND database_name = current_database() AND table_name IN (SELECT table_name "
        "FROM duckdb_tables() WHERE schema_name = 'main' AND database_name = current_database()) "
        "ORDER BY table_name, column_index"
    ).fetchall()
    tables: dict[str, list[tuple[str, str, str | None]]] = {}
    for table, name, kind, comment in rows:
        tables.setdefault(table, []).append((name, kind, comment))
    return tables


def description_of(facts: TableFacts) -> str | None:
    """What a row of the table stands for: the declaration's words, else the contract's."""
    return (facts.declaration.description or facts.spec.description or "").strip() or None


def column_rows(
    con: DuckDBPyConnection, facts: TableFacts, columns: Sequence[tuple[str, str, str | None]], manifest: Manifest
) -> list[dict[str, object]]:
    """The rows of `_catalog.columns` for one table."""
    table = facts.declaration.name
    contract = {column.name: column for column in facts.spec.columns}
    known = _known(con, table)
    complete = all(name in known and known[name].release is not None for name, _, _ in columns if name in contract)
    if not complete or (facts.changed and _due(con, manifest, table, known)):
        known = _statistics(con, table, columns, contract, manifest.release)
    return [
        _row(table, position, name, kind, contract.get(name), known.get(name, Statistics()))
        for position, (name, kind, _) in enumerate(columns, 1)
    ]


def _due(con: DuckDBPyConnection, manifest: Manifest, table: str, known: Mapping[str, Statistics]) -> bool:
    """Whether the statistics are worth a pass over a table that changed: cost follows change, not size."""
    now = manifest.tables[table]
    if now.rows <= _SMALL or "inserted" not in now.counts:
        return True
    since = min((s.release for s in known.values() if s.release is not None), default=0)
    sql = f'SELECT sum({" + ".join(_CHANGES)}) FROM _catalog.conservation WHERE "table" = ? AND release > ?'
    changed = int(row_of(con, sql, [table, since])[0] or 0)
    return changed + sum(now.counts.get(kind, 0) for kind in _CHANGES) >= _STALE * now.rows


def _row(
    table: str, position: int, name: str, kind: str, column: Column | None, statistics: Statistics
) -> dict[str, object]:
    return {
        "table": table,
        "column": name,
        "type": kind,
        "unit": column.unit if column else None,
        "description": column.description if column else _PROVENANCE.get(name),
        "term": column.term if column else None,
        "pii": column.pii if column else None,
        "key": column is not None and column.key,
        "nullable": column is None or column.nullable,
        "null_share": statistics.null_share,
        "distinct": statistics.distinct,
        "min": statistics.min,
        "max": statistics.max,
        "references": ".".join(column.references) if column and column.references else None,
        "position": position,
        "statistics_of": statistics.release,
    }


def _known(con: DuckDBPyConnection, table: str) -> dict[str, Statistics]:
    """The statistics that the clone came with."""
    sql = 'SELECT "column", null_share, "distinct", min, max, statistics_of FROM _catalog.columns WHERE "table" = ?'
    return {name: Statistics(*facts) for name, *facts in con.execute(sql, [table]).fetchall()}


def _statistics(
    con: DuckDBPyConnection,
    table: str,
    columns: Sequence[tuple[str, str, str | None]],
    contract: Mapping[str, Column],
    release: int,
) -> dict[str, Statistics]:
    """One pass over the table, all its columns at once; personal data shows no value."""
    wanted = [(contract[name], kind) for name, kind, _ in columns if name in contract]
    keys = [column.name for column, _ in wanted if column.key]
    terms = [term for column, kind in wanted for term in _terms(column, kind, alone=keys == [column.name])]
    rows, *values = row_of(con, f"SELECT count(*), {', '.join(terms or ['0'])} FROM {quoted('main', table)}")
    found: dict[str, Statistics] = {}
    for index, (column, _) in enumerate(wanted):
        filled, distinct, low, high = values[index * 4 : index * 4 + 4]
        share = (rows - filled) / rows if rows else None
        found[column.name] = Statistics(share, min(distinct, filled), low, high, release)
    return found


def _terms(column: Column, kind: str, *, alone: bool) -> list[str]:
    """The four aggregates of a column: values, different values, smallest, largest."""
    name = quoted(column.name)
    nested = kind.endswith("]") or kind.startswith(_NESTED)
    distinct = f"count({name})" if alone or column.unique else f"approx_count_distinct({name})"
    shown = ["NULL", "NULL"]
    if column.pii is None and not nested:
        shown = [f"left(CAST({pick}({name}) AS VARCHAR), {_TEXT})" for pick in ("min", "max")]
    return [f"count({name})", distinct, *shown]


def comment_on(
    con: DuckDBPyConnection, facts: TableFacts, columns: Sequence[tuple[str, str, str | None]], comment: str | None
) -> int:
    """Bring the comments on a table and its columns in line with its contract; how many were changed.

    `comment` is the table's present one.
    """
    table = quoted("main", facts.declaration.name)
    contract = {column.name: column for column in facts.spec.columns}
    statements = [f"COMMENT ON TABLE {table} IS {literal(text)}" for text in _differs(description_of(facts), comment)]
    for name, _, present in columns:
        text = _comment(contract[name]) if name in contract else _PROVENANCE.get(name)
        statements += [f"COMMENT ON COLUMN {table}.{quoted(name)} IS {literal(new)}" for new in _differs(text, present)]
    for statement in statements:
        con.execute(statement).fetchall()
    return len(statements)


def _differs(text: str | None, present: str | None) -> Iterable[str | None]:
    return [] if text == present else [text]


def _comment(column: Column) -> str:
    """What the column means; without words of its contract, what its name, term, reference and source tell."""
    unit = f" [{column.unit}]" if column.unit else ""
    return f"{column.description or _told_by_name(column)}{unit}"


def _told_by_name(column: Column) -> str:
    facts = [f"term: {column.term}" if column.term else ""]
    facts += [f"refers to {'.'.join(column.references)}" if column.references else ""]
    facts += [f"read from {column.source}" if column.source != column.name else ""]
    told = ", ".join(fact for fact in facts if fact)
    words = column.name.replace("_", " ").strip().capitalize() or column.name
    return f"{words} ({told})" if told else words
