"""A cheaper expression says of every value, nulls too, what the check's own says."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.schemas.cheaper import cheaper
from tilth.schemas.evaluate import asked
from tilth.schemas.splitting import Judge

TEXTS = st.sampled_from(["", " ", "a", "A", "ab", "ä", "a\0", "new", "paid"]) | st.text(max_size=14)


def only(dtype: Any, check: pa.Check) -> Any:
    return pa.DataFrameSchema({"a": pa.Column(dtype, check, nullable=True)})


@given(st.lists(TEXTS, min_size=1, max_size=10), st.lists(st.none() | TEXTS, max_size=20), st.booleans())
def test_one_of_few_words(words: list[str], values: list[str | None], ignore_na: bool) -> None:
    check = pa.Check.isin(words, ignore_na=ignore_na)
    frame = pl.DataFrame({"a": pl.Series([*values, *words, None], dtype=pl.String)})
    (rule,) = Judge.of(only(str, check)).rules
    assert rule.expression is not None
    verdict = frame.select(rule.expression).to_series()
    assert verdict.to_list() == asked(check, frame, "a", "").to_list()


class Word(str, Enum):  # noqa: UP042  (its text is not what it holds)
    A = "a"


@pytest.mark.parametrize(
    ("dtype", "words", "changed"),
    [
        (pl.String(), ["a", "b"], True),
        (pl.String(), list("abcdefgh"), True),
        (pl.String(), list("abcdefghi"), False),
        (pl.String(), ["a", 1], False),
        (pl.String(), [Word.A], False),
        (pl.Int64(), [1, 2], False),
        (pl.Enum(["a"]), ["a"], False),
    ],
)
def test_what_costs_less_is_taken_where_it_does(dtype: pl.DataType, words: list[Any], changed: bool) -> None:
    own = pl.col("a").is_in(["a"])
    assert (cheaper(pa.Check.isin(words), "a", dtype, own) is not own) is changed
    assert cheaper(pa.Check.notin(words), "a", dtype, own) is own
