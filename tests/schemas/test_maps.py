"""Maps, which polars reads from Parquet, are judged as lists of keys and values, at any depth."""

from __future__ import annotations

import json
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.schemas.judging import judge

PAIRS = st.none() | st.lists(
    st.tuples(st.text("ab", max_size=1), st.integers(0, 300) | st.none()), max_size=3, unique_by=lambda pair: pair[0]
)
ENTRY = pl.Struct({"key": pl.String, "value": pl.Int64})


def told(pairs: list[tuple[str, int | None]] | None) -> list[dict[str, Any]] | None:
    return None if pairs is None else [{"key": key, "value": value} for key, value in pairs]


@settings(max_examples=30)
@given(st.lists(PAIRS, min_size=1, max_size=4), st.booleans())
def test_a_map_is_a_list_of_keys_and_values(rows: list[list[tuple[str, int | None]] | None], inside: bool) -> None:
    entries = pl.Series("it", [told(pairs) for pairs in rows], dtype=pl.List(ENTRY))
    maps = entries.cast(pl.Map(pl.String, pl.Int64))
    small: Any = pl.List(pl.Struct({"value": pl.UInt8, "key": pl.String}))
    pulled, declared = maps.to_frame(), small
    if inside:
        pulled, declared = pulled.select(pl.struct(x="it").alias("it")), pl.Struct({"x": small})
    body = {"__annotations__": {"it": declared}, "it": pa.Field(nullable=True), "__module__": __name__}
    verdict = judge(pulled, type("Model", (pa.DataFrameModel,), body))
    fits = [all(value is None or value < 256 for _, value in pairs or ()) for pairs in rows]
    good = [told(pairs) for pairs, fit in zip(rows, fits, strict=True) if fit]
    assert verdict.good["it"].to_list() == ([{"x": one} for one in good] if inside else good)
    assert verdict.toxic["row"].to_list() == [at for at, fit in enumerate(fits) if not fit]
    raw = [json.loads(json.loads(text)["it"]) for text in verdict.toxic["raw"]]
    wrong = [told(pairs) for pairs, fit in zip(rows, fits, strict=True) if not fit]
    assert [one["x"] if inside else one for one in raw] == wrong
    every = judge(pulled, type("Text", (pa.DataFrameModel,), body | {"__annotations__": {"it": pl.String}}))
    assert every.counts["toxic"] == 0
