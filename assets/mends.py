"""Mends: quarantined records that may return, and who let them: corrected, replayed or waived.

A mend waits until a publish lets its entry return, and stands by it afterwards: when the very same record is pulled
again, it returns again (a waiver only until it expires). Entries, as ever, are only moved by events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.bulk import in_chunks
from tilth.assets.lake import Lake, Run
from tilth.assets.lives import last_status, standing
from tilth.assets.places import mended_path
from tilth.assets.quarantine import EVENTS, record

__all__ = ["ENTRY", "MENDED", "Mender", "Told", "discard", "discards", "keep_mends", "latest_mends"]
__all__ += ["mends_of", "mends_since", "tell"]

ENTRY = "_entry"
"""The column of a mended file that names the entry."""

MENDED = pl.Schema({"id": pl.String(), "kind": pl.String(), "mended": pl.String()})
"""The mend that counts of each open entry that has one: the latest; `mended` is its file."""


@dataclass(frozen=True, slots=True)
class Mender:
    """Who lets records return, and why."""

    kind: str  # corrected | replayed | waived | discarded: who lets none return
    who: str
    why: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one entry: by whom, and the file of its record as it is good then, by that contract."""

    entry: str
    mender: Mender
    path: str
    contract_version: str
    changes: Mapping[str, Sequence[str | None]] | None = None  # source column → before, after


def keep_mends(
    lake: Lake,
    table: str,
    run: Run,
    good: pl.DataFrame,
    mender: Mender,
    *,
    contract_version: str,
    changes: Mapping[str, Mapping[str, Sequence[str | None]]] | None = None,
) -> None:
    """Keep the `good` records of `replay.Again` until a publish: the file first, then the state that names it.

    `changes`: entry id → source column → before and after.
    """
    if good.is_empty():
        return
    path, made = mended_path(table, uuid4().hex), changes or {}
    with lake.storage.create(path) as file:
        good.write_parquet(file)
    told = [Told(id, mender, path, contract_version, made.get(id)) for id in good[ENTRY]]
    tell(lake, table, run, told)


def tell(lake: Lake, table: str, run: Run, told: Sequence[Told]) -> None:
    """Write down what was said of entries of a table: from now on it is what counts of each."""
    shared = {"table_name": table, "run_id": run.id, "at": run.at}
    rows: list[dict[str, Any]] = [
        {
            **shared,
            "entry_id": one.entry,
            "kind": one.mender.kind,
            "path": one.path,
            "contract_version": one.contract_version,
            "who": one.mender.who,
            "why": one.mender.why,
            "changes": {name: [*two] for name, two in (one.changes or {}).items()} or None,
            "expires_at": one.mender.expires_at,
        }
        for one in told
    ]
    if rows:
        with lake.state.begin() as connection:
            connection.execute(sa.insert(state.mends), rows)


def mends_of(
    connection: sa.Connection, table: str, open: pl.DataFrame, *, contract_version: str, now: datetime
) -> pl.DataFrame:
    """The mends (MENDED) that let `open` entries return: by this contract, not expired, turned back or discarded."""
    of, rows = state.mends.c, list[sa.RowMapping]()
    for ids in in_chunks(open["id"].to_list()):
        query = sa.select(of.entry_id.label("id"), of.kind, of.path.label("mended"), of.at)
        query = query.where(of.id.in_(latest_mends(table, ids)), of.kind != "discarded", ~_turned_back(table, ids))
        query = query.where(of.contract_version == contract_version, of.expires_at.is_(None) | (of.expires_at > now))
        rows += connection.execute(query).mappings()
    gone = discards(connection, [row["id"] for row in rows])
    stand = [row for row in rows if row["id"] not in gone or row["at"] > gone[row["id"]].at]
    return pl.DataFrame([tuple(row.values())[:3] for row in stand], schema=MENDED, orient="row")


def latest_mends(table: str, entries: Sequence[str]) -> sa.Select[tuple[int]]:
    """The ids of these entries' latest mends: those that count."""
    of = state.mends.c
    return sa.select(sa.func.max(of.id)).where(of.entry_id.in_(entries), of.table_name == table).group_by(of.entry_id)


def discards(connection: sa.Connection, entries: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Entry → the event that discarded it last, if one did and was not taken back."""
    of, found = state.events.c, dict[str, sa.Row[Any]]()
    for ids in in_chunks(entries):
        some = sa.select(of.entry_id).where(of.entry_id.in_(ids), of.event == "discarded")
        query = sa.select(state.events).where(of.entry_id.in_(some)).order_by(of.id)
        lives = standing(connection.execute(query))
        found |= {id: one for id, life in lives.items() for one in life if one.event == "discarded"}
    return found


def _turned_back(table: str, entries: Sequence[str]) -> sa.ColumnElement[bool]:
    """That a release let the mended record in and opened it at once: refused for its company, which a mend ends not.

    Until then the same record, pulled again, had been opened by its own pull.
    """
    mend, last = state.mends.c, last_status(table, entries=entries)
    moved, opened = state.events.alias(), state.events.alias()
    return sa.exists().where(
        last.c.entry_id == mend.entry_id,
        opened.c.id == last.c.id,
        opened.c.event == "opened",
        opened.c.at >= mend.at,
        moved.c.entry_id == mend.entry_id,
        moved.c.event == mend.kind,
        moved.c.release == opened.c.release,
        moved.c.pull_id == opened.c.pull_id,
    )


def mends_since(connection: sa.Connection, table: str, at: datetime | None) -> bool:
    """Whether records of the table were mended after `at`."""
    of = state.mends.c
    query = sa.select(of.id).where(of.table_name == table).limit(1)
    found = connection.execute(query if at is None else query.where(of.at > at))
    return found.first() is not None


def discard(lake: Lake, table: str, run: Run, entries: pl.DataFrame, *, who: str, why: str) -> None:
    """Close open `entries` (quarantine.OPEN) for good: nobody will mend them."""
    columns = {"id": "entry_id", "_batch": "batch_id", "_ordinal": "ordinal"}
    moved = entries.rename(columns).with_columns(event=pl.lit("discarded")).select(EVENTS.names()).cast(EVENTS)
    with lake.state.begin() as connection:
        record(connection, table, moved, run, detail=f"{who}: {why}")
