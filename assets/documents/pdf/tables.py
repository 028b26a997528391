"""Tables: what stands in a grid of ruled lines, and rows whose pieces stand under each other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from tilth.assets.documents.pdf.lines import Line, around, text_of_words
from tilth.assets.documents.pdf.shapes import Box, Rule, Word

__all__ = ["Table", "aligned", "grids", "in_grids"]

_NEAR = 2.5  # points between lines that are meant to meet, or to be one
_MOST_RULES = 800
_ROWS, _WIDE = 3, 3  # rows of a table without rules; two are enough where they are so many columns wide
_PITCH = 3.0  # of the letters' size, from row to row
_PROSE = 25  # letters in a cell, on average, in every column: these are columns of text


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells."""

    rows: tuple[tuple[str, ...], ...]
    box: Box


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the ruled lines of one table cross."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]

    def cell(self, word: Word) -> tuple[int, int] | None:
        """Row and column of a word, from 0; None where it stands outside."""
        x, y = word.box.centre
        row, column = bisect_right(self.ys, y) - 1, bisect_right(self.xs, x) - 1
        inside = 0 <= row < len(self.ys) - 1 and 0 <= column < len(self.xs) - 1
        return (row, column) if inside else None


def grids(rules: Sequence[Rule]) -> list[Grid]:
    """The grids that ruled lines make, of two cells and more."""
    if len(rules) > _MOST_RULES:
        return []
    found: list[Grid] = []
    for group in _groups(rules):
        xs = _merged(rule.at for rule in group if not rule.across)
        ys = _merged(rule.at for rule in group if rule.across)
        if len(xs) > 1 and len(ys) > 1 and len(xs) + len(ys) > 4:
            found.append(Grid(xs, ys))
    return found


def _groups(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Rules that cross each other, directly or by others."""
    left = list(rules)
    while left:
        group, waiting = list[Rule](), [left.pop()]
        while waiting:
            one = waiting.pop()
            group.append(one)
            met = [other for other in left if _meet(one, other)]
            waiting += met
            taken = {id(other) for other in met}
            left = [other for other in left if id(other) not in taken]
        yield group


def _meet(one: Rule, other: Rule) -> bool:
    if one.across == other.across:
        return False
    return one.start - _NEAR <= other.at <= one.end + _NEAR and other.start - _NEAR <= one.at <= other.end + _NEAR


def _merged(places: Iterable[float]) -> tuple[float, ...]:
    kept: list[float] = []
    for place in sorted(places):
        if not kept or place - kept[-1] > _NEAR:
            kept.append(place)
    return tuple(kept)


def in_grids(words: Sequence[Word], grids: Sequence[Grid]) -> Iterator[Word | Table]:
    """The words, with each table where its first word was."""
    cells: list[dict[tuple[int, int], list[Word]]] = [{} for _ in grids]
    kept: list[Word | int] = []
    for word in words:
        at = next(((n, cell) for n, grid in enumerate(grids) if (cell := grid.cell(word)) is not None), None)
        if at is None:
            kept.append(word)
            continue
        if not cells[at[0]]:
            kept.append(at[0])
        cells[at[0]].setdefault(at[1], []).append(word)
    for one in kept:
        if isinstance(one, int):
            yield _filled(grids[one], cells[one])
        else:
            yield one


def _filled(grid: Grid, cells: dict[tuple[int, int], list[Word]]) -> Table:
    rows = tuple(
        tuple(text_of_words(cells.get((row, column), [])) for column in range(len(grid.xs) - 1))
        for row in range(len(grid.ys) - 1)
    )
    filled = tuple(row for row in rows if any(row))
    return Table(filled, Box(grid.xs[0], grid.ys[0], grid.xs[-1], grid.ys[-1]))


def aligned(pieces: Sequence[Line | Table]) -> Iterator[Line | Table]:
    """The pieces, with runs of rows whose lines stand under each other made into tables."""
    lines: list[Line] = []
    for piece in pieces:
        if isinstance(piece, Line):
            lines.append(piece)
            continue
        yield from _aligned(lines)
        yield piece
        lines = []
    yield from _aligned(lines)


def _aligned(lines: Sequence[Line]) -> Iterator[Line | Table]:
    rows = list(_rows(lines))
    at = 0
    while at < len(rows):
        end = _run(rows, at)
        columns = _columns(rows[at:end])
        enough = end - at >= _ROWS or (end - at == 2 and len(columns) >= _WIDE)
        if enough and not _is_prose(rows[at:end], columns):
            yield _table(rows[at:end], columns)
        else:
            end = max(end, at + 1)
            yield from (line for row in rows[at:end] for line in row)
        at = end


def _rows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Pieces that follow each other on one line, each to the right of the one before."""
    row: list[Line] = []
    for line in lines:
        if row:
            before = row[-1].box
            overlap = min(before.bottom, line.box.bottom) - max(before.top, line.box.top)
            if overlap <= (before.bottom - before.top) / 2 or line.box.left < before.right:
                yield row
                row = []
        row.append(line)
    if row:
        yield row


def _run(rows: Sequence[Sequence[Line]], start: int) -> int:
    """The end of the rows from `start` on that can be one table."""
    end = start
    while end < len(rows) and len(rows[end]) > 1 and _fits(rows[start : end + 1]):
        end += 1
    return end


def _fits(rows: Sequence[Sequence[Line]]) -> bool:
    columns = _columns(rows)
    if len(rows) > 1:
        pitch = rows[-1][0].box.top - rows[-2][0].box.top
        if not 0 < pitch < _PITCH * rows[-1][0].size:
            return False
    return len(columns) == max(len(row) for row in rows)


def _columns(rows: Sequence[Sequence[Line]]) -> list[tuple[float, float]]:
    """Where the columns are: pieces that overlap, from side to side, are in one."""
    columns: list[tuple[float, float]] = []
    for left, right in sorted((line.box.left, line.box.right) for row in rows for line in row):
        if columns and left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _is_prose(rows: Sequence[Sequence[Line]], columns: Sequence[tuple[float, float]]) -> bool:
    texts: list[list[int]] = [[] for _ in columns]
    for row in rows:
        for line in row:
            texts[_column(line, columns)].append(len(line.text))
    return all(fmean(lengths) >= _PROSE for lengths in texts if lengths)


def _column(line: Line, columns: Sequence[tuple[float, float]]) -> int:
    return bisect_right([left for left, _ in columns], line.box.left) - 1


def _table(rows: Sequence[Sequence[Line]], columns: Sequence[tuple[float, float]]) -> Table:
    filled: list[tuple[str, ...]] = []
    for row in rows:
        cells: list[list[Word]] = [[] for _ in columns]
        for line in row:
            cells[_column(line, columns)] += line.words
        filled.append(tuple(text_of_words(cell) for cell in cells))
    return Table(tuple(filled), around(line.box for row in rows for line in row))
