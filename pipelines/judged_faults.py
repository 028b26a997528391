"""What is wrong with a file that cannot be judged, in words, and the step that helps.

A step names what to type where that can be known. It is a proposal: nothing is guessed while a file is read.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tilth.connectors.files.refused import Refused, content_of
from tilth.connectors.protocol import Fault
from tilth.errors import SourceError

__all__ = ["KINDS", "Reading", "likelier", "told", "unknown_kind"]

KINDS = {".csv": "delimited", ".txt": "delimited", ".tsv": "delimited", ".xlsx": "excel", ".parquet": "parquet"}
_DELIMITERS = {",": ",", ";": ";", "|": "|", "\t": "$(printf '\\t')"}  # as they are typed
_AGAIN = "then the same command"
_ANEW = f"get the whole file again from where it was written, {_AGAIN}"
_HEAD = 1 << 16
_PARQUET = b"PAR1"  # at both ends

# rule → what is wrong, and what helps where nothing better is known
_FAULTS: Mapping[str, tuple[str, str]] = {
    "empty": ("this file holds nothing", _ANEW),
    "header": ("its header cannot be used", f"give each column a name of its own in the first line, {_AGAIN}"),
    "encoding": ("this is not text in that encoding", "the same command with --encoding and how it was written"),
    "not_readable": (
        "this is not what its name says, or damaged",
        f"save it as what its name says, or give it the right ending, {_AGAIN}",
    ),
    "quote": ("a quote does not match", f"close the quote, or double one that is part of a cell, {_AGAIN}"),
    "ragged": (
        "a line has another number of cells",
        f"correct the line (a cell that holds the delimiter stands in quotes), {_AGAIN}",
    ),
    "sheet": ("it is not clear which sheet is meant", "the same command with --sheet and its name"),
    "too_large": ("this file is larger than is read", f"divide it, {_AGAIN} with all its parts"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How the files are written, as far as their names do not tell."""

    delimiter: str | None = None  # None: a comma, and in .tsv files a tab
    encoding: str = "utf-8"
    sheet: str | None = None  # None: the only visible one

    def delimiter_of(self, file: Path) -> str:
        """What stands between the cells of this file."""
        return self.delimiter or ("\t" if file.suffix.lower() == ".tsv" else ",")


@contextmanager
def told(file: Path, reading: Reading, *, part: str) -> Generator[None]:
    """Whatever is wrong with the file as one SourceError, with its name; `part` of a Parquet file is at hand."""
    try:
        yield
    except Refused as refused:
        raise _refused(file, reading, refused.fault) from None
    except pl.exceptions.PolarsError as error:
        raise _no_parquet(file, part, error) from error
    except OSError as error:
        raise _unreachable(file, error) from error


def unknown_kind(file: Path) -> SourceError:
    """The error for a file whose name does not tell how to read it."""
    if file.is_dir():
        step = f"the files in it: tilth judge {shlex.quote(str(file))}/*.csv …"
        return SourceError("this is a folder", where=str(file), expected="files of one table", next=step)
    what, expected, got = "cannot read this kind of file", ", ".join(KINDS), file.suffix or "no ending"
    return SourceError(what, where=str(file), expected=expected, got=got, next=f"save it as one of these, {_AGAIN}")


def likelier(line: str, delimiter: str) -> str | None:
    """The delimiter, as it is typed, that a line holds more often than the one that was used."""
    likely = max(_DELIMITERS, key=line.count)
    return f'--delimiter "{_DELIMITERS[likely]}"' if line.count(likely) > line.count(delimiter) else None


def _refused(file: Path, reading: Reading, fault: Fault) -> SourceError:
    what, usual = _FAULTS.get(fault.rule, (f"this file cannot be judged, {fault.rule}", _ANEW))
    step = _step(file, reading, fault) or usual
    expected = fault.expected.replace("`sheet:` in the format", "--sheet")
    return SourceError(what, where=str(file), expected=expected, got=fault.value or "", next=step)


def _step(file: Path, reading: Reading, fault: Fault) -> str | None:
    """What helps with this very file, if that can be told."""
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    if fault.rule in ("ragged", "quote", "header") and KINDS[file.suffix.lower()] == "delimited":
        line = head.split(b"\n", 1)[0].decode(reading.encoding, "replace")
        better = likelier(line, reading.delimiter_of(file))
        return f"the same command with {better}" if better else None
    if fault.rule == "encoding":
        return _encoding(head, reading, fault)
    if fault.rule == "not_readable":
        return _right_kind(head, fault.value or "")
    if fault.rule == "sheet" and fault.value:
        return f"the same command with --sheet {shlex.quote(fault.value.split(', ')[0])}, or another of these"
    return None


def _encoding(head: bytes, reading: Reading, fault: Fault) -> str | None:
    if "byte order mark" in (fault.value or ""):
        return f"the same command with --encoding {str(fault.value).rsplit(' ', 1)[1]}"
    if b"\0" in head:
        return f"this is no text, or utf-16: save it as CSV in UTF-8, {_AGAIN}"
    for other in ("utf-8", "cp1252"):
        if other != reading.encoding.lower() and _decodes(head, other):
            return f"the same command with --encoding {other}, or how else it was written"
    return None


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        head[: head.rfind(b"\n") + 1].decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _right_kind(head: bytes, found: str) -> str | None:
    if head.startswith(_PARQUET):
        return f"give it the ending .parquet, {_AGAIN}"
    if found.startswith("a damaged"):
        return _ANEW
    if "password" in found:
        return f"save it as .xlsx without a password, {_AGAIN}"
    if found.startswith("a ZIP archive or an Office file"):
        return f"give it the ending .xlsx if it is a workbook, else unpack it, {_AGAIN}"
    if _is_text(head):
        return f"give it the ending .csv, {_AGAIN}"
    return f"unpack it, {_AGAIN}" if "archive" in found or "data" in found else None


def _is_text(head: bytes) -> bool:
    return b"\0" not in head and _decodes(head, "utf-8")


def _no_parquet(file: Path, part: str, error: Exception) -> SourceError:
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - len(_PARQUET)))
        tail = stream.read()
        stream.seek(0)
        head = stream.read(_HEAD)
        found = content_of(stream) if size else None
    expected, got, step = "a Parquet file", str(error).split("\n", 1)[0], _ANEW
    if not size:
        what, got = _FAULTS["empty"][0], "0 bytes"
    elif not head.startswith(_PARQUET):
        what, got = "this is no Parquet file", found or ("text" if _is_text(head) else "something else")
        step = _right_kind(head, got) or _ANEW
    elif tail != _PARQUET:
        what, expected, got = "this Parquet file was cut off", "a footer at its end", f"{size} bytes without one"
    else:
        what = f"the {part} of this Parquet file is damaged"
    return SourceError(what, where=str(file), expected=expected, got=got, next=step)


def _unreachable(file: Path, error: OSError) -> SourceError:
    what, expected, step = f"cannot be read ({error.strerror or error})", "", f"make it readable, {_AGAIN}"
    if isinstance(error, FileNotFoundError):
        there = [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
        near = difflib.get_close_matches(file.name, there, n=1, cutoff=0.8)
        expected = f"{near[0]!r}, perhaps" if near else ""
        step = f"the same command with the file's own path; ls {shlex.quote(str(file.parent))}"
    return SourceError(what, where=str(file), expected=expected, next=step)
