"""Delivery to a real server on loopback that does not always do what it should: in time, in order, and nothing lost."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from test_delivery import fill, waiting

from tilth.assets.database import State, open_state
from tilth.assets.provenance.backend import Backend
from tilth.assets.provenance.delivery import deliver
from tilth.connectors.secrets import Secret

SOON = timedelta(milliseconds=1500)  # enough for an answer on a slow machine
PATIENCE_S = 15.0  # what "in time" may take there


@dataclass
class Marquez:
    """A backend: what it was sent, and how it answers (None: 201; or a status, `slow`, `hang`, …)."""

    moods: list[object] = field(default_factory=list)  # of the next requests, the last of them for all that follow
    seen: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def mood(self) -> object:
        return self.moods.pop(0) if len(self.moods) > 1 else self.moods[0] if self.moods else None


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    """Loading the library takes a moment, which no test should wait for."""
    importlib.import_module("httpx2")


@pytest.fixture
def marquez() -> Iterator[Marquez]:
    backend = Marquez()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8")
            backend.seen.append(body)
            backend.keys.add(self.headers["Authorization"])
            backend.paths.add(self.path)
            mood = backend.mood()
            if mood == "hang":
                backend.over.wait(60)
            elif mood == "trickle":
                self._trickle()
            elif mood == "slow":
                backend.over.wait(0.05)
                self._answer(body, None)
            elif mood == "cut":
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._answer(body, mood)

        def _answer(self, body: str, mood: object) -> None:
            if mood is None:
                backend.taken.append(body)
            said = f"no: {self.headers['Authorization']}".encode() if mood else b""
            self.send_response(int(str(mood or 201)))
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def _trickle(self) -> None:
            """A byte at a time, always before a read would time out."""
            for byte in b"HTTP/1.1 201 Created\r\n" + b"X: y\r\n" * 500:
                if backend.over.wait(0.05):
                    return
                self.wfile.write(bytes([byte]))
                self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    backend.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield backend
    finally:
        backend.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def database(tmp_path: Path) -> State:
    return open_state(f"sqlite:///{tmp_path / 'state.db'}")


def test_events_are_posted_in_order_with_the_key(marquez: Marquez, database: State) -> None:
    told = fill(database, 0, 250)
    backend = Backend(marquez.url, "/lineage/here", Secret("k3y"))
    done = deliver(database, backend, budget=timedelta(seconds=60))
    assert (done.count, done.problem) == (250, None)
    assert marquez.taken == told
    assert (marquez.keys, marquez.paths) == ({"Bearer k3y"}, {"/lineage/here"})
    assert deliver(database, backend).count == 0


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        (500, "is not well (500"),
        (503, "is not well (503"),
        (401, "refuses the api_key (401"),
        (403, "refuses the api_key (403"),
        (404, "refuses an event (404"),
        (422, "refuses an event (422"),
        (301, "refuses an event (301"),
        ("cut", "does not answer ("),
        ("hang", "does not answer in time"),
        ("trickle", "does not answer in time"),
    ],
)
def test_a_backend_that_is_not_well_is_told_in_time_and_gets_all_when_it_is_back(
    mood: object, said: str, marquez: Marquez, database: State
) -> None:
    told = fill(database, 0, 20)
    marquez.moods = [None, None, None, mood]
    began = time.monotonic()
    soon = SOON if mood in ("hang", "trickle") else SOON * 10  # only these two take all the time there is
    done = deliver(database, Backend(marquez.url, api_key=Secret("k3y"), timeout=soon), budget=soon * 2)
    assert time.monotonic() - began < PATIENCE_S
    assert done.problem is not None
    assert said in (done.remark or ""), done.remark
    assert "k3y" not in f"{done.remark}{done.problem}"
    assert (done.count, done.waiting) == (3, 17)
    assert waiting(database) == 17
    marquez.moods = []
    assert deliver(database, Backend(marquez.url)).problem is None
    assert marquez.taken[-17:] == told[3:]
    assert once(marquez.taken) == told


def once(events: Sequence[str]) -> list[str]:
    """Each event where it came first."""
    return list(dict.fromkeys(events))


def test_a_backend_that_is_away_is_told(database: State) -> None:
    fill(database, 0, 37)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        began = time.monotonic()
        done = deliver(database, Backend(url), budget=timedelta(seconds=5))
    assert time.monotonic() - began < PATIENCE_S
    assert (done.count, done.waiting) == (0, 37)
    assert (done.remark or "").startswith(f"lineage: 37 events wait, {url} does not answer (")


def test_a_listener_that_never_accepts_is_given_up(database: State) -> None:
    fill(database, 0, 2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        began = time.monotonic()
        done = deliver(database, Backend(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=SOON), budget=SOON)
    assert time.monotonic() - began < PATIENCE_S
    assert done.waiting == 2
    assert "does not answer" in (done.remark or "")


def test_more_than_there_is_time_for_goes_on_next_time(marquez: Marquez, database: State) -> None:
    told = fill(database, 0, 180)
    marquez.moods = ["slow"]
    first = deliver(database, Backend(marquez.url), budget=SOON)
    assert 0 < first.count < 180
    assert (first.remark or "").endswith("does not take all events in time")
    marquez.moods = []
    assert deliver(database, Backend(marquez.url)).problem is None
    assert once(marquez.taken) == told  # the one on its way came again


WITHOUT = """
import sys
sys.modules["httpx2"] = None
from tilth.assets.database import open_state
from tilth.assets.provenance.backend import Backend
from tilth.assets.provenance.delivery import deliver
done = deliver(open_state(sys.argv[1]), Backend("http://127.0.0.1:9"))
print(done.remark)
print(*done.problem.lines(), sep=chr(10))
"""


def test_a_missing_library_is_named_with_its_install_command(database: State, tmp_path: Path) -> None:
    fill(database, 0, 1)
    command = [sys.executable, "-c", WITHOUT, f"sqlite:///{tmp_path / 'state.db'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "lineage: 1 event waits, http://127.0.0.1:9 httpx2 is not installed",
        "lineage to http://127.0.0.1:9: httpx2 is not installed",
        '  next: pip install "tilth[http]"',
    ]
