"""Rows for which a rule cannot be evaluated fail it, each alone, and however many there are."""

from __future__ import annotations

import time
from collections.abc import Callable

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.api.polars.types import PolarsData

from tilth.schemas.judging import judge

X, Y = pl.col("x"), pl.col("y")
NUMBER = X.cast(pl.Int64)
RULES: dict[str, pl.Expr] = {
    "a cast": NUMBER > 5,
    "two casts": (NUMBER > 5) & (Y.cast(pl.Int8) < 100),
    "a cast of a cast": X.cast(pl.Float64).cast(pl.UInt8) > 5,
    "a cast under a condition": pl.when(X.str.contains("^[0-9]+$")).then(NUMBER).otherwise(9) > 5,
    "a cast beside a condition": (pl.when(Y.is_null()).then(pl.lit(1)).otherwise(Y.cast(pl.Int64)) > 0) | (NUMBER > 5),
    "a cast in a condition": pl.when(NUMBER > 5).then(Y == "7").otherwise(pl.lit(True)),
    "a cast that is not strict": X.cast(pl.Int64, strict=False) > 5,
    "a day": X.str.to_date("%Y") > pl.date(2000, 1, 1),
    "a whole number": X.str.to_integer() > 5,
    "a cast of parts": X.str.split(",").cast(pl.List(pl.Int64)).list.sum() > 5,
    "one of several": NUMBER.is_in([7, 2001]) | pl.coalesce(Y.cast(pl.Int64), 0).eq(7),
}


def schema(rule: pl.Expr) -> pa.DataFrameSchema:
    """Two columns of text, and one rule over both."""

    def it(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(rule)

    columns = {name: pa.Column(str, nullable=True) for name in ("x", "y")}
    return pa.DataFrameSchema(columns, checks=pa.Check(it, name="it", ignore_na=False))


def alone(rule: pl.Expr, row: pl.DataFrame) -> bool:
    """What the rule says of one row; false where it cannot say."""
    try:
        return row.select(rule).item() is True
    except pl.exceptions.PolarsError:
        return False


TEXT = st.sampled_from(["7", "2", "2001", "300", "-1", "1.5", "x", "1,2", "", None])


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=40)
@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
def test_the_verdict_on_a_row_is_that_on_the_row_alone(name: str, rows: list[tuple[str | None, str | None]]) -> None:
    frame = pl.DataFrame(rows, schema={"x": pl.String, "y": pl.String}, orient="row")
    read = frame.with_columns(pl.all().replace("", None))  # a blank is missing
    expected = [row for row in range(frame.height) if not alone(RULES[name], read[row])]
    assert judge(frame, schema(RULES[name])).toxic["row"].to_list() == expected


@pytest.mark.parametrize("name", ["a cast", "two casts", "a day"])
def test_many_rows_that_break_a_rule_are_found_in_few_looks(name: str) -> None:
    frame = pl.DataFrame({"x": ["no", "2010"] * 20_000, "y": "8"})
    begun = time.perf_counter()
    assert judge(frame, schema(RULES[name])).counts["toxic"] == 20_000
    assert time.perf_counter() - begun < 2  # halving takes some 7 s


def _always(_: object) -> bool:
    return True


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("us")])
@pytest.mark.parametrize("function", [_always, lambda day: day.year > 1])
def test_a_day_that_python_does_not_have_fails_a_function_of_python(
    dtype: pl.DataType, function: Callable[[object], bool]
) -> None:
    days = pl.Series("day", [0, 4_000_000, 1, -3_000_000, 2], dtype=pl.Int32).cast(pl.Date).cast(dtype)
    check = pa.Check(function, element_wise=True, name="it")
    verdict = judge(days.to_frame(), pa.DataFrameSchema({"day": pa.Column(dtype, check)}))
    assert verdict.reasons.select("row", "rule").rows() == [(1, "it"), (3, "it")]
