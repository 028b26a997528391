"""Words put together: lines, or pieces of them, and their text, with words that a line's end broke made whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tilth.assets.documents.pdf.shapes import Box, Word

__all__ = ["Line", "around", "joined", "lines_of", "text_of_words"]

_GAP = 1.5  # of the letters' size: a wider one begins another piece, such as a cell or a column
_BACK = 0.5
_SAME_LINE = 0.5
_KEPT = re.compile(r"(?:und|oder|bzw\.?|sowie|noch|bis|als|and|or|to)\b")  # after `In-`: `In- und Ausland`


@dataclass(frozen=True, slots=True)
class Line:
    """Words that stand side by side without a gap: a line, or a piece of one."""

    words: tuple[Word, ...]
    box: Box
    size: float  # of most of its letters
    bold: bool  # all of it
    text: str  # as it stands there


def _line(words: Sequence[Word]) -> Line:
    letters = Counter[float]()
    for word in words:
        letters[word.size] += len(word.text)
    size = max(letters, key=lambda size: (letters[size], size))
    text = " ".join(word.text for word in words)
    return Line(tuple(words), around([word.box for word in words]), size, all(word.bold for word in words), text)


def lines_of(words: Iterable[Word]) -> Iterator[Line]:
    """The pieces of lines, in the order in which their words are given."""
    held: list[Word] = []
    for word in words:
        if held and not _goes_on(held[-1], word):
            yield _line(held)
            held = []
        held.append(word)
    if held:
        yield _line(held)


def _goes_on(before: Word, word: Word) -> bool:
    size = max(before.size, word.size)
    gap = word.box.left - before.box.right
    overlap = min(before.box.bottom, word.box.bottom) - max(before.box.top, word.box.top)
    return -_BACK * size < gap < _GAP * size and overlap > _SAME_LINE * min(before.size, word.size)


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box around some."""
    every = list(boxes)
    return Box(
        min(box.left for box in every), min(box.top for box in every), max(box.right for box in every),
        max(box.bottom for box in every),
    )  # fmt: skip


def text_of_words(words: Sequence[Word]) -> str:
    """The text of words on one line or several."""
    text, line = "", 0
    for word in words:
        if not text or word.line == line:
            text = f"{text} {word.text}" if text else word.text
        else:
            text = joined(text, word.text)
        line = word.line
    return text


def joined(text: str, more: str) -> str:
    """The text with what begins the next line; where a hyphen ends the line, the word is made whole."""
    if not _is_broken(text) or not more[0].isalnum() or _KEPT.match(more):
        return f"{text} {more}"
    return f"{text[:-1] if more[0].islower() else text}{more}"


def _is_broken(text: str) -> bool:
    return text.endswith(("-", "\u00ad", "\u2010")) and len(text) > 1 and text[-2].isalpha()
