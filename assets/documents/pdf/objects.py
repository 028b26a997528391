"""The objects of a page as pdfium lists them: how text is painted, ruled lines, and what is painted besides."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import Any

from tilth.assets.documents.pdf.seeing import Ink
from tilth.assets.documents.pdf.shapes import Area, Box, Colour, Rule

__all__ = ["Objects", "Place", "address"]

_TEXT, _PATH, _IMAGE, _SHADING, _FORM = 1, 2, 3, 4, 5
_LINE_TO, _BEZIER_TO, _MOVE_TO = 0, 1, 2
_DEEP = 8  # forms in forms
_SEGMENTS = 400  # of one path that may be a grid
_MANY = 4_000  # areas or rules: more are drawings
_THIN, _LONG, _SMALL = 1.5, 5.0, 30.0
_FILLED_ONLY = (0, 2, 4, 6)  # text render modes whose letters have the fill colour
_BOLD = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)
_BOLD_WEIGHT = 600

Place = Callable[[float, float], tuple[float, float]]
"""From the page's own space to how it is shown."""
Matrix = tuple[float, float, float, float, float, float]
Handle = Any  # a pointer of pdfium's


class Objects:
    """What is on one page."""

    def __init__(self, page: Handle, place: Place) -> None:
        import pypdfium2.raw as pdfium

        self.inks: dict[int, Ink] = {}
        self.areas: list[Area] = []
        self.rules: list[Rule] = []
        self._pdfium, self._place, self._z, self._fonts = pdfium, place, 0, dict[int, bool]()
        self._floats = [ctypes.c_float() for _ in range(4)]
        self._numbers = [ctypes.c_uint() for _ in range(4)]
        for at in range(pdfium.FPDFPage_CountObjects(page)):
            self._take(pdfium.FPDFPage_GetObject(page, at), None, 0)

    def _take(self, one: Handle, matrix: Matrix | None, depth: int) -> None:
        self._z += 1
        kind = self._pdfium.FPDFPageObj_GetType(one)
        if kind == _TEXT:
            self.inks[address(one)] = self._ink(one)
        elif kind == _PATH:
            self._path(one, matrix)
        elif kind in (_IMAGE, _SHADING) and len(self.areas) < _MANY:
            self.areas.append(Area(self._z, self._box(one, matrix), None, picture=kind == _IMAGE))
        elif kind == _FORM and depth < _DEEP:
            inner = _combined(self._matrix(one), matrix)
            for at in range(self._pdfium.FPDFFormObj_CountObjects(one)):
                self._take(self._pdfium.FPDFFormObj_GetObject(one, at), inner, depth + 1)

    def _ink(self, one: Handle) -> Ink:
        mode = self._pdfium.FPDFTextObj_GetTextRenderMode(one)
        colour, alpha = self._colour(one)
        font = self._pdfium.FPDFTextObj_GetFont(one)
        known = address(font)
        if known not in self._fonts:
            self._fonts[known] = self._is_bold(font)
        return Ink(self._z, mode, colour if mode in _FILLED_ONLY else None, alpha, self._fonts[known])

    def _is_bold(self, font: Handle) -> bool:
        name = ctypes.create_string_buffer(128)
        self._pdfium.FPDFFont_GetBaseFontName(font, name, len(name))
        return bool(_BOLD.search(name.value)) or self._pdfium.FPDFFont_GetWeight(font) >= _BOLD_WEIGHT

    def _colour(self, one: Handle) -> tuple[Colour | None, int]:
        if not self._pdfium.FPDFPageObj_GetFillColor(one, *self._numbers):
            return None, 255
        red, green, blue, alpha = (number.value for number in self._numbers)
        return (red, green, blue), alpha

    def _box(self, one: Handle, matrix: Matrix | None) -> Box:
        self._pdfium.FPDFPageObj_GetBounds(one, *self._floats)
        left, bottom, right, top = (number.value for number in self._floats)
        corners = ((left, bottom), (left, top), (right, bottom), (right, top))
        placed = [self._place(*_moved(x, y, matrix)) for x, y in corners]
        return Box(
            min(x for x, _ in placed), min(y for _, y in placed), max(x for x, _ in placed), max(y for _, y in placed)
        )

    def _matrix(self, one: Handle) -> Matrix:
        found = self._pdfium.FS_MATRIX()
        self._pdfium.FPDFPageObj_GetMatrix(one, found)
        return (found.a, found.b, found.c, found.d, found.e, found.f)

    def _path(self, one: Handle, matrix: Matrix | None) -> None:
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        self._pdfium.FPDFPath_GetDrawMode(one, fill, stroke)
        if not fill.value and not stroke.value:
            return
        box = self._box(one, matrix)
        width, height = box.right - box.left, box.bottom - box.top
        if min(width, height) < _THIN and max(width, height) > _LONG:
            self._rule(box)
            return
        segments = self._pdfium.FPDFPath_CountSegments(one)
        if stroke.value and segments <= _SEGMENTS:
            self._segments(one, segments, _combined(self._matrix(one), matrix))
        if fill.value and width * height > _SMALL and len(self.areas) < _MANY:
            colour, alpha = self._colour(one)
            opaque = alpha == 255 and not self._pdfium.FPDFPageObj_HasTransparency(one) and segments <= 6
            self.areas.append(Area(self._z, box, colour, opaque=opaque))

    def _segments(self, one: Handle, number: int, matrix: Matrix | None) -> None:
        x, y = ctypes.c_float(), ctypes.c_float()
        before: tuple[float, float] | None = None
        for at in range(number):
            segment = self._pdfium.FPDFPath_GetPathSegment(one, at)
            self._pdfium.FPDFPathSegment_GetPoint(segment, x, y)
            point = self._place(*_moved(x.value, y.value, matrix))
            if before is not None and self._pdfium.FPDFPathSegment_GetType(segment) == _LINE_TO:
                (left, right), (top, bottom) = sorted((before[0], point[0])), sorted((before[1], point[1]))
                self._rule(Box(left, top, right, bottom))
            before = point

    def _rule(self, box: Box) -> None:
        width, height = box.right - box.left, box.bottom - box.top
        if len(self.rules) < _MANY and max(width, height) > _LONG:
            if height < _THIN:
                self.rules.append(Rule(True, box.centre[1], box.left, box.right))
            elif width < _THIN:
                self.rules.append(Rule(False, box.centre[0], box.top, box.bottom))


def address(handle: Handle) -> int:
    """Where what a pointer points to is in memory: two pointers to one object have the same; 0: to nothing."""
    return ctypes.addressof(handle.contents) if handle else 0


def _moved(x: float, y: float, matrix: Matrix | None) -> tuple[float, float]:
    if matrix is None:
        return x, y
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _combined(inner: Matrix, outer: Matrix | None) -> Matrix:
    if outer is None:
        return inner
    (a, b, c, d, e, f), (p, q, r, s, t, u) = inner, outer
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)
