"""Pulls that wait for a publish and were judged by an older contract: their judgement is taken back, as a whole.

They are landed pulls then, judged again like any other, from their own batches. Nothing is edited: entries that they
opened are withdrawn, entries that they overtook are open again; what a person discarded stays discarded. All of it is
one transaction, so a run killed after it finds pulls that nobody judged yet. A rollback does the same where what such a
pull opened stands on what is taken back (`publishing/takeback.py`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Lake, Run
from tilth.assets.lives import OPPOSITE, last_status, standing, undone
from tilth.assets.publishing.release import Releases
from tilth.assets.pulls import PullRow, latest_keys, pending_pulls
from tilth.assets.toxic import TOXIC, read_toxic

__all__ = ["JUDGING", "discarded_of", "judged_by", "landed_again", "take_back_changed"]

JUDGING = ("opened", "superseded")
"""The events that judging a pull causes."""

_NOTHING = {"pending": 0, "duplicate": 0, "superseded": 0, "quarantined": 0, "superseded_open": 0}


def take_back_changed(table: str, version: str, lake: Lake, run: Run) -> bool:
    """Take back the judgement of the pulls of `table` that wait, if one was judged by another contract than `version`.

    Whether it was done.
    """
    with lake.state.read() as connection:
        if not _outdated(connection, table, version):
            return False
    manifest = Releases(lake.curated).current()
    entry = manifest.tables.get(table) if manifest else None
    with lake.state.begin() as connection:
        waiting = pending_pulls(connection, table, entry.pulls if entry else ())
        keys = latest_keys(connection, table)
        if keys is not None and (entry is None or entry.keys is None or keys.number > entry.keys):
            waiting = [*waiting, keys]
        old = sorted({pull.contract_version or "" for pull in waiting} - {version})
        if not old:
            return False
        why = f"to be judged again: the contract changed from {', '.join(old)} to {version}"
        events = [*_opposites(connection, waiting)]
        shared = {"table_name": table, "run_id": run.id, "at": run.at, "detail": why}
        if events:
            connection.execute(sa.insert(state.events), [event | shared for event in events])
        landed_again(connection, waiting)
    return True


def landed_again(connection: sa.Connection, pulls: Sequence[PullRow]) -> None:
    """Nobody has judged these pulls any more: whoever judges next begins with them."""
    of = state.pulls.c
    values: dict[str, Any] = {**_NOTHING, "state": "landed", "judgings": of.judgings + 1, "contract_version": None}
    values |= {"judged_at": None, "judged_run": None}
    chosen = of.id.in_([pull.id for pull in pulls])
    connection.execute(sa.update(state.pulls).where(chosen).values(values))


def judged_by(event: Any, pulls: Container[int]) -> bool:
    """Whether an event is what judging one of these pulls did to an entry."""
    return event.release is None and event.pull_id in pulls and event.event in JUDGING


def discarded_of(lake: Lake, pull: PullRow) -> pl.DataFrame:
    """The toxic records (TOXIC) of a pull that is judged again which a person has discarded: they stay so."""
    if not pull.judgings:
        return pl.DataFrame(schema=TOXIC)
    opening, last, one = state.events.alias("opening"), last_status(pull.table_name), state.events
    query = (
        sa.select(opening.c.path, opening.c.entry_id)
        .join_from(last, one, one.c.id == last.c.id)
        .join(opening, opening.c.entry_id == one.c.entry_id)
        .where(one.c.event == "discarded", one.c.pull_id == pull.id)
        .where(opening.c.event == "opened", opening.c.pull_id == pull.id, opening.c.release.is_(None))
        .order_by(opening.c.id)
    )
    with lake.state.read() as connection:
        path_of = {entry: path for path, entry in connection.execute(query)}  # its latest opening counts
    found = [pl.DataFrame(schema=TOXIC)]
    for path in dict.fromkeys(path_of.values()):
        ids = [entry for entry, where in path_of.items() if where == path]
        found.append(read_toxic(lake.storage, path, TOXIC.names()).filter(pl.col("id").is_in(ids)))
    return pl.concat(found)


def _outdated(connection: sa.Connection, table: str, version: str) -> bool:
    """Whether any judged pull knows another contract; where none does, the manifest is not read."""
    of = state.pulls.c
    query = sa.select(of.id).where(of.table_name == table, of.state == "judged", of.contract_version != version)
    return connection.execute(query.limit(1)).first() is not None


def _opposites(connection: sa.Connection, pulls: Sequence[PullRow]) -> Iterator[dict[str, Any]]:
    """The events that undo what judging these pulls did to entries, as far as it still stands."""
    of, ids = state.events.c, {pull.id for pull in pulls}
    touched = sa.select(of.entry_id).where(of.pull_id.in_(ids), of.release.is_(None), of.event.in_(JUDGING))
    query = sa.select(of.entry_id, of.event, of.release, of.pull_id).where(of.entry_id.in_(touched), of.event != "seen")
    for entry, stack in standing(connection.execute(query.order_by(of.id))).items():
        for row in undone(stack, lambda event: judged_by(event, ids)):
            yield {"entry_id": entry, "event": OPPOSITE[row.event], "pull_id": row.pull_id}
