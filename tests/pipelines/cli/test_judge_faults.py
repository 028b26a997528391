"""A file that cannot be judged: what is wrong with it, and a step that helps; none of them is judged in part."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from tilth.errors import TilthError
from tilth.pipelines.judged import judge_files
from tilth.pipelines.judged_faults import Reading
from tilth.schemas.contract import Contract, field

FRAME = pl.DataFrame({"id": range(9), "name": ["a b c d e f"] * 9})
AGAIN, ANEW = ", then the same command", "get the whole file again from where it was written, then the same command"


class Thing(Contract):
    """What is counted."""

    id: int = field(key=True)
    name: str = field()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    texts = {
        "latin.csv": "id,name\n1,a\n2,bä\n".encode("latin-1"), "utf16.csv": "id,name\n1,a\n".encode("utf-16"),
        "marked.csv": "\ufeffid,name\n1,ä\n".encode(), "binary.csv": bytes(range(256)), "none.csv": b"",
        "wide.csv": b"id,name\n1,a\n2,b,c\n", "few.csv": b"id,name\n1,a\n2\n", "open.csv": b'id,name\n1,"a\n2,b\n',
        "semicolons.csv": b"id;name\n1;a,b\n", "twice.csv": b"id,id\n1,2\n", "packed.csv": gzip.compress(b"id,name\n"),
        "text.xlsx": b"id,name\n1,a\n", "text.parquet": b"id,name\n1,a\n", "none.parquet": b"", "some.json": b"[]",
        "old.xlsx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99),
    }  # fmt: skip
    for name, body in texts.items():
        (folder / name).write_bytes(body)
    FRAME.write_parquet(folder / "parquet.csv", compression="uncompressed")
    FRAME.write_excel(folder / "whole.xlsx")
    (folder / "sheet.csv").write_bytes(book := (folder / "whole.xlsx").read_bytes())
    (folder / "cut.xlsx").write_bytes(book[: len(book) // 2])
    whole = (folder / "parquet.csv").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[:-9])
    (folder / "footer.parquet").write_bytes(whole[:-8] + b"\xff\xff\xff\x7fPAR1")
    (folder / "data.parquet").write_bytes(whole[:4] + b"\xff" * 60 + whole[64:])
    (folder / "folder.csv").mkdir()
    return folder


FAULTS = [
    ("latin.csv", "not text in that encoding (expected utf-8, got byte 0xE4 in line 3)", "--encoding cp1252, or"),
    ("utf16.csv", "not text in that encoding (expected utf-8, got the byte order mark", "--encoding utf-16"),
    ("binary.csv", "not text in that encoding (expected utf-8", "save it as CSV in UTF-8"),
    ("none.csv", "this file holds nothing (expected a file with content, got 0 bytes)", ANEW),
    ("wide.csv", "another number of cells (expected 2 cells, got line 3: 3 cells)", "correct the line"),
    ("few.csv", "another number of cells (expected 2 cells, got line 3: 1 cells)", "correct the line"),
    ("semicolons.csv", "another number of cells (expected 1 cells, got line 2: 2", 'command with --delimiter ";"'),
    ("open.csv", "a quote does not match (expected a closing quote, got a quote opened after", "close the quote"),
    ("twice.csv", "its header cannot be used (expected each name once, got id, id)", "a name of its own"),
    ("packed.csv", "not what its name says, or damaged (expected text in utf-8, got gzip data)", "unpack it"),
    ("parquet.csv", "(expected text in utf-8, got a Parquet file)", "give it the ending .parquet"),
    ("sheet.csv", "(expected text in utf-8, got a ZIP archive or an Office file)", "give it the ending .xlsx if"),
    ("text.xlsx", "(expected an XLSX workbook, got neither a ZIP archive nor", "give it the ending .csv"),
    ("old.xlsx", "(expected an XLSX workbook, got an OLE file", "save it as .xlsx without a password"),
    ("cut.xlsx", "(expected an XLSX workbook, got a damaged ZIP archive", ANEW),
    ("text.parquet", "this is no Parquet file (expected a Parquet file, got text)", "give it the ending .csv"),
    ("none.parquet", "this file holds nothing (expected a Parquet file, got 0 bytes)", ANEW),
    ("cut.parquet", "this Parquet file was cut off (expected a footer at its end, got", ANEW),
    ("footer.parquet", "the footer of this Parquet file is damaged (expected a Parquet file, got parquet", ANEW),
    ("data.parquet", "the data of this Parquet file is damaged (expected a Parquet file, got", ANEW),
    (
        "some.json",
        "cannot read this kind of file (expected .csv, .txt, .tsv, .xlsx, .parquet, got .json)",
        "save it",
    ),
    ("folder.csv", "this is a folder (expected files of one table)", "the files in it: tilth judge"),
    ("wide.cvs", "cannot read this kind of file", "save it as one of these"),
    ("wid.csv", "cannot be read (No such file or directory) (expected 'wide.csv', perhaps)", "own path; ls"),
]


@pytest.mark.parametrize(("name", "told", "step"), FAULTS, ids=[name for name, *_ in FAULTS])
def test_what_is_wrong_with_a_file_and_what_helps(place: Path, name: str, told: str, step: str) -> None:
    with pytest.raises(TilthError) as caught:
        judge_files([place / name], Thing, Reading())
    first, last = caught.value.lines()
    assert first.startswith(f"{place / name}: ") and told in first
    assert last.startswith("  next: ") and step in last and "--help" not in last
    assert step != ANEW or last == f"  next: {ANEW}"


def test_the_step_that_is_told_works(place: Path) -> None:
    for name, better in (("latin.csv", Reading(encoding="cp1252")), ("utf16.csv", Reading(encoding="utf-16"))):
        assert judge_files([place / name], Thing, better).counts["toxic"] == 0
    assert judge_files([place / "semicolons.csv"], Thing, Reading(delimiter=";")).counts["good"] == 1
    with pytest.raises(TilthError, match=r"next: the same command with --encoding utf-8$"):
        judge_files([place / "marked.csv"], Thing, Reading(encoding="latin-1"))
    with pytest.raises(TilthError, match=r"'klingon' is not known \(expected for example utf-8"):
        judge_files([place / "latin.csv"], Thing, Reading(encoding="klingon"))


def test_a_header_of_one_name_that_looks_like_several_is_told(tilth: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "things.py").write_text("import pandera.polars as pa\n\nclass T(pa.DataFrameModel):\n    id: int\n")
    (tmp_path / "some.csv").write_text("id;name\n1;a\n")
    said = tilth("judge", "some.csv", "--contract", "things.T", cwd=tmp_path)
    assert said.code == 3
    assert "warning: some.csv: its header is one name, 'id;name'; did you mean --delimiter \";\"?" in said.out


@pytest.mark.filterwarnings("ignore:.*support is not guaranteed")
@pytest.mark.parametrize(
    ("dtype", "held"),
    [
        (pl.Int128, False), (pl.List(pl.UInt128), False), (pl.Struct({}), False), (pl.List(pl.Struct({})), False),
        (pl.Null, True), (pl.Float16, True), (pl.Duration("ns"), True), (pl.Array(pl.Categorical(), 1), True),
    ],
)  # fmt: skip
def test_a_type_that_no_file_can_hold_is_told_before_anything_is_written(
    tmp_path: Path, dtype: Any, held: bool
) -> None:
    body = {"__annotations__": {"it": dtype}, "it": pa.Field(nullable=True), "__module__": __name__}
    contract = type("Odd", (pa.DataFrameModel,), body)
    (tmp_path / "odd.csv").write_text("it,more\n,1\n")
    if held:
        assert judge_files([tmp_path / "odd.csv"], contract, Reading(), out=tmp_path / "out").counts["good"] == 1
        assert pl.read_parquet(tmp_path / "out/good.parquet").schema == {"it": dtype}
        return
    with pytest.raises(TilthError, match=r"^Odd\.it: this type cannot be written to Parquet") as caught:
        judge_files([tmp_path / "odd.csv"], contract, Reading(), out=tmp_path / "out")
    assert caught.value.next == "the same command without --out" and not (tmp_path / "out").exists()
    assert judge_files([tmp_path / "odd.csv"], contract, Reading()).counts["good"] == 1
