"""Quarantined records as a file for people: CSV or XLSX, one row an entry, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tilth.errors import MissingExtra, TilthError
from tilth.pipelines.corrections import CELL, CORRECTION, HEAD, safe

if TYPE_CHECKING:
    from tilth.assets.listing import Entry
    from tilth.assets.storage import Storage

__all__ = ["write"]

_EXCEL_ROWS = 1_048_575
_REASONS = ("_id", "_table", "_key", "rule", "column", "value", "expected", "kind", "severity", CORRECTION)


def write(entries: Sequence[Entry], file: Path, *, storage: Storage) -> None:
    """Write `entries`, with their raw values, to a .csv or .xlsx file; it appears whole or not at all."""
    from tilth.assets.listing import raws_of

    writers = {".csv": _csv, ".xlsx": _xlsx}
    writer = writers.get(file.suffix.lower())
    if writer is None:
        got, step = file.suffix or "no ending", f"tilth quarantine export {file.with_suffix('.csv')}"
        raise TilthError(
            "cannot write this kind of file", where=str(file), expected=".csv or .xlsx", got=got, next=step
        )
    raws = raws_of(storage, [(entry.path, entry.id) for entry in entries if entry.path])
    part = file.with_name(f".tmp-{uuid4().hex}{file.suffix}")
    try:
        writer([*_rows(entries, [raws.get(entry.id, {}) for entry in entries])], [*_reasons(entries)], part)
        part.replace(file)
    except OSError as error:
        what = f"cannot be written: {error.strerror or type(error).__name__}"
        raise TilthError(what, where=str(file), next="give another path, or free space") from error
    finally:
        part.unlink(missing_ok=True)


def _rows(entries: Sequence[Entry], raws: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """A header and a row an entry: its raw columns, in the order they were met, after what we know of it."""
    columns = list(dict.fromkeys(name for raw in raws for name in raw))
    yield [safe(name) for name in (*HEAD, *columns)]
    for entry, raw in zip(entries, raws, strict=True):
        reasons = "; ".join(_reason(reason) for reason in entry.reasons)
        head = (entry.id, entry.table, entry.key, entry.status, reasons)
        yield [safe(value) for value in (*head, *(raw.get(name) for name in columns))]


def _reason(reason: dict[str, str | None]) -> str:
    place = f"{reason['column']}: " if reason["column"] else ""
    only = "only a warning: " if reason["severity"] == "warn" else ""
    return f"{only}{place}{reason['rule']} (expected {reason['expected']})"


def _reasons(entries: Sequence[Entry]) -> Iterator[list[str]]:
    """A header and a row a reason, the last cell left blank for a correction."""
    yield list(_REASONS)
    for entry in entries:
        for reason in entry.reasons:
            told = (*(reason[name] for name in _REASONS[3:-1]), "")
            yield [safe(value) for value in (entry.id, entry.table, entry.key, *told)]


def _csv(rows: Sequence[Sequence[str]], reasons: Sequence[Sequence[str]], path: Path) -> None:
    del reasons  # they stand in a column of their own
    with path.open("w", encoding="utf-8-sig", newline="") as stream:  # the mark tells Excel that it is UTF-8
        csv.writer(stream).writerows(rows)


def _xlsx(rows: Sequence[Sequence[str]], reasons: Sequence[Sequence[str]], path: Path) -> None:
    try:
        import xlsxwriter
    except ImportError:
        raise MissingExtra.of("xlsxwriter", "excel") from None
    most = max(len(rows), len(reasons))
    if most > _EXCEL_ROWS:
        raise TilthError(
            "too many entries for one sheet", expected=f"{_EXCEL_ROWS:,}", got=f"{most:,}", next="--table, or .csv"
        )
    book = xlsxwriter.Workbook(
        str(path), {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True}
    )
    for name, table, frozen in (("quarantine", rows, len(HEAD)), ("reasons", reasons, 1)):
        sheet = book.add_worksheet(name)
        bold, text = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
        sheet.set_column(0, max(len(table[0]) - 1, 0), 14, text)  # as text: what is typed there stays as it was typed
        for number, row in enumerate(table):
            for column, cell in enumerate(row):
                sheet.write_string(number, column, cell[:CELL], text if number else bold)
        sheet.freeze_panes(1, frozen)
    book.close()
