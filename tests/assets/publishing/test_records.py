"""`verify` counts every record again: what is lost, what came from nowhere, what is in two states is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from publisher import START, lake_at

from tilth.assets import state
from tilth.assets.lake import Lake, Run
from tilth.assets.publishing.engine import connect
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.assets.publishing.records import record_problems
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.verify import verify
from tilth.assets.quarantine import EVENTS, record

PLACE = {"_batch": pl.Int64, "_ordinal": pl.Int64}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = lake_at(tmp_path)
    yield lake
    lake.state.close()


def keep(lake: Lake, path: str, frame: pl.DataFrame) -> str:
    with lake.storage.create(path) as file:
        frame.write_parquet(file)
    return path


def places(*ordinals: int) -> pl.DataFrame:
    return pl.DataFrame([(1, n) for n in ordinals], schema=PLACE, orient="row")


def history(lake: Lake, *, rows: list[int], settled: list[int], refused: list[int], back: list[int]) -> list[Manifest]:
    """One pull of ten good records, published as told: rows now, settled otherwise, refused, and come back."""
    pull = {"table_name": "alpha", "number": 1, "kind": "rows", "source": "erp", "object": "a", "state": "judged"}
    pull |= {"run_id": "r", "whole": False, "started_at": START, "pulled": 10, "pending": 10}
    with lake.state.begin() as connection:
        connection.execute(sa.insert(state.pulls).values(**pull))
        batch = {"pull_id": 1, "number": 1, "kind": "rows", "path": "raw/b.parquet", "rows": 10, "bytes": 1}
        connection.execute(sa.insert(state.batches).values(**batch, origin={"source": "erp", "object": "a"}))
        for event, which in (("opened", refused), ("replayed", back)):
            shared = {"event": event, "rules": ["reference"], "contract_version": "v", "batch_id": 1}
            moves = [{**shared, "entry_id": f"e{n}", "ordinal": n} for n in which]
            record(connection, "alpha", pl.DataFrame(moves, schema=EVENTS), Run("r", "n", START), release=1)
    keep(lake, "raw/b.parquet", pl.DataFrame({"id": range(10)}))
    keep(lake, "ready/alpha/p1.parquet", places(*range(10)))
    path = keep(lake, "settled/alpha/r.parquet", places(*settled)) if settled else None
    table = TableRelease("published", len(rows), pulls=((1, 1),), settled=path, changed_in=1)
    manifest = Manifest(1, "r", None, START + timedelta(days=1), {"alpha": table})
    releases = Releases(lake.curated)
    draft = releases.begin("r")
    con = connect(draft.path)
    con.execute("CREATE TABLE alpha (id BIGINT, _batch BIGINT, _ordinal BIGINT)").fetchall()
    for n in rows:
        con.execute("INSERT INTO alpha VALUES (?, 1, ?)", [n, n]).fetchall()
    con.execute("CHECKPOINT").fetchall()
    con.close()
    releases.switch(releases.seal(draft, manifest))
    return [manifest]


def told(lake: Lake, chain: list[Manifest]) -> list[tuple[str, str]]:
    return [(problem.what, problem.got) for problem in record_problems(lake, chain)]


def test_records_in_one_state_each_are_no_problem(lake: Lake) -> None:
    chain = history(lake, rows=[0, 1, 2, 3, 4, 9], settled=[5, 6], refused=[7, 8, 9], back=[9])
    assert told(lake, chain) == []


def test_a_record_whose_return_was_taken_back_waits_in_quarantine_again(lake: Lake) -> None:
    chain = history(lake, rows=[0, 1, 2, 3, 4], settled=[5, 6], refused=[7, 8, 9], back=[9])
    assert told(lake, chain) == [("records that are in no state", "1")]
    undone = pl.DataFrame([{"entry_id": "e9", "event": "reopened"}], schema=EVENTS)
    with lake.state.begin() as connection:
        record(connection, "alpha", undone, Run("back", "n", START), release=1)
    assert told(lake, chain) == []


def test_a_record_in_no_state_is_found(lake: Lake) -> None:
    chain = history(lake, rows=[0, 1, 2, 3], settled=[5, 6], refused=[7, 8, 9], back=[9])
    assert told(lake, chain) == [("records that are in no state", "2")]


def test_a_record_in_two_states_is_found(lake: Lake) -> None:
    chain = history(lake, rows=[0, 1, 2, 3, 4, 5, 7], settled=[5, 6], refused=[7, 8, 9], back=[])
    assert told(lake, chain) == [("rows that are settled otherwise too", "2")]


def test_a_row_from_nowhere_and_a_row_that_is_there_twice_are_found(lake: Lake) -> None:
    chain = history(lake, rows=[0, 1, 2, 3, 4, 4, 77], settled=[5, 6], refused=[7, 8, 9], back=[])
    assert told(lake, chain) == [("rows that no contained pull brought", "1"), ("records that are two rows", "1")]


def test_a_missing_file_is_named_and_the_others_are_looked_at(lake: Lake) -> None:
    chain = history(lake, rows=list(range(10)), settled=[], refused=[], back=[])
    lake.storage.delete("ready/alpha/p1.parquet")
    assert told(lake, chain) == [("a file of the lake is missing", "no such file")]
    assert {p.where for p in verify(lake).problems} >= {"ready/alpha/p1.parquet"}


def test_a_pull_whose_files_hold_something_else_is_found(lake: Lake) -> None:
    history(lake, rows=list(range(10)), settled=[], refused=[], back=[])
    keep(lake, "ready/alpha/p1.parquet", places(*range(9)))
    keep(lake, "raw/b.parquet", pl.DataFrame({"id": [1]}))
    found = {(p.what, p.where, p.expected, p.got) for p in verify(lake).problems}
    assert ("rows of a file of the lake", "ready/alpha/p1.parquet", "10", "9") in found
    assert ("rows of a file of the lake", "raw/b.parquet", "10", "1") in found
    (lake.storage.root / "raw/b.parquet").write_bytes(b"PAR1 no more")  # type: ignore[attr-defined]
    assert "a file of the lake is damaged" in {p.what for p in verify(lake).problems}


def test_a_table_that_contains_no_pull_is_left_alone(lake: Lake) -> None:
    (manifest,) = history(lake, rows=[1], settled=[], refused=[], back=[])
    derived = replace(manifest.tables["alpha"], pulls=())
    assert told(lake, [replace(manifest, tables={"alpha": derived})]) == []
