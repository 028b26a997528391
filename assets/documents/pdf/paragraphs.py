"""Lines put together to what an author wrote: paragraphs, items of lists, tables; page by page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median_low

from tilth.assets.documents.pdf.lines import Line, joined, text_of_words
from tilth.assets.documents.pdf.tables import Table

__all__ = ["Block", "across_pages", "paragraphs"]

_BULLET = re.compile(r"[•‣▪■●○◦∙·*–—-]")
_NUMBER = re.compile(r"\(?(?:\d{1,2}|[a-z])[.)]")
_SENTENCE_END = (".", "!", "?", ":", ";")
_ALIKE = 0.08  # difference of two sizes that are one
_LEADING, _USUAL, _FAR = 1.25, 1.6, 2.4  # distances of lines: what is a gap, what is usual, what tells nothing
_FULL, _WIDE = 6.0, 20.0  # of the letters' size: room that a longer word needs; a line of running text
_SPACE, _INDENT, _NEAR = 0.3, 3.0, 4  # of the letters' size; lines before and after that show how wide a column is


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a document: `text`, `list_item`, `title`, `table` or `margin`."""

    kind: str
    text: str
    page: int
    size: float = 0.0
    bold: bool = False
    level: int | None = None
    open: bool = False  # its last line is full, and ends in mid-sentence
    rows: tuple[tuple[str, ...], ...] = ()


def paragraphs(pieces: Sequence[Line | Table], page: int) -> Iterator[Block]:
    """The pieces of one page, in reading order, as blocks."""
    usual, held = _usual(pieces), list[Line]()
    for at, piece in enumerate(pieces):
        if held and (isinstance(piece, Table) or not _goes_on(held, piece, _right(pieces, at - 1), usual)):
            yield _block(held, page, _right(pieces, at - 1))
            held = []
        if isinstance(piece, Line):
            held.append(piece)
        elif piece.rows:
            yield Block("table", "", page, rows=piece.rows)
    if held:
        yield _block(held, page, _right(pieces, len(pieces) - 1))


def _block(lines: Sequence[Line], page: int, right: float) -> Block:
    words = [word for line in lines for word in line.words]
    bullet = len(words) > 1 and _BULLET.fullmatch(words[0].text) is not None
    kind = "list_item" if bullet or _NUMBER.fullmatch(words[0].text) else "text"
    size = max(lines, key=lambda line: len(line.text)).size
    text, bold = text_of_words(words[bullet:]), all(line.bold for line in lines)
    last = lines[-1].box
    full = right - last.right < _FULL * size and last.right - last.left > _WIDE * size
    return Block(kind, text, page, size, bold, open=full and not text.endswith(_SENTENCE_END))


def _goes_on(held: Sequence[Line], line: Line, right: float, usual: Mapping[int, float]) -> bool:
    """Whether `line` belongs to the paragraph of the lines before it."""
    before, size = held[-1], max(held[-1].size, line.size)
    ended = before.text.endswith(_SENTENCE_END)
    if abs(before.size - line.size) > _ALIKE * size or before.bold != line.bold:
        return False
    mark, width = line.words[0].text, line.words[0].box.right - line.words[0].box.left
    if len(line.words) > 1 and _BULLET.fullmatch(mark) and (ended or _is_item(held[0]) or mark not in "-–—*"):
        return False
    if _NUMBER.fullmatch(mark) and (ended or _is_numbered(held[0])):
        return False
    small, pitch = line.text[0].islower(), line.box.bottom - before.box.bottom
    if pitch <= 0 or min(before.box.right, line.box.right) <= max(before.box.left, line.box.left):
        return small and not ended  # the text goes on in the next column
    if pitch > _LEADING * usual.get(round(line.size), _USUAL * size):
        return False
    fits = before.box.right + _SPACE * size + width < right
    return not fits or before.text.endswith("-") or (small and not ended)


def _is_numbered(line: Line) -> bool:
    return _NUMBER.fullmatch(line.words[0].text) is not None


def _is_item(line: Line) -> bool:
    return _BULLET.fullmatch(line.words[0].text) is not None or _is_numbered(line)


def _right(pieces: Sequence[Line | Table], at: int) -> float:
    """How far to the right the column of a line goes: as far as two lines near it do, for one may go across columns."""
    line = pieces[at]
    if not isinstance(line, Line):
        return line.box.right
    near = (one for one in pieces[max(0, at - _NEAR) : at + _NEAR + 1] if isinstance(one, Line))
    ends = sorted(
        (one.box.right for one in near if abs(one.box.left - line.box.left) < _INDENT * line.size), reverse=True
    )
    alike = (one for one, next_one in pairwise(ends) if one - next_one < _FULL * line.size)
    return max(next(alike, ends[0]), line.box.right)


def _usual(pieces: Sequence[Line | Table]) -> dict[int, float]:
    """By size: how far apart lines usually are."""
    found: dict[int, list[float]] = defaultdict(list)
    for one, other in pairwise(pieces):
        if isinstance(one, Line) and isinstance(other, Line) and abs(one.size - other.size) < _ALIKE * one.size:
            pitch = other.box.bottom - one.box.bottom
            if 0 < pitch < _FAR * one.size:
                found[round(one.size)].append(pitch)
    return {size: median_low(pitches) for size, pitches in found.items()}


def across_pages(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, those joined whose sentence goes on at the top of the next page."""
    kept: list[Block] = []
    for block in blocks:
        before = kept[-1] if kept else None
        if before is not None and before.page != block.page and _is_one(before, block):
            kept[-1] = replace(before, text=joined(before.text, block.text), open=block.open)
        else:
            kept.append(block)
    return kept


def _is_one(before: Block, block: Block) -> bool:
    alike = before.kind in ("text", "list_item") and block.kind == "text" and before.bold == block.bold
    small = block.text[:1].islower() and not before.text.endswith(_SENTENCE_END)
    return alike and (small or before.open) and abs(before.size - block.size) <= _ALIKE * block.size
