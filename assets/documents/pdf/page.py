"""One page as pdfium gives it: every word that is seen, with its place and size, and what else is drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from tilth.assets.documents.pdf.objects import Objects, Place, address
from tilth.assets.documents.pdf.seeing import Ground, Ink, is_seen
from tilth.assets.documents.pdf.shapes import Box, Page, Word

__all__ = ["page_of"]

_WORDS = re.compile("[^\\s\ufffe\x02]+|\r\n|[\r\n\ufffe\x02]")  # the last two: a hyphen that ends a line
_SKEW = 0.17  # quarter turns
_PLAIN = Ink(0, 0, None, 255, False)

Corners = tuple[float, float, float, float]

Handle = Any  # an object of pypdfium2


def page_of(page: Handle, number: int) -> Page:
    """What is on an open page; the caller closes it."""
    left, bottom, right, top = page.get_bbox()
    turned = page.get_rotation() // 90
    width, height = right - left, top - bottom

    def place(x: float, y: float) -> tuple[float, float]:
        x, y = x - left, y - bottom
        return ((x, height - y), (y, x), (width - x, y), (height - y, width - x))[turned]

    sheet = Box(0, 0, *((width, height) if turned % 2 == 0 else (height, width)))
    objects = Objects(page.raw, place)
    ground = Ground(objects.areas, sheet)
    text_page = page.get_textpage()
    try:
        level, askew, hidden = list[Word](), list[Word](), list[str]()
        for word, ink, angle in _words(text_page, objects, place):
            if not is_seen(word.box, word.size, ink, ground):
                hidden.append(word.text)
            else:
                (level if _is_level(angle, turned) else askew).append(word)
    finally:
        text_page.close()  # before its page: else pdfium crashes
    return Page(number, sheet, level, askew, objects.rules, " ".join(hidden))


def _is_level(angle: float, turned: int) -> bool:
    """Whether letters written at `angle` (radians, from the right) stand upright on a page that is turned so often."""
    quarters = angle / (math.pi / 2)
    return abs(quarters - round(quarters)) < _SKEW and (round(quarters) + turned) % 4 == 0


def _words(text_page: Handle, objects: Objects, place: Place) -> Iterator[tuple[Word, Ink, float]]:
    """Words in the order they were written in, with paint and angle; a hyphen that ends a line stays with its word."""
    import pypdfium2.raw as pdfium

    raw, line, angle = text_page.raw, 0, -1.0
    text = _text(text_page, pdfium)
    for match in _WORDS.finditer(text):
        letters, start, end = match[0], match.start(), match.end()
        if letters[0] in "\r\n\ufffe\x02":
            line, angle = line + 1, -1.0
            continue
        if angle < 0:
            angle = pdfium.FPDFText_GetCharAngle(raw, start)  # all of a line is written in one direction
        box, size = _place_of(raw, start, end - 1, angle, pdfium)
        one, other = place(box[0], box[1]), place(box[2], box[3])
        shown = Box(min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1]))
        ink = objects.inks.get(address(pdfium.FPDFText_GetTextObject(raw, start)), _PLAIN)
        hyphen = "-" if text[end : end + 1] in ("\ufffe", "\x02") else ""
        yield Word(letters + hyphen, shown, size, ink.bold, line), ink, angle


def _place_of(raw: Handle, first: int, last: int, angle: float, pdfium: Any) -> tuple[Corners, float]:
    """Where letters stand in the page's own space (left, bottom, right, top), and how large they are."""
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(raw, first, box)
    left, bottom, right, top = box.left, box.bottom, box.right, box.top
    size = top - bottom if abs(math.cos(angle)) > abs(math.sin(angle)) else right - left
    if last > first:
        pdfium.FPDFText_GetLooseCharBox(raw, last, box)
        left, bottom = min(left, box.left), min(bottom, box.bottom)
        right, top = max(right, box.right), max(top, box.top)
    return (left, bottom, right, top), size


def _text(text_page: Handle, pdfium: Any) -> str:
    """All letters, each at the index that pdfium knows it by."""
    text = text_page.get_text_range()
    number = text_page.count_chars()
    if len(text) == number:
        return text
    codes = (pdfium.FPDFText_GetUnicode(text_page.raw, at) for at in range(number))
    return "".join(chr(code) if 0 < code < 0x110000 else "\ufffd" for code in codes)
