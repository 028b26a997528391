"""The order in which a page is read, where it is not the order in which it was written: column after column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean

from tilth.assets.documents.pdf.lines import Line, around
from tilth.assets.documents.pdf.shapes import Box
from tilth.assets.documents.pdf.tables import Table

__all__ = ["in_reading_order", "is_out_of_order"]

_JUMPS, _BESIDE = 0.15, 0.3  # shares of lines
_GUTTER = 8.0  # points without a letter between two columns
_COLUMN_ROWS = 3
_SAME_ROW = 0.5
_PROSE = 20  # letters: shorter ones side by side are no columns of text

Piece = Line | Table


def is_out_of_order(pieces: Sequence[Piece]) -> bool:
    """Whether pieces that follow each other too often jump up inside a column, or are lines of text side by side."""
    jumps = beside = 0
    for one, other in pairwise(pieces):
        if _is_beside(one.box, other.box):
            beside += min(_letters(one), _letters(other)) >= _PROSE
        elif other.box.top < one.box.top and _overlap(one.box, other.box):
            jumps += 1
    return jumps > _JUMPS * len(pieces) or 2 * beside > _BESIDE * len(pieces)


def in_reading_order(pieces: Sequence[Piece]) -> list[Piece]:
    """Column after column, from the top; what goes across all columns comes before those below it."""
    rows = _rows(pieces)
    ordered: list[Piece] = []
    at = 0
    while at < len(rows):
        end, gutter = _columns_from(rows, at)
        block = [piece for row in rows[at:end] for piece in row]
        left = [piece for piece in block if gutter is not None and piece.box.right <= gutter]
        right = [piece for piece in block if gutter is not None and piece.box.right > gutter]
        if gutter is not None and all(fmean(map(_letters, side)) >= _PROSE for side in (left, right)):
            ordered += [*in_reading_order(left), *in_reading_order(right)]
        else:
            end = at + 1
            ordered += sorted(rows[at], key=lambda piece: piece.box.left)
        at = end
    return ordered


def _letters(piece: Piece) -> int:
    return len(piece.text) if isinstance(piece, Line) else _PROSE


def _rows(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces that stand side by side, from the top of the page."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: (piece.box.centre[1], piece.box.left)):
        if rows and _is_beside(rows[-1][0].box, piece.box):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return rows


def _columns_from(rows: Sequence[Sequence[Piece]], start: int) -> tuple[int, float | None]:
    """The longest run of rows from `start` that one gutter goes through: its end, and where the gutter is."""
    sheet = around(piece.box for row in rows for piece in row)
    gaps = [_Gap(sheet.left, sheet.right)]
    best: tuple[int, float | None] = (start + 1, None)
    for end, row in enumerate(rows[start:], start + 1):
        gaps = [rest for gap in gaps for rest in gap.beside([piece.box for piece in row])]
        gaps = [gap for gap in gaps if gap.left > sheet.left or gap.right < sheet.right]
        if not gaps:
            break
        gutters = [gap for gap in gaps if gap.text_left and gap.text_right]
        if gutters and end - start >= _COLUMN_ROWS:
            widest = max(gutters, key=lambda gap: gap.right - gap.left)
            best = (end, (widest.left + widest.right) / 2)
    return best


@dataclass(frozen=True, slots=True)
class _Gap:
    """A strip without a letter, from the first of some rows to the last, and whether there are any beside it."""

    left: float
    right: float
    text_left: bool = False
    text_right: bool = False

    def beside(self, row: Sequence[Box]) -> Iterator[_Gap]:
        """What is left of it when another row is looked at."""
        edges = sorted((box.left, box.right) for box in row)
        starts = accumulate((self.left, *(right for _, right in edges)), max)
        ends = (*(left for left, _ in edges), self.right)
        for start, end in zip(starts, ends, strict=True):
            left, right = max(start, self.left), min(end, self.right)
            if right - left >= _GUTTER:
                before = self.text_left or any(box.right <= left for box in row)
                yield _Gap(left, right, before, self.text_right or any(box.left >= right for box in row))


def _is_beside(one: Box, other: Box) -> bool:
    height = min(one.bottom - one.top, other.bottom - other.top)
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    return overlap > _SAME_ROW * height and not _overlap(one, other)


def _overlap(one: Box, other: Box) -> bool:
    return min(one.right, other.right) > max(one.left, other.left)
