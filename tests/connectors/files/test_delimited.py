from __future__ import annotations

import csv
import io
import random
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.files.conftest import Folder, examples
from tilth.connectors.files.delimited import SURPLUS, read
from tilth.connectors.files.formats import Delimited
from tilth.connectors.files.refused import Refused

CELLS = st.text(st.sampled_from(list("ab1 äß€\"';,\t|\r\n\\")) | st.characters(codec="utf-8"), max_size=12)
TABLES = st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=12))


def written(rows: list[list[str]], header: list[str], *, delimiter: str = ";", end: str = "\r\n") -> str:
    out = io.StringIO()
    returns = any("\r" in cell or "\n" in cell for row in rows for cell in row)  # the writer forgets to quote some
    quoting = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([header, *rows])
    return out.getvalue()


def records(text: str | bytes, form: Delimited) -> list[list[str | None]]:
    data = text if isinstance(text, bytes) else text.encode(form.encoding)
    parts = list(read(io.BytesIO(data), form))
    return [list(row.values()) for part in parts for row in part.table.to_pylist()]


def refusal(text: str | bytes, form: Delimited) -> tuple[str, str | None]:
    with pytest.raises(Refused) as caught:
        records(text, form)
    return caught.value.fault.rule, caught.value.fault.value


@examples()
@given(TABLES, st.sampled_from(";,|\t"), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_was_written_is_read(rows: list[list[str]], delimiter: str, end: str) -> None:
    header = [f"c{number}" for number in range(len(rows[0]) if rows else 1)]
    text = written(rows, header, delimiter=delimiter, end=end)
    assert records(text, Delimited(delimiter=delimiter)) == rows


@examples()
@given(st.lists(st.lists(st.text(string.ascii_letters + "ä '\t\0", max_size=4), min_size=2, max_size=2), max_size=9))
def test_both_readers_give_the_same(rows: list[list[str]]) -> None:
    """The same text, once without and once with a quote behind it: Arrow reads the one, the csv module the other."""
    text = "".join(";".join(row) + "\n" for row in rows)
    form = Delimited(delimiter=";", header=False, columns=("a", "b"))
    fast = records(text, form) if text else []
    assert records(text + '"x";y\n', form) == [*fast, ["x", "y"]]


@examples()
@given(st.text(st.sampled_from(list('a;"\r\n')), max_size=30))
def test_nothing_is_lost_where_ragged_rows_are_kept(text: str) -> None:
    form = Delimited(delimiter=";", quote=None, header=False, columns=("a", "b"), keep_ragged=True)
    kept = [[cell for cell in row if cell is not None] for row in records(text, form)] if text.strip("\r\n") else []
    lines = io.StringIO(text, newline=None).read().split("\n")
    assert [";".join(row) for row in kept] == [line for line in lines if line]


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("a;b\n1;2\n3\n", "ragged", "line 3: 1 cells"),
        ("a;b\n1;2;3\n", "ragged", "line 2: 3 cells"),
        ('a;b\n"x\ny";2\n1\n', "ragged", "line 4: 1 cells"),
        ('a;b\n1;"2\n3;4\n', "quote", "a quote opened after line 1 is open at the end"),
        ('a;b\n1;2\n1;"x"y\n', "quote", "line 3: ';' expected after '\"'"),
        ("a;a\n1;2\n", "header", "a, a"),
        ("\n\n", "empty", "no line"),
        ("", "empty", "0 bytes"),
        (b"a;b\n1;\xff\n", "encoding", "byte 0xFF in line 2"),
        (b"PK\x03\x04....", "not_readable", "a ZIP archive or an Office file"),
        (b"\xff\xfea\0", "encoding", "the byte order mark of utf-16"),
    ],
)
def test_a_file_that_is_not_as_declared_is_refused(text: str | bytes, rule: str, value: str) -> None:
    assert refusal(text, Delimited(delimiter=";")) == (rule, value)


def test_ragged_rows_are_kept_when_asked() -> None:
    form = Delimited(delimiter=";", keep_ragged=True)
    table = next(read(io.BytesIO(b"a;b\n1\n1;2\n1;2;3;4\n"), form)).table
    assert table.to_pydict() == {"a": ["1"] * 3, "b": [None, "2", "2"], SURPLUS: [None, None, "3;4"]}


def test_stray_quotes_are_read_leniently_when_asked() -> None:
    form = Delimited(delimiter=";", lenient=True)
    assert records('a;b\n1;"x"y\n2;z"\n', form) == [["1", "xy"], ["2", 'z"']]
    assert refusal('a;b\n1;"x\n2;y\n', form)[0] == "quote"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1", "cp850"])
def test_declared_encodings(encoding: str) -> None:
    form = Delimited(encoding=encoding, escape="\\", columns=("b",))
    assert records('a,b\nü,"x\\"y"\r\n\x1a', form) == [["ü", 'x"y']]


def test_a_name_the_header_lacks() -> None:
    assert refusal("a,\n1,2\n", Delimited(columns=("c",))) == ("header", "a, column_2")


def test_a_quote_may_stay_open_over_many_chunks() -> None:
    long = "line\n" * 500_000
    text = written([["1", long], ["2", "y"]], ["a", "b"])
    assert records(text, Delimited(delimiter=";")) == [["1", long], ["2", "y"]]


def test_lines_and_rows_are_right_on_both_sides_of_the_readers(tmp_path: Path) -> None:
    """Three megabytes: clean stretches, then a quoted newline, then clean stretches again."""
    random.seed(7)
    rows = [[str(number), str(random.random())] for number in range(120_000)]
    rows[60_000][1] = "two\nlines"
    folder = Folder(tmp_path, {"kind": "delimited", "delimiter": ";"}, batch_rows=50_000)
    folder.put("a.csv", written(rows, ["a", "b"], end="\n"))
    taken = folder.pull()
    assert [list(row.values()) for row in taken.rows] == rows
    assert [(batch.origin.offset, batch.origin.line) for batch in taken.batches[:-1]] == [
        (0, 2),
        (50_000, 50_002),
        (100_000, 100_003),
    ]


@pytest.mark.parametrize("options", [{}, {"header": False, "columns": ["op", "id"]}])
def test_tombstones_are_told_apart(tmp_path: Path, options: dict[str, Any]) -> None:
    tombstones = {"column": "op", "values": ["D"]}
    folder = Folder(tmp_path, {"kind": "delimited", "tombstones": tombstones, **options})
    folder.put("a.csv", ("op,id\n" if not options else "") + "U,1\nD,2\n,3\n")
    taken = folder.pull(columns=("id",), key=("id",))
    assert (taken.rows, taken.deleted) == ([{"id": "1"}, {"id": "3"}], [{"id": "2"}])


def test_a_file_without_the_tombstone_column_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"kind": "delimited", "tombstones": {"column": "op", "values": ["D"]}})
    folder.put("a.csv", "id\n1\n")
    assert folder.pull().rules == ["header"]


def test_headers_that_take_their_time() -> None:
    form = Delimited(delimiter=";")
    assert refusal('\n\n"a;b\n1;2\n', form)[0] == refusal('"a"b;c\n', form)[0] == "quote"
    table = next(read(io.BytesIO(b'\r\n\n"a\nx";b\n1;2\n'), form))
    assert (table.table.to_pylist(), list(table.lines)) == ([{"a\nx": "1", "b": "2"}], [5])
    assert records("a;b", form) == []


def test_cells_of_many_lines_are_read_once() -> None:
    """A quote is open at the end of nearly every chunk; read from the record's start each time it cost the square."""
    cell = "\n".join(["x" * 79] * 12_000)
    text = "a,b\n" + "".join(f'{number},"{cell}"\n' for number in range(8))
    parts = list(read(io.BytesIO(text.encode()), Delimited()))
    assert [line for part in parts for line in part.lines] == [2 + 12_000 * number for number in range(8)]
    assert {value for part in parts for value in part.table["b"].to_pylist()} == {cell}


def test_a_record_without_an_end_is_refused() -> None:
    cell = "\n".join(["x" * 79] * 50_000)
    text = "a,b\n" + ",".join(f'"{cell}"' for _ in range(9))
    assert refusal(text, Delimited()) == (
        "quote",
        "the record that begins in line 2 is longer than 16777216 characters",
    )


@pytest.mark.parametrize(
    "first", ['"\ufeffid"', "\ufeff\ufeffid", '\ufeff"id"', "\u200bid\u200b", '\ufeff" i\u00add "']
)
def test_marks_that_nobody_sees_are_no_part_of_a_name(first: str) -> None:
    (part,) = read(io.BytesIO(f"{first},\ufeffb\n1,\u200b2\n".encode()), Delimited())
    assert part.table.to_pylist() == [{"id": "1", "b": "\u200b2"}]
