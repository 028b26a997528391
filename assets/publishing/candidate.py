"""The release being built: one DuckDB connection on a clone of the current file, inside one transaction.

Knows tables, their columns and the scratch tables of one table's turn. What is merged, and why, is decided in
`merge.py` and `settle.py`; how the file becomes a release is `release.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import polars as pl
from polars import selectors as cs

from tilth.assets.provenance.columns import PROVENANCE
from tilth.assets.publishing.engine import quoted
from tilth.schemas.contract import Spec
from tilth.schemas.dtypes import is_words
from tilth.schemas.leaves import retyped

__all__ = ["Candidate", "comma"]

Row = tuple[object, ...]
_LOADING = "tilth_loading"


@dataclass(slots=True)
class Candidate:
    """The clone, open for writing, and what has been done to each table in it."""

    con: duckdb.DuckDBPyConnection
    now: datetime  # what `_updated_at` of written rows says
    changed: set[str] = field(default_factory=set[str])

    def run(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Execute one statement and drain its result (an open result would own the connection)."""
        return self.con.execute(sql, list(parameters)).fetchall()

    def number(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """The one integer a query gives; 0 for NULL."""
        value = self.run(sql, parameters)[0][0]
        return int(str(value)) if value is not None else 0

    def frame(self, sql: str) -> pl.DataFrame:
        """A query's rows as a polars frame; points in time in UTC, as files hold them."""
        return self.con.sql(sql).pl().with_columns(cs.datetime(time_zone="*").dt.convert_time_zone("UTC"))

    def tables(self) -> set[str]:
        """The names of the published tables."""
        rows = self.run("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND NOT temporary")
        return {str(row[0]) for row in rows}

    def columns(self, table: str) -> dict[str, str]:
        """A table's columns and their DuckDB types, in order."""
        rows = self.run(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE schema_name = 'main' AND table_name = ? ORDER BY column_index",
            [table],
        )
        return {str(name): str(kind) for name, kind in rows}

    def rows(self, table: str) -> int:
        """How many rows a published table has."""
        return self.number(f"SELECT count(*) FROM {quoted(table)}")

    def create(self, table: str, spec: Spec) -> None:
        """Create `table` as its contract declares it, empty, if it is not there.

        Plain DDL: after CREATE TABLE AS an empty result, filters in the same transaction find no
        inserted row (DuckDB 2.0.0).
        """
        if table not in self.tables():
            columns = {**self.types_of(spec), **PROVENANCE}
            self.run(f"CREATE TABLE {quoted(table)} ({_ddl(columns)})")
            self.changed.add(table)

    def types_of(self, spec: Spec) -> dict[str, str]:
        """The DuckDB types of a contract's columns."""
        empty = pl.DataFrame(schema={column.name: column.dtype for column in spec.columns})
        return self._register(empty)

    def fits(self, table: str, spec: Spec) -> bool:
        """Whether the published table has exactly the contract's columns and types (or does not exist yet)."""
        return table not in self.tables() or self.columns(table) == {**self.types_of(spec), **PROVENANCE}

    def remove(self, table: str, leaving: str) -> int:
        """Delete the rows whose `rowid` a query gives; how many.

        Cast: where a join may filter by `rowid`, rows that this transaction wrote can be missed (DuckDB 2.0.0).
        """
        return self.number(
            f"DELETE FROM {quoted(table)} WHERE rowid::HUGEINT IN (SELECT crow::HUGEINT FROM ({leaving}))"
        )

    def drop(self, table: str) -> None:
        """Remove a published table."""
        self.run(f"DROP TABLE {quoted(table)}")

    def scratch(self, name: str, columns: str) -> None:
        """An empty temporary table, in place of the last one of that name."""
        self.run(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")

    def load(self, name: str, frame: pl.DataFrame) -> None:
        """A small frame as a temporary table."""
        self.scratch(name, _ddl(self._register(frame)))
        self.run(f"INSERT INTO {name} SELECT * FROM {_LOADING}")

    def view(self, name: str, sql: str) -> None:
        """A temporary view, in place of the last one of that name."""
        self.run(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")

    def _register(self, frame: pl.DataFrame) -> dict[str, str]:
        """Let SQL see a frame as `tilth_loading`, until the next one; its columns and their types."""
        plain = frame.cast(pl.Schema({name: retyped(dtype, _worded) for name, dtype in frame.schema.items()}))
        self.con.register(_LOADING, plain.to_arrow())
        return {str(row[0]): str(row[1]) for row in self.run(f"DESCRIBE SELECT * FROM {_LOADING}")}


def _worded(leaf: Any, beside: Any) -> Any:
    """Categories as their words: inside arrays, DuckDB takes the numbers that stand for them."""
    del beside
    return pl.String() if is_words(leaf) else leaf


def _ddl(columns: dict[str, str]) -> str:
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())


def comma(names: Iterable[str], prefix: str = "") -> str:
    """Quoted names in a row, each behind `prefix`."""
    return ", ".join(f"{prefix}{quoted(name)}" for name in names)
