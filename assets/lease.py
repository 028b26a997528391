"""One writer a project: who holds the lease, whether it still lives, and taking over from the dead.

A holder on this host is dead when its process is gone, or another one has its number; on another host when its
heart has not beaten for a minute. Times are the database's own where it has a clock, so that hosts need not agree.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psutil
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from tilth.assets import state as tables
from tilth.assets.database import State
from tilth.errors import Busy, LakeError

__all__ = ["Holder", "Lease", "holder_of", "lease", "refuse_if_lost"]

_WRITER = "writer"
_BEAT_S = 5.0
_DEAD_AFTER = timedelta(seconds=60)  # of a holder on another host
_SAME_START_S = 2.0  # a process's start is told to the clock tick, and shifts when the clock is set


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lease, and what it does."""

    doing: str
    host: str
    pid: int
    since: datetime
    alive: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease."""

    state: State
    token: str

    def confirm(self) -> None:
        """Raise Busy when another run took the lease over (this process was stopped for long): ask before a switch."""
        with self.state.begin() as connection:
            if not _beat(connection, self.token):
                raise _lost()


@contextmanager
def lease(state: State, holder: str = "tilth run", *, name: str = _WRITER) -> Generator[Lease]:
    """Hold the project's lease for the block; Busy when a live run holds it. Other names are leases of their own."""
    held = Lease(state, uuid4().hex)
    _take(state, held.token, holder, name)
    over = threading.Event()
    beating = threading.Thread(target=_keep_beating, args=(held, over), name="tilth-lease", daemon=True)
    beating.start()
    try:
        yield held
    finally:
        over.set()
        beating.join()
        with suppress(LakeError):  # a holder that cannot say so is dead as soon as its process ends
            _give_back(held)


def holder_of(state: State) -> Holder | None:
    """Who holds the lease now; None when it is free."""
    with state.read() as connection:
        row = connection.execute(sa.select(tables.leases).where(tables.leases.c.name == _WRITER)).mappings().first()
        return _holder(row, _now(connection)) if row else None


def refuse_if_lost(state: State) -> None:
    """Raise Busy when another process holds the lease now: asked by a publish before its switch."""
    holder = holder_of(state)
    if holder is not None and (holder.host, holder.pid) != (socket.gethostname(), os.getpid()):
        raise _lost()


def _lost() -> Busy:
    return Busy(
        "this run lost its lease: it stood still for so long that another run took over",
        kept="what was landed and judged is kept; nothing was published",
        next="tilth status",
    )


def _take(state: State, token: str, doing: str, name: str) -> None:
    try:
        with state.begin() as connection:
            query = sa.select(tables.leases).where(tables.leases.c.name == name).with_for_update()
            row = connection.execute(query).mappings().first()
            now = _now(connection)
            if row is not None:
                _refuse_if_alive(_holder(row, now))
                connection.execute(tables.leases.delete().where(tables.leases.c.name == name))
            own = {"name": name, "holder": doing, "host": socket.gethostname(), "pid": os.getpid(), "token": token}
            times = {"process_start": psutil.Process().create_time(), "taken_at": now, "beat_at": now}
            connection.execute(tables.leases.insert().values(own | times))
    except IntegrityError:  # another process inserted first
        _take(state, token, doing, name)


def _refuse_if_alive(holder: Holder) -> None:
    if holder.alive:
        who = f"{holder.doing} on host {holder.host}, process {holder.pid}, since {holder.since:%Y-%m-%d %H:%M:%S} UTC"
        raise Busy("another run is active", got=who, kept="nothing was changed", next="tilth status")


def _holder(row: sa.RowMapping, now: datetime) -> Holder:
    here = row["host"] == socket.gethostname()
    alive = _process_lives(row["pid"], row["process_start"]) if here else now - row["beat_at"] < _DEAD_AFTER
    return Holder(row["holder"], row["host"], row["pid"], row["taken_at"], alive)


def _process_lives(pid: int, start: float) -> bool:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - start) < _SAME_START_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _keep_beating(held: Lease, over: threading.Event) -> None:
    while not over.wait(_BEAT_S):
        # a database that does not answer now is asked again at the next beat
        with suppress(LakeError), held.state.begin() as connection:
            if not _beat(connection, held.token):
                return


def _beat(connection: sa.Connection, token: str) -> bool:
    own = tables.leases.update().where(tables.leases.c.token == token)
    result: sa.CursorResult[Any] = connection.execute(own.values(beat_at=_now(connection)))
    return result.rowcount == 1


def _give_back(held: Lease) -> None:
    with held.state.begin() as connection:
        connection.execute(tables.leases.delete().where(tables.leases.c.token == held.token))


def _now(connection: sa.Connection) -> datetime:
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    return connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
