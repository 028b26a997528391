"""Mends: quarantined records that may return, and who let them: corrected, replayed or waived.

A mend waits until a publish lets its entry return, and stands by it afterwards: when the very same record is pulled
again, it returns again (a waiver only until it expires). Entries, as ever, are only moved by events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.places import mended_path
from tilth.assets.pulls import judged_pulls
from tilth.assets.quarantine import EVENTS, open_entries, record
from tilth.assets.replay import ENTRY, judge_again
from tilth.schemas.contract import spec_of

__all__ = ["MENDED", "Mender", "discard", "keep_mends", "mends_of", "mends_since", "replay_changed"]

MENDED = pl.Schema({"id": pl.String(), "kind": pl.String(), "mended": pl.String()})
"""The mend that counts of each open entry that has one: the latest; `mended` is its file."""


@dataclass(frozen=True, slots=True)
class Mender:
    """Who lets records return, and why."""

    kind: str  # corrected | replayed | waived
    who: str
    why: str | None = None
    expires_at: datetime | None = None


def keep_mends(
    lake: Lake,
    table: str,
    run: Run,
    good: pl.DataFrame,
    mender: Mender,
    *,
    contract_version: str,
    changes: Mapping[str, Mapping[str, tuple[str | None, str | None]]] | None = None,
) -> None:
    """Keep the `good` records of `replay.Again` until a publish: the file first, then the state that names it.

    `changes`: entry id → source column → before and after.
    """
    if good.is_empty():
        return
    path = mended_path(table, uuid4().hex)
    with lake.storage.create(path) as file:
        good.write_parquet(file)
    shared = {"table_name": table, "kind": mender.kind, "path": path, "contract_version": contract_version}
    shared |= {"run_id": run.id, "who": mender.who, "why": mender.why, "at": run.at, "expires_at": mender.expires_at}
    made = changes or {}
    rows: list[dict[str, Any]] = [
        {**shared, "entry_id": id, "changes": {name: [*two] for name, two in made[id].items()} if id in made else None}
        for id in good[ENTRY]
    ]
    with lake.state.begin() as connection:
        connection.execute(sa.insert(state.mends), rows)


def replay_changed(table: TableDeclaration, contract: object, lake: Lake, run: Run) -> None:
    """When the contract has changed since the last pull was judged: let those open entries return that it accepts."""
    if table.parsing is not None:
        return
    version = spec_of(contract).version
    with lake.state.read() as connection:
        judged = judged_pulls(connection, table.name)
        if not judged or judged[-1].contract_version == version:
            return
        open = open_entries(connection, table.name).filter(pl.col("contract_version") != version)
        mended = mends_of(connection, table.name, open, contract_version=version, now=run.at)
        open = open.join(mended, on="id", how="anti", maintain_order="left")  # a run before may have done it
    if open.height:
        again = judge_again(open, table, contract, lake)
        why = f"the contract changed from {judged[-1].contract_version} to {version}"
        keep_mends(lake, table.name, run, again.good, Mender("replayed", "tilth", why), contract_version=version)


def mends_of(
    connection: sa.Connection, table: str, open: pl.DataFrame, *, contract_version: str, now: datetime
) -> pl.DataFrame:
    """The mends (MENDED) that let `open` entries return: under this contract, and not expired."""
    of = state.mends.c
    latest = sa.select(sa.func.max(of.id)).where(of.table_name == table).group_by(of.entry_id)
    query = sa.select(of.entry_id, of.kind, of.path).where(of.id.in_(latest), of.contract_version == contract_version)
    query = query.where(of.expires_at.is_(None) | (of.expires_at > now))
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=MENDED, orient="row").join(open.select("id"), on="id", how="semi")


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
