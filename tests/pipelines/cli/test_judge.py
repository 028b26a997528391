"""`tilth judge`: every kind of file gives the same verdict, told by file and line; nothing is guessed."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

Tilth = Callable[..., Any]

CONTRACT = '''
import polars as pl
from typing import Annotated
from tilth.schemas.contract import Contract, field

class Customer(Contract):
    """People who buy."""
    customer_id: str = field(key=True, source="id")
    email: str = field(email=True, unique=True)
    credit: Annotated[pl.Decimal, 12, 2] = field(ge=0, decimal=",")
    branch: str = field(nullable=True, references="branches.id")
'''
ROWS = [
    ("1", "ann@example.com", "10,00", "north"),
    ("2", "=cmd", "-5,00", ""),
    ("3", "cy@example.com", "ten", ""),
    ("3", "cy@example.com", "7,00", ""),
    ("3", "di@example.com", "8,00", ""),
    ("4", "ed@example.com", "8,00", ""),
    ("5", "ed@example.com", "8,00", ""),
    ("1", "ann@example.com", "10,00", "north"),
]
TOXIC = {
    2: {("email", "email"), ("greater_than_or_equal_to", "credit")},
    3: {("parse", "credit")},
    4: {("unique", "customer_id")},
    5: {("unique", "customer_id")},
    6: {("unique", "email")},
    7: {("unique", "email")},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "contracts.py").write_text(CONTRACT)
    frame = pl.DataFrame(ROWS, schema=["id", "email", "credit", "branch"], orient="row")
    frame.write_csv(tmp_path / "all.csv", separator=";")
    frame.write_csv(tmp_path / "all.tsv", separator="\t")
    frame.write_parquet(tmp_path / "all.parquet")
    frame.write_excel(tmp_path / "all.xlsx")
    frame[:3].write_csv(tmp_path / "first.csv", separator=";")
    frame[3:].write_csv(tmp_path / "second.csv", separator=";")
    return tmp_path


def _judge(tilth: Tilth, folder: Path, *arguments: str) -> Any:
    return tilth("judge", *arguments, "--contract", "contracts.Customer", cwd=folder)


@pytest.mark.parametrize(
    ("files", "more", "first"),
    [
        (["all.csv"], ["--delimiter", ";"], 2),
        (["all.tsv"], [], 2),
        (["all.xlsx"], [], 2),
        (["all.parquet"], [], 1),
        (["first.csv", "second.csv"], ["--delimiter", ";"], 2),
    ],
)
def test_a_record_is_judged_whatever_file_it_lies_in(
    tilth: Tilth, folder: Path, files: list[str], more: list[str], first: int
) -> None:
    said = _judge(tilth, folder, *files, *more, "--json")
    assert said.code == 3, said.err
    counted = {name: said.json[name] for name in ("pulled", "good", "duplicate", "toxic")}
    assert counted == {"pulled": 8, "good": 1, "duplicate": 1, "toxic": 6}
    start = {"second.csv": 3}
    found = {
        record["line"] - first + 1 + start.get(record["file"], 0): {(r["rule"], r["column"]) for r in record["reasons"]}
        for record in said.json["records"]
    }
    assert found == TOXIC
    assert [file["file"] for file in said.json["files"]] == files
    assert said.json["unjudged"] == ["branch: that branches.id has it"]


def test_what_is_written_is_complete_typed_and_safe_to_open(tilth: Tilth, folder: Path) -> None:
    said = _judge(tilth, folder, "all.csv", "--delimiter", ";", "--out", "judged")
    assert (said.code, said.out.splitlines()[0]) == (3, "8 records: 1 good, 1 duplicate, 6 toxic"), said.err
    assert "all.csv, line 3, key 2\n  email: email (expected an e-mail address, got '=cmd')" in said.out
    good = pl.read_parquet(folder / "judged/good.parquet")
    assert good.schema["credit"] == pl.Decimal(12, 2)
    assert good["customer_id"].to_list() == ["1"]
    toxic = pl.read_parquet(folder / "judged/toxic.parquet")
    assert toxic["line"].to_list() == [3, 4, 5, 6, 7, 8]
    with (folder / "judged/reasons.csv").open(encoding="utf-8-sig", newline="") as stream:
        reasons = list(csv.DictReader(stream))
    assert [one["value"] for one in reasons[:2]] == ["'=cmd", "'-5,00"]
    again = _judge(tilth, folder, "all.csv", "--delimiter", ";", "--out", "judged")
    assert (again.code, "this file exists" in again.err) == (1, True)
    assert _judge(tilth, folder, "all.csv", "--delimiter", ";", "--out", "judged", "--force").code == 3


def test_all_good_ends_with_0(tilth: Tilth, folder: Path) -> None:
    (folder / "good.csv").write_text("id,email,credit,branch\n1,ann@example.com,1,\n")
    said = _judge(tilth, folder, "good.csv")
    assert (said.code, said.out.splitlines()[0]) == (0, "1 records: 1 good, 0 duplicate, 0 toxic")
    (folder / "none.csv").write_text("id,email,credit,branch\n")
    assert _judge(tilth, folder, "none.csv").code == 0


def test_a_contract_that_is_not_there_is_told_with_the_near_one(tilth: Tilth, folder: Path) -> None:
    said = tilth("judge", "all.csv", "--contract", "contracts.Custmer", cwd=folder)
    assert (said.code, "expected Customer, perhaps" in said.err) == (1, True)


def test_a_rule_of_the_whole_table_is_told_and_counts(tilth: Tilth, folder: Path) -> None:
    ruled = CONTRACT.replace("import Contract, field", "import Contract, field, row_count")
    (folder / "contracts.py").write_text(f"{ruled}    rules = (row_count(at_least=5),)\n")
    pl.DataFrame(ROWS[:1], schema=["id", "email", "credit", "branch"], orient="row").write_csv(folder / "one.csv")
    said = _judge(tilth, folder, "one.csv")
    assert said.code == 3, said.err
    assert said.out.splitlines()[0] == "1 records: 1 good, 0 duplicate, 0 toxic"
    assert "the whole would be held, row_count: number of rows is 1, expected at least 5" in said.out


NESTED = """
import polars as pl
import pandera.polars as pa

class Order(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    tags: pl.List(pl.String) = pa.Field(nullable=True)
    place: pl.Struct({"lat": pl.Float64, "lon": pl.Float64})
    took: pl.Duration = pa.Field(nullable=True)
    rest: int = pa.Field(alias="n_[0-9]", regex=True, ge=0)

    @pa.dataframe_check
    def north(cls, data):
        return data.lazyframe.select(pl.col("place").struct.field("lat") > 0)

    class Config:
        strict = True
"""


def test_a_pandera_model_with_nested_columns_judges_parquet_and_text(tilth: Tilth, folder: Path) -> None:
    (folder / "orders.py").write_text(NESTED)
    frame = pl.DataFrame(
        {
            "id": [1, 2], "tags": [["a"], []], "place": [{"lat": 1.0, "lon": 2.0}, {"lat": -1.0, "lon": 0.0}],
            "took": [3_600_000_000, None], "n_1": [1, -1],
        },
        schema_overrides={"took": pl.Duration("us")},
    )  # fmt: skip
    frame.write_parquet(folder / "orders.parquet")
    lines = ['1,"[""a""]","{""lat"":1,""lon"":2}",PT1H,1', '2,[],"{""lat"":-1.0,""lon"":0}",,-1']
    (folder / "orders.csv").write_text("\n".join(["id,tags,place,took,n_1", *lines, ""]))
    for file in ("orders.parquet", "orders.csv"):
        said = tilth("judge", file, "--contract", "orders.Order", "--out", file[:-4], "--json", cwd=folder)
        assert (said.code, said.json["good"], said.json["toxic"]) == (3, 1, 1), said.err
        (record,) = said.json["records"]
        assert [(r["rule"], r["column"]) for r in record["reasons"]] == [
            ("greater_than_or_equal_to", "n_1"), ("north", "place"),
        ]  # fmt: skip
        assert pl.read_parquet(folder / file[:-4] / "good.parquet").equals(frame[:1])
    (folder / "more.csv").write_text("id,tags,place,took,n_1,x\n1,[],{},,1,2\n")
    said = tilth("judge", "more.csv", "--contract", "orders.Order", "--json", cwd=folder)
    assert [r["rule"] for r in said.json["records"][0]["reasons"]] == ["strict"]


FICKLE = """
import pandera.polars as pa
import polars as pl

class Reading(pa.DataFrameModel):
    number: int
    text: str

    @pa.check("number")
    def rising(cls, data):
        return data.lazyframe.select(pl.col(data.key).diff() > 0)

    @pa.dataframe_check
    def first(cls, data):
        return data.lazyframe.select(pl.col("number").cum_count() < 3)

    @pa.check("text", element_wise=True)
    def long(cls, text):
        return len(text) > 1
"""


def test_rules_that_nobody_could_rely_on_are_refused_and_slow_ones_told(tilth: Tilth, tmp_path: Path) -> None:
    (tmp_path / "readings.py").write_text(FICKLE)
    (tmp_path / "some.csv").write_text("number,text\n1,ab\n2,b\n")
    said = tilth("judge", "some.csv", "--contract", "readings.Reading", "--out", "judged", cwd=tmp_path)
    assert said.code == 1 and not (tmp_path / "judged" / "good.parquet").exists()
    for line, name in ((9, "number: check rising"), (13, "first: check first")):
        assert f"readings.py:{line}: Reading.{name} depends on the order of the records" in said.err
    assert said.err.count("next: correct the contract, then the same command") == 2
    (tmp_path / "readings.py").write_text(FICKLE.replace(".diff() >", " >").replace("cum_count()", "abs()"))
    said = tilth("judge", "some.csv", "--contract", "readings.Reading", "--json", cwd=tmp_path)
    assert said.code == 3 and said.json["toxic"] == 1
    assert said.json["warnings"] == [
        "readings.py:17: Reading.text: check long is asked value by value in Python: the slow way"
    ]


def test_a_mistake_in_a_contract_names_a_step_that_works_without_a_project(tilth: Tilth, tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("number,text\n1,ab\n")
    for wrong in (FICKLE.replace("len(text)", "lenn(text)"), FICKLE.replace('.check("number")', '.check("numbr")')):
        (tmp_path / "readings.py").write_text(wrong)
        said = tilth("judge", "some.csv", "--contract", "readings.Reading", cwd=tmp_path)
        assert said.code == 1 and "readings.py:" in said.err
        assert said.err.rstrip().endswith("next: correct the contract, then the same command")


def test_a_wrong_rule_is_told_with_its_line(tilth: Tilth, folder: Path) -> None:
    (folder / "orders.py").write_text(NESTED.replace('pl.col("place")', 'pl.col("plaice")'))
    (folder / "orders.csv").write_text("id\n1\n")
    said = tilth("judge", "orders.csv", "--contract", "orders.Order", cwd=folder)
    assert said.code == 1
    assert "orders.py:12: Order.north: check north looks at an unknown column 'plaice' (expected 'place'" in said.err


def test_a_schema_that_is_no_class_is_a_contract_too(tilth: Tilth, tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text(
        "import pandera.polars as pa\nimport polars as pl\n"
        'Orders = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(0))})\n'
        'Wrong = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda d: d.lazyframe.select(pl.col("b") > 0)))})\n'
    )
    (tmp_path / "orders.csv").write_text("a\n1\n-1\n")
    told = tilth("judge", "orders.csv", "--contract", "given.Orders", "--json", cwd=tmp_path)
    assert (told.code, told.json["good"], told.json["toxic"]) == (3, 1, 1), told.err
    wrong = tilth("judge", "orders.csv", "--contract", "given.Wrong", cwd=tmp_path)
    assert wrong.code == 1 and "given.py:4: " in wrong.err and "unknown column 'b'" in wrong.err
