"""Mistakes in a contract's checks are told by class, field and line, before any record is judged."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_check import schema
from pandera.api.polars.types import PolarsData

from tilth.errors import ContractError
from tilth.schemas.judging import Judge, judge

Function = Callable[[PolarsData], Any]


def missing(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col("aa") > 1)


def missing_later(data: PolarsData) -> Any:
    return data.lazyframe.collect()["aa"].max() == 1


def missing_in_a_step(data: PolarsData) -> Any:
    return data.lazyframe.with_columns(c=pl.col("aa") + 1).select(pl.col("c") > pl.col("c").mean())


def undefined(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col(data.key) > limit)  # type: ignore[name-defined]  # noqa: F821


def mistyped(data: PolarsData) -> Any:
    return data.lazyframe.selct(pl.col(data.key) > 1)  # type: ignore[attr-defined]


def mistyped_expression(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col(data.key).is_nul())  # type: ignore[attr-defined]


def arguments(data: PolarsData, limit: int, more: int) -> Any:
    return data.lazyframe.select(pl.col(data.key) > limit + more)


def shorter(data: PolarsData) -> Any:
    return data.lazyframe.filter(pl.col(data.key).is_not_null()).select(pl.col(data.key) > 1)


def numbers(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col(data.key) * 2)


def numbers_of_all(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col(data.key).cum_sum())


def nothing(data: PolarsData) -> Any:
    data.lazyframe.select(pl.col(data.key) > 1)


def expression(data: PolarsData) -> Any:
    return pl.col(data.key) > 1


def text_of_a_number(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col(data.key).str.len_chars() > 1)


def text_of_all(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col(data.key).str.len_chars() > pl.col(data.key).max())


MISTAKES: list[tuple[Function | Callable[..., Any], str]] = [
    (missing, "check it looks at an unknown column 'aa' (expected 'a', perhaps)"),
    (missing_later, "check it looks at an unknown column 'aa' (expected 'a', perhaps)"),
    (missing_in_a_step, "check it looks at an unknown column 'aa' (expected 'a', perhaps)"),
    (undefined, "check it failed: NameError: name 'limit' is not defined"),
    (mistyped, "check it failed: AttributeError"),
    (mistyped_expression, "check it failed: AttributeError: 'Expr' object has no attribute 'is_nul'"),
    (arguments, "check it failed: TypeError: arguments() missing 2 required positional arguments"),
    (shorter, "check it gives 0 verdicts (expected one, or one a row, got 2 rows)"),
    (numbers, "check it gives no verdict (expected Boolean, got Int64)"),
    (numbers_of_all, "check it gives no verdict (expected a LazyFrame of one Boolean a row, or True or False, got"),
    (nothing, "check it gives no verdict (expected a LazyFrame of one Boolean a row, or True or False, got NoneType)"),
    (expression, "check it gives no verdict (expected a LazyFrame of one Boolean a row, or True or False, got Expr)"),
    (text_of_a_number, "check it cannot be evaluated: "),
    (text_of_all, "check it failed: "),
]


@pytest.mark.parametrize(("function", "said"), MISTAKES, ids=[one.__name__ for one, _ in MISTAKES])
def test_a_mistake_is_told_before_any_data(function: Any, said: str) -> None:
    with pytest.raises(ContractError) as caught:
        Judge.of(schema(function))
    line = inspect.getsourcelines(function)[1]
    assert caught.value.lines()[0].startswith(f"test_bad_contracts.py:{line}: Bad.a: {said}")


def misspelt(value: int) -> bool:
    return lenn(value) > 1  # type: ignore[name-defined]  # noqa: F821


def not_there(value: int) -> bool:
    return value.lenght() > 1  # type: ignore[attr-defined]


def not_in_its_module(value: int) -> bool:
    return inspect.nothing(value) > 1  # type: ignore[attr-defined]


def not_installed(value: int) -> bool:
    import no_such_library  # type: ignore[import-not-found]

    return no_such_library.holds(value)


def of_three(value: int, other: int, more: int) -> bool:
    return value > other > more


ELEMENT_WISE: list[tuple[Callable[..., bool], str]] = [
    (misspelt, "check it failed: NameError: name 'lenn' is not defined"),
    (not_there, "check it failed: AttributeError: 'int' object has no attribute 'lenght'"),
    (not_in_its_module, "check it failed: AttributeError: module 'inspect' has no attribute 'nothing'"),
    (not_installed, "check it failed: ModuleNotFoundError: No module named 'no_such_library'"),
    (of_three, "check it failed: TypeError: of_three() missing 2 required positional arguments: 'other' and 'more'"),
]


@pytest.mark.parametrize(("function", "said"), ELEMENT_WISE, ids=[one.__name__ for one, _ in ELEMENT_WISE])
def test_a_mistake_in_a_function_of_one_value_is_told_before_any_data(function: Any, said: str) -> None:
    with pytest.raises(ContractError) as caught:
        Judge.of(schema(function, element_wise=True))
    line = inspect.getsourcelines(function)[1]
    assert caught.value.lines()[0] == f"test_bad_contracts.py:{line}: Bad.a: {said}"


def test_a_check_of_a_field_that_is_not_there_is_told_where_it_is_written() -> None:
    class Lost(pa.DataFrameModel):
        amount: int
        number: int = pa.Field(alias="No")

        @pa.check("amuont")
        def positive(cls, data: PolarsData) -> Any:
            return data.lazyframe.select(pl.col(data.key) > 1)

    with pytest.raises(ContractError) as caught:
        judge(pl.DataFrame({"amount": [1], "No": [1]}), Lost)
    line = inspect.getsourcelines(Lost)[1] + 4
    told = f"test_bad_contracts.py:{line}: Lost.positive: the check positive is of an unknown field 'amuont'"
    assert caught.value.lines()[0] == f"{told} (expected 'amount', perhaps)"
    assert "tilth check" not in str(caught.value)


def test_the_place_of_a_method_is_where_it_is_written() -> None:
    class Base(pa.DataFrameModel):
        number: int

        @pa.dataframe_check
        def wrong(cls, data: PolarsData) -> Any:
            return data.lazyframe.select(pl.col("numbr") > 1)

    class Heir(Base):
        more: int

    for one in (Base, Heir):
        with pytest.raises(ContractError) as caught:
            Judge.of(one)
        line = inspect.getsourcelines(Base)[1] + 3
        assert caught.value.where == f"test_bad_contracts.py:{line}: {one.__name__}.wrong"


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["a", "b"]), st.text(max_size=3))
def test_near_names_never_raise(known: str, wrong: str) -> None:
    frame = schema(lambda data: data.lazyframe.select(pl.col(f"{known}{wrong}x") > 1))
    with pytest.raises(ContractError, match="unknown column"):
        Judge.of(frame)
