from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.files.conftest import Folder
from tilth.connectors.files.connector import FilesConnector
from tilth.connectors.files.formats import Field, FixedWidth, Form, Mark, Tombstones, form_of
from tilth.connectors.registry import connector
from tilth.errors import DeclarationError, SourceError

FIELD = {"name": "a", "start": 1, "width": 2}


def test_a_whole_block() -> None:
    form, problems = form_of(
        {
            "kind": "fixed_width",
            "encoding": "cp1252",
            "picture": "full",
            "length": 20,
            "trim": False,
            "header": "H",
            "record": {"match": "D"},
            "trailer": {"match": 9, "count": {"start": 2, "width": 6}},
            "fields": [FIELD, {"name": "b", "from": 3, "to": 9}],
            "tombstones": {"column": "a", "values": ["D", 4]},
        }
    )
    reader = FixedWidth(
        encoding="cp1252",
        fields=(Field("a", 0, 2), Field("b", 2, 7)),
        length=20,
        trim=False,
        header=Mark("H"),
        record=Mark("D"),
        trailer=Mark("9", Field("count", 1, 6)),
    )
    assert (form, problems) == (Form(reader, True, Tombstones("a", frozenset({"D", "4"}))), [])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "format.kind: expected one of fixed_width, delimited, excel"),
        ({"kind": "delimted"}, "did you mean 'delimited'?, got 'delimted'"),
        ({"kind": "delimited", "delimeter": ";"}, "there is no option 'delimeter' here; did you mean 'delimiter'?"),
        ({"kind": "delimited", "delimiter": ";;"}, "format.delimiter: expected one character, got ';;'"),
        ({"kind": "delimited", "delimiter": '"'}, "another character than quote"),
        ({"kind": "delimited", "header": False}, "format.columns: expected the names"),
        ({"kind": "delimited", "columns": ["a", "a"]}, "each name once"),
        ({"kind": "delimited", "encoding": "cp1525"}, "format.encoding 'cp1525' is not known"),
        ({"kind": "delimited", "encoding": "base64"}, "format.encoding 'base64' is not known"),
        ({"kind": "delimited", "encoding": "utf-7"}, "is not a code page"),
        (
            {"kind": "delimited", "tombstones": {"column": "op", "values": [True]}},
            "put true, no and the like in quotes",
        ),
        ({"kind": "delimited", "columns": ["op"], "tombstones": {"column": "opp", "values": ["D"]}}, "mean 'op'?"),
        ({"kind": "delimited", "tombstones": "D"}, "format.tombstones: expected a block of options"),
        ({"kind": "fixed_width"}, "format.fields: expected a list of blocks"),
        (
            {"kind": "fixed_width", "fields": [{"name": "a", "start": 0, "width": 1}]},
            "fields[1].start: expected a whole",
        ),
        ({"kind": "fixed_width", "fields": [{"name": "a", "from": 5, "to": 4}]}, "fields[1].to: expected not before"),
        ({"kind": "fixed_width", "fields": [FIELD], "length": 1}, "format.length: expected at least 2"),
        ({"kind": "fixed_width", "fields": [FIELD], "trailer": {"count": FIELD}}, "trailer.match: expected a text"),
        ({"kind": "excel", "sheet": 0}, "format.sheet: expected a sheet's name or its position"),
        ({"kind": "excel", "header": 0}, "format.header: expected a whole number from 1"),
        ({"kind": "excel", "picture": True}, "format.picture: expected one of changes, full"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], told: str, tmp_path: Path) -> None:
    form, problems = form_of(options)
    assert form is None and any(told in problem for problem in problems), problems
    folder = Folder(tmp_path, options)
    assert list(folder.connector.inspect(folder.request())) == problems
    with pytest.raises(SourceError, match="its declaration cannot be followed"):
        folder.pull()


@pytest.mark.parametrize("glob", ["/etc/passwd", "../x", "a/../../x", "", "a/**"])
def test_an_object_stays_below_the_root(glob: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"kind": "delimited"}, object=glob)
    assert "expected a pattern below the connection's root" in folder.connector.inspect(folder.request())[0]
    with pytest.raises(SourceError):
        folder.pull()


def test_inspect_looks_into_the_newest_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"kind": "delimited"}, object="in/*.csv")
    folder.put("in/A.CSV", "customer;name\n")
    inspect = folder.connector.inspect
    assert inspect(folder.request()) == ["no file matches in/*.csv (near: in/A.CSV)"]
    folder.put("in/a.csv", "customer,name\n1,x\n")
    assert inspect(folder.request(key=("customer",), columns=("customer", "nam"))) == [
        "in/a.csv has no column 'nam'; did you mean 'name'?"
    ]
    assert "picture: full" in inspect(folder.request(keys_only=True))[0]
    folder.put("in/b.csv", b"\x00")
    folder.put("in/c.csv", "")
    assert inspect(folder.request()) == ["in/c.csv would be refused: empty, expected a file with content, got 0 bytes"]


def test_check_and_discover(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {})
    for name in ("a/1.txt", "a/2.txt", "b/c.xlsx", "d.csv"):
        folder.put(name, "x")
    assert (folder.connector.check().ok, folder.connector.check().detail[:20]) == (True, "4 files in 3 folders")
    assert [found.name for found in folder.connector.discover()] == ["*.csv", "a/*.txt", "b/*.xlsx"]


def test_a_connection_is_made_from_its_settings(tmp_path: Path) -> None:
    made = connector("files", "legacy", {"root": "data/legacy", "settle": "5m"}, base=tmp_path)
    assert made == FilesConnector("legacy", tmp_path / "data/legacy", timedelta(minutes=5))
    with pytest.raises(DeclarationError):
        connector("files", "legacy", {"root": ".", "setle": "5m"}, base=tmp_path)
