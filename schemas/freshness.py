"""When data is late: what was promised, the moment at which the promise breaks, and the state now.

Pure: `now` and the source's clock are arguments. Cron expressions are read here because a promise may be one
("by 06:00 on working days"); the schedule of runs is Dagster's and the crontab's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Literal
from zoneinfo import ZoneInfo

__all__ = ["Cron", "Lateness", "Sla", "late_after", "reason_of", "state_of"]

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {3: {n: i + 1 for i, n in enumerate(_MONTHS)}, 4: {n: i for i, n in enumerate(_DAYS)}}
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_HORIZON = 366 * 41  # days: a 29 February that is a Sunday can be forty years away


@dataclass(frozen=True, slots=True)
class Cron:
    """A five-field cron expression; day of month and day of week are alternatives when both are restricted."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either: bool  # a day matches when it is one of `days` or of `weekdays`

    @classmethod
    def parse(cls, text: str) -> Cron:
        """The expression in `text`; ValueError that names the field, what it may be, and what it is."""
        parts = _MACROS.get(text.strip().lower(), text).lower().split()
        if len(parts) != 5:
            raise ValueError(f"expected five fields (minute hour day month weekday), got {len(parts)}: {text!r}")
        minutes, hours, days, months, weekdays = (_field(part, index) for index, part in enumerate(parts))
        either = not parts[2].startswith("*") and not parts[4].startswith("*")
        cron = cls(text, minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)
        if not any(cron.on(date(2024, 1, 1) + timedelta(days=n)) for n in range(_HORIZON)):
            raise ValueError(f"there is no such day: {text!r}")
        return cron

    def on(self, day: date) -> bool:
        """Whether the expression has a time on this day."""
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and ((in_month or in_week) if self.either else (in_month and in_week))

    def after(self, moment: datetime, time_zone: str = "UTC") -> Iterator[datetime]:
        """All times strictly after `moment` (aware), in UTC, in order.

        In the hour that a clock change skips, a time comes an hour later; in the hour that comes twice, once.
        """
        zone = ZoneInfo(time_zone)
        first = moment.astimezone(zone).date() - timedelta(days=1)
        last = None
        for offset in count():
            day = first + timedelta(days=offset)
            if self.on(day):
                walls = (datetime.combine(day, time(h, m), zone) for h in self.hours for m in self.minutes)
                for found in sorted({wall.astimezone(UTC) for wall in walls}):
                    if found > moment and (last is None or found > last):
                        last = found
                        yield found


@dataclass(frozen=True, slots=True)
class Sla:
    """What is promised: data no older than `max_age`; at each `deadline` (cron), data from after the one before."""

    deadline: str | None = None
    max_age: timedelta | None = None
    time_zone: str = "UTC"

    @property
    def promised(self) -> bool:
        """Whether anything is promised at all."""
        return self.deadline is not None or self.max_age is not None


@dataclass(frozen=True, slots=True)
class Lateness:
    """The state of a table's data at one moment."""

    state: Literal["fresh", "late", "no promise"]
    late_after: datetime | None  # the moment at which the first promise breaks
    age: timedelta | None  # None: no data yet
    allowed: timedelta | None  # how old this data may become before it is late
    reason: str  # why it is so, in one sentence

    @property
    def fresh(self) -> bool:
        """Not late; what nothing was promised about cannot be late."""
        return self.state != "late"


def late_after(sla: Sla, data_as_of: datetime) -> datetime | None:
    """The moment (UTC) after which data as of `data_as_of` is late; None when nothing is promised.

    By a deadline, data must be from after the deadline before it: so it is late from the second one on.
    """
    moments: list[datetime] = []
    if sla.max_age is not None:
        moments.append(data_as_of.astimezone(UTC) + sla.max_age)
    if sla.deadline is not None:
        deadlines = Cron.parse(sla.deadline).after(data_as_of, sla.time_zone)
        next(deadlines)
        moments.append(next(deadlines))
    return min(moments, default=None)


def state_of(sla: Sla, data_as_of: datetime | None, now: datetime, *, through: str | None = None) -> Lateness:
    """Whether data as of `data_as_of` (None: there is none yet) keeps its promise at `now`.

    `through` names the table whose data is the oldest of those that a derived table is made from.
    """
    age = None if data_as_of is None else now - data_as_of
    after = late_after(sla, data_as_of) if data_as_of else None
    late = sla.promised and (after is None or now > after)
    state = "late" if late else "fresh" if sla.promised else "no promise"
    allowed = after - data_as_of if after and data_as_of else None
    return Lateness(state, after, age, allowed, reason_of(sla, data_as_of, late=late, through=through))


def reason_of(sla: Sla, data_as_of: datetime | None, *, late: bool, through: str | None = None) -> str:
    """Why data as of `data_as_of` is late, or is not, in one sentence; times are those of the project's clocks."""
    if data_as_of is None:
        return "no complete pull was published yet"
    of = f" (that of {through})" if through else ""
    told = f"data is as of {_words(data_as_of, sla.time_zone)}{of}"
    after = late_after(sla, data_as_of)
    if after is None:
        return f"nothing is promised; {told}"
    return f"{told}, {'it was' if late else 'which is'} good until {_words(after, sla.time_zone)}"


def _words(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")


def _field(text: str, index: int) -> frozenset[int]:
    name, low, high = _FIELDS[index]
    values: set[int] = set()
    for item in text.split(","):
        body, slash, step = item.partition("/")
        start, dash, end = body.partition("-")
        if body == "*":
            first, last = low, high
        else:
            first = _number(start, index)
            last = _number(end, index) if dash else (high if slash else first)
        every = int(step) if slash and step.isdecimal() else 1
        if first > last or every < 1 or (slash and not step.isdecimal()):
            raise ValueError(f"{name}: expected a range such as {low}-{high} or */5, got {item!r}")
        values.update(range(first, last + 1, every))
    return frozenset(values)


def _number(text: str, index: int) -> int:
    name, low, high = _FIELDS[index]
    number = _NAMES.get(index, {}).get(text, int(text) if text.isdecimal() else -1)
    if not low <= number <= high:
        raise ValueError(f"{name}: expected {low} to {high}, got {text!r}")
    return number
