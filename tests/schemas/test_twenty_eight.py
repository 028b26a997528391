"""28 rules on 16 columns: every toxic row and every reason as the pure-Python oracle has them, and no other."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Annotated

import pandera.polars as pa
import polars as pl
import pytest
from oracles.twenty_eight import COLUMNS, FAULTS, judged, planted

from tilth.schemas.contract import Contract, field
from tilth.schemas.judging import Judge, judge

START = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)


class Shipment(Contract):
    """What was sent, to whom."""

    id: str = field(key=True, standardise=("trim", "upper"), str_matches="^SH-[0-9]{8}$")
    ordered: dt.date = field(formats="%d.%m.%Y", ge=dt.date(2015, 1, 1))
    shipped: dt.date = field(formats="%d.%m.%Y", nullable=True)
    quantity: int = field(in_range={"min_value": 1, "max_value": 999})
    price: Annotated[pl.Decimal, 12, 2] = field(decimal=",", thousands=".", ge=0, lt=100_000)
    total: Annotated[pl.Decimal, 14, 2] = field(decimal=",", thousands=".", ge=0)
    currency: str = field(isin=["EUR", "USD", "CHF"])
    weight: float = field(nullable=True, gt=0, lt=5_000)
    email: str = field(nullable=True, standardise=("trim", "lower"), email=True)
    name: str = field(str_length=(2, 40), notin=["TEST", "DUMMY"], no_mojibake=True)
    zip: str = field(str_matches="^[0-9]{5}$", ne="00000")
    country: str = field(standardise="country_code", isin=["DE", "AT", "CH", "NL"])
    express: bool = field(true=("ja", "j"), false=("nein", "n"))
    changed: Annotated[pl.Datetime, "us", "UTC"] = field(time_zone="Europe/Berlin", ge=START)
    phone: str = field(nullable=True, str_startswith="+", str_length=(8, 16))
    tracking: str = field(nullable=True, unique=True, str_endswith="Z")

    @pa.check("name")
    def no_double_blanks(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """no two blanks in a row"""
        return data.lazyframe.select(~pl.col(data.key).str.contains("  ", literal=True))

    @pa.check("tracking", element_wise=True)
    def check_digit(cls, text: str) -> bool:
        """the last digit is the sum of the others, without tens"""
        digits = [int(c) for c in text if c.isdigit()]
        return sum(digits[:-1]) % 10 == digits[-1]

    @pa.dataframe_check
    def shipped_after_order(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """shipped on or after the day of the order"""
        return data.lazyframe.select(pl.col("shipped") >= pl.col("ordered"))

    @pa.dataframe_check
    def total_is_product(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """total = quantity x price"""
        return data.lazyframe.select(pl.col("quantity") * pl.col("price") == pl.col("total"))

    @pa.dataframe_check
    def express_has_phone(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a phone number where it is express"""
        return data.lazyframe.select(~pl.col("express") | pl.col("phone").is_not_null())

    @pa.dataframe_check
    def changed_after_order(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """changed on or after the day of the order"""
        return data.lazyframe.select(pl.col("changed").dt.date() >= pl.col("ordered"))


def test_the_table_has_28_rules() -> None:
    rules = Judge.of(Shipment).rules
    assert len(rules) + 2 == 28 and all(rule.kind == "row" for rule in rules)  # and that key and tracking are unique
    assert len(COLUMNS) == 16 and len(FAULTS) >= 20


@pytest.mark.parametrize(("count", "seed"), [(20_000, 28), pytest.param(1_000_000, 1, marks=pytest.mark.long)])
def test_rows_and_reasons_are_those_of_the_oracle(count: int, seed: int) -> None:
    rows = [*planted(count, seed)]
    frame = pl.DataFrame(
        {name: [row[name] for row in rows] for name in COLUMNS}, schema=dict.fromkeys(COLUMNS, pl.String)
    )
    verdict, expected = judge(frame, Shipment), judged(rows)
    found = sorted(verdict.reasons.select("row", "rule", "column", "value").rows(), key=lambda reason: reason[:3])
    assert len(found) == len(expected.reasons)
    assert found == expected.reasons
    assert verdict.toxic["row"].to_list() == sorted({row for row, *_ in expected.reasons})
    assert verdict.counts["duplicate"] == expected.duplicates
    assert verdict.good.select(sorted(COLUMNS)).to_dicts() == [
        {name: values[name] for name in sorted(COLUMNS)} for _, values in sorted(expected.good.items())
    ]
    told = Counter((rule, column) for _, rule, column, _ in found)
    assert {rule.name for rule in Judge.of(Shipment).rules} | {"parse", "not_null", "unique"} == {
        rule for rule, _ in told
    }
    failed = {(q.rule, q.column): q.failed for q in verdict.quality if q.failed}
    assert failed == told
