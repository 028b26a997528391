"""`tilth lineage`: what it shows, exports and delivers, and how it says that it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from validity import parsed, problems

from tilth.pipelines.cli.root import run

DEAD = "lineage: {url: 'http://127.0.0.1:9', timeout: 5s}\n"


@dataclass(frozen=True)
class Said:
    """What one command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Tilth = Callable[..., Said]


@pytest.fixture
def tilth(standing: Any, capfd: pytest.CaptureFixture[str]) -> Tilth:
    """Runs `tilth ARGUMENTS` in this process: its libraries are loaded once."""

    def ran(*arguments: str) -> Said:
        capfd.readouterr()
        code = run(["--project", str(standing.folder), *arguments])
        return Said(code, *capfd.readouterr())

    return ran


def test_a_night_that_cannot_deliver_says_so_and_the_next_command_does(standing: Any, tilth: Tilth) -> None:
    assert tilth("run").code == 0
    settings = (standing.folder / "tilth.yaml").read_text("utf-8")
    standing.write("tilth.yaml", settings + DEAD)
    standing.tell("books", "INSERT INTO sales VALUES (5, 2, 4.0)")
    night = tilth("run")
    assert night.code == 0, night.err
    (remark,) = (line for line in night.out.splitlines() if line.startswith("lineage: "))
    assert remark.startswith("lineage: 16 events wait, http://127.0.0.1:9 does not answer (")
    status = tilth("status")
    assert remark in status.out
    assert status.out.rstrip().endswith("next: tilth lineage deliver")
    refused = tilth("lineage", "deliver")
    assert refused.code == 1
    assert refused.err.startswith("error: http://127.0.0.1:9: does not answer (")
    assert "16 events wait; none is lost" in refused.err
    assert refused.err.endswith("  next: tilth lineage deliver\n")
    assert tilth("lineage", "deliver", "--json").json["waiting"] == 16
    standing.write("tilth.yaml", settings)
    place = standing.folder / "data/lineage/events.jsonl"
    assert tilth("lineage", "deliver").out == f"16 events delivered to {place}\n"
    assert tilth("lineage", "deliver").out == f"nothing waits: all is delivered to {place}\n"
    assert "lineage" not in tilth("status").out
    standing.write("tilth.yaml", settings + "lineage: off\n")
    off = tilth("lineage", "deliver")
    assert (off.code, "no lineage is kept" in off.err) == (1, True)
    standing.write("tilth.yaml", settings)


def test_a_column_is_shown_back_to_its_source_and_onwards(standing: Any, tilth: Tilth) -> None:
    said = tilth("lineage", "show", "turnover.amount")
    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        "turnover.amount",
        "  ← sales.amount  AGGREGATION: SUM(sales.amount)",
        f"    ← sqlite://{standing.folder}/books.db/sales amount  TRANSFORMATION: read as DOUBLE",
        "",
        "which rows there are is decided by",
        "  ← sales.customer_id  GROUP_BY",
        f"    ← sqlite://{standing.folder}/books.db/sales customer  TRANSFORMATION: read as BIGINT",
        "",
        "nothing is made from it",
    ]
    assert "used by: turnover.amount" in tilth("lineage", "show", "sales.amount").out
    found = tilth("lineage", "show", "sales", "--json").json
    assert [column["column"] for column in found["columns"]] == ["sales.sale_id", "sales.customer_id", "sales.amount"]
    assert set(found["used_by"]) == {"turnover.customer_id", "turnover.amount", "turnover.(rows)"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "turnovr"), "no table is named turnovr (expected turnover, perhaps"),
        (("show", "sales.amuont"), "no column of sales is named amuont (expected amount, perhaps"),
        (("export", "--since", "9"), "no events of release 9 are kept (expected one of 1, 2)"),
        (("export", "--run", "nobody"), "no events of a run nobody are kept"),
    ],
)
def test_what_does_not_exist_is_told_with_what_does(arguments: tuple[str, ...], said: str, tilth: Tilth) -> None:
    found = tilth("lineage", *arguments)
    assert found.code == 1
    assert said in found.err
    assert "  next: tilth " in found.err


def test_events_are_exported_as_lines_of_json(standing: Any, tilth: Tilth) -> None:
    everything = tilth("lineage", "export")
    assert everything.code == 0, everything.err
    assert everything.out == (standing.folder / "data/lineage/events.jsonl").read_text("utf-8")
    assert [problem for event in parsed(everything.out.splitlines()) for problem in problems(event)] == []
    file = standing.folder / "later.jsonl"
    assert tilth("lineage", "export", "--since", "1", str(file)).out == f"16 events written to {file}\n"
    lines = file.read_text("utf-8").splitlines()
    assert lines == everything.out.splitlines()[-16:]
    again = tilth("lineage", "export", str(file))
    assert (again.code, "--force" in again.err) == (1, True)
    night = parsed(lines)[0]["run"]["facets"]["tilth_step"]["night"]
    assert tilth("lineage", "export", "--run", night, "--json").json == parsed(lines)
    one = parsed(lines)[3]["run"]["runId"]
    assert len(tilth("lineage", "export", "--run", one[:13]).out.splitlines()) == 2
