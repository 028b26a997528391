"""Checks that only the data can break, or that would change it: such a check judges nothing, and changes nothing."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from one_check import schema
from pandera.api.polars.types import PolarsData

from tilth.errors import ContractError
from tilth.schemas.judging import Judge, judge

FRAME = pl.DataFrame({"a": [3, 1, 2], "b": ["x", "y", "z"]})


def test_what_only_some_values_break_is_no_mistake() -> None:
    def it(value: int) -> bool:
        return {3: True, 2: None}[value].bit_count() == 1  # type: ignore[union-attr]

    verdict = judge(FRAME, schema(it, element_wise=True))
    assert verdict.good["a"].to_list() == [3] and verdict.toxic["row"].to_list() == [1, 2]


def test_a_check_that_breaks_on_the_data_judges_nothing() -> None:
    def first(data: PolarsData) -> bool:
        return data.lazyframe.collect()["a"][0] > 2

    def divided(data: PolarsData) -> Any:
        return data.lazyframe.select(pl.col("a").map_elements(lambda v: 6 // v > 2, return_dtype=pl.Boolean))

    judge_first, judge_divided = Judge.of(schema(first)), Judge.of(schema(divided))  # nulls prove nothing
    with pytest.raises(ContractError, match=r"test_checks_on_data\.py:\d+: Bad\.a: check it failed: TypeError"):
        judge_first.rows(FRAME.with_columns(a=pl.lit(None, pl.Int64)))
    with pytest.raises(ContractError, match=r"check it failed: ZeroDivisionError"):
        judge_divided.rows(FRAME.with_columns(a=pl.lit(0)))
    assert judge_first.rows(FRAME).good.height == 3 and judge_divided.rows(FRAME).good["a"].to_list() == [1, 2]


def test_a_check_that_gives_another_number_of_verdicts_judges_nothing() -> None:
    def unique(data: PolarsData) -> Any:
        return data.lazyframe.unique("a").select(pl.col("a").rank() > 0)

    with pytest.raises(ContractError, match=r"gives 2 verdicts \(expected one, or one a row, got 3 rows\)"):
        judge(FRAME.with_columns(a=pl.Series([1, 1, 2])), schema(unique))


def test_a_check_cannot_change_what_is_judged() -> None:
    def changes(data: PolarsData) -> bool:
        collected = data.lazyframe.collect()
        collected[0, "a"] = 99
        collected.drop_in_place("b")
        return True

    assert judge(FRAME, schema(changes)).good.equals(FRAME)
