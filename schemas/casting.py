"""Values that the source already typed, cast where nothing is lost; null where something would be."""

from __future__ import annotations

import polars as pl
from polars import selectors as cs

from tilth.schemas.dtypes import is_text, is_words
from tilth.schemas.leaves import unmapped
from tilth.schemas.nested import from_json, is_nested, json_text
from tilth.schemas.spec import Column
from tilth.schemas.texts import boolean, category, decimal, without_exponent
from tilth.schemas.times import from_instant, from_wall

_DAYS = 95_000_000  # from 1970: some 260,000 years

__all__ = ["exact_cast", "exactly", "same_type", "text_of", "with_own_texts"]


def exactly(name: str) -> pl.Expr:
    """The column of this very name: `pl.col` takes `*` and `^…$` for patterns, and sources name columns so."""
    return cs.by_name(name).as_expr()


def same_type(pulled: pl.DataType, declared: pl.DataType) -> bool:
    """Whether values of this type need no cast."""
    return pulled == declared


def exact_cast(raw: pl.Expr, pulled: pl.DataType, column: Column) -> pl.Expr:
    """The column's values from typed source values."""
    dtype, plain = column.dtype, unmapped(pulled)
    if plain != pulled:
        return exact_cast(raw.cast(plain), plain, column)
    if isinstance(pulled, pl.Null):
        return raw.cast(dtype)
    if is_words(dtype):
        text = text_of(raw, pulled)
        return text if is_text(dtype) else category(text, dtype)
    if isinstance(dtype, pl.Boolean):
        return _boolean(raw, pulled, column)
    if isinstance(pulled, pl.Boolean):
        return raw.cast(pl.Int8).cast(dtype, strict=False) if dtype.is_numeric() else _nothing(column)
    if pulled.is_numeric() and dtype.is_numeric():
        return _number(raw, pulled, column)
    if isinstance(pulled, pl.Date | pl.Datetime) and isinstance(dtype, pl.Date | pl.Datetime):
        return _time(raw, pulled, column)
    if is_nested(pulled) and is_nested(dtype):
        return raw.map_batches(
            lambda values: from_json(json_text(values, declared=dtype), dtype, exact=True), return_dtype=dtype
        )
    if isinstance(pulled, pl.Duration) and isinstance(dtype, pl.Duration):
        value = raw.cast(dtype, strict=False)
        return pl.when(value.cast(pulled, strict=False) == raw).then(value)
    return _nothing(column)


def _nothing(column: Column) -> pl.Expr:
    return pl.repeat(None, pl.len(), dtype=column.dtype)


def _boolean(raw: pl.Expr, pulled: pl.DataType, column: Column) -> pl.Expr:
    if not pulled.is_numeric():
        return _nothing(column)
    whole = raw.cast(pl.Int64, strict=False)
    return pl.when(whole.cast(pulled, strict=False) == raw).then(boolean(whole.cast(pl.String), column))


def _number(raw: pl.Expr, pulled: pl.DataType, column: Column) -> pl.Expr:
    dtype = column.dtype
    if isinstance(dtype, pl.Decimal) and pulled.is_float():
        shortest = raw.cast(pl.String)  # the shortest text that reads back as the same float
        return decimal(without_exponent(shortest), Column("", "", dtype), dtype)
    value = raw.cast(dtype, strict=False)
    if isinstance(pulled, pl.Decimal) and (dtype.is_float() or _widens(pulled, dtype)):
        return value
    if pulled.is_integer() and (dtype.is_integer() or isinstance(dtype, pl.Decimal)):
        return value
    return pl.when(value.cast(pulled, strict=False) == raw).then(value)


def _widens(pulled: pl.Decimal, dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Decimal) and dtype.scale >= pulled.scale


def _time(raw: pl.Expr, pulled: pl.Date | pl.Datetime, column: Column) -> pl.Expr:
    dtype, raw = column.dtype, _in_calendar(raw, pulled)
    if isinstance(dtype, pl.Date):
        wall = raw.dt.replace_time_zone(None)  # the day that its clock shows, not that of UTC
        return pl.when(wall.dt.truncate("1d") == wall).then(wall.cast(pl.Date))
    assert isinstance(dtype, pl.Datetime)
    zone = pulled.time_zone if isinstance(pulled, pl.Datetime) else None
    fine = raw.cast(pl.Datetime(dtype.time_unit, zone), strict=False)
    same = fine.cast(pulled, strict=False) == raw
    value = from_instant(fine, pl.lit(zone in ("UTC", "Etc/UTC")), column) if zone else from_wall(fine, column)
    return pl.when(same).then(value)


def text_of(raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Any value as text, as reasons, keys and quarantine show it."""
    if is_text(dtype):
        return raw
    if isinstance(dtype, pl.Date | pl.Datetime):
        return _day_text(raw, dtype)
    plain = unmapped(dtype)
    if is_nested(plain):
        return raw.cast(plain).map_batches(json_text, return_dtype=pl.String)
    if isinstance(dtype, pl.Binary):
        return raw.bin.encode("hex")
    if isinstance(dtype, pl.Object):
        return raw.map_elements(str, return_dtype=pl.String)
    if isinstance(dtype, pl.Duration | pl.Time):
        return raw.dt.to_string("iso")
    return raw.cast(pl.String)


def _day_text(raw: pl.Expr, dtype: pl.Date | pl.Datetime) -> pl.Expr:
    """A date or time; the number that stands for it where it is beyond any calendar."""
    held = _in_calendar(raw, dtype)
    written = held.dt.to_string("iso:strict")
    if isinstance(dtype, pl.Datetime) and dtype.time_zone not in (None, "UTC"):
        filled = held.to_physical().fill_null(0).cast(dtype)  # polars asks nulls, too, for the number beneath them
        offset = (filled.dt.base_utc_offset() + filled.dt.dst_offset()).dt.total_seconds()
        told = held.dt.convert_time_zone("UTC").dt.to_string("iso:strict")
        written = pl.when(offset % 60 != 0).then(told).otherwise(written)  # polars cuts the seconds of an old offset
    return pl.coalesce(written, raw.to_physical().cast(pl.Int64).cast(pl.String))


def _in_calendar(raw: pl.Expr, dtype: pl.Date | pl.Datetime) -> pl.Expr:
    """Without what is beyond any calendar: polars would panic."""
    in_day = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
    units = in_day[dtype.time_unit] if isinstance(dtype, pl.Datetime) else 1
    return pl.when((raw.to_physical().cast(pl.Int64) // units).abs() < _DAYS).then(raw)


def with_own_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows that will outlive those that they were taken from; else their texts keep the bytes of all texts there."""
    return frame.with_columns(pl.col(pl.String) + "")
