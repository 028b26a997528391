"""The types a contract may declare, and the words that name them to people."""

from __future__ import annotations

import datetime as dt

import polars as pl

from tilth.schemas.spec import Column

__all__ = ["USABLE", "expected_value", "is_text", "kind_of", "usable"]

USABLE = "str, int, float, bool, date, datetime, pl.Decimal(precision, scale) or a polars type of these families"

_SAMPLE = dt.datetime(2024, 12, 31, 23, 59, 58)
_PLAIN = (pl.String, pl.Boolean, pl.Date, pl.Datetime, pl.Decimal)


def usable(dtype: object) -> pl.DataType | None:
    """The polars type as an instance, or None when a contract cannot hold it."""
    if isinstance(dtype, type) and issubclass(dtype, pl.DataType):
        dtype = dtype()
    if not isinstance(dtype, pl.DataType):
        return None
    if isinstance(dtype, pl.Int128 | pl.UInt128):  # neither Arrow nor DuckDB takes them from polars
        return None
    plain = isinstance(dtype, _PLAIN) or dtype.is_integer() or isinstance(dtype, pl.Float32 | pl.Float64)
    return dtype if plain else None


def is_text(dtype: pl.DataType) -> bool:
    """Whether values of this type are text."""
    return isinstance(dtype, pl.String)


def kind_of(dtype: pl.DataType) -> str:
    """The family of a type, in a word: values of two families are never equal."""
    families = ((pl.Boolean, "true or false"), (pl.Date, "a date"), (pl.Datetime, "a timestamp"), (pl.String, "text"))
    return next((word for family, word in families if isinstance(dtype, family)), "a number")


def expected_value(column: Column) -> str:
    """What a value of this column should look like, e.g. `date like 31.12.2024`."""
    dtype = column.dtype
    if isinstance(dtype, pl.Decimal):
        separators = f" like {_number_sample(column, dtype.scale)}" if column.thousands or column.decimal != "." else ""
        return f"decimal({dtype.precision},{dtype.scale}){separators}"
    if dtype.is_integer():
        return f"integer of {str(dtype).lower().lstrip('uint')} bits" if dtype != pl.Int64 else "integer"
    if dtype.is_float():
        return f"number with decimal {column.decimal}" if column.decimal != "." else "number"
    if isinstance(dtype, pl.Boolean):
        return f"true ({', '.join(column.true)}) or false ({', '.join(column.false)})"
    if isinstance(dtype, pl.Date):
        return f"date like {_time_sample(column.formats or ('%Y-%m-%d',))}"
    if isinstance(dtype, pl.Datetime):
        return f"timestamp like {_time_sample(column.formats or ('%Y-%m-%dT%H:%M:%S',))}" + _zone_words(column, dtype)
    return "text"


def _number_sample(column: Column, scale: int) -> str:
    fraction = "5".ljust(scale, "0") if scale else ""
    return f"1{column.thousands or ''}234" + (f"{column.decimal}{fraction}" if scale else "")


def _time_sample(formats: tuple[str, ...]) -> str:
    samples = [
        _SAMPLE.strftime(f.replace("%.f", ".5").replace("%z", "+01:00").replace("%:z", "+01:00")) for f in formats
    ]
    return " or ".join(samples)


def _zone_words(column: Column, dtype: pl.Datetime) -> str:
    if column.time_zone:
        return f" ({column.time_zone} time)"
    return f" ({dtype.time_zone})" if dtype.time_zone else " without time zone"
