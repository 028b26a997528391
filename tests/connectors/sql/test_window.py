"""The window loses no row, whatever transactions are open when a pull begins: proved on simulated databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.connectors.sql.window import Mark, Moment, Start, bound_text, moment_of, next_mark

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
LAG = 5


@dataclass(frozen=True)
class Transaction:
    """One row written under the time its transaction began; seconds since the epoch above."""

    begin: int
    commit: int
    seen: bool  # its begin may be seen


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    begin = draw(st.integers(0, 200))
    return Transaction(begin, begin + draw(st.integers(1, 80)), draw(st.booleans()))


def start_at(clock: int, all: Sequence[Transaction]) -> Start:
    """What the database shows at this time."""
    running = [n for n, t in enumerate(all) if t.begin <= clock < t.commit]
    seen = [all[n].begin for n in running if all[n].seen]
    return Start(at(clock), at(min(seen)) if seen else None, tuple(str(n) for n in running if not all[n].seen))


def at(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


@given(
    st.lists(transactions(), min_size=1, max_size=25),
    st.lists(st.integers(0, 260), max_size=12),
    st.sampled_from(["instant", "local"]),
    st.integers(-12, 14),
)
def test_no_row_is_lost(all: list[Transaction], pulls: list[int], moment: Moment, zone: int) -> None:
    shift = timedelta(hours=zone) if moment == "local" else timedelta()
    cursor = [(at(t.begin) + shift).replace(tzinfo=None) for t in all]
    last: Mark | None = None
    read: set[int] = set()
    for clock in [*sorted(pulls), 400]:
        committed = [n for n, t in enumerate(all) if t.commit <= clock]
        seen = [cursor[n] for n in committed if cursor[n] <= at(clock).replace(tzinfo=None)]
        mark = next_mark(
            "c",
            moment,
            start=start_at(clock, all),
            newest=max(seen, default=None),
            last=last,
            lag=timedelta(seconds=LAG),
        )
        since = last.bound if last else None
        read |= {n for n in committed if since is None or cursor[n] >= since}
        last = Mark.of(mark.token(), "c")
        assert last == mark
    assert read == set(range(len(all)))


@given(st.lists(transactions(), max_size=10), st.integers(300, 10_000))
def test_a_quiet_database_is_not_read_again(all: list[Transaction], later: int) -> None:
    lag = timedelta(seconds=LAG)
    mark = next_mark("c", "instant", start=start_at(later, all), newest=None, last=None, lag=lag)
    assert mark.bound == (at(later) - lag).replace(tzinfo=None)


def test_a_bound_never_goes_back() -> None:
    last = Mark("c", at(100).replace(tzinfo=None), at(100))
    start = Start(at(200), oldest=at(10))
    assert next_mark("c", "instant", start=start, newest=None, last=last, lag=timedelta()).bound == last.bound


def test_another_cursor_column_starts_anew() -> None:
    assert Mark.of(Mark("updated_at", None, at(0)).token(), "changed_at") is None
    assert Mark.of({}, "updated_at") is None and Mark.of(None, "updated_at") is None


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("instant", "2026-03-01 00:00:00.000000+00:00"),
        ("local", "2026-03-01 00:00:00.000000"),
        ("date", "2026-03-01"),
        ("text", "2026-02-28"),
    ],
)
def test_bounds_are_written_as_the_column_writes_them(moment: Moment, text: str) -> None:
    assert bound_text(moment, EPOCH.replace(tzinfo=None)) == text


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),
    st.integers(-12, 14),
    st.sampled_from([" ", "T"]),
    st.integers(-12, 14),
)
def test_a_text_bound_reads_every_later_text(when: datetime, zone: int, separator: str, other: int) -> None:
    """However a time not before the bound is written, its text is not before the bound's."""
    written = when.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=zone)))
    assert written.isoformat(separator) >= bound_text("text", when)
    assert (moment_of(written.isoformat(separator)) or EPOCH) == when
    assert moment_of("31.12.2024") is None and moment_of(other) is None


@given(
    st.lists(transactions(), min_size=1, max_size=25),
    st.lists(st.integers(0, 260), max_size=12),
    st.integers(-12, 14),
    st.lists(st.integers(1, 30 * 3600), max_size=3),
)
def test_a_row_dated_ahead_hides_no_other(
    all: list[Transaction], pulls: list[int], zone: int, ahead: list[int]
) -> None:
    """A column without zone, written in the database's own: some rows lie in the future of that clock."""
    shift = timedelta(hours=zone)
    cursor = [(at(t.begin) + shift).replace(tzinfo=None) for t in all]
    future = [(at(more) + shift).replace(tzinfo=None) for more in ahead]
    last: Mark | None = None
    read: set[int] = set()
    for clock in [*sorted(pulls), 400]:
        start = replace(start_at(clock, all), local=(at(clock) + shift).replace(tzinfo=None))
        committed = [n for n, t in enumerate(all) if t.commit <= clock]
        seen = [value for value in (*future, *(cursor[n] for n in committed)) if value <= start.shown]
        lag, newest = timedelta(seconds=LAG), max(seen, default=None)
        mark = next_mark("c", "local", start=start, newest=newest, last=last, lag=lag)
        read |= {n for n in committed if last is None or last.bound is None or cursor[n] >= last.bound}
        last = mark
    assert read == set(range(len(all)))
