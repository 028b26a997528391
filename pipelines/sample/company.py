"""The sample company's systems, running while a block runs: an ERP, a CRM, a drop folder, a share with price lists.

They stand below `data/systems` of the project, where its connections look for port, password and folders. One process
owns them; whoever else enters meanwhile joins it. What they hold stays between starts, and each start after a night
that was published finds the company one night on.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilth.errors import Busy, SourceError
from tilth.pipelines.sample.crm import CLIENT, Access, Crm
from tilth.pipelines.sample.erp import READER, Erp
from tilth.pipelines.sample.plan import NIGHTS, Plan, plan
from tilth.pipelines.sample.postgres import Server, postgres
from tilth.pipelines.sample.shares import show

__all__ = ["Company", "company"]

_SEED, _LINES = 7, 200_000
_ADMIN = "erp_admin"
_JOIN_S = 120.0


@dataclass(slots=True)
class Company:
    """The running systems. `erp` and `crm` are the project's ways in (they may only read), `admin` the superuser's."""

    folder: Path
    erp: Server
    admin: Server
    crm: Access
    _owned: tuple[Plan, Erp, Crm] | None = field(default=None, repr=False)

    @property
    def systems(self) -> Path:
        """The folder of the systems: `legacy`, `pricing`, `truth.json`."""
        return _place(self.folder)

    @property
    def truth(self) -> Mapping[str, Any]:
        """The content of `truth.json`."""
        return json.loads((self.systems / "truth.json").read_text(encoding="utf-8"))

    @property
    def current_night(self) -> int:
        """The night the company is in."""
        return int(_record(self.systems)["night"])

    def night(self, number: int) -> None:
        """Bring all systems to this night; again changes nothing, and there is no way back."""
        story, erp, crm = self._ours()
        if not erp.night <= number <= NIGHTS:
            raise SourceError(
                f"night {number} cannot be reached",
                where="the sample company",
                got=f"night {erp.night}",
                next="make run",
            )
        erp.advance(number)
        crm.show(number)
        show(self.systems, story.nights[number], number)
        if self.current_night != number:
            _remember(self.systems, story, number)

    def after_first_pull(self) -> None:
        """Commit the ERP's open transaction; the second night does it by itself."""
        self._ours()[1].commit_late()

    def _ours(self) -> tuple[Plan, Erp, Crm]:
        if self._owned is None:
            raise Busy(
                "the sample company is run by another process",
                where=str(self.systems),
                next="stop the other make run, make ui or tilth run",
            )
        return self._owned


@contextmanager
def company(
    folder: Path, *, seed: int | None = None, lines: int | None = None, night: int | None = None, keep: bool = True
) -> Generator[Company]:
    """The company of the project in `folder`: seed, size and night as they were, at first 7, 200,000 lines, night 1."""
    systems = _place(folder.resolve())
    systems.mkdir(parents=True, exist_ok=True)
    lock = _own_or_join(systems)
    if lock is None:
        erp = _server(systems, READER, "erp.password")
        yield Company(folder.resolve(), erp, _server(systems, _ADMIN, "erp.admin"), _access(systems))
        return
    try:
        record = _record(systems)
        seed = record.get("seed", _SEED) if seed is None else seed
        story = plan(seed=seed, lines=record.get("lines", _LINES) if lines is None else lines)
        same = record == _told(story, int(record.get("night", 0)))
        wanted = night or (_tonight(folder.resolve(), systems, record) if same else 1)
        with _running(systems, story, wanted, keep=keep) as running:
            yield running
    finally:
        os.close(lock)


@contextmanager
def _running(systems: Path, story: Plan, night: int, *, keep: bool) -> Generator[Company]:
    (systems / "ready").unlink(missing_ok=True)
    admin = _secret(systems / "erp.admin")
    with postgres(systems, password=admin, user=_ADMIN, database="erp", keep=keep) as server:
        password = _secret(systems / "erp.password")
        erp, crm = (
            Erp(server, story),
            Crm(story, secret=_secret(systems / "crm.secret"), changed=systems / "crm.changed"),
        )
        try:
            erp.start(night, password=password)
            crm.show(night)
            show(systems, story.nights[night], night)
            _write(systems / "truth.json", story.truth)
            _write(systems / "erp.port", str(server.port), mode=0o600)
            _write(systems / "crm.url", f"http://127.0.0.1:{crm.port}", mode=0o600)
            if _record(systems) != _told(story, night):
                _remember(systems, story, night)
            _write(systems / "ready", str(os.getpid()))
            reader = _server(systems, READER, "erp.password")
            yield Company(systems.parent.parent, reader, server, _access(systems), _owned=(story, erp, crm))
        finally:
            crm.close()
            erp.close()
            (systems / "ready").unlink(missing_ok=True)


def _place(folder: Path) -> Path:
    return folder / "data" / "systems"


def _own_or_join(systems: Path) -> int | None:
    """The lock of the systems; None when another process holds it and they are up."""
    handle = os.open(systems / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + _JOIN_S
    while time.monotonic() < until:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if (systems / "ready").exists():
                os.close(handle)
                return None
            time.sleep(0.1)
            continue
        return handle
    os.close(handle)
    raise Busy(
        "another process is starting or stopping the sample company, and does not end",
        where=str(systems),
        next="stop the other make run, make ui or tilth run",
    )


def _tonight(folder: Path, systems: Path, record: Mapping[str, int]) -> int:
    """The recorded night; the next one when a release was published in it."""
    with suppress(FileNotFoundError):
        published = (folder / "data" / "curated.duckdb").lstat().st_mtime_ns
        if published > (systems / "world.json").stat().st_mtime_ns:
            return min(int(record["night"]) + 1, NIGHTS)
    return int(record["night"])


def _told(story: Plan, night: int) -> dict[str, int]:
    return {"seed": story.history.seed, "lines": story.history.lines, "night": night}


def _remember(systems: Path, story: Plan, night: int) -> None:
    _write(systems / "world.json", json.dumps(_told(story, night)))


def _record(systems: Path) -> dict[str, int]:
    try:
        return json.loads((systems / "world.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _server(systems: Path, user: str, password: str) -> Server:
    port, secret = ((systems / name).read_text(encoding="utf-8") for name in ("erp.port", password))
    return Server("127.0.0.1", int(port), user, secret, "erp")


def _access(systems: Path) -> Access:
    url, secret = ((systems / name).read_text(encoding="utf-8") for name in ("crm.url", "crm.secret"))
    return Access(url, CLIENT, secret)


def _secret(path: Path) -> str:
    """The password kept in `path`, or a new one. A database whose password is lost is made anew."""
    if path.exists():
        return path.read_text(encoding="utf-8")
    if path.name == "erp.admin":
        shutil.rmtree(path.with_name("postgres"), ignore_errors=True)
    password = secrets.token_urlsafe(18)
    _write(path, password, mode=0o600)
    return password


def _write(path: Path, text: str, *, mode: int = 0o644) -> None:
    hidden = path.with_name(f".{path.name}")
    hidden.unlink(missing_ok=True)
    with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    hidden.replace(path)
