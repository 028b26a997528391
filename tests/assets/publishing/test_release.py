"""Clone, seal, switch, collect: with readers that never stop, kill -9 anywhere, full disks and meddlers."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from publisher import START, STEPS, lake_at, publish

from tilth.assets import state
from tilth.assets.lake import Lake
from tilth.assets.publishing import outside
from tilth.assets.publishing.engine import connect
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.assets.publishing.reconcile import reconcile
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.verify import verify
from tilth.errors import ReleaseError

PUBLISHER = Path(__file__).with_name("publisher.py")
READER = """
import sys, time, duckdb, pathlib
path, stop = sys.argv[1], pathlib.Path(sys.argv[2])
print("ready", flush=True)
queries = seen = 0
releases = set()
while not stop.exists():
    con = duckdb.connect(path, read_only=True)
    for _ in range(3):
        query = ('SELECT DISTINCT written FROM alpha UNION SELECT DISTINCT written FROM beta '
                 'UNION SELECT DISTINCT release FROM _catalog.tables UNION SELECT max(release) FROM _catalog.releases')
        found = con.execute(query).fetchall()
        assert len(found) == 1, found
        queries += 1
    releases.add(found[0][0])
    con.close()
    time.sleep(0.25)
print(queries, len(releases))
"""


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = lake_at(tmp_path)
    yield lake
    lake.state.close()


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    """Processes that publish, one at a time."""
    command = [sys.executable, str(PUBLISHER)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield server
    server.communicate("")


def told(server: subprocess.Popen[str], root: Path, stop: str) -> Iterator[str]:
    """Start a publisher, and what it tells: its process, its steps, its end."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{root}\t{stop}\n")
    server.stdin.flush()
    for line in server.stdout:
        yield line.strip()
        if line.startswith("ended"):
            return


def numbers(lake: Lake) -> set[tuple[int, ...]]:
    con = connect(lake.curated, True)
    try:
        return {
            tuple(row) for t in ("alpha", "beta") for row in con.execute(f"SELECT DISTINCT written FROM {t}").fetchall()
        }
    finally:
        con.close()


def folders(lake: Lake) -> list[str]:
    return sorted(folder.name.split("-")[0] for folder in Releases(lake.curated).folder.iterdir())


def test_a_release_is_a_read_only_file_behind_a_relative_symlink(lake: Lake) -> None:
    first, second = publish(lake), publish(lake)
    releases = Releases(lake.curated)
    assert (first.release, second.release, second.previous) == (1, 2, 1)
    assert releases.current() == second
    assert releases.all() == (first, second)
    assert releases.manifest(1) == first
    link = lake.curated.readlink()
    assert not link.is_absolute()
    assert link.parts[0] == "releases"
    folder = (lake.curated.parent / link).parent
    assert sorted(p.name for p in folder.iterdir()) == ["curated.duckdb", "manifest.json", "seal.json"]
    assert lake.curated.stat().st_mode & 0o777 == 0o444
    assert numbers(lake) == {(2,)}


def test_the_file_keeps_the_format_that_older_clients_read(lake: Lake) -> None:
    for _ in range(2):
        publish(lake)
        con = connect(lake.curated, True)
        (tags,) = con.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'curated'").fetchone() or ({},)
        con.close()
        assert tags["storage_version"].startswith("v1.4.0")


def test_the_file_goes_anywhere_with_its_folder(lake: Lake, tmp_path: Path) -> None:
    publish(lake)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(lake.curated.parent / "releases", moved)
    (moved / "curated.duckdb").symlink_to(lake.curated.readlink())
    assert Releases(moved / "curated.duckdb").current() is not None


@pytest.mark.long
def test_readers_see_one_release_and_never_an_error(lake: Lake, tmp_path: Path) -> None:
    publish(lake)
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", READER, str(lake.curated), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        for _ in range(22):
            publish(lake)
    finally:
        stop.touch()
    for reader in readers:
        out, err = reader.communicate(timeout=30)
        assert reader.returncode == 0, err
        queries, releases = map(int, out.split())
        assert queries > 15
        assert releases > 5
    assert len(folders(lake)) <= lake.keep_releases + len(readers) + 1


def test_a_release_that_a_reader_holds_is_spared_until_it_lets_go(lake: Lake) -> None:
    publish(lake)
    code = "import duckdb,sys; c=duckdb.connect(sys.argv[1],read_only=True); print('held',flush=True); sys.stdin.read()"
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(lake.curated)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    reader.stdout.readline()
    own = connect(lake.curated, True)  # this process's own hold counts too, and survives publishing
    for _ in range(5):
        publish(lake)
    assert folders(lake) == ["000001", "000004", "000005", "000006"]
    assert own.execute("SELECT max(written) FROM alpha").fetchall() == [(1,)]
    reader.communicate("")
    releases = Releases(lake.curated)
    assert releases.collect(3).held == (1,)
    own.close()
    assert releases.collect(3).removed == (1,)
    assert releases.collect(1).removed == (4,)  # two stay at least
    assert folders(lake) == ["000005", "000006"]


@pytest.mark.parametrize("stop", STEPS)
def test_killed_after_any_step_the_next_start_is_good(
    lake: Lake, tmp_path: Path, stop: str, server: subprocess.Popen[str]
) -> None:
    publish(lake)
    *_, last, end = told(server, tmp_path, stop)
    assert (last, end) == (stop, f"ended {signal.SIGKILL.value}")
    good(lake, expected=2 if STEPS.index(stop) >= STEPS.index("switched") else 1)
    again = publish(lake)
    assert again.release > 1
    assert numbers(lake) == {(again.release,)}
    assert verify(lake).problems == ()


def good(lake: Lake, expected: int | None = None) -> None:
    """Reconcile, and look at everything."""
    reconcile(lake)
    releases = Releases(lake.curated)
    releases.sweep()
    current = releases.current()
    assert current is not None
    assert expected in (None, current.release)
    assert numbers(lake) == {(current.release,)}
    assert all(not name.startswith(".") for name in folders(lake))
    assert max(map(int, folders(lake))) == current.release
    assert not [p for p in lake.curated.parent.iterdir() if p.name.startswith(".tmp")]
    with lake.state.read() as connection:
        rows = connection.execute(sa.select(state.releases.c.release, state.releases.c.state)).fetchall()
        opened = connection.execute(
            sa.select(state.events.c.entry_id).where(state.events.c.event == "opened")
        ).scalars()
        books = connection.execute(sa.select(state.books.c.release).where(state.books.c.table_name == "beta")).scalars()
        published = [number for number, kind in rows if kind == "published"]
        assert max(published) == current.release
        assert sorted(opened) == sorted(f"e{n}" for n in published)
        assert sorted(books) == published
    assert not any(kind == "intended" for _, kind in rows)
    assert reconcile(lake).confirmed == ()
    assert verify(lake).problems == ()


@pytest.mark.long
def test_killed_at_any_moment_the_next_start_is_good(lake: Lake, tmp_path: Path, server: subprocess.Popen[str]) -> None:
    publish(lake)
    rnd = random.Random(7)
    for _ in range(8):
        lines = told(server, tmp_path, "forever")
        pid = int(next(lines))
        for _ in range(rnd.randrange(len(STEPS) + 3)):
            next(lines)
        time.sleep(rnd.uniform(0, 0.03))
        os.kill(pid, signal.SIGKILL)
        assert list(lines)[-1] == f"ended {signal.SIGKILL.value}"
        time.sleep(0.2)  # what the killed process had begun outside itself ends by itself
        good(lake)
    current = Releases(lake.curated).current()
    assert current is not None
    assert current.release > 3


def test_a_regular_file_in_its_place_is_never_replaced(lake: Lake) -> None:
    lake.curated.write_bytes(b"somebody's work")
    with pytest.raises(ReleaseError, match="taken by something") as caught:
        publish(lake)
    assert "move" in caught.value.next
    assert lake.curated.read_bytes() == b"somebody's work"


def test_a_writer_on_the_published_file_is_named(lake: Lake) -> None:
    publish(lake)
    code = (
        "import duckdb,os,sys; p=os.path.realpath(sys.argv[1]); os.chmod(p,0o644); c=duckdb.connect(p);"
        "print('open',flush=True); sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(lake.curated)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    try:
        with pytest.raises(ReleaseError, match="open for writing") as caught:
            publish(lake)
        assert caught.value.got == f"process {writer.pid}"
        assert "release 1 stays published" in caught.value.kept
    finally:
        writer.communicate("")
    assert publish(lake).release == 2


def test_a_release_that_was_written_to_is_not_built_upon(lake: Lake) -> None:
    publish(lake)
    publish(lake)
    path = lake.curated.resolve()
    path.chmod(0o644)
    con = duckdb.connect(str(path))
    con.execute("UPDATE alpha SET written = 99 WHERE id = 1")
    con.close()
    with pytest.raises(ReleaseError, match="changed after it was sealed") as caught:
        publish(lake)
    assert caught.value.next == "tilth publish rollback"
    assert "the file was changed after it was sealed" in {problem.what for problem in verify(lake).problems}


def test_a_symlink_that_leads_nowhere_or_elsewhere_is_told(lake: Lake, tmp_path: Path) -> None:
    publish(lake)
    publish(lake)
    releases = Releases(lake.curated)
    shutil.rmtree(lake.curated.resolve().parent)
    with pytest.raises(ReleaseError, match="the current release is gone") as caught:
        releases.current()
    assert "1" in caught.value.kept
    assert verify(lake).ok is False
    lake.curated.unlink()
    lake.curated.symlink_to(tmp_path / "state.db")
    with pytest.raises(ReleaseError, match="leads elsewhere"):
        publish(lake)


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_missing_or_damaged_manifest_is_told(lake: Lake, damage: str) -> None:
    publish(lake)
    path = lake.curated.resolve().with_name("manifest.json")
    path.unlink() if damage == "gone" else path.write_text(path.read_text()[:40])
    with pytest.raises(ReleaseError, match="manifest"):
        Releases(lake.curated).begin("run")
    assert Releases(lake.curated).all() == ()


def test_an_open_candidate_cannot_be_sealed(lake: Lake) -> None:
    releases = Releases(lake.curated)
    draft = releases.begin("run")
    con = connect(draft.path)
    con.execute("CREATE TABLE t (a INTEGER)")
    with pytest.raises(ReleaseError, match="not closed"):
        releases.seal(draft, Manifest(1, "run", None, START, {}))
    con.close()
    assert releases.seal(draft, Manifest(1, "run", None, START, {"t": TableRelease("published", 0)})).path.exists()


def test_a_full_disk_leaves_the_release_that_was(lake: Lake) -> None:
    publish(lake, rows=60_000)
    size = lake.curated.stat().st_size
    code = """
import resource, sys
from pathlib import Path
from tilth.assets.publishing.release import Releases
from tilth.errors import ReleaseError
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    Releases(Path(sys.argv[1])).begin("run")
except ReleaseError as error:
    print(error.got, "|", error.kept, "|", error.next)
"""
    command = [sys.executable, "-c", code, str(lake.curated), str(size // 2)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    got, kept, step = done.stdout.strip().split(" | ")
    assert got == os.strerror(27)  # EFBIG: what a limited process sees where a full disk says ENOSPC
    assert kept == "release 1 stays published"
    assert "then tilth run" in step
    assert numbers(lake) == {(1,)}
    assert publish(lake).release == 2
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_duckdbs_own_full_disk_is_told_the_same_way(lake: Lake) -> None:
    publish(lake)
    releases = Releases(lake.curated)
    with pytest.raises(ReleaseError) as caught, releases.keeping("the candidate cannot be built"):
        raise duckdb.IOException("Could not write file: No space left on device")
    assert "No space left" in caught.value.got
    with pytest.raises(ValueError, match="ours"), releases.keeping("anything"):
        raise ValueError("ours")


def test_a_clone_is_whole_however_it_was_copied(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(random.Random(1).randbytes(3_000_001))
    outside.clone(source, target)
    assert target.read_bytes() == source.read_bytes()
    outside.clone(Path("/proc/self/status"), tmp_path / "c")  # claims to be empty: nothing to copy in the kernel
    assert (tmp_path / "c").exists()


def test_numbers_go_on_after_all_that_were_seen(lake: Lake) -> None:
    assert Releases(lake.curated).next_number() == 1
    publish(lake)
    assert Releases(lake.curated).next_number() == 2
    assert Releases(lake.curated).next_number([7, 3]) == 8
