"""The statement that reads an object in order, and goes on after a given row: rendering only, no database.

The order ends in a key, so a read that stopped goes on behind the last row it delivered. The database both sorts and
compares, by the columns' own collations, and the values come from its own rows: nothing is compared here.
NULLs stand last, and are neither left out nor met twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa

__all__ = ["Order", "Place", "after", "decoded", "encoded", "ordered", "quoted"]

Place = Sequence[object]
"""The values of the order's columns in one row, as JSON holds them."""

_NULLS_LAST = ("postgresql", "sqlite", "oracle")  # ORDER BY … NULLS LAST; PostgreSQL's indexes are in this order
_ROW_VALUES = ("postgresql", "sqlite", "mysql", "mariadb")  # (a, b) > (x, y)
_Literal = Callable[[sa.ColumnElement[Any], object], sa.ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """The columns that rows are sorted by. `unique`: no two rows have the same place."""

    columns: tuple[sa.Column[Any], ...]
    unique: bool
    dialect: str = "postgresql"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)


def ordered(statement: sa.Select[Any], order: Order) -> sa.Select[Any]:
    """The statement with its rows in order, NULLs last in every dialect."""
    terms: list[sa.ColumnElement[Any]] = []
    for column in order.columns:
        if column.nullable and order.dialect in _NULLS_LAST:
            terms.append(column.nulls_last())
            continue
        if column.nullable:
            terms.append(sa.case((column.is_(None), sa.literal_column("1")), else_=sa.literal_column("0")))
        terms.append(column)
    return statement.order_by(*terms)


def after(order: Order, place: Place, literal: _Literal) -> sa.ColumnElement[bool]:
    """The rows behind `place`; when places are not unique, those at it again, for none may be left out."""
    columns = order.columns
    values = [None if value is None else literal(c, value) for c, value in zip(columns, place, strict=True)]
    known = [v for v in values if v is not None]
    if len(columns) == 1 and len(known) == 1 and not columns[0].nullable:
        return columns[0] > known[0] if order.unique else columns[0] >= known[0]
    if order.dialect in _ROW_VALUES and len(known) == len(columns) and not any(c.nullable for c in columns):
        left, right = sa.tuple_(*columns), sa.tuple_(*known)
        return left > right if order.unique else left >= right
    branches = [sa.and_(*(_same(columns[i], values[i]) for i in range(n)), _behind(c, values[n]))
                for n, c in enumerate(columns)]  # fmt: skip
    if not order.unique:
        branches.append(sa.and_(*(_same(c, v) for c, v in zip(columns, values, strict=True))))
    return sa.or_(*branches)


def _same(column: sa.Column[Any], value: sa.ColumnElement[Any] | None) -> sa.ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def _behind(column: sa.Column[Any], value: sa.ColumnElement[Any] | None) -> sa.ColumnElement[bool]:
    if value is None:
        return sa.false()
    return sa.or_(column > value, column.is_(None)) if column.nullable else column > value


def quoted(value: object) -> sa.ColumnElement[Any]:
    """A literal without a type, which PostgreSQL reads in the type of the column it is compared with."""
    if isinstance(value, dict):
        [(kind, text)] = cast("dict[str, str]", value).items()
        value = f"\\x{text}" if kind == "bytes" else text
    return sa.literal_column("'" + str(value).replace("'", "''") + "'")


def encoded(value: object) -> object:
    """A value of a row as JSON holds it, exactly."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime | date | time):
        return {type(value).__name__: value.isoformat()}
    return value


def decoded(value: object) -> object:
    """The value that `encoded` wrote."""
    if not isinstance(value, dict):
        return value
    [(kind, text)] = cast("dict[str, str]", value).items()
    readers: dict[str, Callable[[str], object]] = {
        "bytes": bytes.fromhex,
        "decimal": Decimal,
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "time": time.fromisoformat,
    }
    return readers[kind](text)
