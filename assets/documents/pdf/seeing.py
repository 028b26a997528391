"""Whether a word on a page can be seen: by its size, its place, its colour, and what lies under and over it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tilth.assets.documents.pdf.shapes import Area, Box, Colour

__all__ = ["Ground", "Ink", "is_seen"]

_WHITE: Colour = (255, 255, 255)
_INVISIBLE = (3, 7)  # text render modes: nothing is painted
_SMALLEST = 2.0  # points
_SAME = 12  # difference of two colours, in each channel, that nobody sees
_ALPHA = 8
_BAND = 32.0  # points


@dataclass(frozen=True, slots=True)
class Ink:
    """How the letters of one text object are painted."""

    z: int
    mode: int
    colour: Colour | None  # None: a pattern
    alpha: int
    bold: bool


class Ground:
    """What is painted on a page, found by where it is."""

    def __init__(self, areas: Iterable[Area], sheet: Box) -> None:
        self.sheet = sheet
        self._bands: dict[int, list[Area]] = {}
        for area in areas:
            top, bottom = max(area.box.top, sheet.top), min(area.box.bottom, sheet.bottom)
            for band in range(int(top // _BAND), int(bottom // _BAND) + 1) if top <= bottom else ():
                self._bands.setdefault(band, []).append(area)

    def at(self, point: tuple[float, float]) -> Iterator[Area]:
        """The areas that a point is in, as they were painted."""
        return (area for area in self._bands.get(int(point[1] // _BAND), ()) if area.box.holds(point))


def is_seen(box: Box, size: float, ink: Ink, ground: Ground) -> bool:
    """Whether letters there can be seen.

    Invisible letters over a picture count as seen: they are what a scanner's software has read in it.
    """
    at = box.centre
    if size < _SMALLEST or not ground.sheet.holds(at):
        return False
    if ink.mode in _INVISIBLE or ink.alpha < _ALPHA:
        return any(area.picture for area in ground.at(at))
    below: Colour | None = _WHITE
    for area in ground.at(at):
        if area.z < ink.z:
            below = area.colour if area.opaque else None
        elif area.opaque and not area.picture and area.colour is not None:
            return False
    return below is None or ink.colour is None or _differ(ink.colour, below)


def _differ(one: Colour, other: Colour) -> bool:
    return abs(one[0] - other[0]) > _SAME or abs(one[1] - other[1]) > _SAME or abs(one[2] - other[2]) > _SAME
