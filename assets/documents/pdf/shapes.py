"""What stands on a page: words, lines and painted areas, in points from the top left corner as the page is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Area", "Box", "Colour", "Page", "Rule", "Word"]

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `top` is above `bottom`, so it is the smaller number."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle: x, y."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point is in it."""
        return self.left <= point[0] <= self.right and self.top <= point[1] <= self.bottom


@dataclass(frozen=True, slots=True)
class Word:
    """Letters without a blank between; `line` counts the lines as they were written."""

    text: str
    box: Box
    size: float
    bold: bool
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line, across (`at` is y) or down (`at` is x)."""

    across: bool
    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Area:
    """Something painted, `z` further up than what was painted before; None: its colour cannot be told."""

    z: int
    box: Box
    colour: Colour | None
    picture: bool = False
    opaque: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """One page: words that are seen, in the order they were written in, and what else matters."""

    number: int
    sheet: Box
    words: Sequence[Word]
    askew: Sequence[Word] = ()  # written upwards, downwards or aslant
    rules: Sequence[Rule] = ()
    hidden: str = ""
