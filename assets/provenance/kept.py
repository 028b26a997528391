"""The events that the state still has, for whoever wants them again."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.database import State
from tilth.errors import TilthError

__all__ = ["kept_events"]

_CHUNK = 500


def kept_events(database: State, *, since: int | None = None, run: str | None = None) -> Iterator[str]:
    """Events in their order, each a line of JSON: all, those after release `since`, those of a run or night `run`.

    A run is named by Dagster's id, or OpenLineage's, or the beginning of one. TilthError when there is none like it.
    """
    of = state.outbox.c
    conditions: list[sa.ColumnElement[bool]] = []
    with database.read() as connection:
        if since is not None:
            conditions.append(of.id > _last_of(connection, since))
        if run is not None:
            conditions.append(_of_run(connection, run))
    return _events(database, conditions)


def _events(database: State, conditions: list[sa.ColumnElement[bool]]) -> Iterator[str]:
    of, last = state.outbox.c, 0
    while True:
        query = sa.select(of.id, of.event).where(of.id > last, *conditions).order_by(of.id).limit(_CHUNK)
        with database.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        yield from (event for _, event in rows)
        last = rows[-1][0]


def _last_of(connection: sa.Connection, release: int) -> int:
    """The last event of a release; all its events come before those of later nights."""
    of = state.outbox.c
    last = connection.execute(sa.select(sa.func.max(of.id)).where(of.release == release)).scalar()
    if last is not None:
        return int(last)
    kept = connection.execute(sa.select(of.release).where(of.release.is_not(None)).distinct()).scalars().all()
    expected = f"one of {', '.join(str(number) for number in sorted(kept) if number)}" if kept else "a release"
    what = f"no events of release {release} are kept"
    raise TilthError(what, expected=expected, next="tilth lineage export")


def _of_run(connection: sa.Connection, run: str) -> sa.ColumnElement[bool]:
    of = state.outbox.c
    night = sa.select(state.runs.c.run_id).where(state.runs.c.night.startswith(run, autoescape=True))
    own = sa.or_(*(column.startswith(run, autoescape=True) for column in (of.run_id, of.of_run)))
    condition = sa.or_(own, of.of_run.in_(night))
    if not connection.execute(sa.select(sa.exists().where(condition))).scalar():
        raise TilthError(
            f"no events of a run {run} are kept", expected="an id of a run, or its beginning", next="tilth publish list"
        )
    return condition
