"""Random models, random frames: what is complained of, row by row, is what pandera's own check functions say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandera.api.polars.types import PolarsData

from tilth.schemas.judging import Judge

Values = st.SearchStrategy[Any]
Made = Callable[[], pa.Check]

INTS, FLOATS = st.integers(-3, 6), st.sampled_from([-1.5, 0.0, 0.5, 1.0, 2.25, 3.0])
WORDS = st.sampled_from(["ab", "cd", "abc", "xcd", "b", "aé", "x y", "AB"])
DAYS = st.dates(dt.date(2024, 2, 26), dt.date(2024, 3, 3))
TIMES = st.datetimes(dt.datetime(2024, 2, 28), dt.datetime(2024, 3, 2)).map(lambda at: at.replace(microsecond=0))
CLOCKS = st.sampled_from([dt.time(0), dt.time(6, 30), dt.time(23, 59, 58)])
LENGTHS = st.integers(-2, 3).map(lambda hours: dt.timedelta(hours=hours))
AMOUNTS = st.sampled_from(["-1.50", "0.00", "0.01", "12.30"]).map(Decimal)
STATES = pl.Enum(["new", "paid", "gone"])
PATTERNS = st.sampled_from(["ab|cd", "^a", "b$", "[a-c]+", r"x\s?", "é"])
TYPES: Mapping[str, tuple[Any, Values]] = {
    "int": (pl.Int64, INTS),
    "float": (pl.Float64, FLOATS),
    "word": (pl.String, WORDS),
    "day": (pl.Date, DAYS),
    "time": (pl.Datetime("us"), TIMES),
    "flag": (pl.Boolean, st.booleans()),
    "clock": (pl.Time, CLOCKS),
    "length": (pl.Duration("us"), LENGTHS),
    "amount": (pl.Decimal(9, 2), AMOUNTS),
    "state": (STATES, st.sampled_from(["new", "paid", "gone"])),
    "octets": (pl.Binary, st.binary(max_size=2)),
}


def key(data: PolarsData) -> pl.Expr:
    return pl.col(data.key)


# What people write as custom checks: on one row, on the whole column, on data that was collected, in plain Python.
CUSTOM: Mapping[str, Callable[[PolarsData], Any]] = {
    "present": lambda data: data.lazyframe.select(key(data).is_not_null()),
    "same": lambda data: data.lazyframe.select(key(data) == key(data)),
    "not_first": lambda data: data.lazyframe.select(key(data) != key(data).first()),
    "not_most": lambda data: data.lazyframe.select(key(data) != key(data).max()),
    "changes": lambda data: data.lazyframe.select(key(data) != key(data).shift(1)),
    "once": lambda data: data.lazyframe.select(~key(data).is_duplicated()),
    "ranked": lambda data: data.lazyframe.select(key(data).rank("dense") <= 2),
    "over": lambda data: data.lazyframe.select(pl.len().over(key(data)) < 3),
    "collected": lambda data: data.lazyframe.select(key(data) != data.lazyframe.collect()[data.key].max()),
    "kept": lambda data: data.lazyframe.with_columns(key(data).alias("k")).select(pl.col("k") == pl.col("k").min()),
    "few": lambda data: data.lazyframe.collect()[data.key].null_count() < 2,
    "one_value": lambda data: data.lazyframe.select(key(data).n_unique() > 1),
}
TOGETHER: Mapping[str, tuple[Callable[[PolarsData], Any], tuple[str, ...]]] = {
    "one_of_two": (lambda d: d.lazyframe.select(pl.col("a").is_null() | pl.col("b").is_null()), ("a", "b")),
    "both": (lambda d: d.lazyframe.select(pl.col("a").is_not_null(), pl.col("b").is_not_null()), ("a", "b")),
    "differ": (lambda d: d.lazyframe.select(pl.col("a").cast(pl.String) != pl.col("b").cast(pl.String)), ("a", "b")),
    "apart": (lambda d: d.lazyframe.select(~pl.struct("a", "b").is_duplicated()), ()),
    "within": (lambda d: d.lazyframe.select(pl.col("a").n_unique().over("b") <= 1), ()),
}


@dataclass(frozen=True)
class Case:
    """One model and one frame."""

    schema: Callable[[], pa.DataFrameSchema]  # made anew each time: pandera keeps state in checks
    frame: pl.DataFrame
    nullable: frozenset[str]


def built(parts: Any) -> Made:
    """A check from how it is made, its arguments and its options."""
    how, *arguments, more = parts
    return lambda: how(*arguments, **more)


def options() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={"ignore_na": st.booleans()})


def bounded(values: Values) -> st.SearchStrategy[Made]:
    compared = st.sampled_from([pa.Check.ge, pa.Check.gt, pa.Check.le, pa.Check.lt, pa.Check.eq, pa.Check.ne])
    ends = st.lists(values, min_size=2, max_size=2, unique=True).map(sorted)
    ranged = ends.flatmap(
        lambda two: st.tuples(
            st.just(pa.Check.in_range), st.just(two[0]), st.just(two[1]), st.booleans(), st.booleans(), options()
        )
    )
    return (st.tuples(compared, values, options()) | ranged).map(built)


def listed(values: Values) -> st.SearchStrategy[Made]:
    some = st.lists(values, min_size=1, max_size=4, unique=True)
    return st.tuples(st.sampled_from([pa.Check.isin, pa.Check.notin]), some, options()).map(built)


def worded() -> st.SearchStrategy[Made]:
    searched, ends = [pa.Check.str_matches, pa.Check.str_contains], [pa.Check.str_startswith, pa.Check.str_endswith]
    pattern = st.tuples(st.sampled_from(searched), PATTERNS, options())
    end = st.tuples(st.sampled_from(ends), st.sampled_from(["a", "b", "cd"]), options())
    length = st.tuples(st.just(pa.Check.str_length), st.integers(0, 2), st.integers(2, 4), options())
    return (pattern | end | length).map(built)


def custom() -> st.SearchStrategy[Made]:
    def named(name: str) -> st.SearchStrategy[Any]:
        more = options().map(lambda said: {**said, "name": name})
        return st.tuples(st.just(pa.Check), st.just(CUSTOM[name]), more)

    plain = options().map(lambda said: (pa.Check, _long, {**said, "name": "long", "element_wise": True}))
    return (st.sampled_from(sorted(CUSTOM)).flatmap(named) | plain).map(built)


def _long(value: Any) -> bool:
    return len(str(value)) > 2


def checks(kind: str) -> st.SearchStrategy[list[Made]]:
    values = TYPES[kind][1]
    possible = bounded(values) | listed(values) | custom() if kind != "flag" else custom()
    return st.lists(possible | worded() if kind == "word" else possible, max_size=4)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kinds = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=2, max_size=3))
    names = "abc"[: len(kinds)]
    rows = draw(st.integers(1, 9))
    columns = {
        name: draw(st.lists(st.none() | TYPES[kind][1], min_size=rows, max_size=rows))
        for name, kind in zip(names, kinds, strict=True)
    }
    types = {name: TYPES[kind][0] for name, kind in zip(names, kinds, strict=True)}
    made = {name: draw(checks(kind)) for name, kind in zip(names, kinds, strict=True)}
    nullable = frozenset(name for name in names if draw(st.booleans()))
    possible = sorted(TOGETHER if not {"octets", "length"} & {*kinds} else {*TOGETHER} - {"differ"})  # it casts to text
    together = draw(st.lists(st.sampled_from(possible), max_size=2, unique=True))

    def schema() -> pa.DataFrameSchema:
        return pa.DataFrameSchema(
            {n: pa.Column(types[n], [make() for make in made[n]], nullable=n in nullable) for n in names},
            checks=[pa.Check(TOGETHER[name][0], name=name) for name in together],
        )

    return Case(schema, pl.DataFrame(columns, schema=types), nullable)


def violated(check: pa.Check, frame: pl.DataFrame, on: str) -> list[bool]:
    """What the check's own function says of each row, nulls as `ignore_na` has them."""
    if check.element_wise:
        said = [None if value is None else _long(value) for value in frame[on].to_list()]
    else:
        output: Any = check(frame.lazy(), on).check_output
        said = output.collect().to_series().to_list()
        said = said if len(said) == frame.height else said * frame.height
    return [not (check.ignore_na if one is None else one) for one in said]


def expected(case: Case) -> list[tuple[int, str, str]]:
    """Every (row, columns, rule) to be complained of, each as often as a check says so."""
    schema, frame = case.schema(), case.frame
    missing = {(i, n) for n in frame.columns if n not in case.nullable for i, v in enumerate(frame[n]) if v is None}
    found = [(i, name, "not_null") for i, name in missing]
    asked = [(name, check, (name,)) for name, column in schema.columns.items() for check in column.checks]
    asked += [("*", check, TOGETHER[str(check.name)][1]) for check in schema.checks or ()]
    for on, check, columns in asked:
        bad = [i for i, wrong in enumerate(violated(check, frame, on)) if wrong]
        clear = [i for i in bad if not any((i, name) in missing for name in columns)]
        found += [(i, ",".join(columns), str(check.name)) for i in clear]
    return sorted(found)


def complained(case: Case) -> list[tuple[int, str, str]]:
    judged = Judge.of(case.schema()).rows(case.frame.with_row_index("_row"))
    assert sorted([*judged.good["_row"], *judged.toxic["_row"]]) == [*range(case.frame.height)]
    told = [(row["_row"], r["column"] or "", r["rule"]) for row in judged.toxic.to_dicts() for r in row["reasons"]]
    return sorted(told)


SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


@pytest.mark.parametrize("number", [100, pytest.param(3000, marks=pytest.mark.long)])
def test_random_models_are_judged_as_pandera_s_own_functions_say(number: int) -> None:
    @settings(
        max_examples=number, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
    )
    @given(cases())
    def holds(case: Case) -> None:
        assert complained(case) == expected(case)

    holds()
