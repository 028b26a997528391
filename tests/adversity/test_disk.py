"""A full disk, while landing and while publishing: told once, nothing half-written, and all is there afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from adversity.shop import Said, Shop

MANY = (
    "insert into customers select g, (select string_agg(md5((g * 31 + h)::text), '') from generate_series(1, 30) h) "
    "from generate_series(10, 2009) g"
)
ROWS = {"customers": 2002, "parcels": 2}
SMALL = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""
HALF_A_MEGABYTE = str(1 << 19)


def with_small_files(shop: Shop, *arguments: str) -> Said:
    """A run that may not write a file larger than that: what a full disk looks like without one."""
    return shop.tilth(*arguments, before=[sys.executable, "-c", SMALL, HALF_A_MEGABYTE])


@contextmanager
def full(shop: Shop, folder: str, *, free_kb: int) -> Generator[None]:
    """The folder on a real file system of its own, with this much left."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system; RLIMIT_FSIZE is tried above")
    path, rest = shop.folder / folder, shop.folder / "rest"
    subprocess.run(["cp", "-a", path, rest], check=True)
    used = sum(-(-file.lstat().st_size // 4096) * 4 + 4 for file in path.rglob("*"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + free_kb}k", "tmpfs", path], check=False)
    if done.returncode:
        pytest.skip("no file system can be mounted here; RLIMIT_FSIZE is tried above")
    try:
        subprocess.run(["cp", "-a", f"{rest}/.", path], check=True)
        yield
        shutil.rmtree(rest)
        subprocess.run(["cp", "-a", path, rest], check=True)
    finally:
        subprocess.run(["umount", path], check=True)
    shutil.rmtree(path)
    rest.rename(path)


def leftovers(shop: Shop) -> list[str]:
    return [str(path) for path in (shop.folder / "data").rglob(".tmp-*")]


def only(said: Said) -> str:
    """The one message."""
    assert len(said.errors) == 1, said.err
    assert "Traceback" not in said.err
    assert "Exception" not in said.err
    return said.errors[0]


@pytest.mark.long
def test_files_that_may_not_grow_while_landing_and_while_publishing(corner: Shop) -> None:
    corner.sql(MANY)
    landing = with_small_files(corner, "run", "--no-publish")
    assert landing.code in (1, 3)
    message = only(landing)
    assert "the disk is full, or the file larger than allowed" in message
    assert "no half-written file is left" in message
    assert f"next: free space below {corner.folder / 'data/lake'}, then tilth run" in message
    assert leftovers(corner) == []
    assert corner.tilth("run", "--no-publish").code == 0
    publishing = with_small_files(corner, "run")
    assert publishing.code == 1
    message = only(publishing)
    assert "the candidate cannot be made (got File too large)" in message
    assert "release 1 stays published" in message
    assert message.endswith("then tilth run")
    assert leftovers(corner) == []
    assert corner.rows() == {"customers": 2, "parcels": 2}
    assert corner.tilth("run").code == 0
    assert corner.rows() == ROWS
    corner.proves_whole()


@pytest.mark.long
def test_a_full_lake_and_a_full_disk_of_releases(corner: Shop) -> None:
    corner.sql(MANY)
    corner.drop("b.csv", "no;weight\n3;300\n")
    with full(corner, "data/lake", free_kb=100):
        message = only(corner.tilth("run"))
        assert "customers" in message
        assert "(got Error writing bytes to file. Detail: [errno 28] No space left on device)" in message
        assert leftovers(corner) == []
    assert corner.rows() == {"customers": 2, "parcels": 3}  # who found room is published
    assert corner.tilth("run", "--no-publish").code == 0
    with full(corner, "data/releases", free_kb=100):
        said = corner.tilth("run")
        assert said.code == 1
        assert "the candidate cannot be made (got No space left on device)" in only(said)
        assert "release 2 stays published" in said.err
        assert leftovers(corner) == []
    assert corner.tilth("run").code == 0
    assert corner.rows() == {**ROWS, "parcels": 3}
    corner.proves_whole()


@pytest.mark.long
@pytest.mark.parametrize("free_kb", [0, 300, 3_000])
def test_everything_on_one_full_disk(corner: Shop, free_kb: int) -> None:
    corner.sql(MANY)
    with full(corner, "data", free_kb=free_kb):
        said = corner.tilth("run")
        assert said.code == 1
        assert 1 <= len(said.errors) <= 2, said.err  # a table that did not fit, then the release that did not
        assert all("full" in message or "No space left" in message for message in said.errors), said.err
        assert all("free" in message for message in said.errors), said.err
        assert "Traceback" not in said.err
        assert "Exception" not in said.err
    assert corner.rows() == {"customers": 2, "parcels": 2}
    assert corner.tilth("run").code == 0
    assert corner.rows() == ROWS
    corner.proves_whole()


@pytest.mark.long
@pytest.mark.parametrize("free_kb", [0, 40])
def test_a_full_disk_under_the_state_alone(corner: Shop, free_kb: int) -> None:
    (corner.folder / "data/state").mkdir()
    for file in (corner.folder / "data").glob("state.db*"):
        file.rename(corner.folder / "data/state" / file.name)
    project = (corner.folder / "tilth.yaml").read_text()
    corner.write("tilth.yaml", project.replace("data/state.db", "data/state/state.db"))
    corner.sql("insert into customers values (3, 'Cy')")
    corner.drop("b.csv", "no;weight\n3;300\n")
    with full(corner, "data/state", free_kb=free_kb):
        said = corner.tilth("run")
        assert said.code == 1
        message = only(said)  # though three steps met it
        assert message.startswith(f"error: {corner.folder}/data/state/state.db: the disk is full (got ")
        assert "the published data is untouched" in message
        assert message.endswith(f"next: free space beside {corner.folder}/data/state/state.db, then tilth run")
    assert corner.rows() == {"customers": 2, "parcels": 2}
    assert corner.tilth("run").code == 0
    assert corner.rows() == {"customers": 3, "parcels": 3}
    corner.proves_whole()
