"""A file of quarantined records that came back from whoever knows what is right: its lines and cells.

The counterpart of `tilth quarantine export`; in a workbook the sheet `reasons` takes corrections, too, beside the value
that is wrong. What was changed is found in `changes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from tilth.assets.toxic import as_id
from tilth.connectors.files import delimited, excel
from tilth.connectors.files.formats import Delimited, Excel
from tilth.connectors.files.parts import Part
from tilth.connectors.files.refused import Refused
from tilth.errors import TilthError

__all__ = ["CELL", "CORRECTION", "HEAD", "Cell", "Line", "read_corrections", "safe", "safe_texts", "trouble"]

HEAD = ("_id", "_table", "_key", "_status", "_reasons")
CORRECTION = "correction"
_RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_STARTS_FORMULA = "^([ \u00a0]*[=+\\-@\t\r\n])"  # the same as a pattern
CELL = 32_767  # characters that a cell of a workbook holds
_TEXT, _NUMBER, _UNVALUED = "t:", "n:", "f:"  # before what a cell of a workbook says; before an error stands nothing


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell of the file says."""

    text: str
    number: bool = False  # typed as one: its text has a point, whatever the decimal mark of the record's column is
    unvalued: bool = False  # a formula that nobody worked out: its text is the name of the cell


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the file."""

    where: str  # file and line
    id: str
    key: Cell | None
    cells: Mapping[str, Cell | None]  # source column → the cell, as it is now
    fixes: Mapping[str, Cell]  # contract column → what the sheet of reasons says in its place


Row = dict[str, Cell | None]


def safe(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: what could start one gets an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_RUNS_AS_FORMULA) else text


def safe_texts(text: pl.Expr) -> pl.Expr:
    """`safe` for whole columns of text."""
    return text.str.replace(_STARTS_FORMULA, "'${1}")


def read_corrections(file: Path) -> list[Line]:
    """Every entry that the file names, once; TilthError when it is no file of ours."""
    readers = {".csv": _csv, ".xlsx": _xlsx}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        got = file.suffix or "no ending"
        raise trouble("cannot read this kind of file", file, expected=".csv or .xlsx", got=got)
    try:
        with file.open("rb") as stream:
            lines = reader(stream, file)
    except Refused as refused:
        expected, got = refused.fault.expected, refused.fault.value or ""
        raise trouble("this is no file of quarantined records", file, expected=expected, got=got) from None
    except OSError as error:
        raise trouble(f"cannot be read ({error.strerror or error})", file) from error
    seen: dict[str, str] = {}
    for line in lines:
        if line.id in seen:
            raise trouble("an entry stands in two lines", line.where, got=line.id, expected=f"it in {seen[line.id]}")
        seen[line.id] = line.where
    return lines


def _csv(stream: BinaryIO, file: Path) -> list[Line]:
    head = stream.readline().decode("utf-8-sig", "replace").lstrip('"')
    after = head[len(HEAD[0]) :].lstrip('"')[:1] if head.startswith(HEAD[0]) else ""
    stream.seek(0)
    mark = after if after in (",", ";", "\t") else ","  # spreadsheets write a semicolon where the comma is decimal
    return _lines(_rows(delimited.read(stream, Delimited("utf-8", mark))), {}, file)


def _xlsx(stream: BinaryIO, file: Path) -> list[Line]:
    rows = list(_untold(excel.read(stream, Excel("quarantine"), told=_told, unvalued=_UNVALUED)))
    stream.seek(0)
    try:
        reasons = list(_untold(excel.read(stream, Excel("reasons"), told=_told, unvalued=_UNVALUED)))
    except Refused:
        reasons = []  # the sheet may have been thrown away
    fixes = _fixes(reasons, file)
    lost = next(iter(fixes.keys() - {_id(row) for _, row in rows}), None)
    if lost is not None:
        what = "a correction in the sheet reasons is of an entry that the sheet quarantine does not have"
        raise trouble(what, file, got=lost or "no id", expected="the lines of both sheets as they were exported")
    return _lines(rows, fixes, file)


def _fixes(reasons: Iterable[tuple[int, Row]], file: Path) -> dict[str, dict[str, Cell]]:
    """What the sheet of reasons corrects: id → contract column → the cell."""
    fixes: dict[str, dict[str, Cell]] = {}
    for number, row in reasons:
        fix = row.get(CORRECTION)
        if fix is None:
            continue
        column, where = _text(row, "column"), f"{file}, sheet reasons, line {number}"
        _require_value(fix, where)
        if not column or "," in column:
            what = "this reason is not of one column: correct the record in the sheet quarantine"
            raise trouble(what, where, got=column or "no column")
        own = fixes.setdefault(_id(row), {})
        if own.setdefault(column, fix) != fix:
            what = f"{column} is corrected twice, and not alike"
            raise trouble(what, where, expected=own[column].text, got=fix.text)
    return fixes


def _told(cell: excel.Cell) -> str | None:
    """A cell of a workbook as text, after what it is."""
    text = excel.text_of(cell)
    number = isinstance(cell, int | float) and not isinstance(cell, bool)
    return f"{_NUMBER if number else _TEXT}{text}" if text else None


def _untold(parts: Iterator[Part]) -> Iterator[tuple[int, Row]]:
    """The rows of a sheet that was read with `_told`."""
    for number, row in _rows(parts):
        yield number, {name: cell and _of_workbook(cell.text) for name, cell in row.items()}


def _of_workbook(told: str) -> Cell:
    kind, text = told[: len(_TEXT)], told[len(_TEXT) :]
    return Cell(text, kind == _NUMBER, kind == _UNVALUED) if kind in (_TEXT, _NUMBER, _UNVALUED) else Cell(told)


def _rows(parts: Iterator[Part]) -> Iterator[tuple[int, Row]]:
    for part in parts:
        for number, row in zip(part.lines, part.table.to_pylist(), strict=True):
            yield number, {name: Cell(text) if text else None for name, text in row.items()}


def _lines(rows: Iterable[tuple[int, Row]], fixes: Mapping[str, Mapping[str, Cell]], file: Path) -> list[Line]:
    found: list[Line] = []
    for number, row in rows:
        where, id = f"{file}, line {number}", _id(row)
        if not any(row.values()):
            continue  # spreadsheets write lines without content, too
        for cell in filter(None, row.values()):
            _require_value(cell, where)
        if not id:
            raise trouble("this line names no entry", where, expected=f"an id in the column {HEAD[0]}")
        cells = {name: cell for name, cell in row.items() if name not in HEAD}
        found.append(Line(where, id, row.get("_key"), cells, fixes.get(id, {})))
    return found


def _require_value(cell: Cell, where: str) -> None:
    if cell.unvalued:
        what = "this cell holds a formula without a value: open the file and save it, or write the value"
        raise trouble(what, f"{where}, cell {cell.text}")


def _id(row: Row) -> str:
    return as_id(_text(row, HEAD[0]))


def _text(row: Row, name: str) -> str:
    cell = row.get(name)
    return cell.text if cell else ""


def trouble(what: str, where: object, *, expected: str = "", got: str = "") -> TilthError:
    """What is wrong with a file that came back."""
    step = "tilth quarantine export FILE makes a file to correct"
    return TilthError(what, where=str(where), expected=expected, got=got, kept="nothing was changed", next=step)
