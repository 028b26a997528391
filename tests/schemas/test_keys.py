"""A key's text, as quarantine knows it, is read back as the key, whatever its type and the words of its source."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.schemas.keys import typed_keys
from tilth.schemas.reasons import key_text
from tilth.schemas.spec import Column, Spec

TYPES: dict[str, tuple[Column, st.SearchStrategy[Any]]] = {
    "text": (Column("k", "K", pl.String()), st.text(min_size=1).filter(lambda t: bool(t.strip()))),
    "nul": (Column("k", "K", pl.String()), st.text('a0\0\u2400\\"', min_size=1)),
    "integer": (Column("k", "K", pl.Int64(), thousands="."), st.integers(-(2**63), 2**63 - 1)),
    "words": (Column("k", "K", pl.Boolean(), true=("ja",), false=("nein",)), st.booleans()),
    "digits": (Column("k", "K", pl.Boolean(), true=("0",), false=("1",)), st.booleans()),
    "decimal": (
        Column("k", "K", pl.Decimal(12, 2), decimal=",", thousands="."),
        st.decimals(-(10**9), 10**9, places=2, allow_nan=False),
    ),
    "day": (Column("k", "K", pl.Date(), formats=("%d.%m.%Y",)), st.dates(dt.date(1000, 1, 1))),
    "wall": (
        Column("k", "K", pl.Datetime("us"), formats=("%d.%m.%Y %H:%M:%S",), time_zone="America/New_York"),
        st.datetimes(dt.datetime(1000, 1, 1)),
    ),
    "instant": (
        Column("k", "K", pl.Datetime("us", "Europe/Berlin"), time_zone="Europe/Berlin"),
        st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)),
    ),
    "float": (Column("k", "K", pl.Float64()), st.floats(allow_nan=False, allow_infinity=False)),
}


@pytest.mark.parametrize("kind", TYPES)
@given(st.data())
def test_keys_are_read_back(kind: str, data: st.DataObject) -> None:
    column, values = TYPES[kind]
    other = Column("m", "M", pl.String())
    rows = data.draw(st.lists(st.tuples(values, st.text(min_size=1).filter(lambda t: bool(t.strip()))), min_size=1))
    keys = pl.DataFrame(rows, schema={"k": column.dtype, "m": pl.String}, orient="row")
    for key in (("k",), ("k", "m")):
        columns = tuple(c for c in (column, other) if c.name in key)
        spec = Spec("C", "", "0", tuple(_keyed(c) for c in columns), key, ())
        texts = key_text(keys, key)
        assert typed_keys(texts, spec).equals(keys.select(key)), key
        assert not texts.str.contains("\0", literal=True).any()  # no database keeps such a text whole


def _keyed(column: Column) -> Column:
    return replace(column, key=True)
