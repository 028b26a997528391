"""Going back, accepting, comparing, and the state that follows: whatever dies in between, whoever moves the symlink."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from publisher import START, lake_at, publish

from tilth.assets import state
from tilth.assets.lake import Lake, Run
from tilth.assets.publishing.engine import connect
from tilth.assets.publishing.history import accept, diff, list_releases, rollback
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.publishing.reconcile import confirm, intend, reconcile
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.takeback import open_rollback
from tilth.assets.publishing.verify import check_file, verify
from tilth.assets.quarantine import open_entries
from tilth.errors import ReleaseError

RUN = Run("back", "night", START + timedelta(days=90))


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = lake_at(tmp_path)
    yield replace(lake, keep_releases=9)
    lake.state.close()


def opened(lake: Lake) -> list[str]:
    with lake.state.read() as connection:
        return sorted(open_entries(connection, "alpha")["id"].to_list())


def held(lake: Lake) -> dict[str, str]:
    with lake.state.read() as connection:
        return {row.table_name: row.reason for row in connection.execute(sa.select(state.holds))}


def states(lake: Lake) -> dict[int, str]:
    with lake.state.read() as connection:
        return {row.release: row.state for row in connection.execute(sa.select(state.releases))}


def rollbacks(lake: Lake) -> list[tuple[object, ...]]:
    with lake.state.read() as connection:
        query = sa.select(state.runs.c.run_id, state.runs.c.exit).where(state.runs.c.kind == "rollback")
        return [tuple(row) for row in connection.execute(query)]


def written(lake: Lake) -> int:
    con = connect(lake.curated, True)
    try:
        return int((con.execute("SELECT max(written) FROM alpha").fetchone() or (0,))[0])
    finally:
        con.close()


def test_going_back_undoes_events_and_holds_what_it_took_back(lake: Lake) -> None:
    for _ in range(3):
        publish(lake)
    assert opened(lake) == ["e3"]
    target = rollback(lake, Releases(lake.curated), RUN)
    assert (target.release, written(lake)) == (2, 2)
    assert opened(lake) == ["e2"]
    assert states(lake) == {1: "published", 2: "published", 3: "withdrawn"}
    assert set(held(lake)) == {"alpha", "beta"}
    assert "release 3 was taken back" in held(lake)["alpha"]
    assert "tilth publish accept alpha --why" in held(lake)["alpha"]
    assert rollbacks(lake) == [("back", 0)]
    assert verify(lake).problems == ()
    rollback(lake, Releases(lake.curated), replace(RUN, id="further"), to=1)
    assert (written(lake), opened(lake)) == (1, ["e1"])
    assert publish(lake).release == 4  # never a number twice
    assert opened(lake) == ["e4"]
    assert Releases(lake.curated).manifest(4).previous == 1


def test_two_releases_back_at_once_is_the_same_as_one_after_the_other(lake: Lake) -> None:
    for _ in range(3):
        publish(lake)
    rollback(lake, Releases(lake.curated), RUN, to=1)
    assert (written(lake), opened(lake)) == (1, ["e1"])
    assert states(lake) == {1: "published", 2: "withdrawn", 3: "withdrawn"}
    with lake.state.read() as connection:
        events = connection.execute(
            sa.select(state.events.c.entry_id, state.events.c.event).order_by(state.events.c.id)
        )
        undone = [tuple(row) for row in events][-4:]
    assert undone == [("e2", "reopened"), ("e3", "withdrawn"), ("e1", "reopened"), ("e2", "withdrawn")]


@pytest.mark.parametrize("switched", [False, True])
def test_a_rollback_that_died_is_finished_or_forgotten_by_the_next_start(lake: Lake, switched: bool) -> None:
    publish(lake)
    publish(lake)
    releases = Releases(lake.curated)
    with lake.state.begin() as connection:
        open_rollback(connection, RUN)
    if switched:
        releases.switch(releases.release(1))
    done = reconcile(lake)
    assert done.taken_back == ((2,) if switched else ())
    assert opened(lake) == (["e1"] if switched else ["e2"])
    assert set(held(lake)) == ({"alpha", "beta"} if switched else set())
    assert rollbacks(lake) == [("back", 0 if switched else 1)]
    again = reconcile(lake)
    assert (again.taken_back, again.confirmed, again.abandoned) == ((), (), ())


def test_a_symlink_moved_by_hand_is_followed_back_and_forth(lake: Lake) -> None:
    publish(lake)
    publish(lake)
    releases = Releases(lake.curated)
    for _ in range(2):
        lake.curated.unlink()
        lake.curated.symlink_to(os.path.relpath(releases.release(1).path, lake.curated.parent))
        assert reconcile(lake).taken_back == (2,)
        assert (opened(lake), set(held(lake))) == (["e1"], {"alpha", "beta"})
        lake.curated.unlink()
        lake.curated.symlink_to(os.path.relpath(releases.release(2).path, lake.curated.parent))
        assert reconcile(lake).confirmed == (2,)
        assert (opened(lake), held(lake)) == (["e2"], {})
    assert verify(lake).problems == ()


def test_what_cannot_be_gone_back_to_is_told(lake: Lake) -> None:
    releases = Releases(lake.curated)
    with pytest.raises(ReleaseError, match="no release to go back to"):
        rollback(lake, releases, RUN)
    publish(lake)
    publish(lake)
    rollback(lake, releases, RUN)
    with pytest.raises(ReleaseError, match="no release to go back to"):
        rollback(lake, releases, RUN)
    publish(lake)
    for number in (2, 3, 9):  # taken back, current, never there
        with pytest.raises(ReleaseError, match=f"release {number} cannot be gone back to") as caught:
            rollback(lake, releases, replace(RUN, id="x"), to=number)
        assert caught.value.expected == "one of 1"


def test_a_damaged_release_is_not_gone_back_to(lake: Lake) -> None:
    publish(lake)
    publish(lake)
    path = Releases(lake.curated).release(1).path
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(ReleaseError, match="release 1 is not whole"):
        rollback(lake, Releases(lake.curated), RUN)
    assert written(lake) == 2


def test_going_back_mends_a_current_release_that_is_lost(lake: Lake) -> None:
    for _ in range(3):
        publish(lake)
    shutil.rmtree(lake.curated.resolve().parent)
    with pytest.raises(ReleaseError, match="is gone"):
        reconcile(lake)
    assert rollback(lake, Releases(lake.curated), RUN).release == 2
    assert (written(lake), opened(lake)) == (2, ["e2"])
    assert verify(lake).problems == ()


def test_a_curated_file_that_vanished_is_never_started_anew(lake: Lake) -> None:
    publish(lake)
    lake.curated.unlink()
    with pytest.raises(ReleaseError, match="the curated file is gone") as caught:
        reconcile(lake)
    assert caught.value.next == "tilth publish rollback"
    assert rollback(lake, Releases(lake.curated), RUN).release == 1
    assert held(lake) == {}


def test_a_state_restored_from_an_older_backup_catches_up(lake: Lake, tmp_path: Path) -> None:
    publish(lake)
    lake.state.close()
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        if (tmp_path / name).exists():
            shutil.copy(tmp_path / name, tmp_path / f"backup-{name}")
    publish(lake)
    publish(lake)
    lake.state.close()
    for path in tmp_path.glob("state.db*"):
        path.unlink()
    for path in tmp_path.glob("backup-state.db*"):
        path.rename(tmp_path / path.name.removeprefix("backup-"))
    restored = lake_at(tmp_path)
    assert opened(restored) == ["e1"]
    assert reconcile(restored).confirmed == (2, 3)
    assert opened(restored) == ["e3"]
    assert verify(restored).problems == ()
    restored.state.close()


def test_confirming_twice_changes_nothing(lake: Lake) -> None:
    manifest = publish(lake)
    before = _dump(lake)
    confirm(manifest, lake)
    reconcile(lake)
    assert _dump(lake) == before


def _dump(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    with lake.state.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table))]
            for table in (state.events, state.entries, state.books, state.holds, state.releases, state.acceptances)
        }


def test_an_acceptance_is_used_once_and_ends_the_hold(lake: Lake) -> None:
    publish(lake)
    publish(lake)
    rollback(lake, Releases(lake.curated), RUN)
    with pytest.raises(ReleaseError, match="needs a reason"):
        accept(lake.state, "alpha", causes=(), why=" ", at=RUN.at)
    accept(lake.state, "alpha", causes=(), why="the source was right", at=RUN.at)
    with lake.state.read() as connection:
        (used,) = connection.execute(sa.select(state.acceptances.c.id)).scalars()
    manifest = Releases(lake.curated).manifest(1)
    _republish(lake, replace(manifest, release=3, run_id="three", previous=1, accepted=(used,)))
    assert set(held(lake)) == {"beta"}
    with lake.state.read() as connection:
        assert list(connection.execute(sa.select(state.acceptances.c.release)).scalars()) == [3]


def _republish(lake: Lake, manifest: Manifest) -> None:
    releases = Releases(lake.curated)
    draft = releases.begin(manifest.run_id)
    bare = {name: replace(table, events=None, toxic=None) for name, table in manifest.tables.items()}
    manifest = replace(manifest, tables=bare)
    release = releases.seal(draft, manifest)
    intend(release, lake)
    releases.switch(release)
    confirm(manifest, lake)


def test_releases_are_listed_newest_first(lake: Lake) -> None:
    assert list_releases(Releases(lake.curated)) == ()
    for _ in range(3):
        publish(lake)
    rollback(lake, Releases(lake.curated), RUN)
    rows = list_releases(Releases(lake.curated))
    assert [(row.release, row.current) for row in rows] == [(3, False), (2, True), (1, False)]
    assert rows[0].tables == ("alpha", "beta")
    assert rows[0].rows == 4_000


def test_two_releases_are_compared_by_key(lake: Lake) -> None:
    publish(lake, rows=100)
    publish(lake, rows=130, tables=("alpha", "gamma"))
    publish(lake, rows=80, tables=("alpha", "gamma"))
    found = {row.table: row for row in diff(Releases(lake.curated), 1, 2)}
    assert (found["alpha"].added, found["alpha"].removed, found["alpha"].changed) == (30, 0, 100)
    assert (found["gamma"].added, found["gamma"].removed) == (130, 0)
    back = {row.table: row for row in diff(Releases(lake.curated), 3, 2)}
    assert (back["alpha"].added, back["alpha"].removed, back["alpha"].changed) == (50, 0, 80)
    assert all(row.same for row in diff(Releases(lake.curated), 2, 2))


def test_a_candidate_that_is_not_what_its_manifest_says_is_refused(lake: Lake) -> None:
    manifest = publish(lake)
    path = Releases(lake.curated).release(1).path
    check_file(path, manifest)
    for wrong, words in (
        (replace(manifest, release=7), "the catalogue"),
        (replace(manifest, tables={**manifest.tables, "gone": manifest.tables["alpha"]}), "a table is missing"),
        (replace(manifest, tables={"alpha": manifest.tables["alpha"]}), "does not name"),
        (replace(manifest, tables={n: replace(t, rows=3) for n, t in manifest.tables.items()}), "number of rows"),
    ):
        with pytest.raises(ReleaseError, match=words):
            check_file(path, wrong)


def test_verify_names_what_was_altered(lake: Lake) -> None:
    publish(lake, rows=50_000)
    manifest = publish(lake, rows=50_000)
    assert verify(lake).to_dict() == {"ok": True, "checked": verify(lake).checked, "problems": []}
    events = manifest.tables["alpha"].events
    assert events is not None
    lake.storage.delete(events)
    with lake.state.begin() as connection:
        connection.execute(sa.update(state.books).where(state.books.c.release == 1).values(inserted=1))
    path = Releases(lake.curated).release(1).path
    path.chmod(0o644)
    con = duckdb.connect(str(path))
    con.execute("DELETE FROM beta WHERE id < 10")
    con.close()
    found = {(problem.what, problem.where) for problem in verify(lake).problems}
    assert ("a file of the lake is missing", events) in found
    assert ("the file was changed after it was sealed", str(path)) in found
    assert ("the number of rows", f"{path}: beta") in found
    assert ("the release balance", "release 1, table beta") in found


def test_verify_finds_a_flipped_byte_in_the_data(lake: Lake) -> None:
    publish(lake, rows=200_000)
    path = lake.curated.resolve()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 255]))
    assert verify(lake).ok is False
