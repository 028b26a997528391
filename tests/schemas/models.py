"""Contracts as people write them, for the tests of this room."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Annotated, ClassVar

import pandera.polars as pa
import polars as pl

from tilth.schemas.contract import Contract, field

__all__ = ["Customer", "Measurement", "Order", "Plain"]

LIMIT = 13


class Customer(Contract):
    """People and companies we sell to.

    From the ERP system.
    """

    customer_id: str = field(key=True, source="id", standardise=("trim", "upper"), term="customer number")
    name: str = field(nullable=True, str_length=(1, 20), no_mojibake=True, pii="name")
    email: str = field(nullable=True, standardise="email", email=True, severity="warn")
    limit: pl.Decimal(12, 2) = field(ge=0, decimal=",", thousands=".", unit="EUR", description="How much they may owe.")
    since: dt.date = field(formats="%d.%m.%Y", ge=dt.date(1990, 1, 1))
    group: str = field(nullable=True, references="groups.group_id", isin=["A", "B"])

    @pa.dataframe_check
    def named_when_rich(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a name when the limit is above 1000"""
        return data.lazyframe.select((pl.col("limit") <= 1000) | pl.col("name").is_not_null())


class Order(Contract):
    order_id: int = field(key=True, gt=0)
    line: int = field(key=True, in_range={"min_value": 1, "max_value": 99})
    changed: Annotated[pl.Datetime, "us", "UTC"] = field()
    paid: bool = field(nullable=True)
    price: decimal.Decimal = field(dtype_kwargs={"precision": 9, "scale": 3}, lt=1000)

    class Config:
        unique: ClassVar = ["changed", "paid"]


class Plain(pa.DataFrameModel):
    """A model that knows nothing of tilth."""

    number: int = pa.Field(ge=0, lt=100, coerce=True)
    word: str = pa.Field(nullable=True, str_matches="ab|cd", isin={"ab", "cd", "abc"})
    share: float = pa.Field(nullable=True, in_range=(0, 1, True, False), ignore_na=False)
    day: dt.date = pa.Field(nullable=True, alias="Day", description="When.", unique=True)

    @pa.check("number")
    def not_limit(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) != LIMIT)

    @pa.check("word", element_wise=True)
    def no_b_second(cls, word: str) -> bool:
        return word[1] != "b"

    @pa.check("number", "share", raise_warning=True)
    def small(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) < 0.5)

    @pa.dataframe_check
    def both(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("number") > 1, pl.col("share").fill_null(1.0) > 0.1)


class Measurement(pa.DataFrameModel):
    """Rules that need more than a row."""

    sensor: str = pa.Field(str_startswith="s", notin=["s0"])
    value: float = pa.Field(nullable=True)

    @pa.check("value")
    def near_mean(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select((pl.col(data.key) - pl.col(data.key).mean()).abs() <= 10)

    @pa.check("value")
    def looks_first(cls, data: pa.PolarsData) -> pl.LazyFrame:
        top = data.lazyframe.select(pl.col(data.key).max()).collect().item()
        return data.lazyframe.select(pl.col(data.key) > (top or 0) - 30)

    @pa.check("value")
    def few_nulls(cls, data: pa.PolarsData) -> bool:
        return data.lazyframe.collect()[data.key].null_count() < 5

    @pa.dataframe_check
    def derived(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.with_columns(pl.col("value").cum_sum().alias("sum")).select(pl.col("sum") < 100)

    @pa.dataframe_check
    def first_is_s1(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("sensor").first() == "s1")

    @pa.dataframe_check
    def fewer_kept(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("sensor").str.len_chars() > 0, pl.col("value") < 50)
