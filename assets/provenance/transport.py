"""Where events are delivered to, as delivery sees it: a place that takes the next events in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tilth.errors import TilthError

__all__ = ["Position", "Taken", "Transport", "waiting_words"]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a place is known to be: its name, and for a file the bytes that hold whole events of ours."""

    place: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some events: the first `count` of them are delivered; why it stopped, if it did."""

    count: int
    position: Position
    problem: TilthError | None = None


class Transport(Protocol):
    """One place. Nothing is raised for what goes wrong there: it is told."""

    @property
    def place(self) -> str:
        """Its name in messages: a path or an address."""
        ...

    def begin(self, known: Position | None) -> Position:
        """Where to go on from, given what was noted last; noted again before anything is taken."""
        ...

    def take(self, events: Sequence[str], position: Position, *, until: float | None) -> Taken:
        """Deliver `events`, each a line of JSON, until a moment of the monotonic clock (None: as long as it takes)."""
        ...


def waiting_words(waiting: int, place: str | None, problem: str | None) -> str:
    """How it is told that events wait, in one line."""
    events = "1 event waits" if waiting == 1 else f"{waiting:,} events wait"
    return f"lineage: {events}, {place} {problem}" if problem else f"lineage: {events} to be delivered"
