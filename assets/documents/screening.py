"""What the bytes of a document tell before a parser is let at it: bombs, locks, and ends that are missing."""

from __future__ import annotations

import io
import re
import zipfile

from tilth.assets.documents.values import Finding, Settings

__all__ = ["screen_pdf", "screen_zip"]

_RATIO, _RATIO_FROM = 200, 20_000_000
_FILES = 10_000
_ENCRYPTED = 1  # bit of a ZIP entry
_LENGTH = re.compile(rb"/Linearized\b[^>]*?/L\s+(\d+)", re.DOTALL)


def screen_zip(content: bytes, settings: Settings) -> Finding | None:
    """What is wrong with a ZIP container; raises BadZipFile where it cannot be looked into."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        entries = packed.infolist()
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        return Finding("encrypted", "ZIP encryption", "a document that opens without a password")
    most = settings.max_unpacked_bytes
    size = sum(entry.file_size for entry in entries)
    if size > most or len(entries) > _FILES:
        return Finding("limits", f"{size} bytes in {len(entries)} files", f"at most {most} bytes when unpacked")
    worst = max((e for e in entries if e.file_size > _RATIO_FROM), key=lambda e: e.file_size, default=None)
    if worst is not None and worst.file_size > _RATIO * max(worst.compress_size, 1):
        told = f"{worst.compress_size} bytes that unpack to {worst.file_size}"
        return Finding("limits", told, f"nothing packed more than {_RATIO} to 1")
    return None


def screen_pdf(content: bytes) -> Finding | None:
    """What is wrong with a PDF as a whole: readers mend a file that is cut off, and lose pages without a word."""
    whole = Finding("damaged", "the end of the file is missing", "a PDF that is complete")
    if content.rfind(b"%%EOF") < content.rfind(b"startxref") or b"%%EOF" not in content:
        return whole
    if (said := _LENGTH.search(content[:2048])) and int(said[1]) > len(content):
        return Finding("damaged", f"{len(content)} of {said[1].decode()} bytes", "a PDF that is complete")
    return None
