"""One writer a project; the dead hold nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tilth.assets import state as tables
from tilth.assets.database import State, open_state
from tilth.assets.lease import holder_of, lease
from tilth.errors import Busy

_HOLD = """
import sys
from tilth.assets.database import open_state
from tilth.assets.lease import lease
with lease(open_state(sys.argv[1]), "tilth run --full"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'state.db'}"


@contextmanager
def _other_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _HOLD, _url(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def _foreign(state: State, beat_at: datetime) -> None:
    """A holder on another host, as its row would be."""
    with state.begin() as connection:
        row = {"name": "writer", "holder": "tilth run", "host": "elsewhere", "pid": 1, "process_start": 0.0}
        connection.execute(tables.leases.insert().values(row | {"token": "t", "taken_at": beat_at, "beat_at": beat_at}))


def test_a_live_holder_is_named(tmp_path: Path) -> None:
    state = open_state(_url(tmp_path))
    with _other_process(tmp_path) as process:
        with pytest.raises(Busy) as caught, lease(state, "tilth run"):
            pass
        for fact in ("tilth run --full", socket.gethostname(), str(process.pid), f"{datetime.now(UTC):%Y-%m-%d}"):
            assert fact in caught.value.got
        holder = holder_of(state)
        assert holder is not None and holder.alive and holder.pid == process.pid


def test_a_killed_holder_is_followed_at_once(tmp_path: Path) -> None:
    state = open_state(_url(tmp_path))
    with _other_process(tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(
            os.P_PID, process.pid, os.WEXITED | os.WNOWAIT
        )  # it has died and is not reaped: a zombie is dead, too
        with lease(state, "tilth run") as held:
            held.confirm()
            holder = holder_of(state)
            assert holder is not None and holder.pid == os.getpid()


def test_a_process_that_got_a_dead_ones_number_is_not_the_holder(tmp_path: Path) -> None:
    state = open_state(_url(tmp_path))
    with lease(state):
        pass
    now = datetime.now(UTC)
    with state.begin() as connection:
        row = {"name": "writer", "holder": "tilth run", "host": socket.gethostname(), "pid": os.getpid(), "token": "t"}
        connection.execute(tables.leases.insert().values(row | {"process_start": 5.0, "taken_at": now, "beat_at": now}))
    with lease(state):
        pass


def test_a_holder_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    state = open_state(_url(tmp_path))
    with pytest.raises(RuntimeError), lease(state):
        raise RuntimeError
    assert holder_of(state) is None


def test_another_host_is_judged_by_its_heartbeat(tmp_path: Path) -> None:
    state = open_state(_url(tmp_path))
    _foreign(state, datetime.now(UTC) - timedelta(seconds=30))
    with pytest.raises(Busy, match="elsewhere"), lease(state):
        pass
    with state.begin() as connection:
        connection.execute(tables.leases.update().values(beat_at=datetime.now(UTC) - timedelta(seconds=61)))
    with lease(state):
        pass


def test_a_lease_that_was_taken_over_is_lost_and_says_so(tmp_path: Path) -> None:
    state = open_state(_url(tmp_path))
    with lease(state) as held:
        with state.begin() as connection:
            connection.execute(tables.leases.update().values(token="another"))
        with pytest.raises(Busy, match="lost its lease"):
            held.confirm()
    holder = holder_of(state)
    assert holder is not None  # the new holder's row is not this one's to delete
