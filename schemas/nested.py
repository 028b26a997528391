"""Nested values: lists and structs as canonical JSON text, and read back from JSON exactly or not at all.

Canonical: names sorted, no blanks, numbers as they are. Nested columns are few and short, so this is plain Python.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

import polars as pl

__all__ = ["from_json", "is_nested", "json_text"]


def is_nested(dtype: pl.DataType) -> bool:
    """Whether values of this type hold other values."""
    return isinstance(dtype, pl.List | pl.Array | pl.Struct)


def json_text(values: pl.Series) -> pl.Series:
    """Each value as canonical JSON."""
    return pl.Series(values.name, [None if one is None else _text(one) for one in values.to_list()], dtype=pl.String)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        named = sorted((str(name), one) for name, one in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return "{" + ",".join(f"{_quoted(name)}:{_text(one)}" for name, one in named) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value)
    return _quoted(_leaf(value))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _leaf(value: object) -> str:
    """As the same value reads in a column of its own."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, dt.timedelta):
        return str(pl.Series([value]).dt.to_string("iso")[0])
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def from_json(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    """The values that JSON texts hold, null where a text is no JSON of exactly this type."""
    return pl.Series(texts.name, [_read(text, dtype) for text in texts.to_list()], dtype=dtype)


_DIGITS = 40  # more than any type holds


class _Misfit(ValueError):
    """A JSON value is none of the declared type."""


def _read(text: str | None, dtype: pl.DataType) -> Any:
    if text is None:
        return None
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_once)
        return _value(value, dtype)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _refuse(constant: str) -> Any:
    raise _Misfit(constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise _Misfit("a name stands twice")
    return dict(pairs)


def _value(value: Any, dtype: Any) -> Any:
    if value is None:
        return None
    if isinstance(dtype, pl.List | pl.Array):
        return _items(value, dtype)
    if isinstance(dtype, pl.Struct):
        fields = {field.name: field.dtype for field in dtype.fields}
        if not isinstance(value, dict) or not value.keys() <= fields.keys():
            raise _Misfit(value)
        return {name: _value(value.get(name), kind) for name, kind in fields.items()}
    if isinstance(dtype, pl.Boolean):
        return _kept(value, isinstance(value, bool))
    return _number(value, dtype) if dtype.is_numeric() else _spelled(value, dtype)


def _items(value: Any, dtype: pl.List | pl.Array) -> list[Any]:
    if not isinstance(value, list) or (isinstance(dtype, pl.Array) and len(value) != dtype.size):
        raise _Misfit(value)
    return [_value(one, dtype.inner) for one in value]


def _kept(value: Any, right: bool) -> Any:
    if not right:
        raise _Misfit(value)
    return value


def _number(value: Any, dtype: pl.DataType) -> Any:
    _kept(value, isinstance(value, int | Decimal) and not isinstance(value, bool))
    if dtype.is_float():
        return _kept(float(value), pl.Series([float(value)]).cast(dtype).is_finite().all())
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


def _spelled(value: Any, dtype: pl.DataType) -> Any:
    _kept(value, isinstance(value, str))
    if isinstance(dtype, pl.String | pl.Categorical):
        return value
    if isinstance(dtype, pl.Enum):
        return _kept(value, value in dtype.categories.to_list())
    if isinstance(dtype, pl.Binary):
        return bytes.fromhex(_kept(value, not any(c.isspace() for c in value)))
    if isinstance(dtype, pl.Date):
        return dt.date.fromisoformat(_kept(value, len(value) == 10))
    if isinstance(dtype, pl.Time):
        return _kept(dt.time.fromisoformat(value), dt.time.fromisoformat(value).tzinfo is None and _kept_by(value, 6))
    if isinstance(dtype, pl.Datetime):
        return _moment(value, dtype)
    raise _Misfit(value)


def _kept_by(text: str, digits: int) -> bool:
    """Whether a fraction of a second has no more digits than are kept."""
    fraction = re.search(r"[.,]([0-9]+)", text)
    return fraction is None or len(fraction[1].rstrip("0")) <= digits


def _moment(text: str, dtype: pl.Datetime) -> dt.datetime:
    """With its zone where the type has one, and only then; to the digits and years that the type holds."""
    value = dt.datetime.fromisoformat(text)
    _kept(text, _kept_by(text, 3 if dtype.time_unit == "ms" else 6))
    _kept(text, dtype.time_unit != "ns" or 1678 <= value.year <= 2261)
    return _kept(value, (value.tzinfo is None) == (dtype.time_zone is None))
