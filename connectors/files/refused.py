"""Why a file cannot be used at all, raised by whatever reads it.

Holds the one exception that becomes a `Fault`, and the look at the first bytes that tells what a file
really is. Which files are read, and what happens to a refused one, is decided in `taking.py`.
"""

from __future__ import annotations

from typing import BinaryIO

from tilth.connectors.protocol import Fault

__all__ = ["Refused", "content_of", "require_text"]

_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or an Office file"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE file (old Office, or protected by a password)"),
    (b"\x1f\x8b", "gzip data"),
    (b"%PDF-", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG", "a PNG picture"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
)
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Refused(Exception):
    """One whole file is refused; `fault` says why."""

    def __init__(self, rule: str, expected: str, *, column: str | None = None, value: str | None = None) -> None:
        self.fault = Fault(rule, column, value, expected)
        super().__init__(f"{rule}: expected {expected}, got {value}")


def content_of(file: BinaryIO) -> str | None:
    """What the first bytes say the file is, None when they say nothing; an empty file is refused."""
    file.seek(0)
    head = file.read(8)
    file.seek(0)
    if not head:
        raise Refused("empty", "a file with content", value="0 bytes")
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def require_text(file: BinaryIO, encoding: str) -> None:
    """Refuse a file that is no text, or whose byte order mark names another encoding than the declared one."""
    found = content_of(file)
    if found:
        raise Refused("not_readable", f"text in {encoding}", value=found)
    head = file.read(3)
    file.seek(0)
    declared = encoding.lower().replace("_", "-")
    for mark, name in _MARKS:
        if head.startswith(mark) and not declared.startswith((name, name.replace("-", ""))):
            raise Refused("encoding", encoding, value=f"the byte order mark of {name}")
