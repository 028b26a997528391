"""Nested values: lists and structs as canonical JSON text, and read back from JSON exactly or not at all.

Canonical: names sorted, no blanks, numbers as they are. Nested columns are few and short, so this is plain Python.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

import polars as pl

from tilth.schemas.leaves import beyond_calendar, in_days, retyped, some_leaf
from tilth.schemas.times import Times

__all__ = ["from_json", "is_nested", "json_text"]


def is_nested(dtype: pl.DataType) -> bool:
    """Whether values of this type hold other values."""
    return isinstance(dtype, pl.List | pl.Array | pl.Struct)


def json_text(values: pl.Series, *, declared: Any = None) -> pl.Series:
    """Each value as canonical JSON; a date or time beyond any calendar is the number that stands for it.

    Floats are told by their shortest text; by all their digits where a `declared` type wants their number.
    """
    dtype, far = values.dtype, some_leaf(values, beyond_calendar)
    if far is None or not far.any():
        return _texts(values, dtype, _counted(dtype, declared))
    numbers = _texts(values.filter(far), dtype, _counted(dtype, declared, in_days))
    order = pl.concat([(~far).arg_true(), far.arg_true()]).arg_sort()
    return _texts(values.filter(~far), dtype, _counted(dtype, declared)).append(numbers).gather(order)


def _texts(values: pl.Series, dtype: pl.DataType, counted: Any) -> pl.Series:
    plain = values.cast(counted).to_list()
    return pl.Series(values.name, [None if one is None else _text(one, dtype) for one in plain], dtype=pl.String)


def _nothing_more(dtype: Any) -> bool:
    del dtype
    return False


def _counted(dtype: Any, declared: Any, also: Callable[[Any], bool] = _nothing_more) -> Any:
    """The type with what Python's own types would cut or cannot hold, and `also` more, as whole numbers or as text."""

    def told(leaf: Any, wanted: Any) -> Any:
        if _beyond_python(leaf) or also(leaf):
            return pl.Int64()
        number = wanted is not None and wanted.is_numeric() and not isinstance(wanted, pl.Decimal)
        return pl.String() if leaf.is_float() and not number else leaf

    return retyped(dtype, told, declared)


def _beyond_python(dtype: Any) -> bool:
    return isinstance(dtype, pl.Time | pl.Duration) or (isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns")


def _text(value: Any, dtype: Any) -> str:
    if isinstance(dtype, pl.Struct) and isinstance(value, Mapping):
        types = {field.name: field.dtype for field in dtype.fields}
        named = sorted((str(name), one) for name, one in value.items())
        return "{" + ",".join(f"{_quoted(name)}:{_text(one, types[name])}" for name, one in named) + "}"
    if isinstance(dtype, pl.List | pl.Array) and isinstance(value, list | tuple):
        return "[" + ",".join(_text(one, dtype.inner) for one in value) + "]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if value is not None and _beyond_python(dtype):
        return _quoted(_of_count(value, dtype))
    if value is not None and dtype.is_float():
        return _of_float(value)
    return json.dumps(value) if value is None or isinstance(value, bool | int) else _quoted(_leaf(value))


def _of_float(told: float | str) -> str:
    """The shortest text that reads back as the float, whatever its width, where that was told; else its number."""
    value = float(told)
    if not math.isfinite(value):
        return _quoted(str(value))
    return f"{int(value)}.0" if isinstance(told, float) and abs(value) >= _ALL_DIGITS else json.dumps(value)


def _of_count(count: int, dtype: Any) -> str:
    counted = pl.Series([count], dtype=pl.Int64).cast(dtype)
    if isinstance(dtype, pl.Time) and count % 1000 == 0:
        return counted[0].isoformat()
    if isinstance(dtype, pl.Datetime) and _oddly_placed(counted[0]):
        counted = counted.dt.convert_time_zone("UTC")
    return str(counted.dt.to_string("iso:strict" if isinstance(dtype, pl.Datetime) else "iso")[0])


def _oddly_placed(moment: dt.datetime) -> bool:
    """Whether its offset has seconds, as before there were zones: such are told in UTC, and can be read again."""
    return bool((moment.utcoffset() or dt.timedelta()) % dt.timedelta(minutes=1))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _leaf(value: object) -> str:
    """As the same value reads in a column of its own."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.datetime):
        told = value.astimezone(dt.UTC) if _oddly_placed(value) else value
        return told.isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def from_json(texts: pl.Series, dtype: pl.DataType, *, exact: bool = False) -> pl.Series:
    """The values that JSON texts hold, null where a text is no JSON of exactly this type.

    Times are read as a column of them is: all at once, so their texts are gathered in a first round. A number is read
    as the nearest float, or not at all where that is another number: then `exact`.
    """
    times, all_texts = Times(), texts.to_list()
    read = [_read(text, dtype, exact, times) for text in all_texts]
    if times.asked:
        times.answer()
        read = [_read(text, dtype, exact, times) for text in all_texts]
    return pl.Series(texts.name, read, dtype=retyped(dtype, _plain)).cast(dtype)


def _plain(leaf: Any, beside: Any) -> Any:
    del beside
    return (pl.Int32() if isinstance(leaf, pl.Date) else pl.Int64()) if leaf.is_temporal() else leaf


_DIGITS = 40  # more than any type holds
_ALL_DIGITS = 1e16  # from here on, the shortest text of a float has not all digits of its number
_SECONDS = 19  # characters to the end of the seconds


class _Misfit(ValueError):
    """A JSON value is none of the declared type."""


def _read(text: str | None, dtype: pl.DataType, exact: bool, times: Times) -> Any:
    if text is None:
        return None
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_once)
        return _value(value, dtype, exact, times)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _refuse(constant: str) -> Any:
    raise _Misfit(constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise _Misfit("a name stands twice")
    return dict(pairs)


def _value(value: Any, dtype: Any, exact: bool, times: Times) -> Any:
    if value is None:
        return None
    if isinstance(dtype, pl.List | pl.Array):
        return _items(value, dtype, exact, times)
    if isinstance(dtype, pl.Struct):
        fields = {field.name: field.dtype for field in dtype.fields}
        if not isinstance(value, dict) or not value.keys() <= fields.keys():
            raise _Misfit(value)
        return {name: _value(value.get(name), kind, exact, times) for name, kind in fields.items()}
    if isinstance(dtype, pl.Boolean):
        return _kept(value, isinstance(value, bool))
    return _number(value, dtype, exact) if dtype.is_numeric() else _spelled(value, dtype, times)


def _items(value: Any, dtype: pl.List | pl.Array, exact: bool, times: Times) -> list[Any]:
    if not isinstance(value, list) or (isinstance(dtype, pl.Array) and len(value) != dtype.size):
        raise _Misfit(value)
    return [_value(one, dtype.inner, exact, times) for one in value]


def _kept(value: Any, right: bool) -> Any:
    if not right:
        raise _Misfit(value)
    return value


def _number(value: Any, dtype: pl.DataType, exact: bool) -> Any:
    _kept(value, isinstance(value, int | Decimal) and not isinstance(value, bool))
    if dtype.is_float():
        return _kept(float(value), _float_holds(value, dtype, exact))
    scale = dtype.scale if isinstance(dtype, pl.Decimal) else 0
    exactly = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow])
    scaled = exactly.scaleb(exactly.create_decimal(value), scale)  # the size is known before it is made a whole number
    _kept(value, scaled.adjusted() < _DIGITS and scaled == scaled.to_integral_value(context=exactly))
    whole = int(scaled)
    if isinstance(dtype, pl.Decimal):
        return _kept(scaled.scaleb(-scale, exactly), abs(whole) < 10 ** (dtype.precision or 38))
    bits = int(str(dtype).lstrip("UInt"))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if str(dtype).startswith("I") else (0, 2**bits - 1)
    return _kept(whole, low <= whole <= high)


def _spelled(value: Any, dtype: pl.DataType, times: Times) -> Any:
    _kept(value, isinstance(value, str))
    value.encode()  # half a surrogate pair is a ValueError, too: JSON can spell it, and polars cannot hold it
    if isinstance(dtype, pl.String | pl.Categorical):
        return value
    if isinstance(dtype, pl.Enum):
        return _kept(value, value in dtype.categories.to_list())
    if isinstance(dtype, pl.Binary):
        return bytes.fromhex(_kept(value, not any(c.isspace() for c in value)))
    if isinstance(dtype, pl.Datetime):  # with its zone where the type has one, and only then
        _kept(value, any(c in "Z+-" for c in value[_SECONDS:]) == (dtype.time_zone is not None))
    read = times.count(value, dtype) if dtype.is_temporal() else None
    return _kept(read, read is not None)


def _float_holds(value: int | Decimal, dtype: pl.DataType, exact: bool) -> bool:
    near = float(value)
    held = pl.Series([near]).cast(dtype).cast(pl.Float64)[0]
    same = held == near and (not isinstance(value, int) or int(near) == value)
    return math.isfinite(held) and (same or not exact)
