"""One company through its nights by the command line alone; the tests go on from each other, in order."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

Tilth = Callable[..., Any]


@pytest.fixture(scope="module")
def first(standing: Any, tilth: Tilth) -> Any:
    """The first night."""
    return tilth("run", "--json", cwd=standing.folder)


def test_the_first_night(first: Any, standing: Any, tilth: Tilth) -> None:
    assert first.code == 0, first.err
    assert {"run_id", "release", "tables", "seconds", "exit"} <= set(first.json)
    assert (first.json["release"], first.json["exit"]) == (1, 0)
    assert {table["name"]: table["rows"] for table in first.json["tables"]} == {
        "customers": 2,
        "sales": 3,
        "turnover": 2,
    }
    assert "ingest   customers" in first.err
    status = tilth("status", "--json", cwd=standing.folder).json
    assert status["conserved"] is True
    assert [source["state"] for source in status["sources"]] == ["ok", "ok"]


@pytest.mark.usefixtures("first")
def test_the_quarantine_is_listed_shown_and_explained(standing: Any, tilth: Tilth) -> None:
    entries = {entry["table"]: entry for entry in tilth("quarantine", "list", "--json", cwd=standing.folder).json}
    assert set(entries) == {"customers", "sales"}
    assert entries["sales"]["reasons"][0]["rule"] == "reference"
    assert set(entries["sales"]) >= {"id", "table", "key", "status", "run_id", "batch", "reasons"}
    only = tilth("quarantine", "list", "--table", "customers", "--status", "open", "--json", cwd=standing.folder).json
    assert [entry["id"] for entry in only] == [entries["customers"]["id"]]
    oldest = tilth("quarantine", "list", "--oldest", "--json", cwd=standing.folder).json
    newest = tilth("quarantine", "list", "--json", cwd=standing.folder).json
    assert oldest == newest[::-1]
    counts = tilth("quarantine", "list", "--counts", "--json", cwd=standing.folder).json
    told = {(one["table"], one["status"], one["entries"], one["last_day"], *one["rules"]) for one in counts}
    assert told == {("customers", "open", 1, 1, "greater_than_or_equal_to"), ("sales", "open", 1, 1, "reference")}
    assert tilth("quarantine", "list", "--older-than", "1h", "--json", cwd=standing.folder).json == []
    assert "no span of time" in tilth("quarantine", "list", "--older-than", "0s", cwd=standing.folder).err
    words = tilth("quarantine", "list", cwd=standing.folder).out
    assert words.index("last week") < words.index("reasons")
    id = entries["customers"]["id"]
    shown = tilth("quarantine", "show", id[:10], "--json", cwd=standing.folder).json
    assert shown["raw"]["name"] == "Cy"
    assert [event["event"] for event in shown["history"]] == ["opened"]
    assert "as pulled:" in tilth("quarantine", "show", id, cwd=standing.folder).out
    said = tilth("quarantine", "explain", entries["sales"]["id"], cwd=standing.folder).out
    for words in ("no such record", "source books, object sales", "refers to customers.customer_id", "next: "):
        assert words in said
    missing = tilth("quarantine", "show", "zz", cwd=standing.folder)
    assert missing.code == 1
    assert "next: tilth quarantine list" in missing.err


@pytest.mark.usefixtures("first")
def test_an_export_is_safe_to_open(standing: Any, tilth: Tilth) -> None:
    said = tilth("quarantine", "export", "toxic.csv", cwd=standing.folder)
    assert said.code == 0, said.err
    text = (standing.folder / "toxic.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert "'-5.0" in text
    again = tilth("quarantine", "export", "toxic.csv", cwd=standing.folder)
    assert (again.code, "--force" in again.err) == (1, True)
    from python_calamine import CalamineWorkbook

    assert (
        tilth("quarantine", "export", "toxic.xlsx", "--table", "sales", "--json", cwd=standing.folder).json["entries"]
        == 1
    )
    sheet = CalamineWorkbook.from_path(str(standing.folder / "toxic.xlsx")).get_sheet_by_index(0).to_python()
    assert len(sheet) == 2
    assert sheet[1][1] == "sales"


@pytest.mark.usefixtures("first")
def test_sources_and_schedule(standing: Any, tilth: Tilth) -> None:
    assert [s["state"] for s in tilth("sources", "list", "--json", cwd=standing.folder).json] == ["ok", "ok"]
    assert tilth("sources", "check", cwd=standing.folder).code == 0
    wrong = tilth("sources", "check", "shp", cwd=standing.folder)
    assert (wrong.code, "shop, perhaps" in wrong.err) == (1, True)
    found = tilth("schedule", "--json", cwd=standing.folder).json
    assert (found["schedule"], len(found["next"])) == ("0 2 * * *", 3)


@pytest.mark.usefixtures("first")
def test_a_second_night_with_a_source_down_and_back(standing: Any, tilth: Tilth) -> None:
    standing.tell("shop", "UPDATE customers SET credit = 5 WHERE id = 3")
    standing.down("books")
    down = tilth("run", "--json", cwd=standing.folder)
    assert (down.code, down.json["exit"], down.json["release"]) == (3, 3, 2)
    assert "next: tilth sources check books" in down.err
    status = tilth("status", "--json", cwd=standing.folder).json
    assert {table["name"]: table["state"] for table in status["tables"]}["sales"] == "failed"
    assert {source["name"]: source["state"] for source in status["sources"]} == {"shop": "ok", "books": "failed"}
    assert "tilth sources check books" in tilth("status", cwd=standing.folder).out
    assert tilth("sources", "check", "books", cwd=standing.folder).code == 1
    standing.back("books")
    back = tilth("run", "--select", "sales", cwd=standing.folder)
    assert back.code == 0, back.err
    assert "release 3 published" in back.out
    wrong = tilth("run", "--select", "sale", cwd=standing.folder)
    assert (wrong.code, "sales" in wrong.err) == (1, True)


@pytest.mark.long
@pytest.mark.usefixtures("first")
def test_releases_are_listed_compared_and_taken_back(standing: Any, tilth: Tilth) -> None:
    listed = tilth("publish", "list", "--json", cwd=standing.folder).json
    assert [(one["release"], one["current"]) for one in listed] == [(3, True), (2, False), (1, False)]
    assert {"run_id", "published_at", "tables"} <= set(listed[0])
    found = tilth("publish", "diff", "1", "2", "--json", cwd=standing.folder).json
    assert {one["table"]: one["added"] for one in found["tables"]}["customers"] == 1
    assert tilth("publish", "verify", "--json", cwd=standing.folder).json["ok"] is True
    back = tilth("publish", "rollback", "1", "--json", cwd=standing.folder)
    assert back.code == 0, back.err
    assert (back.json["release"], back.json["held"]) == (1, ["customers"])
    status = tilth("status", "--json", cwd=standing.folder).json
    assert status["release"] == 1
    assert {table["name"]: table["state"] for table in status["tables"]}["customers"] == "held"
    accepted = tilth("publish", "accept", "customers", "--why", "it was right", "--json", cwd=standing.folder)
    assert (accepted.code, accepted.json["accepted"], accepted.json["release"]) == (0, True, 4), accepted.err
    assert "release 2 was taken back" in accepted.json["held"]
    assert len(accepted.json["pulls"]) >= 1
    refused = tilth("publish", "accept", "custmers", "--why", "x", cwd=standing.folder)
    assert (refused.code, "customers, perhaps" in refused.err) == (1, True)
    assert tilth("run", "--json", cwd=standing.folder).json["release"] in (4, 5)
    assert tilth("verify", cwd=standing.folder).code == 0
