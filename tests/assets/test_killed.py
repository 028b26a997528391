"""`kill -9` at any point of a night, then a re-run: the same release content as if nothing had happened."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from bookkeeping import everything_wrong
from company import frame_of, lake_in
from record_states import record_states

from tilth.assets.publishing.release import Releases

NAMES = ("one_night.py", "one_library.py", "one_change.py")
ROWS, DOCUMENTS, CHANGE = (Path(__file__).with_name(name) for name in NAMES)
TABLES = {"parents": "id", "children": "id", "totals": "id"}  # by the column they are sorted by
SET = {"documents": "document", "chunks": "chunk_id"}

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

DOCUMENT_POINTS = [
    ("tilth.connectors.files.gathering:_batch:return", 1),  # pulled, not landed
    ("tilth.assets.documents.reader:answer:return", 3),  # in the middle of reading them
    ("tilth.assets.document_verdicts:_keep_elements:return", 2),
    ("tilth.assets.document_verdicts:verdicts_on_documents:return", 1),  # all files there, no transaction
    ("tilth.assets.publishing.chunks:write:return", 1),  # documents merged, chunks cut
    ("tilth.assets.publishing.derive:derive:return", 1),
    ("tilth.assets.publishing.release:switch:return", 1),
]


CHANGE_POINTS = [
    ("tilth.assets.rejudging:_opposites:return", 1),  # inside the transaction that takes a judgement back
    ("tilth.assets.rejudging:take_back_changed:return", 1),  # taken back, not judged again
    ("tilth.assets.carrying:mend_changed:return", 1),
    ("tilth.assets.verdicts:verdicts_on:return", 1),  # the files of the new judgement are there, the state has none
    ("tilth.assets.ready:_mark_judged:return", 1),  # inside the transaction that counts them
    ("tilth.assets.ready:judge_landed:return", 1),  # one table is judged again, the other is not
    ("tilth.assets.publishing.rounds:take_turn:return", 1),
    ("tilth.assets.publishing.release:switch:return", 1),
    ("tilth.assets.publishing.reconcile:_confirm:return", 1),
]


def run(driver: Path, folder: Path, night: int, *point: str) -> int:
    return subprocess.run([sys.executable, str(driver), str(folder), str(night), *point], check=False).returncode


@dataclass(frozen=True)
class Undisturbed:
    """A project after its first night, and what a second one publishes when nothing happens."""

    driver: Path
    tables: dict[str, str]
    first: Path
    content: dict[str, pl.DataFrame]

    @classmethod
    def of(cls, driver: Path, tables: dict[str, str], folder: Path) -> Undisturbed:
        first, second = folder / "first", folder / "second"
        first.mkdir()
        assert run(driver, first, 1) == 0
        shutil.copytree(first, second, symlinks=True)
        assert run(driver, second, 2) == 0
        return cls(driver, tables, first, content(second, tables))

    def kill(self, point: str, hit: int, folder: Path) -> None:
        """Kill the second night there, run it again, and compare."""
        pulled = [name for name in self.tables if name not in ("totals", "chunks")]
        shutil.copytree(self.first, folder, symlinks=True)
        before = content(folder, self.tables, *pulled)
        assert run(self.driver, folder, 2, point, str(hit)) == -signal.SIGKILL
        between = content(folder, self.tables, *pulled)
        old, new = (all(between[n].equals(all_[n]) for n in pulled) for all_ in (before, self.content))
        assert old or new
        assert run(self.driver, folder, 2) == 0
        after = content(folder, self.tables)
        assert after.keys() == self.content.keys()
        for name, frame in self.content.items():
            assert after[name].equals(frame), name
        assert nothing_left_over(folder)
        assert everything_wrong(lake_in(folder)) == []  # and its lineage tells of nothing else


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed.of(ROWS, TABLES, tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed.of(DOCUMENTS, SET, tmp_path_factory.mktemp("documents"))


@pytest.mark.parametrize(
    ("point", "hit"),
    [pytest.param(*at, marks=[pytest.mark.long] * (number > 0)) for number, at in enumerate(POINTS)],
)
def test_a_killed_night_runs_again_as_if_nothing_had_happened(
    point: str, hit: int, rows: Undisturbed, tmp_path: Path
) -> None:
    rows.kill(point, hit, tmp_path / "project")


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    tables = {name: key for name, key in TABLES.items() if name != "totals"}
    return Undisturbed.of(CHANGE, tables, tmp_path_factory.mktemp("changed"))


@pytest.mark.long
@pytest.mark.parametrize(("point", "hit"), CHANGE_POINTS)
def test_a_night_that_judges_again_is_killed_and_runs_again(
    point: str, hit: int, changed: Undisturbed, tmp_path: Path
) -> None:
    changed.kill(point, hit, tmp_path / "project")


@pytest.mark.parametrize(
    ("point", "hit"),
    [pytest.param(*at, marks=pytest.mark.long) for at in DOCUMENT_POINTS],
)
def test_a_night_of_documents_that_is_killed_runs_again(
    point: str, hit: int, documents: Undisturbed, tmp_path: Path
) -> None:
    documents.kill(point, hit, tmp_path / "project")


def content(folder: Path, tables: dict[str, str], *some: str) -> dict[str, pl.DataFrame]:
    """What a reader sees, release numbers, run times and `_batch` aside; and the states of all records."""
    found = {
        name: frame_of(
            folder / "curated.duckdb", f"SELECT * EXCLUDE (_batch, _updated_at) FROM {name} ORDER BY {tables[name]}"
        )
        for name in some or tables
    }
    if not some:
        lake = lake_in(folder)
        current = Releases(lake.curated).current()
        for name in [name for name in tables if name not in ("totals", "chunks")]:
            states = record_states(lake, name, current)
            assert states.select("_batch", "_ordinal").is_unique().all()
            found[f"{name} states"] = states["state"].value_counts(sort=False).sort("state")
        lake.state.engine.dispose()
    return found


def nothing_left_over(folder: Path) -> bool:
    return not [path for path in folder.rglob(".tmp-*") if path.name != ".tmp-lock"]
