"""A state database that is damaged, lost, or an old copy; and a history of dagster's that is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from adversity.shop import Shop


def put(shop: Shop, content: bytes | None) -> Path:
    """Another state database in its place; None: none at all."""
    for name in ("state.db-wal", "state.db-shm", "state.db"):
        (shop.folder / "data" / name).unlink(missing_ok=True)
    path = shop.folder / "data/state.db"
    if content is not None:
        path.write_bytes(content)
    return path


def state_of(shop: Shop) -> bytes:
    """The state, as a backup has it."""
    import sqlite3

    copy = shop.folder / "backup.db"
    with sqlite3.connect(shop.folder / "data/state.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    return copy.read_bytes()


@pytest.mark.long
def test_a_damaged_state_is_told_and_a_backup_goes_on(corner: Shop) -> None:
    good = state_of(corner)
    damages = {"overwritten": b"garbage " * 2_000, "cut": good[: len(good) // 2]}
    corner.sql("insert into customers values (3, 'Cy')")
    for name, damage in damages.items():
        path = put(corner, damage)
        said = corner.tilth("run")
        assert (said.code, len(said.errors)) == (1, 1), (name, said.err)
        assert said.errors[0].startswith(f"error: {path}: the state database is damaged")
        assert "the published data and the lake are untouched" in said.errors[0]
        assert f"next: restore {path} from a backup" in said.errors[0]
        assert corner.rows() == {"customers": 2, "parcels": 2}
    put(corner, good)
    assert corner.tilth("run").code == 0
    assert corner.rows() == {"customers": 3, "parcels": 2}
    corner.proves_whole()


@pytest.mark.long
def test_a_lost_state_never_counts_new_pulls_as_published_ones(corner: Shop) -> None:
    good, lake = state_of(corner), sorted((corner.folder / "data/lake").rglob("*"))
    corner.sql("insert into customers values (3, 'Cy')")
    path = put(corner, None)
    said = corner.tilth("run")
    assert (said.code, len(said.errors)) == (1, 1), said.err
    assert said.errors[0].startswith(f"error: {path}: the state database knows less than the published release")
    assert "(expected release 1, got no release)" in said.errors[0]
    assert f"next: bring a backup of {path} back" in said.errors[0]
    assert sorted((corner.folder / "data/lake").rglob("*")) == lake
    assert corner.tilth("verify").code == 1
    put(corner, good)
    assert corner.tilth("run").code == 0
    assert corner.rows() == {"customers": 3, "parcels": 2}
    corner.proves_whole()


@pytest.mark.long
def test_an_old_copy_of_the_state_goes_back_to_its_own_release_and_on_from_there(corner: Shop) -> None:
    old = state_of(corner)
    corner.sql("insert into customers values (3, 'Cy')")
    corner.drop("b.csv", "no;weight\n3;300\n")
    assert corner.tilth("run").code == 0
    corner.sql("insert into customers values (4, 'Di')")
    put(corner, old)
    said = corner.tilth("run")
    assert said.code == 1
    assert "(expected release 2, got release 1 as its newest)" in said.errors[0]
    assert said.errors[0].endswith("next: tilth publish rollback 1")
    assert corner.tilth("publish", "rollback", "1").code == 0
    healed = corner.tilth("run")
    assert healed.code == 0, healed.err
    assert corner.rows() == {"customers": 4, "parcels": 3}
    corner.proves_whole()


@pytest.mark.long
def test_a_damaged_history_of_dagster_is_told_and_can_be_moved_aside(corner: Shop) -> None:
    home = corner.folder / "data/dagster"
    (home / "history/runs.db").write_bytes(b"garbage " * 2_000)
    corner.sql("insert into customers values (3, 'Cy')")
    said = corner.tilth("run")
    assert (said.code, len(said.errors)) == (1, 1), said.err
    assert said.errors[0].startswith(f"error: {home}: dagster's history is damaged (got file is not a database)")
    assert said.errors[0].endswith(f"next: move {home / 'history'} aside, then tilth run")
    (home / "history").rename(home / "aside")
    assert corner.tilth("run").code == 0
    assert corner.rows() == {"customers": 3, "parcels": 2}
    corner.proves_whole()
