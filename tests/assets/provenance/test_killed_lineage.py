"""`kill -9` around the outbox and delivery, then a re-run: each step that completed is told once, and nothing else."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bookkeeping import events_of, everything_wrong, rows
from company import lake_in

from tilth.assets import state
from tilth.assets.provenance.events import encode

DRIVER = Path(__file__).parents[1] / "one_night.py"
OURS = "tilth.assets.provenance"
POINTS = [
    ("tilth.assets.landing:_begin:return", 1),  # a pull has begun, and says so
    (f"{OURS}.outbox:begin:return", 1),  # inside that transaction
    ("tilth.assets.landing:keep:return", 1),  # in mid-pull
    (f"{OURS}.outbox:complete:return", 1),  # inside the transaction that lands the last batch
    ("tilth.assets.landing:land:return", 1),  # landed, and told
    (f"{OURS}.pulled:begin_judging:return", 1),  # it is being judged
    (f"{OURS}.outbox:complete:return", 2),  # inside the transaction that says it is judged
    ("tilth.assets.night:_step:return", 1),
    (f"{OURS}.published:begin:return", 1),  # a publish has begun
    (f"{OURS}.published:prepared:return", 1),  # its events are made, and written nowhere
    ("tilth.assets.publishing.reconcile:intend:return", 1),  # they are kept with the release
    ("tilth.assets.publishing.release:switch:return", 1),  # readers see it, the outbox does not know
    (f"{OURS}.outbox:put_of_release:return", 1),  # inside the transaction that learns of it
    ("tilth.assets.publishing.reconcile:confirm:return", 1),  # told, not delivered
    (f"{OURS}.delivery:_note:return", 1),  # the end of the file is noted
    (f"{OURS}.file:_append:call", 1),  # the file is open
    (f"{OURS}.file:take:return", 1),  # delivered, not noted
    (f"{OURS}.delivery:_note:return", 2),  # noted
    (f"{OURS}.delivery:_forget:return", 1),
]


def run(folder: Path, night: int, *point: str) -> int:
    return subprocess.run([sys.executable, str(DRIVER), str(folder), str(night), *point], check=False).returncode


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its first night."""
    folder = tmp_path_factory.mktemp("first")
    assert run(folder, 1) == 0
    return folder


@pytest.mark.long
@pytest.mark.parametrize(("point", "hit"), POINTS)
def test_a_killed_night_is_told_as_it_was(point: str, hit: int, first: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(first, folder, symlinks=True)
    assert run(folder, 2, point, str(hit)) == -signal.SIGKILL
    assert run(folder, 2) == 0
    lake = lake_in(folder)
    assert everything_wrong(lake) == []
    outbox = rows(lake, state.outbox)
    assert (folder / "events.jsonl").read_text("utf-8").splitlines() == [row["event"] for row in outbox]
    assert all(row["delivered_at"] for row in outbox)
    killed = [event for event in events_of(lake) if event["eventType"] == "FAIL"]
    assert len(killed) <= 1
    assert all("killed or interrupted" in encode(event) for event in killed)
