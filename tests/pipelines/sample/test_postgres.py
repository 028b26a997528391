"""The embedded server: real, reachable by password only, and gone whatever happens to whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.pipelines.conftest import default_signals
from tilth.errors import Busy
from tilth.pipelines.sample.postgres import postgres

OWNER = """
import pathlib, sys, time
from tilth.pipelines.sample.postgres import postgres
with postgres(pathlib.Path(sys.argv[1]), password="geheim", keep=len(sys.argv) > 2) as server:
    print(server.port, flush=True)
    time.sleep(600)
"""


def servers(port: int) -> list[psutil.Process]:
    """The server processes that were started for this port, and their guardians."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["cmdline"]):
        if f"port={port}" in (process.info["cmdline"] or ()):
            found.append(process)
            with suppress(psutil.Error):
                parent = process.parent()
                found += [parent] if parent and "guardian.py" in " ".join(parent.cmdline()) else []
    return found


def wait_until_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


@contextmanager
def owner(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", OWNER, str(folder), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=default_signals
    ) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach (pytest's own is closed to others)."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_it_is_a_utf8_postgresql_on_loopback_that_asks_for_the_password(tmp_path: Path) -> None:
    with postgres(tmp_path, password="säkret:/@ 1") as server:
        with psycopg.connect(server.url) as connection:
            told = connection.execute(
                "select current_setting('server_encoding'), current_setting('listen_addresses'), current_user,"
                " current_setting('unix_socket_directories'), current_database(), 'ü'::text"
            ).fetchone()
        assert told == ("UTF8", "127.0.0.1", "tilth", "", "erp", "ü")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=server.host, port=server.port, user="tilth", password="wrong", dbname="erp")
        assert "säkret" not in repr(server)
        running = servers(server.port)
        assert running
        assert all(p.uids().real != 0 for p in running if "guardian.py" not in " ".join(p.cmdline()))
    wait_until_gone(running)
    assert not (tmp_path / "postgres").exists()


def test_data_are_kept_when_asked(tmp_path: Path, open_folder: Path) -> None:
    for folder in (tmp_path, open_folder):  # for root the first is out of the server's reach: it works elsewhere
        with postgres(folder, password="p", keep=True) as server, psycopg.connect(server.url) as connection:
            connection.execute("create table kept (n int)")
        with postgres(folder, password="p") as server, psycopg.connect(server.url) as connection:
            assert connection.execute("select count(*) from kept").fetchone() == (0,)
        assert not (folder / "postgres").exists()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=["kill", "term", "ctrl-c"])
def test_nothing_runs_on_when_its_owner_ends(tmp_path: Path, end: signal.Signals) -> None:
    with owner(tmp_path) as (process, port):
        running = servers(port)
        assert len(running) >= 2
        os.killpg(process.pid, end) if end is signal.SIGINT else process.send_signal(end)
        process.wait(30)
        wait_until_gone(running)
    assert not (tmp_path / "postgres" / "pgdata").exists()


@pytest.mark.long
def test_nothing_runs_on_when_owner_and_guardian_are_killed(open_folder: Path) -> None:
    with owner(open_folder) as (process, port):
        running = servers(port)
        guardians = [each for each in running if "guardian.py" in " ".join(each.cmdline())]
        assert guardians
        for each in (process, *guardians):
            each.kill()
        wait_until_gone(running)
    with postgres(open_folder, password="geheim") as server:  # what was left behind does not matter
        psycopg.connect(server.url).close()


@pytest.mark.long
def test_data_survive_a_killed_owner(tmp_path: Path) -> None:
    with owner(tmp_path, "keep") as (process, port):
        url = f"postgresql://tilth:geheim@127.0.0.1:{port}/erp"
        with psycopg.connect(url) as connection:
            connection.execute("create table kept (n int)")
        running = servers(port)
        process.kill()
        wait_until_gone(running)
    with postgres(tmp_path, password="geheim") as server, psycopg.connect(server.url) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_a_folder_has_one_server_at_a_time(open_folder: Path) -> None:
    with postgres(open_folder), pytest.raises(Busy), postgres(open_folder):
        pass


def test_folders_of_dead_runs_are_swept(tmp_path: Path) -> None:
    dead, young = (Path(tempfile.mkdtemp(prefix="tilth-postgres-", dir="/tmp")) for _ in range(2))
    (dead / "lock").touch()
    with postgres(tmp_path):
        assert not dead.exists()
        assert young.exists()  # no lock yet: somebody may just be starting there
    then = time.time() - 3600
    os.utime(young, (then, then))
    with postgres(tmp_path):
        assert not young.exists()
