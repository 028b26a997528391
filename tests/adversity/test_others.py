"""Somebody else is at work: another run, or a program that has the published file open for writing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from adversity.shop import Shop


@pytest.mark.long
def test_a_second_run_is_turned_away_by_the_name_of_the_first(corner: Shop) -> None:
    corner.sql("insert into customers values (3, 'Cy')")
    address = corner.server.url.rpartition("/")[0] + f"/{corner.database}"
    with psycopg.connect(address) as lock:
        lock.execute("lock table customers in access exclusive mode")
        first = subprocess.Popen(corner.command("run"), cwd=corner.folder, stdout=subprocess.PIPE, text=True)
        assert first.stdout is not None
        assert first.stdout.readline().split() == ["ingest", "customers", "running"]
        second = corner.tilth("run")
        third = corner.tilth("publish", "rollback", "--json")
        shown = corner.tilth("status")
        lock.rollback()
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert (second.code, len(second.errors)) == (4, 1), second.err
    assert "another run is active (got tilth run on host" in second.errors[0]
    assert f"process {first.pid}, since " in second.errors[0]
    assert second.errors[0].endswith("next: tilth status")
    assert (third.code, third.json["exit"]) == (4, 4)
    assert shown.code == 0
    assert corner.rows() == {"customers": 3, "parcels": 2}
    corner.proves_whole()


@pytest.mark.long
def test_a_program_that_writes_to_the_published_file_is_named(corner: Shop) -> None:
    path: Path = (corner.folder / "data/curated.duckdb").resolve()
    path.chmod(0o644)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(path)]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    writer.stdout.readline()
    corner.sql("insert into customers values (3, 'Cy')")
    said, verified = corner.tilth("run"), corner.tilth("verify")
    writer.communicate("")
    assert (said.code, len(said.errors)) == (1, 1), said.err
    expected = f"error: {path}: a program has the published release open for writing"
    assert said.errors[0].startswith(f"{expected} (expected readers only, got process {writer.pid})")
    assert "release 1 stays published" in said.errors[0]
    assert said.errors[0].endswith("next: close that program, then tilth run")
    assert verified.code == 1
    assert "unexpected" not in verified.err
    assert str(writer.pid) in verified.err
    deadline = time.monotonic() + 10
    while writer.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    path.chmod(0o444)
    healed = corner.tilth("run")
    assert healed.code == 0, healed.err
    assert corner.rows() == {"customers": 3, "parcels": 2}
    corner.proves_whole()
