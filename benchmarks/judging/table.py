"""Orders with 28 rules, of which about one row in fifty breaks one or more: made the same way every time.

Rows are made by polars expressions of the row number alone, so any part of any size can be made by itself.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow.parquet as pq

from tilth.schemas.contract import Contract, field

__all__ = ["CHANNELS", "COUNTRIES", "CURRENCIES", "NEEDED", "STATES", "Order", "orders", "write_orders"]

COUNTRIES = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE"]
CURRENCIES = ["CHF", "CZK", "DKK", "EUR", "PLN", "SEK"]
STATES = ["new", "paid", "shipped", "returned", "cancelled"]
CHANNELS = ["shop", "phone", "partner", "marketplace"]
NEEDED = (
    "order_id", "customer_no", "country", "postcode", "status", "channel", "currency", "quantity", "price", "total",
    "ordered_on",
)  # fmt: skip
_PIECE = 1_000_000


class Order(Contract):
    """One order of a shop: 14 columns, 28 rules: 11 values that must be there, 14 checks, 2 of two columns, the key."""

    order_id: int = field(key=True, ge=1)
    customer_no: str = field(str_matches=r"^C[0-9]{8}$")
    email: str = field(nullable=True, str_matches=r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$")
    country: str = field(isin=COUNTRIES)
    postcode: str = field(str_length={"min_value": 4, "max_value": 6})
    status: str = field(isin=STATES)
    channel: str = field(isin=CHANNELS)
    currency: str = field(isin=CURRENCIES)
    quantity: int = field(in_range={"min_value": 1, "max_value": 1000})
    price: float = field(ge=0, lt=100_000)
    discount: float = field(nullable=True, in_range={"min_value": 0.0, "max_value": 0.9})
    total: float = field()
    ordered_on: dt.date = field(ge=dt.date(2015, 1, 1), le=dt.date(2026, 12, 31))
    shipped_on: dt.date = field(nullable=True)

    @pa.dataframe_check
    @classmethod
    def shipped_after_ordered(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """shipped on or after the day of the order"""
        return data.lazyframe.select(pl.col("shipped_on") >= pl.col("ordered_on"))

    @pa.dataframe_check
    @classmethod
    def total_fits(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """quantity times price, less the discount, to the cent"""
        should = pl.col("quantity") * pl.col("price") * (1 - pl.col("discount").fill_null(0.0))
        return data.lazyframe.select((pl.col("total") - should).abs() < 0.01)


def orders(first: int, rows: int) -> pl.DataFrame:
    """The rows `first`, `first` + 1, … of the table."""
    made = pl.select(i=pl.int_range(first, first + rows, dtype=pl.Int64)).lazy()
    made = made.with_columns(wrong=_wrong(pl.col("i")), next_wrong=_wrong(pl.col("i") + 1))
    plain = made.with_columns(**_plain())
    priced = plain.with_columns(total=pl.col("quantity") * pl.col("price") * (1 - pl.col("discount").fill_null(0.0)))
    spoilt = priced.with_columns(_spoilt())
    return spoilt.select(list(Order.to_schema().columns)).collect()


def _wrong(number: pl.Expr) -> pl.Expr:
    """Which mistake a row has, null where it has none: one row in fifty has one."""
    return pl.when(number.hash(seed=1) % 50 == 0).then(number.hash(seed=2) % 20)


def _mixed(below: int, salt: int) -> pl.Expr:
    """A number from 0 to `below` - 1 that looks random, and is the same whenever it is asked."""
    return (pl.col("i").hash(seed=salt) % below).cast(pl.Int64)


def _one_of(values: list[str], salt: int) -> pl.Expr:
    return _mixed(len(values), salt).replace_strict(dict(enumerate(values)), return_dtype=pl.String)


def _plain() -> dict[str, pl.Expr]:
    day = pl.lit(dt.date(2018, 1, 1)) + pl.duration(days=_mixed(3000, 3))
    number = pl.col("i").cast(pl.String)
    return {
        "order_id": pl.col("i") + 1,
        "customer_no": pl.lit("C") + _mixed(100_000_000, 4).cast(pl.String).str.zfill(8),
        "email": pl.when(_mixed(10, 5) > 0).then(pl.lit("buyer") + number + pl.lit("@example.com")),
        "country": _one_of(COUNTRIES, 6),
        "postcode": (_mixed(90_000, 7) + 10_000).cast(pl.String),
        "status": _one_of(STATES, 8),
        "channel": _one_of(CHANNELS, 9),
        "currency": _one_of(CURRENCIES, 10),
        "quantity": _mixed(1000, 11) + 1,
        "price": _mixed(9_999_999, 12) / 100.0,
        "discount": pl.when(_mixed(3, 13) == 0).then(_mixed(90, 14) / 100.0),
        "ordered_on": day,
        "shipped_on": pl.when(_mixed(5, 15) > 0).then(day + pl.duration(days=_mixed(30, 16))),
    }


def _spoilt() -> list[pl.Expr]:
    """Twenty kinds of mistakes, each where `wrong` has its number."""
    text, number = pl.lit(None, dtype=pl.String), pl.lit(None, dtype=pl.Int64)
    kinds: list[tuple[str, Any]] = [
        ("order_id", -pl.col("order_id")), ("order_id", number),
        ("customer_no", pl.col("customer_no").str.to_lowercase()), ("customer_no", text),
        ("email", pl.col("email").fill_null("nobody").str.replace("@", " at ")), ("country", pl.lit("XX")),
        ("country", text), ("postcode", pl.lit("123")), ("status", pl.lit("open")), ("channel", text),
        ("currency", pl.lit("eur")), ("quantity", pl.lit(0, dtype=pl.Int64)),
        ("quantity", number),
        ("price", pl.lit(-1.0)), ("price", pl.lit(100_000.0)), ("discount", pl.lit(1.5)),
        ("total", pl.col("total") + 1.0), ("ordered_on", pl.lit(dt.date(1970, 1, 1))),
        ("shipped_on", pl.col("ordered_on") - pl.duration(days=1)),
        ("order_id", pl.col("order_id") + pl.col("next_wrong").is_null().cast(pl.Int64)),
    ]  # fmt: skip
    spoilt: dict[str, pl.Expr] = {}
    for number, (column, value) in enumerate(kinds):
        spoilt[column] = pl.when(pl.col("wrong") == number).then(value).otherwise(spoilt.get(column, pl.col(column)))
    return [expression.alias(column) for column, expression in spoilt.items()]


def write_orders(path: Path, rows: int) -> None:
    """The table as a Parquet file, piece by piece."""
    schema = orders(0, 1).to_arrow().schema
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for first in range(0, rows, _PIECE):
            file.write_table(orders(first, min(_PIECE, rows - first)).to_arrow().cast(schema))
