"""A document's elements as chunks: by its structure, with exact spans, and ids that stay when other sections change.

Pure: no library, no process, no file.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tilth.assets.documents.sentences import sentence_starts
from tilth.assets.documents.values import Element

__all__ = ["Chunk", "chunked", "text_of"]

_LOWEST = 99
_LINE_ENDS, _WORD = re.compile(r"\n\s*"), re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of a document's text: `text_of(elements)[start:end] == text`."""

    id: str
    position: int  # from 0, in the order of the document
    heading_path: tuple[str, ...]  # the headings it stands under, its own last
    text: str
    start: int
    end: int
    page_from: int | None
    page_to: int | None
    part: str | None


def text_of(elements: Sequence[Element]) -> str:
    """The text of a document: its elements with an empty line between, items of one list with a line break."""
    return "".join(gap + one.text for gap, one in zip(_gaps(elements), elements, strict=True))


def chunked(document: str, elements: Sequence[Element], *, max_characters: int = 1200) -> list[Chunk]:
    """The chunks of `document` (its name), each of at most `max_characters`, but for words that are longer.

    A chunk never goes beyond its section or its part of a mail; a heading without text of its own goes with the
    section below it. Every letter of `text_of(elements)` is in exactly one chunk.
    """
    text, chunks, seen = text_of(elements), list[Chunk](), Counter[str]()
    for section in _sections(elements):
        for start, end in _packed(text, section.pieces, max_characters):
            own = text[max(start, section.own) : end].encode("utf-8", "surrogatepass")
            known = json.dumps([document, section.part, section.path, hashlib.sha256(own).hexdigest()])
            id = hashlib.sha256(json.dumps([known, seen[known]]).encode()).hexdigest()[:32]
            seen[known] += 1
            first, last = section.pages(start, end)
            chunks.append(Chunk(id, len(chunks), section.path, text[start:end], start, end, first, last, section.part))
    return chunks


@dataclass(frozen=True, slots=True)
class _Piece:
    """One element, and where its text stands."""

    element: Element
    start: int
    end: int


@dataclass(slots=True)
class _Section:
    """What stands under one heading; from `own` on, as headings above that have no text of their own come first."""

    part: str | None
    path: tuple[str, ...]
    own: int
    pieces: list[_Piece]

    def pages(self, start: int, end: int) -> tuple[int | None, int | None]:
        """The first and the last page of what stands there."""
        first = bisect_right(self.pieces, start, key=lambda piece: piece.start) - 1
        last = bisect_left(self.pieces, end, key=lambda piece: piece.start)
        known = [page for one in self.pieces[max(first, 0) : last] if (page := one.element.page) is not None]
        return (min(known), max(known)) if known else (None, None)

    def is_bare(self) -> bool:
        """Whether it is a heading and nothing else."""
        return all(one.element.kind == "title" for one in self.pieces)


def _sections(elements: Sequence[Element]) -> Iterator[_Section]:
    """The sections, from top to bottom."""
    bare: _Section | None = None
    for section in _headed(elements):
        if bare is not None:
            if section.part == bare.part and section.path[: len(bare.path)] == bare.path and bare.path:
                section.pieces[:0] = bare.pieces
            else:
                yield bare
            bare = None
        if section.is_bare():
            bare = section
        else:
            yield section
    if bare is not None:
        yield bare


def _headed(elements: Sequence[Element]) -> Iterator[_Section]:
    """A section a heading; another wherever the part of a mail changes, and for what stands at the edge of pages."""
    section: _Section | None = None
    headings: list[tuple[int, str]] = []
    for piece in _pieces(elements):
        element, margin = piece.element, piece.element.kind == "margin"
        if section is None or element.part != section.part or margin:
            headings = []
        if element.kind == "title":
            level = element.level or _LOWEST
            headings = [*(one for one in headings if one[0] < level), (level, element.text)]
        path = tuple(text for _, text in headings)
        if section is None or element.part != section.part or element.kind == "title" or path != section.path:
            if section is not None:
                yield section
            section = _Section(element.part, path, piece.start, [])
        section.pieces.append(piece)
    if section is not None:
        yield section


def _pieces(elements: Sequence[Element]) -> Iterator[_Piece]:
    at = 0
    for gap, element in zip(_gaps(elements), elements, strict=True):
        at += len(gap)
        text = element.text
        if text.strip():
            yield _Piece(element, at + len(text) - len(text.lstrip()), at + len(text.rstrip()))
        at += len(text)


def _gaps(elements: Sequence[Element]) -> Iterator[str]:
    before: Element | None = None
    for element in elements:
        one_list = before is not None and before.kind == element.kind == "list_item" and before.part == element.part
        yield "" if before is None else "\n" if one_list else "\n\n"
        before = element


def _packed(text: str, pieces: Sequence[_Piece], most: int) -> Iterator[tuple[int, int]]:
    """Spans: as many pieces together as fit; one that does not fit at all is split, the first part with its heading."""
    start = end = -1
    only_headings = True
    for piece in pieces:
        if end >= 0 and piece.end - start > most and not only_headings:
            yield start, end
            end, only_headings = -1, True
        fits = piece.end - (start if end >= 0 else piece.start) <= most
        for first, last in [(piece.start, piece.end)] if fits else _split(text, piece, most):
            if end >= 0 and last - start > most:
                yield start, end
                end = -1
            start, end = first if end < 0 else start, last
        only_headings = only_headings and piece.element.kind == "title"
    if end >= 0:
        yield start, end


def _split(text: str, piece: _Piece, most: int) -> Iterator[tuple[int, int]]:
    """Spans of at most `most` letters where that can be: rows of a table, else sentences, else words."""
    body = text[piece.start : piece.end]
    rows = piece.element.kind in ("table", "code")
    starts = [0, *((one.end() for one in _LINE_ENDS.finditer(body)) if rows else sentence_starts(body)), len(body)]
    for first, last in pairwise(starts):
        last = first + len(body[first:last].rstrip())
        if last - first <= most:
            yield piece.start + first, piece.start + last
        else:
            yield from _words(body, first, last, most, piece.start)


def _words(body: str, first: int, last: int, most: int, offset: int) -> Iterator[tuple[int, int]]:
    start = end = -1
    for word in _WORD.finditer(body, first, last):
        if end >= 0 and word.end() - start > most:
            yield offset + start, offset + end
            end = -1
        start, end = word.start() if end < 0 else start, word.end()
    if end >= 0:
        yield offset + start, offset + end
