"""What a changed contract does to what is open: people's mends are carried over, and what it accepts returns.

A correction or a waiver was judged by the contract of its day, and counts under no other. So its record is judged
again with the same changes; good once more, it is mended once more, in the name of whoever did it first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.bulk import in_chunks
from tilth.assets.decisions import Decision, decisions
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.mends import ENTRY, Mender, Told, keep_mends, latest_mends, mends_since, tell
from tilth.assets.publishing.turns import waiting
from tilth.assets.pulls import judged_pulls
from tilth.assets.quarantine import open_entries
from tilth.assets.replay import judge_again
from tilth.schemas.contract import spec_of

__all__ = ["mend_changed"]

_CARRIED = "carried over from contract"
_MENDED = ("corrected", "waived")


def mend_changed(table: TableDeclaration, contract: object, lake: Lake, run: Run) -> None:
    """Bring the mends of open entries to the contract as it is: what people said first, then what it accepts by itself.

    What is mended under this contract already stays as it is, so a run killed here is done again.
    """
    if table.parsing is not None:
        return
    version = spec_of(contract).version
    with lake.state.read() as connection:
        judged = judged_pulls(connection, table.name)
        before = judged[-1].contract_version if judged else version
        if before == version and not mends_since(connection, table.name, None):
            return  # most nights of most tables: nothing changed, and nobody ever mended anything
        open = open_entries(connection, table.name)
        if open.is_empty():
            return
        said = decisions(connection, lake.storage, table.name, open)
        last = _last_mends(connection, table.name, open["id"].to_list())
    mended = [id for id, mend in last.items() if mend.contract_version == version]
    due = {id: one for id, one in said.items() if id not in last or not _follows(last[id], one, version)}
    carried = _carry(table, contract, lake, run, open, due)
    overruled = {id: one for id, one in due.items() if id in mended and id not in carried and one.entry != id}
    _overrule(table.name, lake, run, {id: (one, last[id].path) for id, one in overruled.items()})
    if before != version:
        why = f"the contract changed from {before} to {version}"
        _replay(table, contract, lake, run, open, [*mended, *carried], why)


def _last_mends(connection: sa.Connection, table: str, entries: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Entry → its latest mend, whoever made it."""
    of, found = state.mends.c, dict[str, sa.Row[Any]]()
    for ids in in_chunks(entries):
        query = sa.select(state.mends).where(of.id.in_(latest_mends(table, ids)))
        found |= {row.entry_id: row for row in connection.execute(query)}
    return found


def _follows(mend: sa.Row[Any], said: Decision, version: str) -> bool:
    """Whether an entry's latest mend is of this contract, and not older than what was decided last."""
    newer = mend.at > said.at if said.number is None else mend.id >= said.number
    return mend.contract_version == version and newer


def _mender(said: Decision) -> Mender:
    """Who it was; why tells by which contract and when it was said first."""
    why = said.why or ""
    if _CARRIED not in why:
        first = f"{_CARRIED} {said.contract_version}, said {said.at:%Y-%m-%d %H:%M}"
        why = f"{why}; {first}" if why else first
    return Mender(said.kind, said.who, why, said.expires_at)


def _carry(
    table: TableDeclaration, contract: object, lake: Lake, run: Run, open: pl.DataFrame, said: Mapping[str, Decision]
) -> list[str]:
    """Mend open entries as was decided of their record before; the ids of those that are good by it."""
    version = spec_of(contract).version
    own = {
        id: one
        for id, one in said.items()
        if one.kind in _MENDED and (one.expires_at is None or one.expires_at > run.at)
    }
    entries = open.filter(pl.col("id").is_in(list(own)))
    new = {id: {column: two[1] for column, two in (one.changes or {}).items()} for id, one in own.items()}
    waived = [id for id, one in own.items() if one.kind == "waived"]
    good = judge_again(entries, table, contract, lake, now=run.at, changes=new, waived=waived).good
    menders = {id: _mender(one) for id, one in own.items()}
    for mender in dict.fromkeys(menders.values()):
        by = {id: own[id].changes or {} for id, who in menders.items() if who == mender}
        some = good.filter(pl.col(ENTRY).is_in(list(by)))
        keep_mends(lake, table.name, run, some, mender, contract_version=version, changes=by)
    return good[ENTRY].to_list()


def _overrule(table: str, lake: Lake, run: Run, said: Mapping[str, tuple[Decision, str]]) -> None:
    """Let what was decided under other ids count more than entries' own mends (their files), which are older.

    It is good under another contract, or under none: so nothing lets these entries return.
    """
    told = list[Told]()
    for id, (one, path) in said.items():
        mender = Mender(one.kind, one.who, one.why, one.expires_at)
        told.append(Told(id, mender, one.path or path, one.contract_version, one.changes))
    tell(lake, table, run, told)


def _replay(
    table: TableDeclaration, contract: object, lake: Lake, run: Run, open: pl.DataFrame, mended: list[str], why: str
) -> None:
    """Let those of the open entries return that the contract accepts as they are.

    All are judged, also what is mended already: of two records of one key neither may go because the other one did. And
    what waits under this very contract: who it waited for may have come while there was another.
    """
    version = spec_of(contract).version
    old = pl.concat([open.filter(pl.col("contract_version") != version), waiting(open)]).unique(
        "id", maintain_order=True
    )
    if old.height:
        good = judge_again(old, table, contract, lake, now=run.at).good.filter(~pl.col(ENTRY).is_in(mended))
        keep_mends(lake, table.name, run, good, Mender("replayed", "tilth", why), contract_version=version)
