"""From a request and what the database says of the object to one statement, and the token to go on from.

Reads the clock and the newest cursor value; the deciding is done in `window` and `keyset`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from tilth.connectors.protocol import Complete, Pull, Token
from tilth.connectors.sql.clock import begin, newest, undated
from tilth.connectors.sql.columns import Landing, landing
from tilth.connectors.sql.keyset import Order, Place, after, decoded, ordered, quoted
from tilth.connectors.sql.reflect import Reflected
from tilth.connectors.sql.window import Mark, bound_text, moment_of, next_mark
from tilth.errors import SourceError

__all__ = ["Plan", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How one pull is read. `since` None: every row; `mark`: where the pull after it starts."""

    object: Reflected
    columns: tuple[str, ...]  # delivered
    landings: tuple[Landing, ...]  # read: those, and what the order needs
    order: Order
    cursor: str | None
    since: datetime | None
    mark: Mark | None
    clock: datetime
    place: Place | None = None  # where an earlier attempt stopped
    rows: int = 0  # what it had read

    def statement(self, place: Place | None) -> sa.Select[Any]:
        """The rows not read yet, in order."""
        table = self.object.table
        statement = sa.select(*(one.expression for one in self.landings)).select_from(table)
        if self.cursor is not None and self.since is not None:
            column, moment = table.c[self.cursor], self.object.moment(self.cursor)
            text = bound_text(moment or "text", self.since)
            since = column >= (quoted(text) if self.object.dialect in ("postgresql", "sqlite") else self._bound(text))
            always = [undated(column, self.object.dialect)] if moment == "text" else []
            always += [column.is_(None)] if column.nullable else []
            statement = statement.where(sa.or_(since, *always))
        if place is not None:
            statement = statement.where(after(self.order, place, self._literal))
        return ordered(statement, self.order)

    def _bound(self, text: str) -> sa.ColumnElement[Any]:
        moment = self.object.moment(self.cursor or "")
        value = text if moment == "text" else datetime.fromisoformat(text)
        return sa.literal(value.date() if moment == "date" and isinstance(value, datetime) else value)

    def _literal(self, column: sa.ColumnElement[Any], value: object) -> sa.ColumnElement[Any]:
        return quoted(value) if self.object.dialect == "postgresql" else sa.literal(decoded(value), column.type)

    def token(self, place: Place | None, rows: int) -> Token | None:
        """Where this pull goes on; None when its rows have no order."""
        if not self.order.columns or place is None:
            return None
        return {
            "order": list(self.order.names),
            "place": list(place),
            "rows": rows,
            "since": None if self.since is None else self.since.isoformat(),
            "mark": None if self.mark is None else self.mark.token(),
            "clock": self.clock.isoformat(),
        }

    def complete(self) -> Complete:
        """What is said with the last batch."""
        return Complete({} if self.mark is None else self.mark.token(), self.since is None, self.clock)


def plan(connection: sa.Connection, object: Reflected, request: Pull, *, source: str, lag: timedelta) -> Plan:
    """How `request` is read, decided before the first row: the pull after it is safe whatever is written meanwhile."""
    cursor = None if request.keys_only else request.cursor_column
    start = begin(connection)
    last = None if cursor is None else Mark.of(request.cursor, cursor)
    mark = None
    if cursor is not None:
        moment = object.moment(cursor) or "text"
        seen = None if moment == "instant" else _newest(connection, object, cursor, start.shown, source)
        mark = next_mark(cursor, moment, start=start, newest=seen, last=last, lag=lag)
    since = last.bound if last is not None and not request.whole else None
    fresh = _plan(object, request, cursor, since, mark, start.clock)
    return _resumed(object, request, cursor) or fresh


def _newest(connection: sa.Connection, object: Reflected, cursor: str, at: datetime, source: str) -> datetime | None:
    value = newest(connection, object.table.c[cursor], object.moment(cursor) or "text", at)
    seen = moment_of(value)
    if value is not None and seen is None:
        raise SourceError(
            f"the cursor column {cursor} does not hold times",
            where=f"source {source}, object {object.table.name}",
            expected="a date or time column, or ISO 8601 text",
            got=f"a value of type {type(value).__name__}",
            next="leave `cursor` out of the declaration: the object is then pulled whole",
        )
    return seen


def _plan(
    object: Reflected, request: Pull, cursor: str | None, since: datetime | None, mark: Mark | None, clock: datetime
) -> Plan:
    table, dialect = object.table, object.dialect
    key = object.key or tuple(request.key)
    names = _once([*([cursor] if cursor and since else []), *key])
    unique = any(found.issubset(names) for found in object.unique)
    order = Order(tuple(table.c[name] for name in names), unique, dialect)
    wanted: Sequence[str] = (request.key or key) if request.keys_only else request.columns or tuple(table.c.keys())
    columns = _once([*wanted, *([cursor] if cursor else []), *request.key])
    landings = tuple(landing(table.c[name], object.types[name], dialect) for name in _once([*columns, *names]))
    return Plan(object, columns, landings, order, cursor, since, mark, clock)


def _once(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _resumed(object: Reflected, request: Pull, cursor: str | None) -> Plan | None:
    """The plan of the pull's first attempt, going on; None when there is none or the order is another by now."""
    token = request.resume
    if not token:
        return None
    since = None if token["since"] is None else datetime.fromisoformat(str(token["since"]))
    mark = cast("Mapping[str, object] | None", token["mark"])
    first = Mark.of(mark, cursor) if mark and cursor else None
    clock = datetime.fromisoformat(str(token["clock"])).astimezone(UTC)
    again = _plan(object, request, cursor, since, first, clock)
    if list(again.order.names) != token["order"] or (cursor is not None and first is None):
        return None
    return Plan(
        again.object,
        again.columns,
        again.landings,
        again.order,
        cursor,
        since,
        first,
        clock,
        cast("Sequence[object]", token["place"]),
        int(str(token["rows"])),
    )
