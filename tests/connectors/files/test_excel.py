from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.files.conftest import Folder, examples
from tilth.connectors.files.excel import read
from tilth.connectors.files.formats import Excel
from tilth.connectors.files.refused import Refused

Fill = Callable[[Any, Any], object]


def workbook(*fills: Fill, names: tuple[str, ...] = ("Data", "More", "Third")) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for fill, name in zip(fills, names, strict=False):
            fill(book, book.add_worksheet(name))
    return out.getvalue()


def table(rows: list[list[Any]], *, top: int = 0, left: int = 0) -> Fill:
    def fill(_: Any, sheet: Any) -> None:
        for number, row in enumerate(rows):
            sheet.write_row(top + number, left, row)

    return fill


def records(data: bytes, form: Excel | None = None) -> list[dict[str, str | None]]:
    return [row for part in read(io.BytesIO(data), form or Excel()) for row in part.table.to_pylist()]


def refusal(data: bytes, form: Excel | None = None) -> tuple[str, str | None]:
    with pytest.raises(Refused) as caught:
        records(data, form)
    return caught.value.fault.rule, caught.value.fault.value


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1, max_size=9)
CELLS = TEXTS | st.integers(-(2**49), 2**49) | st.booleans() | st.none()


@examples(40)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_what_was_written_is_read(rows: list[tuple[Any, Any]]) -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["a", "b"])
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                (sheet.write_string if isinstance(cell, str) else sheet.write)(number, column, cell)

    told = {True: "true", False: "false"}
    texts = [tuple(told[c] if isinstance(c, bool) else None if c is None else str(c) for c in row) for row in rows]
    assert [tuple(row.values()) for row in records(workbook(fill))] == [row for row in texts if any(row)]


def test_every_kind_of_cell_is_text() -> None:
    def fill(book: Any, sheet: Any) -> None:
        day, moment = (
            book.add_format({"num_format": "yyyy-mm-dd"}),
            book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        )
        sheet.write_row(0, 0, "abcdefghij")
        sheet.write_row(1, 0, [5, 0.25, 1e21, True])
        sheet.write_datetime(1, 4, datetime(2024, 2, 29), day)
        sheet.write_datetime(1, 5, datetime(2024, 2, 29, 23, 59, 58), moment)
        sheet.write_datetime(1, 6, time(6, 30), book.add_format({"num_format": "hh:mm:ss"}))
        sheet.write_datetime(1, 7, timedelta(hours=36, seconds=5), book.add_format({"num_format": "[h]:mm:ss"}))
        sheet.write_formula(1, 8, "=1/0", None, "#DIV/0!")
        sheet.write_string(1, 9, "007")

    expected = ["5", "0.25", "1e+21", "true", date(2024, 2, 29).isoformat(), "2024-02-29T23:59:58"]
    expected += ["06:30:00", "36:00:05", "#DIV/0!", "007"]
    assert list(records(workbook(fill))[0].values()) == expected


def test_errors_keep_their_place_in_a_sheet_that_starts_elsewhere() -> None:
    def fill(_: Any, sheet: Any) -> None:
        table([["Report"], [], ["a", "b"], [1, 2]], top=1, left=27)(_, sheet)
        sheet.write_formula(5, 28, "=NA()", None, "#N/A")

    rows = records(workbook(fill), Excel(header=4))
    assert rows == [{"a": "1", "b": "2"}, {"a": None, "b": "#N/A"}]


def test_lines_are_rows_of_the_sheet(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"kind": "excel", "header": 2}, batch_rows=1)
    folder.put("a.xlsx", workbook(table([["remark"], ["a"], [1], [], [2]])))
    assert [batch.origin.line for batch in folder.pull().batches] == [3, 5, None]


def test_sheets_by_name_position_and_alone() -> None:
    data = workbook(table([["a"], [1]]), table([["a"], [2]]))
    assert records(data, Excel(sheet="More")) == records(data, Excel(sheet=2)) == [{"a": "2"}]
    assert refusal(data) == ("sheet", "Data, More")
    assert refusal(data, Excel(sheet="more")) == refusal(data, Excel(sheet=3)) == ("sheet", "Data, More")
    hidden = workbook(table([["a"], [1]]), lambda _, sheet: sheet.hide())
    assert records(hidden) == [{"a": "1"}]


def test_headers() -> None:
    data = workbook(table([["a", None, "c"], [1, 2, 3]]))
    assert records(data) == [{"a": "1", "column_2": "2", "c": "3"}]
    assert refusal(data, Excel(columns=("d",)))[0] == "header"
    assert refusal(workbook(table([["a", "a"]])))[0] == refusal(workbook(table([])))[0] == "header"
    plain = workbook(table([[None, 2]], left=0))
    assert records(plain, Excel(header=0, columns=("x", "y"))) == [{"x": None, "y": "2"}]
    assert refusal(plain, Excel(header=0, columns=("x",)))[0] == "ragged"


GOOD = workbook(table([["a"], [1]]))


def _zip_with(names: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "<a>")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"a;b\n1;2\n",
        b"%PDF-1.7 ...",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        GOOD[: len(GOOD) // 2],
        GOOD[:-30],
        _zip_with(["photo.png"]),
        _zip_with(["xl/workbook.xml"]),
        _zip_with(["xl/workbook.xml", "xl/_rels/workbook.xml.rels", "[Content_Types].xml"]),
    ],
)
def test_what_is_no_workbook_is_refused(data: bytes) -> None:
    assert refusal(data)[0] == "not_readable"


def test_zero_bytes() -> None:
    assert refusal(b"") == ("empty", "0 bytes")


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8))
@examples(150)
def test_damage_is_refused_or_read_and_never_anything_else(at: int, noise: bytes) -> None:
    try:
        records(GOOD[:at] + noise + GOOD[at + len(noise) :])
    except Refused as refused:
        assert refused.fault.rule
