"""Words put together: lines, or pieces of them, and their text, with words that a line's end broke made whole."""

from __future__ import annotations

import re
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

    @property
    def size(self) -> float:
        """Of most of its letters."""
        sizes = sorted((word.size, len(word.text)) for word in self.words)
        middle = sum(letters for _, letters in sizes) / 2
        for size, letters in sizes:
            middle -= letters
            if middle <= 0:
                return size
        return sizes[-1][0]

    @property
    def bold(self) -> bool:
        """Whether all of it is."""
        return all(word.bold for word in self.words)

    @property
    def text(self) -> str:
        """As it stands there."""
        return " ".join(word.text for word in self.words)


def lines_of(words: Iterable[Word]) -> Iterator[Line]:
    """The pieces of lines, in the order in which their words are given."""
    held: list[Word] = []
    for word in words:
        if held and not _goes_on(held[-1], word):
            yield Line(tuple(held), around(one.box for one in held))
            held = []
        held.append(word)
    if held:
        yield Line(tuple(held), around(one.box for one in held))


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
