"""One sheet of an XLSX workbook, every cell as text: what a person reads in the sheet, without its number format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from tilth.connectors.files.formats import Excel
from tilth.connectors.files.names import column_names
from tilth.connectors.files.parts import Part, nothing_under, table_of
from tilth.connectors.files.refused import Refused
from tilth.connectors.files.workbook import errors_in, require_workbook
from tilth.errors import MissingExtra

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

__all__ = ["Cell", "read", "text_of"]

_ROWS = 1_000
_EXACT = 2**53

Cell = int | float | str | bool | time | date | datetime | timedelta
Row = tuple[int, list[str | None]]


def read(
    file: BinaryIO, form: Excel, *, told: Callable[[Cell], str | None] | None = None, unvalued: str | None = None
) -> Iterator[Part]:
    """The records below the header; rows without any content are passed over, empty cells are null.

    `told`: another way to say a cell of a record than `text_of`. `unvalued`: what is said, before the cell's name, of a
    formula without a value; else it is an empty cell.
    """
    require_workbook(file)
    sheet = _sheet(_workbook(file), form.sheet)
    start = sheet.start
    errors = errors_in(file, sheet.name, unvalued=unvalued) if start else {}
    rows = _rows(sheet, errors, form.header, told or text_of) if start else iter(())
    first = start[1] + 1 if start else 1
    names, any_record = form.columns if not form.header else _header(rows, form, first), False
    while some := list(islice(rows, _ROWS)):
        cells = [_fitted(row, line, names, first, form) for line, row in some]
        yield Part(table_of(names, list(zip(*cells, strict=True))), [line for line, _ in some])
        any_record = True
    if not any_record:
        yield nothing_under(names, header=form.header)


def text_of(cell: Cell) -> str | None:
    """The cell as text: whole numbers without a point, dates in ISO 8601; None for an empty cell."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT else repr(cell)
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(cell.total_seconds(), 60)
        hours, minutes = divmod(int(minutes), 60)
        return f"{hours}:{minutes:02}:{seconds:02.0f}"
    return str(cell) if isinstance(cell, int) else cell.isoformat()


def _workbook(file: BinaryIO) -> CalamineWorkbook:
    try:
        import python_calamine as calamine
    except ImportError:
        raise MissingExtra.of("python-calamine", "excel") from None
    try:
        return calamine.CalamineWorkbook.from_filelike(file)
    except BaseException as error:
        raise _damaged(error) from None


def _sheet(book: CalamineWorkbook, wanted: str | int | None) -> CalamineSheet:
    shown = [sheet.name for sheet in book.sheets_metadata if str(sheet.visible).endswith(".Visible")]
    names, told = book.sheet_names, ", ".join(book.sheet_names)
    if wanted is None and len(shown) != 1:
        raise Refused("sheet", "one visible sheet, or `sheet:` in the format", value=told)
    position = wanted - 1 if isinstance(wanted, int) else None
    name = shown[0] if wanted is None else wanted if position is None else dict(enumerate(names)).get(position)
    if name not in names:
        raise Refused("sheet", f"a sheet {wanted}", value=told)
    try:
        return book.get_sheet_by_name(str(name))
    except BaseException as error:
        raise _damaged(error) from None


def _rows(
    sheet: CalamineSheet, errors: dict[tuple[int, int], str], header: int, told: Callable[[Cell], str | None]
) -> Iterator[Row]:
    """Rows with content from the header on (from the top without one): row number from 1, cells as text."""
    left = sheet.start[1] if sheet.start else 0
    broken: dict[int, list[tuple[int, str]]] = {}
    for (row, column), text in errors.items():
        broken.setdefault(row, []).append((column - left, text))
    for number, cells in enumerate(_cells(sheet)):
        if number < header - 1:
            continue
        row = [text_of(cell) if number == header - 1 else told(cell) for cell in cells]
        for column, text in broken.get(number, ()):
            if 0 <= column < len(row):  # a formula without a value may stand beside all that has one
                row[column] = text
        if number == header - 1 or any(cell is not None for cell in row):
            yield number + 1, row


def _cells(sheet: CalamineSheet) -> Iterator[Sequence[Cell]]:
    try:
        yield from sheet.iter_rows()
    except BaseException as error:
        raise _damaged(error) from None


def _header(rows: Iterator[Row], form: Excel, first: int) -> tuple[str, ...]:
    line, cells = next(rows, (0, []))
    if line != form.header or not any(cells):
        raise Refused("header", "the names of the columns", value=f"row {form.header} is empty")
    return column_names([cell or "" for cell in cells], form.columns, first=first)


def _fitted(row: Sequence[str | None], line: int, names: Sequence[str], first: int, form: Excel) -> list[str | None]:
    """The row as wide as the names; without a header the first name is that of column A."""
    cells = list(row) if form.header else [*[None] * (first - 1), *row]
    if any(cell is not None for cell in cells[len(names) :]):
        raise Refused("ragged", f"{len(names)} cells", value=f"row {line}: {len(cells)} cells")
    return [*cells[: len(names)], *[None] * (len(names) - len(cells))]


def _damaged(error: BaseException) -> BaseException:
    """A refusal for whatever the reader of workbooks says (its panics are no `Exception`), else the error itself."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        return error
    locked = type(error).__name__ == "PasswordError"
    told = "protected by a password" if locked else f"a damaged one ({str(error)[:200]})"
    return Refused("not_readable", "an XLSX workbook", value=told)
