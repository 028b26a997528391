"""How a column is read and what it lands as: plain Arrow types that hold the source's values exactly.

What Arrow has no exact plain type for (numerics without bounds, uuid, json, inet, interval, money, arrays, …) lands
as the text the database itself writes. A column whose values do not fit its type lands as text in that batch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOMAIN

__all__ = ["Landing", "from_values", "landing", "place_text"]

_SAFE = 2**53  # whole numbers beyond it are not exact as float64
_FIRST_DAY, _FIRST_TIME = -2_500_000, -220_000_000_000_000_000  # before 4713 BC: the driver wrapped an infinite value
_DAYS, _TIMES = (-719_162, 2_932_896), (-62_135_596_800_000_000, 253_402_300_799_999_999)  # years 1 to 9999
_INFINITE = {
    -2147472692: "infinity",
    -2147472691: "-infinity",
    -9222425352054775809: "infinity",
    -9222425352054775808: "-infinity",
}
_TEXTS = (sa.VARCHAR, sa.CHAR, sa.TEXT, sa.String, sa.Text)  # and not citext, enum, …
_PLAIN: tuple[tuple[type[sa.types.TypeEngine[Any]], pa.DataType], ...] = (
    (sa.Boolean, pa.bool_()),
    (sa.SmallInteger, pa.int16()),
    (sa.BigInteger, pa.int64()),
    (sa.Integer, pa.int32()),
    (sa.Double, pa.float64()),
    (sa.REAL, pa.float32()),
    (sa.Date, pa.date32()),
    (sa.LargeBinary, pa.binary()),
)


@dataclass(frozen=True, slots=True)
class Landing:
    """One column: the expression that reads it, the type it is read as and the type it lands as."""

    name: str
    expression: sa.ColumnElement[Any]
    read: pa.DataType | None  # None: by its values
    empty: pa.DataType  # when there are no values to tell
    lands: pa.DataType | None = None  # when other than `read`

    @property
    def type(self) -> pa.DataType:
        """The type when nothing forces another."""
        return self.lands or self.read or self.empty

    def landed(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """The values as they land."""
        if self.lands is not None:
            try:
                return pc.cast(values, self.lands)
            except pa.ArrowInvalid:  # NaN has no decimal
                return values
        if pa.types.is_date32(values.type) or pa.types.is_timestamp(values.type):
            return _bounded(values)
        return values


def _bounded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Days and times; a batch that holds ones outside the years 1 to 9999 as text (infinite ones wrap in Arrow)."""
    days = pa.types.is_date32(values.type)
    numbers = values.cast(pa.int32() if days else pa.int64())
    first, (least, most) = (_FIRST_DAY, _DAYS) if days else (_FIRST_TIME, _TIMES)
    lowest, highest = (pc.call_function(name, [numbers]).as_py() for name in ("min", "max"))
    if lowest is None or (lowest >= least and highest <= most):
        return values
    texts = values.cast(pa.string()).to_pylist()
    for at, number in enumerate(numbers.to_pylist()):
        if number is not None and number < first:
            texts[at] = _INFINITE.get(number, "out of range")
    return pa.chunked_array([pa.array(texts, pa.string())])


def landing(column: sa.Column[Any], kind: sa.types.TypeEngine[Any], dialect: str) -> Landing:
    """How `column`, declared as `kind`, is read from a database of this dialect."""
    if dialect == "sqlite":
        return Landing(column.name, column, None, _affinity(kind))
    if dialect == "postgresql":
        return _postgresql(column, kind)
    return Landing(column.name, column, None, _plain(kind) or pa.string())


def _postgresql(column: sa.Column[Any], kind: sa.types.TypeEngine[Any]) -> Landing:
    expression: sa.ColumnElement[Any] = column
    if isinstance(kind, DOMAIN):
        kind = kind.data_type
        expression = sa.cast(column, kind)
    plain = _plain(kind) if not isinstance(kind, sa.String) or type(kind) in _TEXTS else None
    if plain is not None:
        return Landing(column.name, expression.label(column.name), plain, plain)
    return Landing(
        column.name, sa.cast(expression, sa.Text).label(column.name), pa.string(), pa.string(), _decimal(kind)
    )


def _plain(kind: sa.types.TypeEngine[Any]) -> pa.DataType | None:
    if isinstance(kind, sa.String):
        return pa.string()
    if isinstance(kind, sa.DateTime):
        return pa.timestamp("us", tz="UTC" if kind.timezone else None)
    if isinstance(kind, sa.Time):
        return None if kind.timezone else pa.time64("us")
    return next((lands for known, lands in _PLAIN if isinstance(kind, known)), None)


def _decimal(kind: sa.types.TypeEngine[Any]) -> pa.DataType | None:
    """The exact decimal of a NUMERIC(p, s); None for other types and where Arrow has no such decimal."""
    if not isinstance(kind, sa.Numeric) or isinstance(kind, sa.Float) or kind.precision is None:
        return None
    scale = kind.scale or 0
    return pa.decimal128(kind.precision, scale) if 0 <= scale <= kind.precision <= 38 else None


def _affinity(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    """What an SQLite column of this declared type holds when it holds nothing."""
    if isinstance(kind, sa.Integer):
        return pa.int64()
    if isinstance(kind, sa.LargeBinary):
        return pa.binary()
    return pa.float64() if isinstance(kind, sa.Numeric) else pa.string()


def from_values(values: Sequence[object], expected: pa.DataType | None, empty: pa.DataType) -> pa.Array:
    """A column of a driver's values: as expected, else as their own type, else as text."""
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pa.array(values, expected or empty)
    if expected is not None and kinds <= _pythons(expected):
        return pa.array(values, expected)
    if kinds <= {int, float}:
        return _numbers(values, kinds)
    if len(kinds) == 1:
        [kind] = kinds
        if kind in (str, bytes, bool):
            return pa.array(values)
        if kind is Decimal:
            return _decimals(values)
        if issubclass(kind, date):
            return _times(values, kind)
    return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _pythons(kind: pa.DataType) -> set[type]:
    if pa.types.is_integer(kind):
        return {int}
    if pa.types.is_timestamp(kind):
        return {datetime}
    known: dict[pa.DataType, type] = {
        pa.bool_(): bool,
        pa.float32(): float,
        pa.float64(): float,
        pa.date32(): date,
        pa.time64("us"): time,
        pa.string(): str,
        pa.binary(): bytes,
    }
    return {known[kind]} if kind in known else set()


def _numbers(values: Sequence[object], kinds: set[type]) -> pa.Array:
    whole = [v for v in values if isinstance(v, int)]
    if kinds == {int} and min(whole) >= -(2**63) and max(whole) < 2**63:
        return pa.array(values, pa.int64())
    if float in kinds and all(abs(v) <= _SAFE for v in whole):
        return pa.array([None if v is None else float(str(v)) if isinstance(v, int) else v for v in values])
    return pa.array([None if v is None else repr(v) for v in values], pa.string())


def _decimals(values: Sequence[object]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException:  # NaN, or more than 76 digits
        return pa.array([None if v is None else str(v) for v in values], pa.string())


def _times(values: Sequence[object], kind: type) -> pa.Array:
    if kind is date:
        return pa.array(values, pa.date32())
    zones = {v.tzinfo is not None for v in values if isinstance(v, datetime)}
    if len(zones) > 1:
        return pa.array([None if v is None else str(v) for v in values], pa.string())
    return pa.array(values, pa.timestamp("us", tz="UTC" if zones == {True} else None))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)


def place_text(value: pa.Scalar[Any]) -> object:
    """A value of the order's columns as PostgreSQL reads it back."""
    if not value.is_valid:
        return None
    if pa.types.is_binary(value.type):
        return "\\x" + value.as_py().hex()
    if pa.types.is_floating(value.type):
        return repr(value.as_py())
    return value.cast(pa.string()).as_py()
