"""Which rows a pull reads, in which order, and where the next one starts: decisions only, no database.

A row's cursor value is set when its transaction begins or writes, but the row is seen only once that commits. So
the next pull starts not at the newest value seen, but before the database's clock, by the lag and by the age of the
oldest transaction that was open when this pull began: `[bound, …)`, read again and upserted by key. There is no upper
end: a row dated in the future is read now, and again, instead of being missed until its date. Rows whose cursor value
is NULL cannot be told old from new: every pull reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal, cast

__all__ = ["Mark", "Moment", "Start", "bound_text", "moment_of", "next_mark"]

Moment = Literal["instant", "local", "date", "text"]
"""What a cursor column holds: a point in time, a time without zone, a day, or ISO 8601 text."""

_SET_BACK = timedelta(hours=1)  # clocks without a zone are set back in autumn
_WEST = timedelta(hours=12)  # UTC-12 is the last zone on earth
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Start:
    """What was seen of the database before the first row was read."""

    clock: datetime  # the database's, aware, UTC
    oldest: datetime | None = None  # when the oldest transaction open at that time began
    hidden: tuple[str, ...] = ()  # open transactions whose begin this user may not see
    local: datetime | None = None  # naive: what the database's own clock shows, where it says so

    @property
    def shown(self) -> datetime:
        """What columns without zone show now, at the latest: UTC, or the database's own time if that is behind."""
        utc = self.clock.astimezone(UTC).replace(tzinfo=None)
        return utc if self.local is None else min(utc, self.local)


@dataclass(frozen=True, slots=True)
class Mark:
    """A pull's cursor: where the next one starts (`bound`; None: at the beginning), and what proves it."""

    column: str
    bound: datetime | None  # naive: in the column's own terms
    clock: datetime
    hidden: tuple[str, ...] = ()

    def token(self) -> dict[str, object]:
        """The mark as JSON."""
        bound = None if self.bound is None else self.bound.isoformat()
        return {"column": self.column, "bound": bound, "clock": self.clock.isoformat(), "hidden": list(self.hidden)}

    @classmethod
    def of(cls, token: Mapping[str, object] | None, column: str) -> Mark | None:
        """The mark in a token; None when there is none or when it tells of another cursor column."""
        if not token or token.get("column") != column:
            return None
        bound, hidden = token.get("bound"), cast("Sequence[str]", token.get("hidden") or ())
        return cls(
            column,
            None if bound is None else datetime.fromisoformat(str(bound)),
            datetime.fromisoformat(str(token["clock"])),
            tuple(hidden),
        )


def moment_of(value: object) -> datetime | None:
    """A cursor value as naive time (instants in UTC); None when it is no ISO 8601 time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None


def next_mark(
    column: str, moment: Moment, *, start: Start, newest: datetime | None, last: Mark | None, lag: timedelta
) -> Mark:
    """Where the pull after this one starts, decided before this one reads.

    An instant is compared with the database's clock. The writers of a column without zone may be in any zone: what
    its clock shows lies between that of the westernmost zone and `newest`, the greatest value not after `start.shown`.
    """
    mark = Mark(column, last.bound if last else None, start.clock, start.hidden)
    back = _back(start, last, lag)
    if back is None:
        return mark
    shown = start.clock.astimezone(UTC).replace(tzinfo=None)
    if moment != "instant":
        west = shown - _WEST
        shown, back = max(west, min(newest or west, start.shown)), back + _SET_BACK
    bound = shown - back
    return replace(mark, bound=bound if mark.bound is None else max(bound, mark.bound))


def _back(start: Start, last: Mark | None, lag: timedelta) -> timedelta | None:
    """How far back a row may still appear; None: that cannot be told, so the bound stays where it is."""
    ages = [max(start.clock - start.oldest, timedelta())] if start.oldest else []
    if start.hidden:
        if last is None or not set(start.hidden).isdisjoint(last.hidden):
            return None
        ages.append(start.clock - last.clock)  # they all began after the last pull did
    return lag + max(ages, default=timedelta())


def bound_text(moment: Moment, bound: datetime) -> str:
    """A bound as the column would write it. Text is held a day earlier: its zones and separators may differ."""
    if moment == "text":
        return (bound - _DAY).date().isoformat()
    if moment == "date":
        return bound.date().isoformat()
    return bound.isoformat(sep=" ", timespec="microseconds") + ("+00:00" if moment == "instant" else "")
