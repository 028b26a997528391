"""What lies inside nested values, at any depth: asked in polars, without taking them apart in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

__all__ = ["Test", "beyond_calendar", "in_days", "retyped", "some_leaf", "unfinite", "unmapped"]

Test = Callable[[pl.Expr, Any], pl.Expr | None]
"""Asks a value that holds no others, given its type; None where no value of that type can pass."""

_FIRST, _LAST = -719_162, 2_932_896  # the days of years 1 to 9999, from 1970
_IN_DAY = {"ms": 86_400_000, "us": 86_400_000_000}


def some_leaf(values: pl.Series, test: Test) -> pl.Series | None:
    """Which values hold one that passes the test; None: no type inside may."""
    found = _some(pl.col("values"), values.dtype, test)
    if found is None:
        return None
    return values.alias("values").to_frame().select(found.fill_null(False)).to_series()


def _some(raw: pl.Expr, dtype: Any, test: Test) -> pl.Expr | None:
    if isinstance(dtype, pl.List | pl.Array):
        inner = _some(pl.element(), dtype.inner, test)
        items = raw.arr.to_list() if isinstance(dtype, pl.Array) else raw
        return None if inner is None else items.list.eval(inner.fill_null(False)).list.any()
    if isinstance(dtype, pl.Struct):
        fields = [_some(raw.struct.field(one.name), one.dtype, test) for one in dtype.fields]
        asked = [one.fill_null(False) for one in fields if one is not None]
        return pl.any_horizontal(asked) if asked else None
    return test(raw, dtype)


def retyped(dtype: Any, change: Callable[[Any, Any], Any], beside: Any = None) -> Any:
    """The type with another one for each type inside that holds no others, given what stands at its place `beside`."""
    if isinstance(dtype, pl.List | pl.Array):
        inner = retyped(dtype.inner, change, beside.inner if isinstance(beside, pl.List | pl.Array) else None)
        return pl.Array(inner, dtype.size) if isinstance(dtype, pl.Array) else pl.List(inner)
    if isinstance(dtype, pl.Struct):
        known = {one.name: one.dtype for one in beside.fields} if isinstance(beside, pl.Struct) else {}
        return pl.Struct({one.name: retyped(one.dtype, change, known.get(one.name)) for one in dtype.fields})
    return change(dtype, beside)


def unmapped(dtype: Any) -> Any:
    """The type with a list of keys and values for each map inside, which polars casts to nothing else."""

    def listed(leaf: Any, beside: Any) -> Any:
        del beside
        if not isinstance(leaf, pl.Map):
            return leaf
        return pl.List(pl.Struct({"key": unmapped(leaf.key), "value": unmapped(leaf.value)}))

    return retyped(dtype, listed)


def unfinite(raw: pl.Expr, dtype: Any) -> pl.Expr | None:
    """Whether it is no number, or infinite."""
    return ~raw.is_finite() if dtype.is_float() else None


def in_days(dtype: Any) -> bool:
    """Whether values of this type may be beyond any calendar."""
    return isinstance(dtype, pl.Date) or (isinstance(dtype, pl.Datetime) and dtype.time_unit != "ns")


def beyond_calendar(raw: pl.Expr, dtype: Any) -> pl.Expr | None:
    """Whether Python has no such date or time: before year 1, or after 9999."""
    if not in_days(dtype):
        return None
    units = _IN_DAY[dtype.time_unit] if isinstance(dtype, pl.Datetime) else 1
    moved = isinstance(dtype, pl.Datetime) and dtype.time_zone not in (None, "UTC")  # by less than a day
    return ~(raw.to_physical().cast(pl.Int64) // units).is_between(_FIRST + moved, _LAST - moved)
