"""What it means that a release is no longer what readers see: its quarantine events undone, its tables held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Run
from tilth.assets.lives import OPPOSITE
from tilth.assets.publishing.manifest import Manifest

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
    for release in reversed(releases):
        _undo_events(connection, release, run)
        of = state.releases.c.release == release
        manifest = connection.execute(sa.select(state.releases.c.manifest).where(of)).scalar_one()
        changed = [name for name, table in manifest["tables"].items() if table["changed_in"] == release]
        held = dict.fromkeys(changed, release) | held
        connection.execute(sa.update(state.releases).where(of).values(state="withdrawn"))
    for name, release in held.items():
        _hold(connection, name, release, current, run)


def _undo_events(connection: sa.Connection, release: int, run: Run) -> None:
    """Append the opposite of each event that the release caused and that is not undone yet, last one first."""
    of = state.events.c
    undone = sa.select(sa.func.coalesce(sa.func.max(of.id), 0)).where(
        of.release == release, of.event.in_(("reopened", "withdrawn"))
    )
    caused = sa.select(of.entry_id, of.table_name, of.event).where(
        of.release == release, of.event.in_(OPPOSITE), of.id > undone.scalar_subquery()
    )
    rows: list[dict[str, Any]] = [
        {
            "entry_id": row.entry_id,
            "table_name": row.table_name,
            "event": OPPOSITE[row.event],
            "run_id": run.id,
            "release": release,
            "at": run.at,
            "detail": f"release {release} was taken back",
        }
        for row in connection.execute(caused.order_by(of.id.desc()))
    ]
    if rows:
        connection.execute(sa.insert(state.events), rows)


def _hold(connection: sa.Connection, table: str, release: int, current: Manifest, run: Run) -> None:
    reason = (
        f"release {release} was taken back, release {current.release} is current again; to publish what is pending "
        f"from now on: tilth publish accept {table} --why …"
    )
    values = {"kind": "rollback", "reason": reason, "at": run.at}
    of = state.holds.c.table_name == table
    if not connection.execute(sa.update(state.holds).where(of).values(values)).rowcount:
        connection.execute(sa.insert(state.holds).values(table_name=table, **values))
