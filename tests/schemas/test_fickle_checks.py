"""Checks whose verdicts no source can rely on, and those that cost: found before any record is judged."""

from __future__ import annotations

import inspect
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from one_check import schema
from pandera.api.polars.types import PolarsData
from test_compiled import CUSTOM

from tilth.schemas.judging import Judge
from tilth.schemas.trial import findings, slow


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
            f"test_fickle_checks.py:{line + 8}: Mixed.a",
            "check near_mean looks at more than one record: the whole pull is held in memory at once",
        ),
        (
            f"test_fickle_checks.py:{line + 4}: Mixed.b",
            "check spelled is asked value by value in Python: the slow way",
        ),
    ]
