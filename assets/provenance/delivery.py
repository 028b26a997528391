"""Delivery: what waits in the outbox goes to its place, in order, at least once; then old events are forgotten.

Off the way of a night: it comes after publishing, has a time of its own, and whatever goes wrong there is told, not
raised. One process at a time delivers. Events are forgotten after 30 days, or when 10,000 newer ones are delivered;
what was not delivered stays.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.database import State
from tilth.assets.lease import lease
from tilth.assets.provenance.transport import Position, Taken, Transport, waiting_words
from tilth.errors import TilthError

__all__ = ["Delivered", "deliver"]

_NAME = "lineage"
_CHUNK = 200  # events that are delivered before it is noted
_KEPT, _KEPT_FOR = 10_000, timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one delivery did: how many events went, how many wait, and why."""

    count: int
    waiting: int
    place: str
    problem: TilthError | None = None

    @property
    def remark(self) -> str | None:
        """One line for whoever looks at the night; None when nothing waits."""
        return None if self.problem is None else waiting_words(self.waiting, self.place, self.problem.what)


def deliver(database: State, transport: Transport, *, budget: timedelta | None = None) -> Delivered:
    """Deliver what waits, for at most `budget` (None: until all is delivered or one event is not taken).

    Busy when another process is delivering; LakeError when the state cannot be read or written.
    """
    until = None if budget is None else time.monotonic() + budget.total_seconds()
    if not _waiting(database):
        return Delivered(0, 0, transport.place)
    with lease(database, holder="delivery of lineage", name=_NAME):
        position = transport.begin(_known(database))
        _note(database, Taken(0, position), ())
        delivered = 0
        while rows := _next(database):
            taken = transport.take([event for _, event in rows], position, until=until)
            _note(database, taken, [number for number, _ in rows[: taken.count]])
            delivered, position = delivered + taken.count, taken.position
            if taken.problem is not None:
                return Delivered(delivered, _waiting(database), transport.place, taken.problem)
        _forget(database)
    return Delivered(delivered, 0, transport.place)


def _waiting(database: State) -> int:
    of = state.outbox.c
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).where(of.delivered_at.is_(None))).scalar_one()


def _next(database: State) -> Sequence[tuple[int, str]]:
    of = state.outbox.c
    query = sa.select(of.id, of.event).where(of.delivered_at.is_(None)).order_by(of.id).limit(_CHUNK)
    with database.read() as connection:
        return [(number, event) for number, event in connection.execute(query)]


def _known(database: State) -> Position | None:
    of = state.deliveries.c
    with database.read() as connection:
        row = connection.execute(sa.select(of.place, of.size).where(of.name == _NAME)).one_or_none()
    return Position(row.place, row.size) if row else None


def _note(database: State, taken: Taken, ids: Sequence[int]) -> None:
    """What was taken is delivered, and how far the place is: one transaction."""
    now, of = datetime.now(UTC), state.deliveries.c.name == _NAME
    problem = taken.problem.what if taken.problem else None
    values = {"place": taken.position.place, "size": taken.position.size, "problem": problem, "at": now}
    with database.begin() as connection:
        if ids:
            delivered = sa.update(state.outbox).where(state.outbox.c.id.in_(ids))
            connection.execute(delivered.values(delivered_at=now))
        if not connection.execute(sa.update(state.deliveries).where(of).values(values)).rowcount:
            connection.execute(sa.insert(state.deliveries).values(name=_NAME, **values))


def _forget(database: State) -> None:
    of = state.outbox.c
    with database.begin() as connection:
        newest = connection.execute(sa.select(sa.func.max(of.id))).scalar() or 0
        old = sa.or_(of.delivered_at < datetime.now(UTC) - _KEPT_FOR, of.id <= newest - _KEPT)
        connection.execute(sa.delete(state.outbox).where(of.delivered_at.is_not(None), sa.not_(of.open), old))
