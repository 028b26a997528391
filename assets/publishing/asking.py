"""A derived table's query, as a relation that one file can hold without losing anything.

Its text may end as people end SQL: with semicolons, with a comment. Provenance columns that `SELECT *` brings along
are left out, since the table gets its own. What Parquet has no exact type for goes as text, what is nested as JSON.
"""

from __future__ import annotations

from collections.abc import Collection

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted

__all__ = ["OURS", "numbered", "one_statement"]

OURS = ("_batch", "_ordinal")
_PLAIN = (
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT",
    "DOUBLE", "DECIMAL", "VARCHAR", "BLOB", "DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS",
)  # fmt: skip
_NESTED = ("STRUCT", "MAP", "UNION")


def numbered(candidate: Candidate, sql: str, sources: Collection[str]) -> str:
    """The query's rows, each with its `_batch` and `_ordinal`; of columns named `_…` only those in `sources`."""
    asked = f"({one_statement(sql)}\n) q"
    described = [(str(row[0]), str(row[1])) for row in candidate.run(f"DESCRIBE SELECT * FROM {asked}")]
    kept = [
        _exact(name, kind)
        for name, kind in described
        if not name.startswith("_") or (name in sources and name not in OURS)
    ]
    columns = ", ".join(["0::BIGINT AS _batch", "(row_number() OVER ()) - 1 AS _ordinal", *kept])
    return f"SELECT {columns} FROM {asked}"


def _exact(name: str, kind: str) -> str:
    """A column as a file holds it exactly.

    Of HUGEINT, which a sum of integers is, Parquet would make doubles; of the hour 24 of TIME, polars nothing.
    """
    head, column = kind.partition("(")[0], f"q.{quoted(name)}"
    if kind.endswith("]") or head in _NESTED:
        return f"to_json({column})::VARCHAR AS {quoted(name)}"
    return column if head in _PLAIN else f"{column}::VARCHAR AS {quoted(name)}"


def one_statement(sql: str) -> str:
    """The text without the semicolons that end it; comments may stay, if a line end follows."""
    import duckdb

    text, end = sql.encode(), len(sql.encode())
    for offset, kind in reversed(duckdb.tokenize(sql)):
        if text[offset : offset + 1] == b";":
            end = offset
        elif kind != duckdb.token_type.comment:
            break
    return text[:end].decode()
