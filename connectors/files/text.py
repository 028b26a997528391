"""Bytes to text: a file's characters in chunks of whole lines, decoded strictly, in bounded memory.

Holds decoding only; what a line means is for `fixed_width.py` and `delimited.py`.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from tilth.connectors.files.refused import Refused, require_text

__all__ = ["chunks", "encoding_problem", "line_ends"]

_READ = 1 << 20
_LONGEST = 64 << 20  # characters without a line end
_NO_CODE_PAGE = {"unicode-escape", "raw-unicode-escape", "utf-7", "idna", "punycode", "undefined", "mbcs", "oem"}


def encoding_problem(name: str) -> str | None:
    """Why `name` cannot be a file's encoding, None when it can."""
    try:
        known = codecs.lookup(name).name
        b" ".decode(name)
    except UnicodeDecodeError:
        return None  # a code page with wider characters, such as utf-16
    except LookupError:
        return f"encoding {name!r} is not known (expected for example utf-8, cp1252, latin-1 or cp850)"
    return f"encoding {name!r} is not a code page" if known in _NO_CODE_PAGE else None


def chunks(file: BinaryIO, encoding: str) -> Iterator[str]:
    """The file's text in chunks that end with a line's end (the last one perhaps not), from its beginning.

    A byte order mark is taken off, and so is the end-of-file mark (0x1A) of old systems.
    """
    require_text(file, encoding)
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    kept, first = "", True
    while data := file.read(_READ):
        text = kept + _decoded(decoder, data, encoding, file)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        cut = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
        whole, kept = text[:cut], text[cut:]
        if len(kept) > _LONGEST:
            raise Refused("not_readable", "lines of text", value=f"a line of more than {_LONGEST} characters")
        if whole:
            yield whole
    text = (kept + _decoded(decoder, b"", encoding, file)).removesuffix("\x1a")
    if text:
        yield text


def line_ends(text: str) -> int:
    """How many lines end in the text, by whichever of the three line ends."""
    returns = text.count("\r")
    return text.count("\n") + (returns - text.count("\r\n") if returns else 0)


def _decoded(decoder: codecs.IncrementalDecoder, data: bytes, encoding: str, file: BinaryIO) -> str:
    try:
        return decoder.decode(data, final=not data)
    except UnicodeDecodeError as error:
        line = _lines_before(file, file.tell() - len(error.object) + error.start) + 1
        bad = error.object[error.start : error.start + 1].hex().upper()
        raise Refused("encoding", encoding, value=f"byte 0x{bad} in line {line}") from None
    except UnicodeError as error:
        raise Refused("encoding", encoding, value=str(error)) from None


def _lines_before(file: BinaryIO, end: int) -> int:
    file.seek(0)
    return sum(file.read(min(_READ, end - at)).count(b"\n") for at in range(0, end, _READ))
