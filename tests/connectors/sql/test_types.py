"""What lands is exactly what the database holds, in plain Arrow types, whichever reader brings it."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.conftest import Database
from tilth.connectors.protocol import Pull
from tilth.connectors.sql.columns import from_values
from tilth.connectors.sql.connector import SqlConnector

TYPES: list[tuple[str, str, pa.DataType, object]] = [
    ("smallint", "-32768", pa.int16(), -32768),
    ("integer", "2147483647", pa.int32(), 2**31 - 1),
    ("bigint", "9223372036854775807", pa.int64(), 2**63 - 1),
    ("real", "0.1", pa.float32(), 0.10000000149011612),
    ("double precision", "0.1", pa.float64(), 0.1),
    ("boolean", "true", pa.bool_(), True),
    ("numeric(12, 2)", "-1234567890.12", pa.decimal128(12, 2), Decimal("-1234567890.12")),
    ("numeric(38, 10)", "1234567890123456789012345678.0123456789", pa.decimal128(38, 10),
     Decimal("1234567890123456789012345678.0123456789")),
    ("numeric(9)", "12", pa.decimal128(9, 0), Decimal(12)),
    ("numeric", "1.10", pa.string(), "1.10"),
    ("numeric(60, 2)", "7.00", pa.string(), "7.00"),
    ("numeric(5, 2)", "'NaN'", pa.string(), "NaN"),
    ("money", "'12.50'", pa.string(), "$12.50"),
    ("text", "'100% of ''it'' : \\ ü'", pa.string(), "100% of 'it' : \\ ü"),
    ("varchar(9)", "''", pa.string(), ""),
    ("char(4)", "'ab'", pa.string(), "ab  "),
    ("name", "'n'", pa.string(), "n"),
    ("bytea", "'\\x00ff'", pa.binary(), b"\x00\xff"),
    ("date", "'2024-02-29'", pa.date32(), date(2024, 2, 29)),
    ("date", "'infinity'", pa.string(), "infinity"),
    ("time", "'23:59:59.999999'", pa.time64("us"), time(23, 59, 59, 999999)),
    ("timetz", "'10:00+02'", pa.string(), "10:00:00+02"),
    ("timestamp", "'2024-03-31 02:30:00.123456'", pa.timestamp("us"), datetime(2024, 3, 31, 2, 30, 0, 123456)),
    ("timestamp", "'-infinity'", pa.string(), "-infinity"),
    ("timestamptz", "'2024-03-31 02:30+02'", pa.timestamp("us", "UTC"), datetime(2024, 3, 31, 0, 30, tzinfo=UTC)),
    ("timestamptz", "'infinity'", pa.string(), "infinity"),
    ("interval", "'1 mon 2 days 03:00'", pa.string(), "1 mon 2 days 03:00:00"),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", pa.string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet", "'10.0.0.1/8'", pa.string(), "10.0.0.1/8"),
    ("json", "'{\"a\":  1}'", pa.string(), '{"a":  1}'),
    ("jsonb", "'{\"a\":  1}'", pa.string(), '{"a": 1}'),
    ("integer[]", "'{1,NULL,3}'", pa.string(), "{1,NULL,3}"),
    ("colour", "'red'", pa.string(), "red"),
    ("price", "1.5", pa.string(), "1.50"),
    ("bit(3)", "B'101'", pa.string(), "101"),
    ("oid", "4294967295", pa.string(), "4294967295"),
    ("point", "'(1,2)'", pa.string(), "(1,2)"),
    ("int4range", "'[1,5)'", pa.string(), "[1,5)"),
]  # fmt: skip
INFINITE = {"infinity", "-infinity"}


def read(made: SqlConnector, pull: Pull) -> pa.Table:
    return pa.concat_tables([pa.table(batch.rows) for batch in made.pull(pull)], promote_options="none")


@pytest.fixture(scope="module")
def typed(read_only: Database) -> Database:
    columns = ", ".join(f"c{n} {kind}" for n, (kind, *_) in enumerate(TYPES))
    values = ", ".join(f"{literal}" for _, literal, *_ in TYPES)
    read_only.run(
        "create type colour as enum ('red', 'blue')",
        "create domain price as numeric(8, 2) check (value > 0)",
        f'create table typed (id int primary key, {columns}, "Odd: %(name)s" text)',
        f"insert into typed values (1, {values}, 'odd')",
        "insert into typed values (2)",
    )
    return read_only


@pytest.mark.parametrize("fast", [True, False])
def test_postgres_lands_exactly(typed: Database, fast: bool) -> None:
    wanted = ["id", "Odd: %(name)s"]
    wanted += [f"c{n}" for n, (*_, got) in enumerate(TYPES) if fast or got not in INFINITE]
    table = read(typed.connector(fast=fast), Pull("typed", columns=wanted))
    first, empty = table.to_pylist()
    for n, (kind, _, lands, value) in enumerate(TYPES):
        if f"c{n}" in wanted:
            assert (table.schema.field(f"c{n}").type, first[f"c{n}"]) == (lands, value), kind
            assert empty[f"c{n}"] is None
    assert first["Odd: %(name)s"] == "odd"


SCALARS = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=5), st.binary(max_size=5)
)


def shown(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return repr(value) if isinstance(value, int | float) else value


@given(st.lists(SCALARS | st.integers(-9, 9), max_size=6))
def test_mixed_values_lose_nothing(values: list[Any]) -> None:
    try:
        for value in values:
            str(value).encode()
    except UnicodeEncodeError:
        return
    landed = from_values(values, None, pa.string()).to_pylist()
    kinds = {type(v) for v in values} - {type(None)}
    if len(kinds) < 2:
        assert landed == values
    elif kinds == {int, float} and all(isinstance(v, float) or v is None for v in landed):
        assert [None if v is None else math.floor(v) if isinstance(o, int) else v
                for v, o in zip(landed, values, strict=True)] == values  # fmt: skip
    else:
        assert landed == [None if v is None else shown(v) for v in values]


def test_sqlite_lands_what_the_values_are(tmp_path: Path, make: Callable[..., SqlConnector]) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute(
            "create table t (id integer primary key, n integer, amount numeric(10, 2), r real, s text, b blob,"
            " mixed, day date, at timestamp, empty integer, bad text)"
        )
        rows = [
            (1, 2**62, 10, 1.5, "ü%", b"\x00", "x", "2024-01-01", "2024-01-01 10:00:00", None, "ok"),
            (2, None, 10.5, None, None, None, 7, "not a day", "", None, b"raw"),
        ]
        connection.executemany("insert into t values (?,?,?,?,?,?,?,?,?,?,?)", rows)
        connection.execute("update t set bad = cast(x'ff41' as text) where id = 2")
    connection.close()
    table = read(make("sqlite", path="shop.db"), Pull("t"))
    kinds = {field.name: field.type for field in table.schema}
    assert kinds == {
        "id": pa.int64(), "n": pa.int64(), "amount": pa.float64(), "r": pa.float64(), "s": pa.string(),
        "b": pa.binary(), "mixed": pa.string(), "day": pa.string(), "at": pa.string(), "empty": pa.int64(),
        "bad": pa.string(),
    }  # fmt: skip
    assert table.column("mixed").to_pylist() == ["x", "7"] and table.column("amount").to_pylist() == [10.0, 10.5]
    assert table.column("bad").to_pylist() == ["ok", "ff41"] and table.column("n")[0].as_py() == 2**62
    assert table.column("day").to_pylist() == ["2024-01-01", "not a day"]
