"""Promises: cron deadlines against an oracle that walks minute by minute, and the moments at which data is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.schemas.freshness import Cron, Sla, late_after, state_of

BERLIN = "Europe/Berlin"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


def _items(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    ranges = st.tuples(number, number).map(sorted)
    return st.one_of(
        st.just("*"),
        st.builds("*/{}".format, st.integers(1, high)),
        number.map(str),
        st.lists(number, min_size=2, max_size=3).map(lambda ns: ",".join(map(str, ns))),
        st.builds(lambda r, s: f"{r[0]}-{r[1]}/{s}", ranges, st.integers(1, 9)),
    )


CRONS = st.builds(
    lambda *parts: " ".join(parts), _items(0, 59), _items(0, 23), _items(1, 28), _items(1, 12), _items(0, 7)
)


def _one(text: str, value: int, low: int, high: int) -> bool:
    """Whether a field allows a value: written from the manual page, item by item."""
    for item in text.split(","):
        body, _, step = item.partition("/")
        first, _, last = body.partition("-")
        span = (low, high) if body == "*" else (int(first), int(last or first))
        if span[0] <= value <= span[1] and (value - span[0]) % int(step or 1) == 0:
            return True
    return False


def _matches(text: str, wall: datetime) -> bool:
    minute, hour, day, month, weekday = text.split()
    in_week = any(_one(weekday, n, 0, 7) for n in ({0, 7} if wall.isoweekday() == 7 else {wall.isoweekday()}))
    in_month = _one(day, wall.day, 1, 31)
    restricted = not day.startswith("*") and not weekday.startswith("*")
    today = (in_month or in_week) if restricted else (in_month and in_week)
    return (
        today and _one(month, wall.month, 1, 12) and _one(hour, wall.hour, 0, 23) and _one(minute, wall.minute, 0, 59)
    )


@given(CRONS, st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)))
@settings(max_examples=60, deadline=None)
def test_deadlines_are_those_of_a_clock_that_looks_every_minute(text: str, moment: datetime) -> None:
    start = moment.replace(tzinfo=UTC)
    walked = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    expected = [t for t in (walked + timedelta(minutes=n) for n in range(60 * 26)) if _matches(text, t)]
    found = list(islice(Cron.parse(text).after(start), len(expected) + 1))
    assert found[: len(expected)] == expected
    assert all(t >= walked + timedelta(minutes=60 * 26) for t in found[len(expected) :])


@given(st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)), CRONS, st.sampled_from([BERLIN, "America/St_Johns"]))
@settings(max_examples=60, deadline=None)
def test_deadlines_go_forward_and_keep_the_wall_clock(moment: datetime, text: str, zone: str) -> None:
    start = moment.replace(tzinfo=UTC)
    found = list(islice(Cron.parse(text).after(start, zone), 20))
    assert len(found) == 20
    assert all(a < b for a, b in zip([start, *found], found, strict=False))
    usual = [t for t in found if _usual(t, ZoneInfo(zone))]
    assert all(_matches(text, t.astimezone(ZoneInfo(zone))) for t in usual)


def _usual(moment: datetime, zone: ZoneInfo) -> bool:
    around = {(moment + timedelta(hours=h)).astimezone(zone).utcoffset() for h in (-3, 0, 3)}
    return len(around) == 1


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        ("0 6 * * *", BERLIN, utc(2026, 3, 28, 12), [utc(2026, 3, 29, 4), utc(2026, 3, 30, 4)]),
        ("30 2 * * *", BERLIN, utc(2026, 3, 28, 12), [utc(2026, 3, 29, 1, 30), utc(2026, 3, 30, 0, 30)]),
        ("30 2 * * *", BERLIN, utc(2026, 10, 24, 12), [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]),
        ("0 6 * * mon-fri", "UTC", utc(2026, 11, 20, 7), [utc(2026, 11, 23, 6), utc(2026, 11, 24, 6)]),
        ("0 0 13 * fri", "UTC", utc(2026, 11, 12), [utc(2026, 11, 13), utc(2026, 11, 20)]),
        ("0 0 29 2 *", "UTC", utc(2096, 3, 1), [utc(2104, 2, 29)]),
        ("@monthly", "UTC", utc(2026, 1, 31), [utc(2026, 2, 1), utc(2026, 3, 1)]),
        ("5/20 3 * jan,JUL 7", "UTC", utc(2026, 7, 5, 3, 30), [utc(2026, 7, 5, 3, 45), utc(2026, 7, 12, 3, 5)]),
    ],
)
def test_deadlines_by_example(text: str, zone: str, after: datetime, expected: list[datetime]) -> None:
    assert list(islice(Cron.parse(text).after(after, zone), len(expected))) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("6 * * *", "five fields"),
        ("61 6 * * *", "minute: expected 0 to 59, got '61'"),
        ("0 25 * * *", "hour"),
        ("0 6 * * someday", "day of week"),
        ("0 9-6 * * *", "range"),
        ("*/0 6 * * *", "range"),
        ("*/x 6 * * *", "range"),
        ("0 0 31 2 *", "no such day"),
        ("", "five fields"),
        ("-5 6 * * *", "minute"),
    ],
)
def test_a_wrong_expression_is_told_by_field(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Cron.parse(text)


def test_nightly_data_is_late_from_the_next_mornings_deadline() -> None:
    sla = Sla("0 6 * * *", None, BERLIN)
    assert late_after(sla, utc(2026, 11, 21, 0, 55)) == utc(2026, 11, 22, 5)
    assert late_after(sla, utc(2026, 11, 21, 5, 30)) == utc(2026, 11, 23, 5)  # of after today's deadline: tomorrow's


def test_the_first_broken_promise_counts() -> None:
    sla = Sla("0 6 * * *", timedelta(hours=26), "UTC")
    as_of = utc(2026, 11, 21, 2)
    assert late_after(sla, as_of) == utc(2026, 11, 22, 4)
    assert state_of(sla, as_of, utc(2026, 11, 22, 4)).state == "fresh"
    late = state_of(sla, as_of, utc(2026, 11, 22, 4, 0, 1))
    assert (late.state, late.fresh, late.allowed) == ("late", False, timedelta(hours=26))
    assert late.reason == "data is as of 2026-11-21 02:00 UTC, it was good until 2026-11-22 04:00 UTC"
    fresh = state_of(Sla("0 6 * * *", None, BERLIN), as_of, utc(2026, 11, 21, 7), through="orders")
    expected = "data is as of 2026-11-21 03:00 CET (that of orders), which is good until 2026-11-22 06:00 CET"
    assert fresh.reason == expected


def test_without_data_or_promise() -> None:
    now = utc(2026, 11, 21)
    assert state_of(Sla(), None, now).state == "no promise"
    assert state_of(Sla(), utc(2026, 11, 20), now).age == timedelta(days=1)
    assert state_of(Sla(), utc(2026, 11, 20), now).reason == "nothing is promised; data is as of 2026-11-20 00:00 UTC"
    nothing = state_of(Sla(max_age=timedelta(hours=1)), None, now)
    assert (nothing.state, nothing.reason) == ("late", "no complete pull was published yet")


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=9)),
    st.timedeltas(timedelta(0), timedelta(days=9)),
)
@settings(max_examples=100, deadline=None)
def test_data_never_becomes_fresh_again_by_waiting(moment: datetime, first: timedelta, second: timedelta) -> None:
    sla = Sla("15 4 * * 1-5", timedelta(days=3), BERLIN)
    as_of = moment.replace(tzinfo=UTC)
    sooner, later = sorted([first, second])
    states = [state_of(sla, as_of, as_of + wait).state for wait in (sooner, later)]
    assert states != ["late", "fresh"]
