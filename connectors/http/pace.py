"""When to ask, when to ask again, and when to give up: decisions about time, whose clock is handed in.

Waits grow with each attempt and are drawn between nothing and their bound (full jitter), so that many clients do not
come back together; what a server asks to wait is kept to the second.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tilth.connectors.http.flaws import Flaw

__all__ = ["Budget", "Limits", "Pace", "moment", "pause", "retry_after"]

_FIRST_S, _LONGEST_S = 0.5, 30.0  # the bound of the first wait, and of every later one


def _drawn(bound: float) -> float:
    return random.uniform(0.0, bound)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much patience one page gets; `rate`: requests a second at most."""

    timeout_s: float = 10.0  # of one attempt, from connecting to the last byte
    tries: int = 5
    patience_s: float = 120.0  # over all attempts
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """Time as the engine has it; `jitter` draws a wait below a bound."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float], float] = _drawn


def pause(flaw: Flaw, *, tries: int, spent_s: float, limits: Limits, jitter: Callable[[float], float]) -> float | None:
    """Seconds to wait before the next attempt; None: there is none. An attempt that the server put off is no try."""
    if flaw.lasting:
        return None
    if flaw.wait_s is None and tries >= limits.tries:
        return None
    drawn = jitter(min(_LONGEST_S, _FIRST_S * 2.0 ** min(max(tries - 1, 0), 10)))
    wait = max(drawn, flaw.wait_s or 0.0)
    return wait if spent_s + wait <= limits.patience_s else None


def retry_after(text: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks to wait (a number, or a time after `now`); None: nothing to go by."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text) or None
    until = moment(text)
    return None if until is None else max(0.0, (until - now).total_seconds()) or None


def moment(text: str | None) -> datetime | None:
    """A time as HTTP headers write it, aware; None when it is none."""
    try:
        found = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


class Budget:
    """Never more than `rate` requests in a second, however they are spread; below one: one in that many seconds."""

    def __init__(self, rate: float | None, pace: Pace) -> None:
        self._pace = pace
        self._many = max(1, int(rate)) if rate else 0
        self._period = self._many / rate if rate else 0.0
        self._begun: deque[float] = deque(maxlen=self._many)

    def take(self) -> None:
        """Wait until one more request may begin."""
        if not self._many:
            return
        if len(self._begun) == self._many:
            wait = self._begun[0] + self._period - self._pace.clock()
            if wait > 0:
                self._pace.sleep(wait)
        self._begun.append(self._pace.clock())
