"""Days and moments that Python has no value for come as the database writes them, whichever reader brings them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.connectors.conftest import Database
from tilth.connectors.protocol import Pull

BEYOND = {
    "date": ("infinity", "-infinity", "20000-01-02", "4000-01-02 BC", "2024-02-29"),
    "timestamp": ("infinity", "-infinity", "20000-01-02 03:04:05", "4000-01-02 03:04:05 BC", "2024-02-29 01:02:03"),
    "timestamptz": ("infinity", "-infinity", "20000-01-02 03:04:05+00", "2024-02-29 01:02:03+00"),
}


@pytest.mark.parametrize("kind", BEYOND)
def test_what_python_has_no_value_for_lands_as_text(database: Database, kind: str) -> None:
    rows = ", ".join(f"({number}, '{text}')" for number, text in enumerate(BEYOND[kind]))
    database.run(f"create table beyond (id int primary key, at {kind})", f"insert into beyond values {rows}")
    request = Pull("beyond", key=("id",), columns=("id", "at"))
    found: list[list[str]] = []
    for fast in (True, False):
        (batch, *_) = database.connector(fast=fast).pull(request)
        assert batch.rows.schema.field("at").type == pa.string()
        found.append(batch.rows.column("at").to_pylist())
        assert found[-1][:2] == ["infinity", "-infinity"]
        assert found[-1][2].startswith("20000-01-02")
        assert found[-1][-1].startswith("2024-02-29")
    assert [len(texts) for texts in found] == [len(BEYOND[kind])] * 2


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("kind", BEYOND)
def test_a_far_year_alone_is_text_too(database: Database, kind: str, *, fast: bool) -> None:
    database.run(f"create table beyond (id int primary key, at {kind})", "insert into beyond values (1, '20000-01-02')")
    (batch, *_) = database.connector(fast=fast).pull(Pull("beyond", key=("id",), columns=("id", "at")))
    assert batch.rows.column("at").to_pylist()[0].startswith("20000-01-02")
