"""How long is waited, how often is asked, and that nothing hangs."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.http.conftest import Make, Waits, take
from tests.connectors.http.misbehaving import Misbehaving
from tilth.connectors.http.flaws import Flaw
from tilth.connectors.http.pace import Budget, Limits, Pace, moment, pause, retry_after

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_waits_grow_and_end_with_the_tries(api: Misbehaving, make: Make, waits: Waits) -> None:
    api.always = "status 500"
    error = take(make()).error
    assert waits.slept == [0.5, 1, 2, 4] and len(api.pages) == 5
    assert error is not None and error.kept == "tried 5 times in 8 s"


def test_patience_ends_before_the_tries(api: Misbehaving, make: Make, waits: Waits) -> None:
    api.always = "status 500"
    take(make(tries=50, patience="10s"))
    assert waits.slept == [0.5, 1, 2, 4] and sum(waits.slept) + 8 > 10


def test_what_the_server_asks_to_wait_is_waited_and_is_no_try(api: Misbehaving, make: Make, waits: Waits) -> None:
    api.faults = {**dict.fromkeys(range(1, 9), "status 429 7"), **dict.fromkeys(range(9, 13), "status 500")}
    assert len(take(make()).ids) == 35
    assert waits.slept == [7] * 8 + [0.5, 1, 2, 4]


def test_a_wait_beyond_all_patience_is_told_at_once(api: Misbehaving, make: Make, waits: Waits) -> None:
    api.always = "status 429 3600"
    error = take(make()).error
    assert error is not None and "asks to wait 3600 s" in error.got and waits.slept == []


@given(st.integers(1, 100), st.floats(0, 200), st.floats(0, 1), st.none() | st.floats(0, 300))
def test_a_wait_is_within_its_bounds(tries: int, spent: float, part: float, asked: float | None) -> None:
    limits = Limits(tries=8, patience_s=120)
    wait = pause(Flaw("x", wait_s=asked), tries=tries, spent_s=spent, limits=limits, jitter=lambda bound: bound * part)
    if wait is None:
        assert (tries >= 8 and asked is None) or spent + max(asked or 0, 30 * part) > 119.9 or spent > 89
    else:
        assert spent + wait <= 120 and wait >= (asked or 0) and wait <= max(asked or 0, 30)
    assert pause(Flaw("x", lasting=True), tries=1, spent_s=0, limits=limits, jitter=lambda bound: bound) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120), (" 3 ", 3), ("0", None), ("", None), (None, None), ("soon", None), ("-5", None), ("1.5", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), None),
        ("Thursday, 26-Nov-26 12:01:00 GMT", 60), ("Thu Nov 26 12:02:00 2026", 120),
    ],
)  # fmt: skip
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


@given(st.text(max_size=40))
def test_any_header_is_a_time_or_none(text: str) -> None:
    assert moment(text) is None or moment(text).tzinfo is not None  # type: ignore[union-attr]


@given(st.floats(0.2, 60), st.lists(st.floats(0, 0.5), max_size=80))
def test_the_rate_is_never_exceeded(rate: float, gaps: list[float]) -> None:
    waits = Waits()
    budget, begun = Budget(rate, waits.pace), list[float]()
    for gap in [0.0, *gaps]:
        waits.now += gap
        budget.take()
        begun.append(waits.now)
    many = max(1, int(rate))
    assert all(later - first >= many / rate - 1e-9 for first, later in zip(begun, begun[many:], strict=False))
    assert sum(waits.slept) <= len(begun) / rate  # and no longer than that


def test_the_rate_of_a_pull(make: Make, waits: Waits) -> None:
    assert len(take(make(rate=2)).ids) == 35  # five requests: a token and four pages
    assert waits.slept == [1, 1]


@pytest.mark.parametrize("fault", ["drip", "drip-headers", "silence"])
def test_a_server_that_drips_bytes_does_not_hang_the_night(fault: str, api: Misbehaving, make: Make) -> None:
    api.always = fault
    began = time.monotonic()
    real = replace(make(timeout="300ms", tries=2), pace=Pace(sleep=lambda _: None))
    error = take(real).error
    assert 0.5 < time.monotonic() - began < 5
    said = "page 1 was cut off" if fault == "drip" else "there was no answer in time"
    assert error is not None and error.what == said and len(api.pages) == 2
    api.always = ""
    assert len(take(real).ids) == 35
