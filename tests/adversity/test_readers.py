"""Readers in processes of their own query the curated file through real publishes: no error, no mixture."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from company import Child, Parent, Scripted, declaration, lake_in, run_of

from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake
from tilth.assets.night import Publishable, ingest_table, publish_night

PUBLISHES, ROWS, READERS = 22, 100, 2
COLUMNS = {"id": pa.int64(), "content": pa.int64(), "version": pa.int64(), "gone": pa.bool_()}
READER = """
import duckdb, sys, time
from pathlib import Path
path, seen, asked = sys.argv[1], set(), 0
while not Path(sys.argv[2]).exists():
    with duckdb.connect(path, read_only=True) as con:
        for _ in range(3):
            asked += 1
            numbers = {row[0] for row in con.execute(
                "select distinct content from parents union all select distinct content from children "
                "union all select max(release) from _catalog.tables").fetchall()}
            counts = con.execute("select (select count(*) from parents), (select count(*) from children)").fetchone()
            assert len(numbers) == 1 and counts == (int(sys.argv[3]),) * 2, (numbers, counts)
            seen |= numbers
    time.sleep(0.05)
print(asked, len(seen))
"""


def night(lake: Lake, number: int) -> int | None:
    """Every row of both tables changes to the night's number; the release that this makes."""
    run = run_of(number)
    parents = [{"id": n, "content": number, "version": number, "gone": False} for n in range(ROWS)]
    children = [{**row, "parent": row["id"]} for row in parents]
    tables: list[tuple[TableDeclaration, type, Scripted]] = [
        (declaration("parents"), Parent, Scripted(parents, COLUMNS, size=ROWS)),
        (declaration("children"), Child, Scripted(children, {**COLUMNS, "parent": pa.int64()}, size=ROWS)),
    ]
    for table, contract, source in tables:
        ingest_table(table, contract, lambda source=source: source, lake, run)
    return publish_night([Publishable(table, contract) for table, contract, _ in tables], lake, run).release


@pytest.mark.long
def test_readers_never_notice_a_publish(tmp_path: Path) -> None:
    lake = lake_in(tmp_path)
    assert night(lake, 1) == 1
    over = tmp_path / "over"
    command = [sys.executable, "-c", READER, str(lake.curated), str(over), str(ROWS)]
    readers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(READERS)
    ]
    try:
        assert [night(lake, number) for number in range(2, PUBLISHES + 1)] == list(range(2, PUBLISHES + 1))
        time.sleep(0.2)
    finally:
        over.touch()
    for reader in readers:
        out, err = reader.communicate(timeout=60)
        assert reader.returncode == 0, err
        asked, releases = map(int, out.split())
        assert asked > PUBLISHES
        assert releases > PUBLISHES / 4
