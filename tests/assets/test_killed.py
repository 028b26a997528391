"""`kill -9` at any point of a night, then a re-run: the same release content as if nothing had happened."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from bookkeeping import everything_wrong
from company import frame_of, lake_in
from record_states import record_states

from tilth.assets.publishing.release import Releases

DRIVER = Path(__file__).with_name("one_night.py")
TABLES = {"parents": "id", "children": "id", "totals": "id"}

POINTS = [
    ("tilth.assets.parquet:write:call", 1),  # landing: nothing written yet
    ("tilth.assets.parquet:write:return", 1),  # a temporary file lies there
    ("tilth.assets.landing:_write:return", 2),  # Parquet is there, the state does not know
    ("tilth.assets.landing:keep:return", 1),  # in mid-pull
    ("tilth.assets.landing:land:return", 1),  # landed, not judged
    ("tilth.assets.verdicts:_resolve:call", 1),  # judging
    ("tilth.assets.verdicts:verdicts_on:return", 1),  # ready and toxic files, no transaction
    ("tilth.assets.ready:_mark_judged:return", 1),  # inside the transaction
    ("tilth.assets.ready:judge_landed:return", 1),  # judged, the other table not pulled
    ("tilth.assets.publishing.release:begin:return", 1),  # a clone lies there
    ("tilth.assets.publishing.settle:refuse_orphans:return", 2),  # settling
    ("tilth.assets.publishing.rounds:take_turn:return", 1),  # one table merged
    ("tilth.assets.publishing.derive:derive:return", 1),
    ("tilth.assets.publishing.catalog:write_catalog:return", 1),
    ("tilth.assets.publishing.release:seal:call", 1),  # built, not sealed
    ("tilth.assets.publishing.release:seal:return", 1),  # sealed, not intended
    ("tilth.assets.publishing.reconcile:intend:return", 1),  # before the switch
    ("tilth.assets.publishing.release:switch:return", 1),  # after it, the state does not know
    ("tilth.assets.publishing.reconcile:_confirm:return", 1),  # inside the transaction that learns of it
    ("tilth.assets.publishing.reconcile:confirm:return", 1),  # before garbage collection
    ("tilth.assets.publishing.release:collect:return", 1),
]


def run(folder: Path, night: int, *point: str) -> int:
    return subprocess.run([sys.executable, str(DRIVER), str(folder), str(night), *point], check=False).returncode


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its first night."""
    folder = tmp_path_factory.mktemp("first")
    assert run(folder, 1) == 0
    return folder


@pytest.fixture(scope="module")
def undisturbed(first: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """What two nights publish when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed") / "project"
    shutil.copytree(first, folder, symlinks=True)
    assert run(folder, 2) == 0
    return content(folder)


@pytest.mark.parametrize(
    ("point", "hit"),
    [pytest.param(*at, marks=[pytest.mark.long] * (number % 3 > 0)) for number, at in enumerate(POINTS)],
)
def test_a_killed_night_runs_again_as_if_nothing_had_happened(
    point: str, hit: int, first: Path, undisturbed: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(first, folder, symlinks=True)
    before = content(folder, "parents", "children")
    assert run(folder, 2, point, str(hit)) == -signal.SIGKILL
    between = content(folder, "parents", "children")
    assert all(between[n].equals(before[n]) for n in before) or all(between[n].equals(undisturbed[n]) for n in before)
    assert run(folder, 2) == 0
    after = content(folder)
    assert after.keys() == undisturbed.keys()
    for name, frame in undisturbed.items():
        assert after[name].equals(frame), name
    assert nothing_left_over(folder)
    assert everything_wrong(lake_in(folder)) == []  # and its lineage tells of nothing else


def content(folder: Path, *tables: str) -> dict[str, pl.DataFrame]:
    """What a reader sees, release numbers, run times and `_batch` aside; and the states of all records."""
    found = {
        name: frame_of(
            folder / "curated.duckdb", f"SELECT * EXCLUDE (_batch, _updated_at) FROM {name} ORDER BY {TABLES[name]}"
        )
        for name in tables or TABLES
    }
    if not tables:
        lake = lake_in(folder)
        current = Releases(lake.curated).current()
        for name in ("parents", "children"):
            states = record_states(lake, name, current)
            assert states.select("_batch", "_ordinal").is_unique().all()
            found[f"{name} states"] = states["state"].value_counts(sort=False).sort("state")
        lake.state.engine.dispose()
    return found


def nothing_left_over(folder: Path) -> bool:
    return not [path for path in folder.rglob(".tmp-*") if path.name != ".tmp-lock"]
