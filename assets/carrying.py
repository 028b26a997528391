"""What a changed contract does to what is open: people's mends are carried over, and what it accepts returns.

A correction or a waiver was judged by the contract of its day, and counts under no other. So its record is judged
again with the same changes; good once more, it is mended once more, in the name of whoever did it first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.mends import Mender, keep_mends, latest_mends, mended_under
from tilth.assets.pulls import judged_pulls
from tilth.assets.quarantine import open_entries
from tilth.assets.replay import ENTRY, judge_again
from tilth.assets.same_record import same_records
from tilth.schemas.contract import spec_of

__all__ = ["mend_changed"]

_CARRIED = "carried over from contract"


@dataclass(frozen=True, slots=True)
class _Mend:
    """What a person said of a record, under another contract."""

    mender: Mender
    changes: Mapping[str, Sequence[str | None]]  # source column → before, after


def mend_changed(table: TableDeclaration, contract: object, lake: Lake, run: Run) -> None:
    """Bring the mends of open entries to the contract as it is: those of people first, then what it accepts by itself.

    What is mended under this contract already stays as it is, so a run killed here is done again.
    """
    if table.parsing is not None:
        return
    version = spec_of(contract).version
    with lake.state.read() as connection:
        people = _of_people(connection, table.name, version, run.at)
        judged = judged_pulls(connection, table.name)
        before = judged[-1].contract_version if judged else version
        if not people and before == version:
            return
        open = open_entries(connection, table.name)
        mended = mended_under(connection, table.name, version)
        waiting = open.filter(~pl.col("id").is_in(mended))
        pairs = same_records(connection, lake.storage, table.name, list(people), waiting)
    mended += _carry(table, contract, lake, run, waiting, {id: people[former] for former, id in pairs.iter_rows()})
    if before != version:
        why = f"the contract changed from {before} to {version}"
        _replay(table, contract, lake, run, open, mended, why)


def _of_people(connection: sa.Connection, table: str, version: str, now: datetime) -> dict[str, _Mend]:
    """Entry → its latest mend, if a person made it under another contract; oldest first."""
    of = state.mends.c
    query = sa.select(state.mends).where(
        of.id.in_(latest_mends(table)), of.contract_version != version, of.kind != "replayed"
    )
    query = query.where(of.expires_at.is_(None) | (of.expires_at > now)).order_by(of.id)
    rows = connection.execute(query).mappings()
    return {row["entry_id"]: _Mend(_mender(row), row["changes"] or {}) for row in rows}


def _mender(row: sa.RowMapping) -> Mender:
    """Who it was; why tells by which contract and when it was said first."""
    why = row["why"] or ""
    if _CARRIED not in why:
        first = f"{_CARRIED} {row['contract_version']}, said {row['at']:%Y-%m-%d %H:%M}"
        why = f"{why}; {first}" if why else first
    return Mender(row["kind"], row["who"], why, row["expires_at"])


def _carry(
    table: TableDeclaration, contract: object, lake: Lake, run: Run, open: pl.DataFrame, mends: Mapping[str, _Mend]
) -> list[str]:
    """Mend open entries as their record was mended before; the ids of those that are good by it."""
    version, carried = spec_of(contract).version, list[str]()
    for kind in ("corrected", "waived"):
        own = {id: mend for id, mend in mends.items() if mend.mender.kind == kind}
        entries = open.filter(pl.col("id").is_in(list(own)))
        new = {id: {column: after for column, (_, after) in mend.changes.items()} for id, mend in own.items()}
        good = judge_again(entries, table, contract, lake, changes=new, waive=kind == "waived").good
        for mender in dict.fromkeys(mend.mender for mend in own.values()):
            by = {id: mend.changes for id, mend in own.items() if mend.mender == mender}
            some = good.filter(pl.col(ENTRY).is_in(list(by)))
            keep_mends(lake, table.name, run, some, mender, contract_version=version, changes=by)
        carried += good[ENTRY].to_list()
    return carried


def _replay(
    table: TableDeclaration, contract: object, lake: Lake, run: Run, open: pl.DataFrame, mended: list[str], why: str
) -> None:
    """Let those of the open entries return that the contract accepts as they are.

    All are judged, also what is mended already: of two records of one key neither may go because the other one did.
    """
    version = spec_of(contract).version
    old = open.filter(pl.col("contract_version") != version)
    if old.height:
        good = judge_again(old, table, contract, lake).good.filter(~pl.col(ENTRY).is_in(mended))
        keep_mends(lake, table.name, run, good, Mender("replayed", "tilth", why), contract_version=version)
