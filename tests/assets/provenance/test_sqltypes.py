"""What events call a type is what it is in the curated file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.assets.provenance.sqltypes import sql_type
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import connect
from tilth.schemas.dtypes import publishable
from tilth.schemas.spec import Column, Spec

PLAIN: list[Any] = [
    pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.UInt8(), pl.UInt16(), pl.UInt32(), pl.UInt64(), pl.Float32(),
    pl.Float64(), pl.Boolean(), pl.String(), pl.Categorical(), pl.Enum(["a"]), pl.Binary(), pl.Date(), pl.Time(),
    pl.Decimal(12, 2), pl.Decimal(38, 0),
    *(pl.Datetime(unit, zone) for unit in ("ms", "us", "ns") for zone in (None, "UTC", "Europe/Berlin")),
]  # fmt: skip
NAMES = ["a", "A", "order", "a b", 'q"q', "é", "_x", "1", "timestamp", ""]


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    structs = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3).map(pl.Struct)
    arrays = inner.filter(lambda one: not isinstance(one, pl.Array)).map(lambda one: pl.Array(one, 3))
    return inner.map(pl.List) | arrays | structs


def spec_with(dtypes: list[Any]) -> Spec:
    return Spec("T", "", "", tuple(Column(f"c{at}", f"c{at}", dtype) for at, dtype in enumerate(dtypes)), (), ())


@settings(max_examples=40)
@given(st.lists(st.recursive(st.sampled_from(PLAIN), nested, max_leaves=4).filter(publishable), min_size=1, max_size=4))
def test_types_are_called_as_the_curated_file_calls_them(dtypes: list[Any]) -> None:
    spec = spec_with(dtypes)
    with connect(None) as con:
        candidate = Candidate(con, datetime(2026, 1, 1, tzinfo=UTC))
        candidate.create("t", spec)
        assert candidate.fits("t", spec)
        called = candidate.columns("t")
    assert {column.name: sql_type(column.dtype) for column in spec.columns}.items() <= called.items()


def test_plain_types() -> None:
    with connect(None) as con:
        made = Candidate(con, datetime(2026, 1, 1, tzinfo=UTC)).types_of(spec_with(PLAIN))
    assert [sql_type(dtype) for dtype in PLAIN] == [*made.values()]


@pytest.mark.parametrize("fields", [{}, {"": pl.Int8}, {"a": pl.Int8, "A": pl.Int8}, {"a": pl.List(pl.Struct({}))}])
def test_structs_that_duckdb_cannot_hold_are_not_published(fields: Any) -> None:
    assert not publishable(pl.Struct(fields))
