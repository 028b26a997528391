"""Quarantined records come back: corrected, replayed, waived; or they are discarded. All is published at once."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import python_calamine
import xlsxwriter

from tilth.assets.lease import lease
from tilth.pipelines.cli.root import run
from tilth.pipelines.project import open_project

BAD = [
    "INSERT INTO customers VALUES (10, 'Ida', -5), (11, NULL, 3), (12, 'Jo', -1), (13, '', -2)",
]


class Said:
    """What one command left."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def tilth(company: Any, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs `tilth ARGUMENTS` in this process, in a company whose first night had four toxic customers more."""

    def ran(*arguments: str) -> Said:
        capfd.readouterr()
        code = run(["--project", str(company.folder), *arguments])
        return Said(code, *capfd.readouterr())

    company.tell("shop", *BAD)
    assert ran("run").code in (0, 3)
    return ran


def _open(tilth: Callable[..., Said], table: str = "customers", status: str = "open") -> dict[str, str]:
    """Key → id of the entries."""
    found = tilth("quarantine", "list", "--table", table, "--status", status, "--json").json
    return {entry["key"]: entry["id"] for entry in found}


def _rows(company: Any, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(company.folder / "data/curated.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def _proved(tilth: Callable[..., Said]) -> None:
    status, verified = tilth("status", "--json").json, tilth("verify", "--json").json
    assert status["conserved"], status
    assert verified["ok"], verified


def _edit(book: Path, change: Callable[[str, list[list[Any]]], None]) -> None:
    """Let a person change the sheets of a workbook."""
    read = python_calamine.CalamineWorkbook.from_path(str(book))
    sheets = {name: read.get_sheet_by_name(name).to_python() for name in read.sheet_names}
    written = xlsxwriter.Workbook(str(book))
    for name, rows in sheets.items():
        change(name, rows)
        sheet = written.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write_string(number, column, str(cell))
    written.close()


def test_a_corrected_workbook_comes_back(tilth: Callable[..., Said], company: Any) -> None:
    before = _open(tilth)
    assert {"10", "11", "12", "13"} <= set(before)
    book = company.folder / "customers.xlsx"
    assert tilth("quarantine", "export", str(book), "--table", "customers").code == 0

    def change(name: str, rows: list[list[Any]]) -> None:
        head = rows[0]
        for row in rows[1:]:
            row += [""] * (len(head) - len(row))
            if name == "reasons" and row[head.index("_key")] == "11":
                row[head.index("correction")] = " Kim "
            if name == "quarantine" and row[head.index("_key")] == "10":
                row[head.index("credit")] = "5"
            if name == "quarantine" and row[head.index("_key")] == "13":
                row[head.index("credit")] = "7"

    _edit(book, change)
    dry = tilth("quarantine", "import", str(book), "--dry-run", "--json").json
    assert (dry["tables"], dry["release"]) == ({"customers": [before["10"], before["11"]]}, None)
    assert _open(tilth) == before
    said = tilth("quarantine", "import", str(book), "--by", "anna")
    assert said.code == 3  # the third is still toxic
    assert "customers: 2 corrected" in said.out
    assert "  name: not_null (expected a value, got '')" in said.out
    assert _rows(company, "SELECT customer_id, name, credit FROM customers WHERE customer_id IN (10, 11, 13)") == [
        (10, "Ida", 5.0),
        (11, "Kim", 3.0),
    ]
    assert set(_open(tilth, status="corrected")) == {"10", "11"}
    assert set(before) - set(_open(tilth)) == {"10", "11"}
    shown = tilth("quarantine", "show", before["10"], "--json").json
    (mend,) = shown["mends"]
    assert (mend["who"], mend["kind"], mend["changes"]) == ("anna", "corrected", {"credit": ["-5.0", "5"]})
    assert "credit: '-5.0' → '5'" in tilth("quarantine", "show", before["10"]).out
    _proved(tilth)
    again = tilth("quarantine", "import", str(book), "--json")  # what was taken is not open any more
    assert again.code == 1 and len(again.json["still"]) == 3


@pytest.mark.long
def test_a_correction_stands_while_the_source_says_the_same(tilth: Callable[..., Said], company: Any) -> None:
    file = company.folder / "customers.csv"
    tilth("quarantine", "export", str(file), "--table", "customers")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["credit"] for row in rows if row["_key"] == "10"} == {"'-5.0"}  # safe to open
    for row in rows:
        row["credit"] = "5" if row["_key"] == "10" else row["credit"]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], delimiter=";")  # as a spreadsheet with decimal commas saves it
        writer.writeheader()
        writer.writerows(rows)
    assert tilth("quarantine", "import", str(file)).code == 0
    for _ in range(2):
        assert tilth("run").code in (0, 3)
        assert _rows(company, "SELECT credit FROM customers WHERE customer_id = 10") == [(5.0,)]
        _proved(tilth)
    company.tell("shop", "UPDATE customers SET credit = 6 WHERE id = 10")
    assert tilth("run").code in (0, 3)
    assert _rows(company, "SELECT credit FROM customers WHERE customer_id = 10") == [(6.0,)]
    _proved(tilth)


@pytest.mark.long
def test_a_waiver_publishes_what_breaks_a_rule_and_nothing_that_has_no_value(
    tilth: Callable[..., Said], company: Any
) -> None:
    found = _open(tilth)
    said = tilth("quarantine", "waive", found["10"][:12], found["11"][:12], "--why", "agreed", "--until", "2020-01-01")
    assert said.code == 3
    assert "customers: 1 waived" in said.out
    assert "this waiver is over since 2020-01-01: it lets nothing return" in said.out
    assert "name: not_null (expected a value, got nothing)" in said.out
    _proved(tilth)
    # the waiver has expired already: it lets nothing in that comes after it
    assert _rows(company, "SELECT credit FROM customers WHERE customer_id = 10") == []
    assert tilth("quarantine", "waive", found["10"], "--why", "agreed").code == 0
    assert _rows(company, "SELECT credit FROM customers WHERE customer_id = 10") == [(-5.0,)]
    assert _open(tilth, status="waived").keys() == {"10"}
    assert tilth("run").code in (0, 3)
    assert _rows(company, "SELECT credit FROM customers WHERE customer_id = 10") == [(-5.0,)]
    _proved(tilth)


@pytest.mark.long
def test_a_mended_contract_lets_records_return_at_night_and_on_demand(tilth: Callable[..., Said], company: Any) -> None:
    contracts = (company.folder / "contracts.py").read_text()
    before = _open(tilth)
    none = tilth("quarantine", "replay", "--table", "customers")
    assert (none.code, "stays:" in none.out) == (1, True)
    company.write("contracts.py", contracts.replace("credit: float = field(ge=0", "credit: float = field(ge=-5"))
    dry = tilth("quarantine", "replay", "--table", "customers", "--rule", "greater_than_or_equal_to", "--dry-run")
    assert "customers: 3 would be replayed" in dry.out
    assert _open(tilth) == before
    assert tilth("quarantine", "replay", before["12"]).code == 0
    both = "SELECT credit FROM customers WHERE customer_id IN (10, 12) ORDER BY credit"
    assert _rows(company, both) == [(-5.0,), (-1.0,)]  # whoever the changed contract accepts returns with a publish
    _proved(tilth)
    company.down("shop")  # nothing new comes, and the rest returns all the same
    assert tilth("run").code == 3
    assert _rows(company, "SELECT credit FROM customers WHERE customer_id = 10") == [(-5.0,)]
    assert set(_open(tilth, status="replayed")) >= {"10", "12"}
    company.back("shop")
    _proved(tilth)


def _corrected(
    company: Any,
    tilth: Callable[..., Said],
    name: str,
    cells: dict[str, dict[str, str]],
    *,
    table: str = "customers",
    whole: bool = False,
) -> Path:
    """A file of open entries in which a person changed cells of one table, by key; `whole`: of all tables."""
    file = company.folder / name
    tilth("quarantine", "export", str(file), *(() if whole else ("--table", table)))
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(row | (cells.get(row["_key"], {}) if row["_table"] == table else {}) for row in rows)
    return file


@pytest.mark.long
def test_a_file_that_was_exported_before_the_contract_changed_is_taken(
    tilth: Callable[..., Said], company: Any
) -> None:
    file = _corrected(company, tilth, "before.csv", {"10": {"credit": "5"}, "12": {"credit": "600"}})
    contracts = (company.folder / "contracts.py").read_text()
    company.write("contracts.py", contracts.replace("credit: float = field(ge=0", "credit: float = field(le=500, ge=0"))
    assert tilth("run").code in (0, 3)  # the records come again, under new ids
    said = tilth("quarantine", "import", str(file), "--json")
    assert said.json["tables"] == {"customers": [_open(tilth, status="corrected")["10"]]}
    assert [reason["rule"] for one in said.json["still"] for reason in one["reasons"]] == ["less_than_or_equal_to"]
    assert _rows(company, "SELECT customer_id, credit FROM customers WHERE customer_id IN (10, 12)") == [(10, 5.0)]
    _proved(tilth)


@pytest.mark.long
def test_a_file_may_hold_what_cannot_be_mended_as_long_as_nobody_changed_it(
    tilth: Callable[..., Said], company: Any
) -> None:
    contracts = (company.folder / "contracts.py").read_text()
    bound = contracts.replace('    amount: float = field(unit="EUR")', '    amount: float = field(unit="EUR", le=-1)')
    assert bound != contracts
    company.write("contracts.py", bound)
    assert tilth("run").code in (0, 3)
    made = _open(tilth, "turnover")
    assert made
    mended = _corrected(company, tilth, "all.csv", {"10": {"credit": "5"}}, whole=True)
    back = tilth("quarantine", "import", str(mended))
    assert (back.code, "customers: 1 corrected" in back.out) == (0, True), back.err + back.out
    changed = _corrected(company, tilth, "more.csv", {next(iter(made)): {"amount": "-5"}}, table="turnover", whole=True)
    said = tilth("quarantine", "import", str(changed))
    assert (said.code, "records of turnover are mended where they come from: sales" in said.err) == (1, True)
    _proved(tilth)


@pytest.mark.long
def test_what_the_publish_does_not_take_stays_and_says_why(tilth: Callable[..., Said], company: Any) -> None:
    contracts = (company.folder / "contracts.py").read_text()
    assert "name: str = field(" in contracts
    company.write("contracts.py", contracts.replace("name: str = field(", "name: str = field(unique=True, "))
    taken = _rows(company, "SELECT name FROM customers ORDER BY customer_id LIMIT 1")[0][0]
    file = _corrected(company, tilth, "names.csv", {"11": {"name": str(taken)}, "10": {"credit": "5"}})
    said = tilth("quarantine", "import", str(file), "--json")
    assert said.code == 3
    assert said.json["tables"] == {"customers": [_open(tilth, status="corrected")["10"]]}
    (still,) = said.json["still"]
    assert (still["id"], [reason["rule"] for reason in still["reasons"]]) == (_open(tilth)["11"], ["unique"])
    assert f"another record has the same name ('{taken}')" in tilth("quarantine", "explain", still["id"]).out
    _proved(tilth)


@pytest.mark.long
def test_what_is_discarded_is_closed_with_its_reason(tilth: Callable[..., Said], company: Any) -> None:
    found = _open(tilth)
    with lease(open_project(company.folder).lake().state, holder="tilth run"):
        busy = tilth("quarantine", "discard", found["11"], "--why", "a test")
    assert (busy.code, busy.out) == (4, "") and "another run is active" in busy.err
    assert tilth("quarantine", "discard", found["11"], "--why", " ").code == 1
    assert tilth("quarantine", "discard", found["11"], "--why", "a test", "--by", "anna").code == 0
    assert "11" not in _open(tilth)
    for form in ((), ("--json",)):
        assert "anna: a test" in tilth("quarantine", "show", found["11"], *form).out
    again = tilth("quarantine", "discard", found["11"], "--why", "a test")
    assert (again.code, f"entry {found['11']} is not open any more: discarded" in again.err) == (1, True)
    none = tilth("quarantine", "waive", found["10"], "--rule", "isin", "--why", "agreed")
    assert (none.code, "is not among those that were chosen" in none.err) == (1, True)
    _proved(tilth)


@pytest.mark.long
def test_a_rollback_takes_mends_back(tilth: Callable[..., Said], company: Any) -> None:
    found = _open(tilth)
    assert tilth("quarantine", "waive", found["10"], "--why", "agreed").code == 0
    assert tilth("publish", "rollback").code == 0
    assert "10" in _open(tilth)
    assert _rows(company, "SELECT credit FROM customers WHERE customer_id = 10") == []
    _proved(tilth)
    assert tilth("publish", "accept", "customers", "--why", "it was right").code in (0, 3)
    assert _rows(company, "SELECT credit FROM customers WHERE customer_id = 10") == [(-5.0,)]
    _proved(tilth)


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("replay",), "nothing is chosen (expected ids, or --table"),
        (("replay", "--table", "custmers"), "no table is named custmers"),
        (("replay", "ffffffffffff"), "no open entry, or more than one, has this id"),
        (("discard", "--table", "turnover", "--why", "x"), "no open entry was chosen"),
        (("import", "nothing.xlsx"), "cannot be read"),
        (("import", "contracts.py"), "cannot read this kind of file (expected .csv or .xlsx, got .py)"),
        (("import", "other.csv"), "this line names no entry"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    tilth: Callable[..., Said], company: Any, arguments: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (company.folder / "other.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(company.folder)
    before = _open(tilth)
    said = tilth("quarantine", *arguments)
    assert said.code == 1
    assert told in said.err + said.out
    assert _open(tilth) == before


def test_a_day_is_its_end_where_the_project_is_and_an_id_is_known_in_capitals(
    tilth: Callable[..., Said], company: Any
) -> None:
    ids = {key: id.upper() for key, id in _open(tilth).items()}
    until = ("--why", "agreed", "--until", "2099-12-31")
    said = tilth("quarantine", "waive", ids["10"][:12], *until, "--no-publish")
    assert said.code == 0, said.err
    assert "customers: 1 waived\nwhat is waived stands until 2099-12-31 23:00 UTC" in said.out
    assert "waived by" in (shown := tilth("quarantine", "show", ids["10"][:12]).out)
    assert ", until 2099-12-31 23:00 UTC: agreed" in shown
    forever = tilth("quarantine", "waive", ids["10"], "--why", "agreed", "--until", "9999-12-31", "--no-publish")
    assert "stands until 9999-12-31 23:59 UTC" in forever.out, forever.err
    assert tilth("quarantine", "explain", ids["10"][:12]).code == 0
    assert tilth("quarantine", "discard", ids["12"], "--why", "a test", "--no-publish").code == 0
    none = tilth("quarantine", "replay", ids["11"][:12], "--dry-run")
    assert (none.code, "stays:" in none.out) == (1, True), none.err
    file = _corrected(company, tilth, "back.csv", {"11": {"name": "Kim", "_id": ids["11"]}})
    back = tilth("quarantine", "import", str(file), "--no-publish")
    assert (back.code, "customers: 1 corrected" in back.out) == (0, True), back.out


def test_a_missing_parent_is_not_waived(tilth: Callable[..., Said], company: Any) -> None:
    company.tell("books", "INSERT INTO sales VALUES (5, 98, -1.0), (6, 1, -1.0)")
    assert tilth("run").code in (0, 3)
    ids = _open(tilth, "sales")
    said = tilth("quarantine", "waive", "--table", "sales", "--why", "agreed", "--no-publish", "--json").json
    assert said["tables"] == {"sales": [ids["6"]]}
    still = {one["id"]: [(r["rule"], r["value"], r["expected"]) for r in one["reasons"]] for one in said["still"]}
    assert still.keys() == {ids["4"], ids["5"]}
    assert still[ids["4"]] == [("reference", "99", "a customer_id in customers")]
    assert [rule for rule, *_ in still[ids["5"]]] == ["reference", "waiting"]  # its amount is waived
    company.tell("shop", "INSERT INTO customers VALUES (98, 'Di', 1), (99, 'Ed', 1)")
    assert tilth("run").code in (0, 3)
    assert {*_open(tilth, "sales", "waived")} == {"5", "6"}
    assert {*_open(tilth, "sales", "replayed")} == {"4"}
    _proved(tilth)
