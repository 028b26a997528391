"""Text as it is kept, whatever it was written with: one form of each letter, no character that cannot be seen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from tilth.assets.documents.values import Finding

__all__ = ["hidden_text", "lines_of", "smuggled", "text_of_line"]

_LIGATURES: Mapping[int, str] = {
    0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st",
    0xF0B7: "•", 0xF0A7: "•", 0x2011: "-",
}  # fmt: skip
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\uffff"
    "\U000e0000-\U000e0fff\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]"
)
_LONE = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"[\s\x1c-\x1f\x85]+")
_TAGS = re.compile("(?<!\U0001f3f4)[\U000e0020-\U000e007f]{4,}")
_SHOWN = 120


def text_of_line(text: str) -> str:
    """The text as one line: NFC, no ligatures, no soft hyphens or characters that cannot be seen, single blanks."""
    return _BLANKS.sub(" ", _seen(text)).strip()


def lines_of(text: str) -> str:
    """The text with its line breaks and indentation: for code."""
    lines = [line.rstrip() for line in _seen(text.expandtabs(4)).replace("\x1f", " ").splitlines()]
    while lines and not lines[0]:
        del lines[0]
    return "\n".join(lines).rstrip()


def _seen(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    text = _LONE.sub("\ufffd", text.translate(_LIGATURES))
    return unicodedata.normalize("NFC", _UNSEEN.sub("", text))


def smuggled(text: str) -> list[str]:
    """What is written in tag characters, which no font shows, and some programs read."""
    return ["".join(chr(ord(letter) - 0xE0000) for letter in run) for run in _TAGS.findall(text)]


def hidden_text(pieces: Iterable[str]) -> tuple[Finding, ...]:
    """The finding for text that is there and cannot be seen; none where there is none."""
    found = [text for piece in pieces if (text := text_of_line(piece))]
    if not found:
        return ()
    told = " … ".join(found)
    told = told if len(told) <= _SHOWN else f"{told[:_SHOWN]}…"
    return (Finding("hidden_text", told, "text that can be seen, and no other"),)
