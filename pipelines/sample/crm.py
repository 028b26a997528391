"""The CRM's process through the nights: up with what it holds that night, or down. Its port stays its own.

The port is held by a socket that does not listen, so that nobody else gets it while the CRM is down: connections are
refused then.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from tilth.errors import SourceError
from tilth.pipelines.sample.crm_nights import TABLES
from tilth.pipelines.sample.crm_nights import Crm as Content
from tilth.pipelines.sample.crm_rows import Record, ordinary
from tilth.pipelines.sample.plan import Plan

__all__ = ["CLIENT", "Access", "Crm", "misbehaviour"]

CLIENT = "tilth"
_USES = 25  # of a token: it ends in mid-run
_RATE = 60  # requests a second
_FAULTS = ("unavailable", "limit", "cut", "html", "short", "expired")
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Access:
    """The project's way into the CRM's API."""

    url: str
    client: str
    secret: str = field(repr=False)


class Crm:
    """The process, and the plan it follows; `port` from the first moment on."""

    def __init__(self, plan: Plan, *, secret: str, changed: Path) -> None:
        self._plan, self._secret, self._changed = plan, secret, changed
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port = int(self._held.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        self._night = 0

    def show(self, night: int) -> None:
        """Be what the CRM is that night; again changes nothing."""
        if night == self._night:
            return
        self._stop()
        content = self._plan.nights[night].crm
        if content is not None:
            self._start(night, content)
        self._night = night

    def close(self) -> None:
        """End the process and let go of the port."""
        self._stop()
        self._held.close()

    def _start(self, night: int, content: Content) -> None:
        history = self._plan.history
        now = self._since(night)
        objects = {table: list(_texts(table, self._plan, content, now)) for table in TABLES}
        order = {
            "port": self.port,
            "client": CLIENT,
            "secret": self._secret,
            "objects": objects,
            "page": max(20, history.contacts // 40),
            "uses": _USES,
            "rate": _RATE,
            "faults": misbehaviour(history.seed, night),
        }
        program = Path(__file__).with_name("crm_server.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program), f"port={self.port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches us, not it
            cwd="/",
        )
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        if self._process.stdout.readline() != b"ready\n":
            self._stop()
            raise SourceError("the server does not start", where="the sample's CRM", next="tilth sources check crm")

    def _since(self, night: int) -> str:
        """When this night's changes were made: told once, and kept for starts after this one."""
        if night == 1:
            self._changed.unlink(missing_ok=True)
        elif not self._changed.exists():
            self._changed.write_text(datetime.now(UTC).isoformat(), encoding="utf-8")
        return self._changed.read_text(encoding="utf-8") if night > 1 else ""

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin and process.stdout
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def misbehaviour(seed: int, night: int) -> dict[str, str]:
    """By the number of a request for a page: what goes wrong with it. The one after it is always answered well."""
    rng = Random(f"{seed}/crm/faults/{night}")
    faults = list(_FAULTS) if night == 1 else [fault for fault in _FAULTS if fault != "limit"][:2]
    rng.shuffle(faults)
    return {str(number): fault for number, fault in zip(range(2 if night == 1 else 1, 99, 2), faults, strict=False)}


def _texts(table: str, plan: Plan, content: Content, now: str) -> Iterator[tuple[str, str]]:
    """Every record of a table, as the time of its last change and its JSON."""
    changes = content.changes[table]
    for records in (ordinary(table, plan.history), content.records[table]):
        for record in records:
            told: Record = {**record, **changes.get(str(record["id"]), {})}
            told["updated_at"] = told["updated_at"] or now
            yield told["updated_at"], json.dumps(told, ensure_ascii=False)
