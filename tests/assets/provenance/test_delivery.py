"""Delivery to a file: every event once, in order, whatever happened to the file, the disk or the process in between."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tilth.assets import state
from tilth.assets.database import State, open_state
from tilth.assets.lease import lease
from tilth.assets.provenance.delivery import deliver
from tilth.assets.provenance.file import Lines
from tilth.assets.provenance.transport import Position, waiting_words
from tilth.errors import Busy

NOW = datetime.now(UTC)


def events(first: int, count: int) -> list[str]:
    return [json.dumps({"n": n, "text": "ä" * (n % 5)}, ensure_ascii=False) for n in range(first, first + count)]


def fill(database: State, first: int, count: int, **more: Any) -> list[str]:
    """Events that wait."""
    told = events(first, count)
    same = {"type": "START", "job": "j", "of_run": "r", "open": False, "at": NOW, **more}
    with database.begin() as connection:
        connection.execute(
            sa.insert(state.outbox), [same | {"run_id": str(first + n), "event": event} for n, event in enumerate(told)]
        )
    return told


def waiting(database: State) -> int:
    with database.read() as connection:
        of = state.outbox.c.delivered_at
        return connection.execute(sa.select(sa.func.count()).where(of.is_(None))).scalar_one()


@pytest.fixture
def database(tmp_path: Path) -> State:
    return open_state(f"sqlite:///{tmp_path / 'state.db'}")


def test_all_that_waits_goes_in_order_and_nothing_twice(database: State, tmp_path: Path) -> None:
    lines = Lines(tmp_path / "lineage" / "events.jsonl")
    first = fill(database, 0, 450)  # more than one portion
    done = deliver(database, lines)
    assert (done.count, done.waiting, done.problem, done.remark) == (450, 0, None, None)
    second = fill(database, 450, 3)
    assert deliver(database, lines).count == 3
    assert deliver(database, lines).count == 0
    assert lines.path.read_text("utf-8").splitlines() == first + second


class Crash(Exception):
    """The process dies here."""


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.integers(1, 4)),
        st.tuples(st.just("deliver"), st.just(0)),
        st.tuples(st.just("die"), st.integers(0, 400)),  # after so many bytes
        st.tuples(st.sampled_from(["rotate", "remove", "copytruncate", "zeros"]), st.integers(1, 30)),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(ACTIONS)
def test_every_event_is_in_the_files_once_and_whole(tmp_path_factory: Any, actions: list[tuple[str, int]]) -> None:
    """`die`: the events are written, cut anywhere, and the state does not know."""
    lines = Lines(tmp_path_factory.mktemp("file") / "events.jsonl")
    position: Position | None = None
    told: list[str] = []
    pending: list[str] = []
    kept = b""  # of files that are somewhere else now
    for what, number in [*actions, ("deliver", 0)]:
        data = lines.path.read_bytes() if lines.path.exists() else b""
        if what == "tell":
            pending += events(len(told) + len(pending), number)
        elif what in ("deliver", "die"):
            position = lines.begin(position)
            taken = lines.take(pending, position, until=None)
            assert taken.problem is None
            if what == "die":
                size = lines.path.stat().st_size
                cut = max(position.size, min(size, position.size + number))
                with lines.path.open("r+b") as file:
                    file.truncate(cut)
            else:
                position, told, pending = taken.position, told + pending[: taken.count], pending[taken.count :]
        elif what in ("rotate", "remove", "copytruncate"):
            if position is not None and len(data) > position.size:
                continue  # nobody rotates in the middle of a crash
            kept += data
            lines.path.unlink(missing_ok=True)
            if what == "copytruncate" and data:
                lines.path.touch()
        elif what == "zeros" and position is not None and data:  # a power cut: the size is there, the bytes are not
            with lines.path.open("ab") as file:
                file.write(b"\0" * number)
    while pending:
        taken = lines.take(pending, lines.begin(position), until=None)
        position, told, pending = taken.position, told + pending[: taken.count], pending[taken.count :]
    written = kept + (lines.path.read_bytes() if lines.path.exists() else b"")
    assert written.rstrip(b"\0").decode("utf-8").splitlines() == told


def test_what_somebody_else_wrote_stays_and_is_never_joined(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "events.jsonl")
    lines.path.write_text('{"not": "ours"}')  # and no end of line
    position = lines.begin(None)
    position = lines.take(events(0, 2), position, until=None).position
    with lines.path.open("a") as file:
        file.write("somebody else's")
    taken = lines.take(events(2, 1), lines.begin(position), until=None)
    assert (taken.count, taken.problem) == (0, None)  # first it is noted where to go on
    assert lines.take(events(2, 1), taken.position, until=None).count == 1
    found = lines.path.read_text("utf-8").splitlines()
    assert found == ['{"not": "ours"}', *events(0, 2), "somebody else's", *events(2, 1)]


def test_a_full_disk_is_told_and_loses_nothing(database: State, tmp_path: Path) -> None:
    told = fill(database, 0, 300)
    done = deliver(database, Lines(Path("/dev/full")))
    assert (done.count, done.waiting) == (0, 300)
    assert done.remark == "lineage: 300 events wait, /dev/full cannot be written (No space left on device)"
    assert deliver(database, Lines(tmp_path / "events.jsonl")).count == 300
    assert (tmp_path / "events.jsonl").read_text("utf-8").splitlines() == told


LIMITED = """
import resource, sys
from pathlib import Path
from tilth.assets.database import open_state
from tilth.assets.provenance.delivery import deliver
from tilth.assets.provenance.file import Lines
database = open_state(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
import tilth.assets.provenance.file as file
taken = Lines(Path(sys.argv[2])).take(["x" * 100] * 40, file.Position(sys.argv[2]), until=None)
print(taken.count, taken.problem.what, Path(sys.argv[2]).stat().st_size)
"""


def test_a_write_that_fits_only_in_part_is_taken_back(database: State, tmp_path: Path) -> None:
    del database
    command = [sys.executable, "-c", LIMITED, f"sqlite:///{tmp_path / 'state.db'}", str(tmp_path / "events.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "0 cannot be written (File too large) 0\n"


def test_a_folder_that_cannot_be_written_is_told(database: State, tmp_path: Path) -> None:
    fill(database, 0, 1)
    (tmp_path / "file").touch()
    done = deliver(database, Lines(tmp_path / "file" / "events.jsonl"))
    assert done.problem is not None
    assert done.problem.next.endswith("then tilth lineage deliver")
    assert waiting(database) == 1


def test_one_process_at_a_time_delivers(database: State, tmp_path: Path) -> None:
    fill(database, 0, 1)
    with lease(database, holder="delivery of lineage", name="lineage"), pytest.raises(Busy):
        deliver(database, Lines(tmp_path / "events.jsonl"))
    with lease(database):  # a night goes on meanwhile
        assert deliver(database, Lines(tmp_path / "events.jsonl")).count == 1


RACE = """
import sys
from pathlib import Path
from tilth.assets.database import open_state
from tilth.assets.provenance.delivery import deliver
from tilth.assets.provenance.file import Lines
from tilth.errors import Busy
database = open_state(sys.argv[1])
sys.stdin.readline()
try:
    deliver(database, Lines(Path(sys.argv[2])))
except Busy:
    pass
"""


def test_processes_that_deliver_at_once_write_everything_once(database: State, tmp_path: Path) -> None:
    told = fill(database, 0, 1500)
    path = tmp_path / "events.jsonl"
    command = [sys.executable, "-c", RACE, f"sqlite:///{tmp_path / 'state.db'}", str(path)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        process.communicate("\n", timeout=120)
    assert [process.returncode for process in running] == [0, 0, 0]
    deliver(database, Lines(path))
    assert path.read_text("utf-8").splitlines() == told


def test_old_events_are_forgotten_when_they_are_delivered_and_over(database: State, tmp_path: Path) -> None:
    old = NOW - timedelta(days=31)
    fill(database, 0, 2, delivered_at=old)
    fill(database, 10, 1, delivered_at=old, open=True)  # its end is still to come
    fill(database, 20, 1, at=old)  # old, and never delivered
    fill(database, 30, 1, delivered_at=NOW - timedelta(days=29))
    deliver(database, Lines(tmp_path / "events.jsonl"))
    with database.read() as connection:
        left = connection.execute(sa.select(state.outbox.c.run_id).order_by(state.outbox.c.id)).scalars().all()
    assert left == ["10", "20", "30"]


def test_what_waits_is_told_in_one_line() -> None:
    assert waiting_words(1, "f", None) == "lineage: 1 event waits to be delivered"
    assert (
        waiting_words(1234, "https://h", "is not well (500)")
        == "lineage: 1,234 events wait, https://h is not well (500)"
    )
