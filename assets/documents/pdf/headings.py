"""What the whole document tells of its pieces: which are headings, and what is repeated at the edge of each page."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median_low

from tilth.assets.documents.pdf.lines import Line
from tilth.assets.documents.pdf.paragraphs import Block
from tilth.assets.documents.pdf.shapes import Box

__all__ = ["margins", "with_headings"]

_LARGER, _ONE_SIZE = 1.12, 0.05
_HEADING, _BOLD_HEADING = 200, 100  # letters
_NO_HEADING_ENDS_SO = (".", "!", ";", ",", ":")
_LOWEST = 6
_ZONE = 0.09  # of the page's height, at its top and at its bottom
_OFTEN = 3  # pages; half of them where there are fewer, and two at least
_DIGITS = re.compile(r"\d+")


def with_headings(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, headings marked: larger letters than most of the text has, or a line in bold in text that is not."""
    letters = Counter[float]()
    bold = 0
    for block in blocks:
        letters[round(block.size, 1)] += len(block.text)
        bold += len(block.text) if block.bold else 0
    body = max(letters, key=lambda size: (letters[size], -size), default=0.0)
    marks = bold * 2 < letters.total()
    large = [block for block in blocks if _is_large(block, body)]
    sizes = _clusters(block.size for block in large)
    return [_marked(block, body, sizes, marks) for block in blocks]


def _marked(block: Block, body: float, sizes: Sequence[float], marks: bool) -> Block:
    if _is_large(block, body):
        level = next(at for at, size in enumerate(sizes, 1) if block.size >= size - 1e-6)
    elif marks and _is_bold_heading(block, body):
        level = len(sizes) + 1
    else:
        return block
    return replace(block, kind="title", level=min(level, _LOWEST))


def _is_large(block: Block, body: float) -> bool:
    return _may_be(block) and block.size >= _LARGER * body and len(block.text) <= _HEADING


def _is_bold_heading(block: Block, body: float) -> bool:
    ends = block.text.endswith(_NO_HEADING_ENDS_SO)
    return (
        _may_be(block)
        and block.bold
        and block.size >= body * (1 - _ONE_SIZE)
        and len(block.text) <= _BOLD_HEADING
        and not ends
    )


def _may_be(block: Block) -> bool:
    numbered = block.kind == "list_item" and block.text[:1].isalnum()
    return (block.kind == "text" or numbered) and any(letter.isalpha() for letter in block.text)


def _clusters(sizes: Iterable[float]) -> list[float]:
    """The sizes that are told apart, largest first, each as the smallest that counts as it."""
    kept: list[tuple[float, float]] = []
    for size in sorted(set(sizes), reverse=True):
        if kept and kept[-1][0] - size <= _ONE_SIZE * kept[-1][0]:
            kept[-1] = (kept[-1][0], size)
        else:
            kept.append((size, size))
    return [smallest for _, smallest in kept]


def margins(pages: Sequence[tuple[Box, Sequence[Line]]]) -> list[set[int]]:
    """By page: which of its lines are headers or footers: they stand at the edge of several pages, but for numbers."""
    usual = median_low([line.size for _, lines in pages for line in lines] or [0.0])
    found: dict[tuple[bool, str], dict[int, int]] = defaultdict(dict)
    for number, (sheet, lines) in enumerate(pages):
        zone = _ZONE * sheet.bottom
        for at, line in enumerate(lines):
            at_edge = line.box.bottom < zone or line.box.top > sheet.bottom - zone
            if at_edge and line.size < _LARGER * usual:
                found[line.box.bottom < zone, _DIGITS.sub("#", line.text)].setdefault(number, at)
    repeated: list[set[int]] = [set() for _ in pages]
    for places in found.values():
        if len(places) >= min(_OFTEN, max(2, len(pages) // 2)):
            for number, at in places.items():
                repeated[number].add(at)
    return repeated
