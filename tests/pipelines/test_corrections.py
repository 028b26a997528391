"""What is written into cells is safe, and what comes back says just what somebody changed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import python_calamine
import xlsxwriter
from company import lake_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tilth.assets.listing import Entry
from tilth.errors import TilthError
from tilth.pipelines.changes import Changed, changes_of, touched
from tilth.pipelines.cli.export import write
from tilth.pipelines.corrections import read_corrections, safe, safe_texts
from tilth.schemas.spec import Column, Spec

Raw = Mapping[str, str | None]
Sheets = dict[str, list[list[object]]]

SPEC = Spec(
    "Job",
    "",
    "v",
    (
        Column("job", "job", pl.String(), key=True),
        Column("price", "cost", pl.Decimal(10, 3), decimal=",", thousands="."),
        Column("note", "note", pl.String(), nullable=True),
    ),
    ("job",),
    (),
)
RAWS: Sequence[Raw] = [
    {"job": "R-1", "cost": "1.234", "note": "a"},
    {"job": "R-2", "cost": "free", "note": "'=b"},
    {"job": None, "cost": "3,5", "note": None},
]


@given(st.lists(st.text(alphabet=st.sampled_from(" \u00a0=+-@\t\r\n'ab1"), max_size=4), max_size=8))
def test_columns_are_as_safe_as_cells(cells: list[str]) -> None:
    frame = pl.DataFrame({"cell": cells}, schema={"cell": pl.String})
    assert frame.select(safe_texts(pl.col("cell")))["cell"].to_list() == [safe(cell) for cell in cells]


def test_nothing_stays_nothing() -> None:
    assert pl.select(safe_texts(pl.lit(None, dtype=pl.String))).item() is None


def exported(folder: Path, name: str, raws: Sequence[Raw] = RAWS) -> Path:
    """A file of entries, one a record, each with a reason for its cost."""
    lake, file, why = lake_in(folder), folder / name, "parse"
    rows = [(f"{n:032x}", json.dumps(raw)) for n, raw in enumerate(raws)]
    with lake.storage.create("toxic.parquet") as path:
        pl.DataFrame(rows, schema=["id", "raw"], orient="row").write_parquet(path)
    reason = {"rule": why, "column": "price", "value": "?", "expected": "?", "kind": "row", "severity": "error"}
    known = (datetime(2026, 1, 1, tzinfo=UTC), 1, 0, "toxic.parquet", "till", (reason,))
    entries = [
        Entry(id, "jobs", raw["job"], "open", (why,), "v", "r", *known) for (id, _), raw in zip(rows, raws, strict=True)
    ]
    write(entries, file, storage=lake.storage)
    return file


def changes(file: Path, raws: Sequence[Raw] = RAWS, spec: Spec = SPEC) -> list[Changed]:
    lines = read_corrections(file)
    return [changes_of(line, raws[int(line.id, 16)], spec, raws[int(line.id, 16)]["job"]) for line in lines]


@dataclass(frozen=True)
class Formula:
    """A cell that a program wrote, and the value that it worked out; "": none."""

    text: str
    value: object


def edited(folder: Path, change: Callable[[Sheets], None]) -> list[Changed]:
    """What a workbook changes after somebody worked on it."""
    file = exported(folder, "jobs.xlsx")
    read = python_calamine.CalamineWorkbook.from_path(str(file))
    sheets: Sheets = {name: list(map(list, read.get_sheet_by_name(name).to_python())) for name in read.sheet_names}
    change(sheets)
    book = xlsxwriter.Workbook(str(file), {"strings_to_formulas": False})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, Formula):
                    sheet.write_formula(number, column, cell.text, None, cell.value)
                else:
                    sheet.write(number, column, cell)
    book.close()
    return changes(file)


_ODD = st.sampled_from(
    ["=", "+", "'", "\r", "\n", "\t", " ", "\u00a0", "_x000D_", "a", "\x01", ";", ",", '"', "t:", "n:", "1.50"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.none() | st.lists(_ODD, max_size=3).map("".join), min_size=1, max_size=4),
    st.sampled_from(["csv", "xlsx"]),
)
def test_what_nobody_changed_is_no_correction(tmp_path: Path, values: list[str | None], kind: str) -> None:
    raws = [{"job": f"{n}", "cost": value, "note": value} for n, value in enumerate(values)]
    file = exported(tmp_path, f"jobs.{kind}", raws)
    assert changes(file, raws) == [{}] * len(raws)
    for line in read_corrections(file):
        own = raws[int(line.id, 16)]
        assert not touched(line, own, own["job"])


def test_a_number_is_read_in_the_way_of_its_column(tmp_path: Path) -> None:
    def change(sheets: Sheets) -> None:
        rows = sheets["quarantine"]
        at = rows[0].index("cost")
        rows[1][at], rows[2][at], rows[3][at] = 1.234, 2.345, "4,5"  # the first says what was exported

    assert edited(tmp_path, change) == [{}, {"cost": ("free", "2,345")}, {"cost": ("3,5", "4,5")}]


def test_both_sheets_count_and_may_not_contradict_each_other(tmp_path: Path) -> None:
    def change(fix: str, cell: str = "free") -> Callable[[Sheets], None]:
        def changed(sheets: Sheets) -> None:
            sheets["reasons"][2][-1] = fix
            sheets["quarantine"][2][sheets["quarantine"][0].index("cost")] = cell

        return changed

    for fix, cell in (("5", "free"), ("5", "5")):
        assert edited(tmp_path, change(fix, cell))[1] == {"cost": ("free", "5")}
    with pytest.raises(TilthError, match="cost is corrected in both sheets, and not alike"):
        edited(tmp_path, change("5", "6"))
    assert edited(tmp_path, change("free")) == [{}, {}, {}]


@pytest.mark.parametrize(
    ("sheet", "row", "column", "value", "said"),
    [
        ("reasons", 1, "_id", "beef", "is of an entry that the sheet quarantine does not have"),
        ("reasons", 1, "column", "prise", "this record has no column prise"),
        ("quarantine", 2, "_key", "R-9", "the column _key only says which record it is"),
        ("quarantine", 1, "note", "#N/A", "this cell holds an error, and no value"),
    ],
)
def test_what_would_be_lost_is_told(tmp_path: Path, sheet: str, row: int, column: str, value: str, said: str) -> None:
    def change(sheets: Sheets) -> None:
        sheets["reasons"][1][-1] = "5"
        rows = sheets[sheet]
        rows[row][rows[0].index(column)] = value

    with pytest.raises(TilthError, match=said):
        edited(tmp_path, change)


def test_a_key_is_corrected_in_its_own_column(tmp_path: Path) -> None:
    def change(sheets: Sheets) -> None:
        rows = sheets["quarantine"]
        for name in ("_key", "job"):
            rows[2][rows[0].index(name)] = "R-9"

    assert edited(tmp_path, change)[1] == {"job": ("R-2", "R-9")}


def test_lines_without_content_say_nothing(tmp_path: Path) -> None:
    file = exported(tmp_path, "jobs.csv")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows([*rows, [""] * len(rows[0]), []])
    assert changes(file) == [{}, {}, {}]


@pytest.mark.parametrize(("sheet", "column", "place"), [("quarantine", "cost", "G3"), ("reasons", "correction", "J3")])
def test_a_formula_that_has_no_value_is_told(tmp_path: Path, sheet: str, column: str, place: str) -> None:
    def change(value: object) -> Callable[[Sheets], None]:
        def changed(sheets: Sheets) -> None:
            rows = sheets[sheet]
            rows[2][rows[0].index(column)] = Formula("=2+3", value)

        return changed

    with pytest.raises(TilthError, match="a formula without a value: open the file and save it") as caught:
        edited(tmp_path, change(""))
    assert str(caught.value.where).endswith(f"line 3, cell {place}")
    assert edited(tmp_path, change(5)) == [{}, {"cost": ("free", "5")}, {}]
