"""The price list on a share of its own: an Excel workbook that is each time the whole list.

In the second night the share is down; in the third it is back, with a new list.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time

from tilth.errors import MissingExtra
from tilth.pipelines.sample.ledger import Drop
from tilth.pipelines.sample.truth import Book, Reason, Toxic

__all__ = ["prices"]

_COLUMNS = ("Artikel", "Bezeichnung", "Preis", "Währung", "Gültig ab", "Gültig bis")
_FIRST, _THIRD = "Preisliste_2025-11.xlsx", "Preisliste_2025-12.xlsx"
_HEADER = 3  # row of the names, from 1

Cell = str | float | date | None
Planted = tuple[str, str | None, dict[str, Cell], tuple[Reason, ...]]

_ENDS = (("ends_after_start", "valid_from,valid_until"),)


def prices(night: int, book: Book, *, rows: int) -> list[Drop] | None:
    """The files on the share that night; None: it cannot be reached."""
    if night == 2:
        book.state = "failed"
        return None
    first = _list_one(book if night == 1 else None, rows)
    return [first] if night == 1 else [first, _list_two(book, rows)]


def _list_one(book: Book | None, rows: int) -> Drop:
    planted: list[Planted] = [
        ("end before start", "P-900001", {"Gültig bis": date(2025, 10, 1)}, _ENDS),
        ("decimal garbage", "P-900002", {"Preis": "auf Anfrage"}, (("parse", "price"),)),
        ("conflicting duplicate", "P-900003", {"Preis": 1.5}, (("unique", "sku"),)),
        ("conflicting duplicate", "P-900003", {"Preis": 2.5}, (("unique", "sku"),)),
        ("unknown code", "P-900004", {"Währung": "EURO"}, (("isin", "currency"),)),
        ("impossible date", "P-900005", {"Gültig ab": "31.02.2026"}, (("parse", "valid_from"),)),
        ("missing key", None, {}, (("not_null", "sku"),)),
    ]
    ordinary = [_row(f"P-{n:06}", Preis=n + 0.25) for n in range(1, rows + 1)]
    if book is not None:
        book.inserted(f"P-{n:06}" for n in range(1, rows + 1))
        book.shown("P-000002", price="2.25")
        _refused(book, _FIRST, planted, start=rows)
    return _drop(_FIRST, [*ordinary, *(_row(sku, **different) for _, sku, different, _ in planted)])


def _list_two(book: Book, rows: int) -> Drop:
    """Every tenth article gone, every seventh of the others dearer, one of the toxic put right, one left as it was."""
    numbers = [n for n in range(1, rows + 1) if n % 10]
    dearer = [n for n in numbers if n % 7 == 0]
    list_two = [_row(f"P-{n:06}", Preis=n + (0.75 if n in set(dearer) else 0.25)) for n in numbers]
    list_two += [_row("P-900001"), _row("P-900002", Preis="auf Anfrage"), _row("P-900050")]
    book.counted("updated", len(dearer))
    book.counted("unchanged", len(numbers) - len(dearer))
    book.inserted(["P-900001", "P-900050"])
    book.mended("P-900001")
    book.counted("duplicate")
    book.removed([f"P-{n:06}" for n in range(10, rows + 1, 10)])
    book.shown("P-000007", price="7.75")
    return _drop(_THIRD, list_two)


def _refused(book: Book, file: str, planted: Sequence[Planted], *, start: int) -> None:
    for record, (kind, sku, different, reasons) in enumerate(planted, start):
        raw = {name: None if value is None else str(value) for name, value in different.items()}
        book.refused(Toxic(kind, sku, reasons, file, record, record + _HEADER + 1, raw))


def _row(sku: str | None, **different: Cell) -> dict[str, Cell]:
    return {
        "Artikel": sku,
        "Bezeichnung": f"Artikel {sku or 'ohne Nummer'} – groß",
        "Preis": 10.0,
        "Währung": "EUR",
        "Gültig ab": date(2025, 11, 1),
        "Gültig bis": None,
        **different,
    }


def _drop(name: str, rows: Sequence[Mapping[str, Cell]]) -> Drop:
    try:
        import xlsxwriter
    except ImportError:
        raise MissingExtra.of("xlsxwriter", "sample") from None
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.set_properties({"title": "Preisliste", "created": datetime(2025, 11, 1)})
        sheet, day = book.add_worksheet("Preise"), book.add_format({"num_format": "dd.mm.yyyy"})
        sheet.write_string(0, 0, "Preisliste – gültig für alle Filialen")
        sheet.write_row(_HEADER - 1, 0, _COLUMNS)
        for number, row in enumerate(rows, _HEADER):
            for column, title in enumerate(_COLUMNS):
                value = row[title]
                if isinstance(value, date):
                    sheet.write_datetime(number, column, datetime.combine(value, time()), day)
                elif value is not None:
                    sheet.write(number, column, value)
    return Drop(name, content.getvalue())
