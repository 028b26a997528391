"""Contracts that are wrong: told by class, field and line, before any record is judged wherever that can be known."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.api.polars.types import PolarsData
from test_compiled import CUSTOM

from tilth.errors import ContractError
from tilth.schemas.judging import Judge, judge
from tilth.schemas.trial import findings, slow

Function = Callable[[PolarsData], Any]
FRAME = pl.DataFrame({"a": [3, 1, 2], "b": ["x", "y", "z"]})


def schema(function: Any, **options: Any) -> pa.DataFrameSchema:
    """Two columns, of which `a` has the check."""
    checks = pa.Check(function, name="it", **options)
    return pa.DataFrameSchema({"a": pa.Column(int, checks), "b": pa.Column(str)}, name="Bad")


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


def test_what_only_some_values_break_is_no_mistake() -> None:
    def it(value: int) -> bool:
        return {3: True, 2: None}[value].bit_count() == 1  # type: ignore[union-attr]

    verdict = judge(FRAME, schema(it, element_wise=True))
    assert verdict.good["a"].to_list() == [3] and verdict.toxic["row"].to_list() == [1, 2]


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


def test_a_check_that_breaks_on_the_data_judges_nothing() -> None:
    def first(data: PolarsData) -> bool:
        return data.lazyframe.collect()["a"][0] > 2

    def divided(data: PolarsData) -> Any:
        return data.lazyframe.select(pl.col("a").map_elements(lambda v: 6 // v > 2, return_dtype=pl.Boolean))

    judge_first, judge_divided = Judge.of(schema(first)), Judge.of(schema(divided))  # nulls prove nothing
    with pytest.raises(ContractError, match=r"test_bad_contracts\.py:\d+: Bad\.a: check it failed: TypeError"):
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


def ordinal(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col("a").rank("ordinal") < 3)


def halves(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.int_range(pl.len()) < 4)


def sampled(data: PolarsData) -> Any:
    return data.lazyframe.select(pl.col("a").shuffle() > 2)


class Counter:
    """Says yes to what it has not seen."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def __call__(self, value: int) -> bool:
        known = value in self.seen
        self.seen.add(value)
        return not known


ORDER, TIME = "depends on the order of the records", "gives another verdict when it is asked again"


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        *((CUSTOM[name], {}, ORDER) for name in ("not_first", "changes")),
        (ordinal, {}, ORDER),
        (halves, {}, ORDER),
        (sampled, {}, TIME),
        (Counter(), {"element_wise": True}, TIME),
        *((CUSTOM[name], {}, None) for name in CUSTOM if name not in ("not_first", "changes")),
        (lambda d: d.lazyframe.select(pl.col("a").shift(1).over("b", order_by="a") != pl.col("a")), {}, None),
        (lambda d: d.lazyframe.collect()["a"][0] > "x", {}, None),  # cannot be told from plain values
    ],
)
def test_verdicts_that_no_source_can_rely_on(function: Any, options: dict[str, Any], said: str | None) -> None:
    bad = schema(function, **options)
    compiled = Judge.of(bad)
    told = [str(one) for one in findings(compiled.rules, compiled.spec)]
    assert len(told) == (said is not None) and all(said and said in one and "Bad.a: check it" in one for one in told)


def test_what_takes_the_slow_way_is_said() -> None:
    class Mixed(pa.DataFrameModel):
        a: int = pa.Field(ge=0)
        b: str

        @pa.check("b", element_wise=True)
        def spelled(cls, value: str) -> bool:
            return value.isalpha()

        @pa.check("a")
        def near_mean(cls, data: PolarsData) -> Any:
            return data.lazyframe.select(pl.col("a") < pl.col("a").mean() * 2)

        @pa.check("a")
        def even(cls, data: PolarsData) -> Any:
            return data.lazyframe.select(pl.col("a") % 2 == 0)

    line = inspect.getsourcelines(Mixed)[1]
    assert [(one.where, one.what) for one in slow(Judge.of(Mixed).rules)] == [
        (
            f"test_bad_contracts.py:{line + 8}: Mixed.a",
            "check near_mean looks at more than one record: the whole pull is held in memory at once",
        ),
        (
            f"test_bad_contracts.py:{line + 4}: Mixed.b",
            "check spelled is asked value by value in Python: the slow way",
        ),
    ]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["a", "b"]), st.text(max_size=3))
def test_near_names_never_raise(known: str, wrong: str) -> None:
    frame = schema(lambda data: data.lazyframe.select(pl.col(f"{known}{wrong}x") > 1))
    with pytest.raises(ContractError, match="unknown column"):
        Judge.of(frame)
