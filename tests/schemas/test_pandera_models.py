"""Pandera models as people have them already: each option means what pandera means by it, or is refused by name."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Optional

import pandera.polars as pa
import polars as pl
import pytest
from pandera.api.dataframe.model_components import dataframe_parser, parser
from pandera.api.parsers import Parser
from pandera.engines.polars_engine import Category, DateTime, Engine, Int64, PydanticModel
from pydantic import BaseModel

from tilth.errors import ContractError
from tilth.schemas.contract import Contract, field, spec_of
from tilth.schemas.judging import Judge, Verdict, judge
from tilth.schemas.pieces import pieces


def told(verdict: Verdict) -> list[tuple[Any, ...]]:
    """(row, rule, column, value) of every reason."""
    return verdict.reasons.select("row", "rule", "column", "value").rows()


class Strict(pa.DataFrameModel):
    a: int
    b: str = pa.Field(nullable=True)

    class Config:
        strict = True


class Filtered(Strict):
    class Config:
        strict = "filter"


class Ordered(Strict):
    class Config:
        strict = False
        ordered = True


def test_a_strict_model_refuses_more_columns_and_says_which() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert judge(frame, Strict).counts["toxic"] == 0
    verdict = judge(frame.with_columns(z=1, y=2), Strict)
    assert told(verdict) == [(0, "strict", "z,y", None), (1, "strict", "z,y", None)]
    assert verdict.reasons["expected"][0] == "no columns but those of the contract"
    assert judge(frame.with_columns(_ours=1), Strict).counts["good"] == 2
    assert judge(frame.with_columns(z=1), Filtered).good.columns == ["a", "b"]


def test_what_the_house_needs_is_no_stranger_to_a_strict_model() -> None:
    raw = pl.DataFrame({"a": [1, 2], "b": ["x", "y"], "gone": ["no", "yes"], "changed": [1, 2]})
    judged = Judge.of(Strict, deleted="gone", beside=["changed"]).rows(raw)
    assert judged.good["_deleted"].to_list() == [False, True] and judged.toxic.is_empty()
    strange = Judge.of(Strict, deleted="gone").rows(raw)
    assert strange.good["a"].to_list() == [2]  # a record that is deleted is asked for its key alone
    (quality,) = [q for q in strange.quality if q.rule == "strict"]
    assert (quality.column, quality.checked, quality.failed) == ("changed", 1, 1)


def test_an_ordered_model_refuses_another_order() -> None:
    frame = pl.DataFrame({"b": ["x"], "other": [0], "a": [1]})
    verdict = judge(frame, Ordered)
    assert told(verdict) == [(0, "ordered", "b", None)]
    assert verdict.reasons["expected"][0] == "columns in the order a, b"
    assert judge(frame.select("a", "other", "b"), Ordered).counts["good"] == 1


class Measures(pa.DataFrameModel):
    sensor: str
    first: float = pa.Field(alias="m_1", ge=10)
    rest: int = pa.Field(alias="^m_[0-9]$", regex=True, ge=0, nullable=True)
    more: str = pa.Field(alias="note_.+", regex=True)

    @pa.check("^m_[0-9]$")
    def small(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) < 50)

    class Config:
        strict = True


def test_a_pattern_stands_for_every_column_that_matches() -> None:
    raw = pl.DataFrame({"m_3": ["-1", "60"], "sensor": ["s", "t"], "m_1": [9.0, 11.0], "m_2": [1, None], "note_a": "x"})
    verdict = judge(raw, Measures)
    assert told(verdict) == [
        (0, "greater_than_or_equal_to", "m_1", "9.0"),
        (0, "greater_than_or_equal_to", "m_3", "-1"),
        (1, "small", "m_3", "60"),
    ]
    assert Judge.of(Measures, pulled=raw.schema).spec.schema == {
        "sensor": pl.String(), "m_1": pl.Float64(), "m_3": pl.Int64(), "m_2": pl.Int64(), "note_a": pl.String(),
    }  # fmt: skip


def test_a_pattern_that_must_match_and_does_not() -> None:
    verdict = judge(pl.DataFrame({"sensor": ["s"], "m_1": [11], "m_2": [1]}), Measures)
    assert told(verdict) == [(0, "column", "^note_.+$", None)]

    class Loose(pa.DataFrameModel):
        a: int
        rest: Optional[int] = pa.Field(alias="^r_.$", regex=True)  # noqa: UP045

    assert judge(pl.DataFrame({"a": [1]}), Loose).good.columns == ["a"]

    class Nothing(pa.DataFrameModel):
        rest: int = pa.Field(alias="^r_.$", regex=True)

    with pytest.raises(ContractError, match=r"no columns.*none that fits \^r_\.\$"):
        judge(pl.DataFrame({"a": [1]}), Nothing)


def test_a_table_of_a_project_declares_what_a_pattern_stands_for() -> None:
    with pytest.raises(ContractError, match="a table's columns must be known") as caught:
        spec_of(Measures)
    assert caught.value.where == "Measures.^m_[0-9]$" and "columns" in caught.value.expected

    class Declared(Contract):
        key: str = field(key=True)
        months: int = field(alias="^m_[0-9]+$", regex=True, columns=("m_1", "m_12"), ge=0)

    assert list(spec_of(Declared).schema) == ["key", "m_1", "m_12"]
    verdict = judge(pl.DataFrame({"key": ["a", "b"], "m_1": [1, 1], "m_12": [-1, 0], "m_2": [0, 0]}), Declared)
    assert told(verdict) == [(0, "greater_than_or_equal_to", "m_12", "-1")]

    class Misfit(Contract):
        months: int = field(alias="^m_[0-9]+$", regex=True, columns=("m_1", "month"))

    with pytest.raises(ContractError, match=r"does not fit the pattern.*got month"):
        spec_of(Misfit)

    class Twice(Contract):
        a: int = field(alias="^m_.$", regex=True)
        b: int = field(alias="^m_[0-9]$", regex=True)

    with pytest.raises(ContractError, match="two patterns stand for the column m_1"):
        judge(pl.DataFrame({"m_1": [1]}), Twice)


class Defaults(pa.DataFrameModel):
    number: int = pa.Field(default=7, ge=5)
    word: str = pa.Field(default="none", metadata={"standardise": "empty_to_null"})
    price: pl.Decimal(9, 2) = pa.Field(default=Decimal("1.50"), coerce=True)  # type: ignore[valid-type]
    day: Optional[dt.date] = pa.Field(default=dt.date(2024, 1, 1))  # noqa: UP045


def test_a_default_fills_what_is_missing_before_the_rules() -> None:
    raw = pl.DataFrame({"number": ["8", None, "x", "4"], "word": ["a", "", None, "b"], "price": [1, None, 3, 4]})
    verdict = judge(raw, Defaults)
    assert verdict.good.rows() == [
        (8, "a", Decimal("1.00"), dt.date(2024, 1, 1)),
        (7, "none", Decimal("1.50"), dt.date(2024, 1, 1)),
    ]
    assert told(verdict) == [(2, "parse", "number", "x"), (3, "greater_than_or_equal_to", "number", "4")]


def test_a_default_that_cannot_be_one() -> None:
    class Wrong(pa.DataFrameModel):
        number: int = pa.Field(default="x")

    with pytest.raises(ContractError, match="no value of the column's type"):
        spec_of(Wrong)

    class Computed(pa.DataFrameModel):
        number: int = pa.Field(default=pl.lit(1))

    with pytest.raises(ContractError, match="got an expression"):
        spec_of(Computed)

    class Keyed(Contract):
        number: int = field(key=True, default=0)

    with pytest.raises(ContractError, match="a key has no default"):
        spec_of(Keyed)


def test_columns_that_pandera_adds() -> None:
    class Added(pa.DataFrameModel):
        a: int
        b: int = pa.Field(default=3)
        c: str = pa.Field(nullable=True)
        d: str

        class Config:
            add_missing_columns = True

    verdict = judge(pl.DataFrame({"a": [1], "d": ["x"]}), Added)
    assert verdict.good.rows() == [(1, 3, None, "x")]
    assert told(judge(pl.DataFrame({"a": [1]}), Added)) == [(0, "column", "d", None)]


def test_an_optional_column_may_be_missing_and_not_null() -> None:
    class Loose(pa.DataFrameModel):
        a: int
        b: Optional[int]  # noqa: UP045

    assert judge(pl.DataFrame({"a": [1]}), Loose).good.rows() == [(1, None)]
    verdict = judge(pl.DataFrame({"a": [1, 2], "b": [None, 2]}), Loose)
    assert told(verdict) == [(0, "not_null", "b", None)]


def test_of_frames_put_together_each_answers_for_its_own_columns() -> None:
    class Closed(pa.DataFrameModel):
        a: int
        b: Optional[int]  # noqa: UP045

        class Config:
            strict = True

    first, second = pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2, 3], "b": [None, 3]})
    frames = [first, second, pl.DataFrame({"a": [4], "x,y": [0]}), pl.DataFrame(schema=["a", "z"])]
    starts = [0, 1, 3, 4]
    judged = Judge.of(Closed).rows(*(f.with_row_index("_row", at) for f, at in zip(frames, starts, strict=True)))
    said = [(row["_row"], r["rule"], r["column"]) for row in judged.toxic.to_dicts() for r in row["reasons"]]
    assert said == [(1, "not_null", "b"), (3, "strict", "x,y")]
    assert judged.good.select("a", "b").rows() == [(1, None), (3, 3)]
    assert {(q.rule, q.checked, q.failed) for q in judged.quality if q.failed} == {("not_null", 2, 1), ("strict", 1, 1)}


@pytest.mark.parametrize("whole", [False, True])
def test_of_a_pull_in_pieces_each_answers_for_its_own_columns(whole: bool) -> None:
    class Once(pa.DataFrameModel):
        a: int = pa.Field(unique=True)
        b: Optional[int]  # noqa: UP045
        c: int

        if whole:

            @pa.check("c")
            def most(cls, data: pa.PolarsData) -> pl.LazyFrame:
                return data.lazyframe.select(pl.col("c") >= pl.col("c").min())

        class Config:
            ordered = True

    frames = [pl.DataFrame({"a": [1, 2], "c": 0}), pl.DataFrame({"a": [1, 3], "b": [1, None], "c": 0})]
    found = [*pieces(Judge.of(Once), lambda names: iter(f.select(names or f.columns) for f in frames))]
    toxic = pl.concat(piece.toxic for piece in found).explode("reasons").unnest("reasons").sort("row")
    assert toxic.select("row", "rule").rows() == [(0, "unique"), (2, "unique"), (3, "not_null")]


def test_values_that_are_unique_together() -> None:
    class Sets(pa.DataFrameModel):
        a: int
        b: int
        c: int = pa.Field(unique=True)

        class Config:
            unique = [["a", "b"], ["b"]]  # noqa: RUF012

    assert spec_of(Sets).unique == (("c",), ("a", "b"), ("b",))
    verdict = judge(pl.DataFrame({"a": [1, 1, 2, 3], "b": [1, 1, 1, 2], "c": [1, 2, 3, 3]}), Sets)
    assert verdict.counts["good"] == 0


def test_a_type_for_all_columns() -> None:
    class Alike(pa.DataFrameModel):
        a: int
        b: str

        class Config:
            dtype = pl.Float64

    class Open(pa.DataFrameModel):
        class Config:
            dtype = pl.Int64

    assert judge(pl.DataFrame({"a": ["1"], "b": ["1.5"]}), Alike).good.rows() == [(1.0, 1.5)]
    assert told(judge(pl.DataFrame({"x": ["1"], "y": ["1.5"]}), Open)) == [(0, "parse", "y", "1.5")]
    with pytest.raises(ContractError, match="those of the data"):
        spec_of(Open)


def test_a_column_without_a_type_is_as_it_comes() -> None:
    schema = pa.DataFrameSchema({"a": pa.Column(checks=pa.Check.gt(2)), "b": pa.Column(nullable=True)}, name="untyped")
    verdict = judge(pl.DataFrame({"a": [3.5, 1.0], "b": ["x", None]}), schema)
    assert verdict.good.rows() == [(3.5, "x")] and told(verdict) == [(1, "greater_than", "a", "1.0")]
    with pytest.raises(ContractError, match=r"untyped\.a: has no type"):
        spec_of(schema)


class Base(pa.DataFrameModel):
    number: int = pa.Field(ge=0)
    word: str

    @pa.check("number")
    def even(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) % 2 == 0)

    @pa.dataframe_check
    def together(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("number") < pl.col("word").str.len_chars())


class Heir(Base):
    number: int = pa.Field(ge=4)

    @pa.check("number")
    def even(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) % 4 == 0)

    class Config:
        name = "another name"


def test_an_heir_has_the_rules_of_its_parents_and_its_own() -> None:
    frame = pl.DataFrame({"number": [2, 8, 4], "word": ["abc", "abc", "abcde"]})
    assert told(judge(frame, Base)) == [(1, "together", "number,word", '{"number":"8","word":"abc"}')]
    assert [(row, rule) for row, rule, *_ in told(judge(frame, Heir))] == [
        (0, "greater_than_or_equal_to"), (0, "even"), (1, "together"),
    ]  # fmt: skip
    assert spec_of(Heir).name == "Heir"


def test_a_check_on_every_value_of_a_frame() -> None:
    class Values(pa.DataFrameModel):
        a: int
        b: int

        @pa.dataframe_check(element_wise=True)
        def small(cls, value: int) -> bool:
            return value < 10

    assert [(row, rule) for row, rule, *_ in told(judge(pl.DataFrame({"a": [1, 2, 30], "b": [1, 20, 3]}), Values))] == [
        (1, "small"), (2, "small"),
    ]  # fmt: skip


class Parsed(pa.DataFrameModel):
    a: int

    @parser("a")
    def doubled(cls, data: Any) -> Any:
        return data


class ParsedWhole(pa.DataFrameModel):
    a: int

    @dataframe_parser
    def doubled(cls, data: Any) -> Any:
        return data


class HeirOfParsed(Parsed):
    b: int


class Inner(pa.DataFrameModel):
    x: int = pa.Field(gt=3)


class Nested(pa.DataFrameModel):
    it: Inner


class Row(BaseModel):
    x: int


class Pydantic(pa.DataFrameModel):
    class Config:
        dtype = PydanticModel(Row)


class Idle(pa.DataFrameModel):
    a: int

    @pa.check("amount_.*", regex=True)
    def small(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) < 50)


@Engine.register_dtype
class Even(Int64):
    """Its own coercion, which only pandera would run."""

    def coerce(self, data_container: Any) -> Any:
        return data_container.lazyframe.with_columns(pl.all() // 2 * 2)


def of_type(dtype: Any) -> pa.DataFrameSchema:
    return pa.DataFrameSchema({"a": pa.Column(dtype)}, name="s")


def identity(data: Any) -> Any:
    return data


@pytest.mark.parametrize(
    ("model", "where", "said"),
    [
        (Parsed, "Parsed.doubled", "the parser doubled would not be run"),
        (ParsedWhole, "ParsedWhole.doubled", "the parser doubled would not be run"),
        (HeirOfParsed, "HeirOfParsed.doubled", "the parser doubled would not be run"),
        (pa.DataFrameSchema({"a": pa.Column(int)}, parsers=Parser(identity)), "schema", "parsers would not be run"),
        (
            pa.DataFrameSchema({"a": pa.Column(int, parsers=Parser(identity))}, name="s"),
            "s.a",
            "parsers would not be run",
        ),
        (of_type(Even()), "s.a", "Even is a type of its own"),
        (of_type(Category(["x"])), "s.a", "categories"),
        (of_type(DateTime(time_zone_agnostic=True)), "s.a", "any zone"),
        (Idle, "Idle.small", "the check small matches no field"),
        (Nested, "Nested.it", "nested model"),
        (Pydantic, "Pydantic", "pydantic"),
        (
            pa.DataFrameSchema({"a": pa.Column(int, pa.Check(identity, groupby="b", name="g")), "b": pa.Column(int)}),
            "schema.a",
            "groupby",
        ),
    ],
)
def test_what_pandera_would_pass_over_is_refused_by_name(model: object, where: str, said: str) -> None:
    with pytest.raises(ContractError) as caught:
        judge(pl.DataFrame({"a": [1], "b": [1]}), model)
    assert said in str(caught.value) and caught.value.where == where


def test_the_version_tells_of_what_is_refused_and_filled() -> None:
    class Plain(pa.DataFrameModel):
        a: int
        b: str = pa.Field(nullable=True)

    class Filled(pa.DataFrameModel):
        a: int
        b: str = pa.Field(nullable=True, default="x")

    versions = {spec_of(model).version for model in (Plain, Strict, Ordered, Filled)}
    assert len(versions) == 4 and spec_of(Filtered).version == spec_of(Plain).version
