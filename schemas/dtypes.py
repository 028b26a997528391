"""The types a contract may declare, and the words that name them to people."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from tilth.schemas.formats import sample
from tilth.schemas.spec import Column

__all__ = ["PUBLISHABLE", "USABLE", "expected_value", "is_text", "is_words", "kind_of", "publishable", "usable"]

USABLE = "str, int, float, bool, date, datetime, pl.Decimal(precision, scale) or another polars type, but no pl.Object"
PUBLISHABLE = "a type that DuckDB can hold; judge() and tilth judge take this one, too"

_SAMPLE = dt.datetime(2024, 12, 31, 23, 59, 58, 500_000)
_ODD = (pl.Object, pl.Unknown)
_UNPUBLISHED = (pl.Int128, pl.UInt128, pl.Float16, pl.Duration, pl.Null)  # the Parquet or Arrow of these is another's


def usable(dtype: object) -> pl.DataType | None:
    """The polars type as an instance, through and through, or None when a contract cannot hold it."""
    if isinstance(dtype, type) and issubclass(dtype, pl.DataType):
        try:
            dtype = dtype()
        except TypeError:  # of a list, an array, a struct or an enumeration: of what?
            return None
    if not isinstance(dtype, pl.DataType) or isinstance(dtype, _ODD) or dtype == pl.Enum([]):
        return None
    inner = [usable(one) for one in _inner(dtype)]
    if None in inner or (isinstance(dtype, pl.Array) and isinstance(dtype.inner, pl.Array)):
        return None  # pandera takes the sizes of an array of arrays for one another
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: kind for field, kind in zip(dtype.fields, inner, strict=True) if kind})
    if isinstance(dtype, pl.Array):
        return pl.Array(inner[0] or pl.Null(), dtype.size)
    return pl.List(inner[0] or pl.Null()) if isinstance(dtype, pl.List) else dtype


def publishable(dtype: pl.DataType) -> bool:
    """Whether the curated file can hold such values as they are."""
    if isinstance(dtype, pl.Struct):
        names = {field.name.lower() for field in dtype.fields}
        if "" in names or len(names) < max(1, len(dtype.fields)):  # DuckDB tells names apart by more than case
            return False
    return not isinstance(dtype, _UNPUBLISHED) and all(publishable(inner) for inner in _inner(dtype))


def _inner(dtype: pl.DataType) -> list[Any]:
    """The types of what a nested type holds."""
    if isinstance(dtype, pl.Struct):
        return [field.dtype for field in dtype.fields]
    return [dtype.inner] if isinstance(dtype, pl.List | pl.Array) else []


def is_text(dtype: pl.DataType) -> bool:
    """Whether values of this type are text."""
    return isinstance(dtype, pl.String)


def is_words(dtype: pl.DataType) -> bool:
    """Whether pulled values of this type are read as text: also those that a source keeps as words of a list."""
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def kind_of(dtype: pl.DataType) -> str:
    """The family of a type, in a word: values of two families are never equal."""
    families: list[tuple[Any, str]] = [
        (pl.Boolean, "true or false"), (pl.Date, "a date"), (pl.Datetime, "a timestamp"), (pl.Time, "a time of day"),
        (pl.String | pl.Categorical | pl.Enum, "text"), (pl.Duration, "a length of time"), (pl.Binary, "bytes"),
        (pl.List | pl.Array, "a list"), (pl.Struct, "a struct"),
    ]  # fmt: skip
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
    return _other_value(column, dtype)


def _other_value(column: Column, dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Time):
        return f"time like {_time_sample(column.formats or ('%H:%M:%S',))}"
    if isinstance(dtype, pl.Duration):
        return "length of time like P1DT2H30M or 26:30:00"
    if isinstance(dtype, pl.Enum):
        words = dtype.categories.to_list()
        return f"one of {', '.join(words[:20])}" + (f" and {len(words) - 20} more" if len(words) > 20 else "")
    if isinstance(dtype, pl.Binary):
        return "bytes as hexadecimal digits"
    if isinstance(dtype, pl.Null):
        return "no value"
    return f"JSON of {dtype}" if _inner(dtype) else "text"


def _number_sample(column: Column, scale: int) -> str:
    fraction = "5".ljust(scale, "0") if scale else ""
    return f"1{column.thousands or ''}234" + (f"{column.decimal}{fraction}" if scale else "")


def _time_sample(formats: tuple[str, ...]) -> str:
    return " or ".join(sample(form, _SAMPLE, offset="+01:00") for form in formats)


def _zone_words(column: Column, dtype: pl.Datetime) -> str:
    if column.time_zone:
        return f" ({column.time_zone} time)"
    return f" ({dtype.time_zone})" if dtype.time_zone else " without time zone"
