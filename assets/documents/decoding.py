"""Bytes as text: by a byte order mark, as strict UTF-8, or in the declared code page. Nothing is ever guessed."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

__all__ = ["Decoded", "Undecodable", "decode"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SHARE = 100  # one such character in so many makes it no text


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, and how its letters were written."""

    text: str
    encoding: str


class Undecodable(Exception):
    """It is not text in any encoding that may be tried; `binary`: it does not look like text at all."""

    def __init__(self, told: str, *, binary: bool) -> None:
        super().__init__(told)
        self.binary = binary


def decode(content: bytes, declared: str | None) -> Decoded:
    """The text, or Undecodable."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strict(content, encoding, encoding.removesuffix("-sig"))
    try:
        return _strict(content, "utf-8", "utf-8")
    except Undecodable as not_utf8:
        if not_utf8.binary or declared is None:
            raise
        return _strict(content, declared, declared)


def _strict(content: bytes, encoding: str, name: str) -> Decoded:
    try:
        text = content.decode(encoding)
    except LookupError:
        raise Undecodable(f"{encoding} is no code page that is known", binary=False) from None
    except UnicodeDecodeError as error:
        told, letters = f"byte 0x{content[error.start]:02X} at {error.start}", content.decode("latin-1")
    else:
        told, letters = "control characters", text
        if len(_CONTROLS.findall(text)) * _SHARE <= len(text):
            return Decoded(text, name)
    if _looks_like_utf_16(content):
        raise Undecodable("it looks like UTF-16 without a byte order mark", binary=False)
    raise Undecodable(told, binary=len(_CONTROLS.findall(letters)) * _SHARE > len(letters))


def _looks_like_utf_16(content: bytes) -> bool:
    """Whether every other byte is mostly zero: letters of Europe, two bytes each."""
    zeros = content[::2].count(0), content[1::2].count(0)
    return max(zeros) * 3 > len(content) and min(zeros) * 10 < max(zeros)
