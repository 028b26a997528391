"""Words that a source keeps as categories are read as the same words are from text."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.schemas.judging import judge

WORDS = ["a", "", " ", "7", "true", "2024-02-29", "2024-02-30", "x y", "\u00a0"]
OTHERS = [pl.String(), pl.Categorical(), pl.Enum(["a", "x y"]), pl.Enum(["a", "", " "]), pl.Int64(), pl.Boolean()]
OTHERS += [pl.Date(), pl.Datetime("ns"), pl.Decimal(9, 2), pl.Binary(), pl.List(pl.Int64)]


def model(dtype: Any, **facts: Any) -> type[pa.DataFrameModel]:
    body = {"__annotations__": {"it": dtype}, "it": pa.Field(**facts), "__module__": __name__}
    return type("Model", (pa.DataFrameModel,), body)


@settings(max_examples=30)
@given(st.lists(st.sampled_from(WORDS) | st.none(), max_size=5), st.sampled_from(OTHERS), st.booleans())
def test_categories_are_judged_as_text(words: list[str | None], declared: Any, nullable: bool) -> None:
    contract = model(declared, nullable=nullable)
    texts = pl.Series("it", words, dtype=pl.String)
    wanted = judge(texts.to_frame(), contract)
    for kept in (pl.Categorical(), pl.Enum(WORDS)):
        got = judge(texts.cast(kept).to_frame(), contract)
        assert got.good.equals(wanted.good, null_equal=True) and got.good.schema == wanted.good.schema
        assert got.reasons.equals(wanted.reasons) and got.toxic.equals(wanted.toxic)


@pytest.mark.parametrize("kept", [pl.String(), pl.Categorical(), pl.Enum(["a", ""])])
def test_a_blank_is_a_missing_value_whatever_keeps_it(kept: Any) -> None:
    pulled = pl.Series("it", ["a", ""], dtype=kept).to_frame()
    assert judge(pulled, model(kept, nullable=True)).good["it"].to_list() == ["a", None]
    assert judge(pulled, model(kept)).reasons.select("rule", "value").rows() == [("not_null", "")]
    day = model(dt.date, nullable=True, default=dt.date(2024, 1, 1))
    assert judge(pulled, day).good["it"].to_list() == [dt.date(2024, 1, 1)]
