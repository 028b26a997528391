"""A file of quarantined records that came back from whoever knows what is right: which cells were changed.

The counterpart of `tilth quarantine export`. A cell that says what was exported is no correction; in a workbook the
sheet `reasons` takes corrections, too, beside the value that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from tilth.connectors.files import delimited, excel
from tilth.connectors.files.formats import Delimited, Excel
from tilth.connectors.files.parts import Part
from tilth.connectors.files.refused import Refused
from tilth.errors import TilthError
from tilth.schemas.near import near

__all__ = [
    "CELL",
    "CORRECTION",
    "HEAD",
    "Changed",
    "Line",
    "changed",
    "changes_of",
    "read_corrections",
    "safe",
    "safe_texts",
]

Changed = dict[str, tuple[str | None, str | None]]
"""Source column → its value as pulled, and the one in its place."""

HEAD = ("_id", "_table", "_key", "_status", "_reasons")
CORRECTION = "correction"
_RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_STARTS_FORMULA = "^([ \u00a0]*[=+\\-@\t\r\n])"  # the same as a pattern
CELL = 32_767  # characters that a cell of a workbook holds


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the file."""

    where: str  # file and line
    id: str
    cells: Mapping[str, str | None]  # source column → the cell, as it is now
    fixes: Mapping[str, str]  # contract column → what the sheet of reasons says in its place


def safe(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: what could start one gets an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_RUNS_AS_FORMULA) else text


def safe_texts(text: pl.Expr) -> pl.Expr:
    """`safe` for whole columns of text."""
    return text.str.replace(_STARTS_FORMULA, "'${1}")


def changed(cell: str | None, raw: str | None) -> bool:
    """Whether a cell says anything else than what was exported for `raw`."""
    shown = safe(raw)
    return (cell or "") not in (shown, shown[:CELL], raw or "")


def changes_of(line: Line, raw: Mapping[str, str | None], sources: Mapping[str, str]) -> Changed:
    """What a line changes of the record as pulled; `sources`: contract column → source column."""
    unknown = [name for name, cell in line.cells.items() if name not in raw and cell]
    if unknown:
        what, meant = f"this record has no column {unknown[0]}", near(unknown[0], raw)
        raise _trouble(what, line.where, expected=meant)
    found = {name: (raw[name], cell) for name, cell in line.cells.items() if name in raw and changed(cell, raw[name])}
    for column, text in line.fixes.items():
        source = sources.get(column, column)
        found[source] = (raw.get(source), text)
    return found


def read_corrections(file: Path) -> list[Line]:
    """Every entry that the file names, once; TilthError when it is no file of ours."""
    readers = {".csv": _csv, ".xlsx": _xlsx}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        got = file.suffix or "no ending"
        raise _trouble("cannot read this kind of file", file, expected=".csv or .xlsx", got=got)
    try:
        with file.open("rb") as stream:
            lines = reader(stream, file)
    except Refused as refused:
        expected, got = refused.fault.expected, refused.fault.value or ""
        raise _trouble("this is no file of quarantined records", file, expected=expected, got=got) from None
    except OSError as error:
        raise _trouble(f"cannot be read ({error.strerror or error})", file) from error
    seen: dict[str, str] = {}
    for line in lines:
        if line.id in seen:
            raise _trouble("an entry stands in two lines", line.where, got=line.id, expected=f"it in {seen[line.id]}")
        seen[line.id] = line.where
    return lines


def _csv(stream: BinaryIO, file: Path) -> list[Line]:
    head = stream.readline().decode("utf-8-sig", "replace").lstrip('"')
    after = head[len(HEAD[0]) :].lstrip('"')[:1] if head.startswith(HEAD[0]) else ""
    stream.seek(0)
    mark = after if after in (",", ";", "\t") else ","  # spreadsheets write a semicolon where the comma is decimal
    return _lines(_rows(delimited.read(stream, Delimited("utf-8", mark))), {}, file)


def _xlsx(stream: BinaryIO, file: Path) -> list[Line]:
    rows = list(_rows(excel.read(stream, Excel("quarantine"))))
    stream.seek(0)
    fixes: dict[str, dict[str, str]] = {}
    try:
        reasons = list(_rows(excel.read(stream, Excel("reasons"))))
    except Refused:
        reasons = []  # the sheet may have been thrown away
    for number, row in reasons:
        if row.get(CORRECTION) is None:
            continue
        column, text = row.get("column") or "", str(row[CORRECTION])
        if not column or "," in column:
            what = "this reason is not of one column: correct the record in the sheet quarantine"
            raise _trouble(what, f"{file}, sheet reasons, line {number}", got=column or "no column")
        fixes.setdefault(row.get("_id") or "", {})[column] = text
    return _lines(rows, fixes, file)


def _rows(parts: Iterator[Part]) -> Iterator[tuple[int, dict[str, str | None]]]:
    for part in parts:
        yield from zip(part.lines, part.table.to_pylist(), strict=True)


def _lines(
    rows: Iterable[tuple[int, dict[str, str | None]]], fixes: Mapping[str, Mapping[str, str]], file: Path
) -> list[Line]:
    found: list[Line] = []
    for number, row in rows:
        where = f"{file}, line {number}"
        if not row.get(HEAD[0]):
            raise _trouble("this line names no entry", where, expected=f"an id in the column {HEAD[0]}")
        cells = {name: _unsafe(cell) for name, cell in row.items() if name not in HEAD}
        own = {column: _unsafe(text) or "" for column, text in fixes.get(str(row[HEAD[0]]), {}).items()}
        found.append(Line(where, str(row[HEAD[0]]), cells, own))
    return found


def _unsafe(cell: str | None) -> str | None:
    """The cell without the apostrophe that `safe` put before it."""
    return cell[1:] if cell and cell.startswith("'") and safe(cell[1:]) == cell else cell


def _trouble(what: str, where: object, *, expected: str = "", got: str = "") -> TilthError:
    step = "tilth quarantine export FILE makes a file to correct"
    return TilthError(what, where=str(where), expected=expected, got=got, kept="nothing was changed", next=step)
