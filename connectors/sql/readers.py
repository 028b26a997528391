"""From one statement to Arrow tables: a fast reader where there is one, rows of the driver everywhere.

A reader yields (table, place of its last row); a fast one may be missing or fail on what it does not know, then rows
go on behind the last table that was delivered. Parameters are rendered into the statement for ADBC, which does not
stream a statement that has any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from typing import Any, cast

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tilth.connectors.secrets import Secret
from tilth.connectors.sql.columns import Landing, from_values, place_text
from tilth.connectors.sql.keyset import Place, encoded

__all__ = ["Part", "Reader", "adbc", "has_adbc", "rows"]

_MOST_ROWS = 50_000  # as Python values they take ten times the memory

Part = tuple[pa.Table, Place | None]
"""Landed rows, hidden columns still with them, and the place of the last one."""

Reader = Callable[[sa.Select[Any], Sequence[Landing], Sequence[str], int], Iterator[Part]]
"""statement, columns, names of the order's columns, rows a table"""


def has_adbc() -> bool:
    """Whether the fast reader for PostgreSQL is installed."""
    return find_spec("adbc_driver_postgresql") is not None and find_spec("adbc_driver_manager") is not None


def adbc(conninfo: Secret) -> Reader:
    """PostgreSQL by binary COPY."""

    def read(
        statement: sa.Select[Any], landings: Sequence[Landing], order: Sequence[str], batch_rows: int
    ) -> Iterator[Part]:
        from adbc_driver_postgresql import dbapi

        dialect = postgresql.dialect(paramstyle="named")
        text = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        with closing(dbapi.connect(conninfo.reveal(), autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            with cursor.fetch_record_batch() as batches:
                for table in _rechunked(batches, batches.schema, batch_rows):
                    landed = pa.table({one.name: one.landed(table.column(one.name)) for one in landings})
                    yield landed, _last(landed, order)

    return read


def _last(table: pa.Table, order: Sequence[str]) -> Place | None:
    return [place_text(table.column(name)[-1]) for name in order] if table.num_rows else None


def _rechunked(batches: Iterable[pa.RecordBatch], schema: pa.Schema, size: int) -> Iterator[pa.Table]:
    """The same rows in tables of `size`, without copying them; at least one table, perhaps empty."""
    held, count, delivered = list[pa.RecordBatch](), 0, False
    for batch in batches:
        at = 0
        while at < batch.num_rows:
            piece = batch.slice(at, size - count)
            held.append(piece)
            at, count = at + piece.num_rows, count + piece.num_rows
            if count == size:
                yield pa.Table.from_batches(held, schema)
                held, count, delivered = list[pa.RecordBatch](), 0, True
    if count or not delivered:
        yield pa.Table.from_batches(held, schema)


def rows(engine: sa.Engine) -> Reader:
    """Any database, row by row from a server-side cursor."""

    def read(
        statement: sa.Select[Any], landings: Sequence[Landing], order: Sequence[str], batch_rows: int
    ) -> Iterator[Part]:
        at = [next(n for n, one in enumerate(landings) if one.name == name) for name in order]
        with engine.connect() as connection:
            size = min(batch_rows, _MOST_ROWS)
            fetch = (
                _raw(connection, statement)
                if engine.dialect.name == "sqlite"
                else _streamed(connection, statement, size)
            )
            delivered = False
            while part := fetch(size):
                yield _table(part, landings), [encoded(part[-1][n]) for n in at]
                delivered = True
            if not delivered:
                yield _table([], landings), None

    return read


_Fetch = Callable[[int], Sequence[Sequence[Any]]]


def _streamed(connection: sa.Connection, statement: sa.Select[Any], size: int) -> _Fetch:
    return connection.execution_options(stream_results=True, max_row_buffer=size).execute(statement).fetchmany


def _raw(connection: sa.Connection, statement: sa.Select[Any]) -> _Fetch:
    """SQLite's own cursor: its values need no processing, and row objects would double the time."""
    compiled = statement.compile(connection)
    parameters = compiled.construct_params()
    cursor = connection.connection.cursor()
    cursor.execute(str(compiled), [parameters[name] for name in compiled.positiontup or []])
    return cast("_Fetch", cursor.fetchmany)


def _table(part: Sequence[Sequence[Any]], landings: Sequence[Landing]) -> pa.Table:
    columns: Iterable[Sequence[object]] = zip(*part, strict=True) if part else [() for _ in landings]
    arrays = {
        one.name: one.landed(pa.chunked_array([from_values(values, one.read, one.empty)]))
        for one, values in zip(landings, columns, strict=True)
    }
    return pa.table(arrays)
