"""Whether a word on a page can be seen: by its size, its place, its colour, and what lies under and over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tilth.assets.documents.pdf.shapes import Area, Box, Colour

__all__ = ["Ink", "is_seen"]

_WHITE: Colour = (255, 255, 255)
_INVISIBLE = (3, 7)  # text render modes: nothing is painted
_SMALLEST = 2.0  # points
_SAME = 12  # difference of two colours, in each channel, that nobody sees
_ALPHA = 8


@dataclass(frozen=True, slots=True)
class Ink:
    """How the letters of one text object are painted."""

    z: int
    mode: int
    colour: Colour | None  # None: a pattern
    alpha: int
    bold: bool


def is_seen(box: Box, size: float, ink: Ink, areas: Sequence[Area], page: Box) -> bool:
    """Whether letters there can be seen.

    Invisible letters over a picture count as seen: they are what a scanner's software has read in it.
    """
    at = box.centre
    if size < _SMALLEST or not page.holds(at):
        return False
    if ink.mode in _INVISIBLE or ink.alpha < _ALPHA:
        return any(area.picture and area.box.holds(at) for area in areas)
    ground: Colour | None = _WHITE
    for area in areas:
        if not area.box.holds(at):
            continue
        if area.z < ink.z:
            ground = area.colour if area.opaque else None
        elif area.opaque and not area.picture and area.colour is not None:
            return False
    return ground is None or ink.colour is None or _differ(ink.colour, ground)


def _differ(one: Colour, other: Colour) -> bool:
    return abs(one[0] - other[0]) > _SAME or abs(one[1] - other[1]) > _SAME or abs(one[2] - other[2]) > _SAME
