"""What it means that a release is no longer what readers see: its quarantine events undone, its tables held."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Run
from tilth.assets.lives import OPPOSITE, standing, undone
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.pulls import pending_pulls
from tilth.assets.rejudging import JUDGING, judged_by, landed_again

__all__ = ["close_rollbacks", "open_rollback", "take_back"]


def open_rollback(connection: sa.Connection, run: Run) -> None:
    """Write down, before the switch, that a rollback began: a start that finds it unfinished closes it."""
    values = {"run_id": run.id, "night": run.night, "kind": "rollback", "started_at": run.at}
    connection.execute(sa.insert(state.runs).values(values))


def close_rollbacks(connection: sa.Connection, taken: Sequence[int], run: Run) -> None:
    """Finish the rollbacks that began: 0 when releases were taken back, 1 when one died before its switch."""
    begun = (state.runs.c.kind == "rollback", state.runs.c.finished_at.is_(None))
    ended = {"finished_at": run.at, "exit": 0 if taken else 1}
    closed = connection.execute(sa.update(state.runs).where(*begun).values(ended)).rowcount
    if taken and not closed:  # somebody moved the symlink
        values = {"run_id": run.id, "night": run.night, "kind": "rollback", "started_at": run.at}
        connection.execute(sa.insert(state.runs).values(values | ended))


def take_back(connection: sa.Connection, releases: Sequence[int], current: Manifest, run: Run) -> None:
    """Undo in the state what `releases` (ascending) caused, and hold the tables whose content they changed."""
    held: dict[str, int] = {}
    _undo_events(connection, releases, current, run)
    for release in reversed(releases):
        of = state.releases.c.release == release
        manifest = connection.execute(sa.select(state.releases.c.manifest).where(of)).scalar_one()
        changed = [name for name, table in manifest["tables"].items() if table["changed_in"] == release]
        held = dict.fromkeys(changed, release) | held
        connection.execute(sa.update(state.releases).where(of).values(state="withdrawn"))
    for name, release in held.items():
        _hold(connection, name, release, current, run)


def _undo_events(connection: sa.Connection, releases: Sequence[int], current: Manifest, run: Run) -> None:
    """Append the opposite of each event that these releases caused and that stands, last one first."""
    of = state.events.c
    caused = sa.select(of.table_name).where(of.release.in_(releases), of.event.in_(OPPOSITE)).distinct()
    for table in connection.execute(caused.order_by(of.table_name)).scalars().all():
        found = sorted(_undone(connection, table, releases, current), key=lambda event: -event.id)
        shared = {"table_name": table, "run_id": run.id, "at": run.at}
        rows: list[dict[str, Any]] = [
            {
                **shared,
                "entry_id": row.entry_id,
                "event": OPPOSITE[row.event],
                "release": row.release,
                "pull_id": row.pull_id if row.release is None else None,
                "detail": f"release {row.release or min(releases)} was taken back",
            }
            for row in found
        ]
        if rows:
            connection.execute(sa.insert(state.events), rows)


def _undone(connection: sa.Connection, table: str, releases: Sequence[int], current: Manifest) -> list[sa.Row[Any]]:
    """What is undone of one table's entries: what the releases did, and what was judged on top of it.

    A pull that waits may have opened an entry that a release had closed. It is judged again then, as if that release
    had never been: by itself it would count the record twice. What a person discarded since stays discarded,
    but for what such a release refused: its record is pending again, and may come in.
    """
    of = state.events.c
    lives = _lives(connection, table, of.release.in_(releases))
    baseless = {life[-1].id for life in lives if _baseless(life, releases)}

    def taken(event: Any) -> bool:
        return event.release in releases or event.id in baseless

    found = [event for life in lives for event in undone(life, taken)]
    if not any(map(taken, chain.from_iterable(lives))):
        return found
    entry = current.tables.get(table)
    waiting = {pull.id: pull for pull in pending_pulls(connection, table, entry.pulls if entry else ())}
    judging = sa.and_(of.release.is_(None), of.pull_id.in_(list(waiting)), of.event.in_(JUDGING))
    lives = _lives(connection, table, of.release.in_(releases) | judging)
    more = [event for life in lives for event in undone(life, lambda one: taken(one) or judged_by(one, waiting))]
    if sum(map(taken, more)) == len(found):
        return found
    landed_again(connection, [*waiting.values()])
    return more


def _baseless(life: Sequence[Any], releases: Sequence[int]) -> bool:
    """Whether a life ends with the discarding of what one of these releases opened."""
    return [one.event for one in life[-2:]] == ["opened", "discarded"] and life[-2].release in releases


def _lives(connection: sa.Connection, table: str, touching: sa.ColumnElement[bool]) -> list[list[Any]]:
    """The lives (`standing`) of the entries of a table that some events are `touching`."""
    of = state.events.c
    entries = sa.select(of.entry_id).where(of.table_name == table, touching)
    query = sa.select(state.events).where(of.table_name == table, of.entry_id.in_(entries), of.event != "seen")
    return [*standing(connection.execute(query.order_by(of.id))).values()]


def _hold(connection: sa.Connection, table: str, release: int, current: Manifest, run: Run) -> None:
    reason = (
        f"release {release} was taken back, release {current.release} is current again; to publish what is pending "
        f"from now on: tilth publish accept {table} --why …"
    )
    values = {"kind": "rollback", "reason": reason, "at": run.at}
    of = state.holds.c.table_name == table
    if not connection.execute(sa.update(state.holds).where(of).values(values)).rowcount:
        connection.execute(sa.insert(state.holds).values(table_name=table, **values))
