"""From landed batches to ready rows: every record of a pull is judged, and none is lost on the way.

A pull is judged as a whole, batch by batch: first its keys alone, to know which are contested; then each batch, whose
good rows go to the ready file and whose toxic rows open quarantine entries. Files come first, then the one state
transaction that counts them; a run killed before it judges the pull again, with the same result.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.carrying import mend_changed
from tilth.assets.declared import TableDeclaration
from tilth.assets.document_verdicts import verdicts_on_documents
from tilth.assets.lake import Lake, Run
from tilth.assets.outcomes import Verdicts
from tilth.assets.provenance.pulled import Judging, begin_judging
from tilth.assets.pulls import PullRow, batches_of, landed_pulls, pull_row
from tilth.assets.quarantine import record
from tilth.assets.rejudging import take_back_changed
from tilth.assets.verdicts import keys_in, verdicts_on
from tilth.assets.versions import version_column
from tilth.errors import ContractError, NotConserved
from tilth.schemas.contract import spec_of
from tilth.schemas.judging import Judge
from tilth.schemas.reading import refuse_unpublishable
from tilth.schemas.spec import Spec

__all__ = ["Counts", "judge_changed", "judge_landed", "judge_pull"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the records of a pull."""

    pulled: int
    pending: int
    duplicate: int
    superseded: int
    quarantined: int
    superseded_open: int  # entries of earlier pulls that toxic records of this one overtook


def judge_pull(pull_id: int, table: TableDeclaration, contract: object, lake: Lake, run: Run) -> Counts:
    """Judge the pull, and whatever else of the table is landed and not judged; what became of this pull."""
    judge_landed(table, contract, lake, run)
    with lake.state.read() as connection:
        pull = pull_row(connection, pull_id)
    return Counts(pull.pulled, pull.pending, pull.duplicate, pull.superseded, pull.quarantined, pull.superseded_open)


def judge_landed(table: TableDeclaration, contract: object, lake: Lake, run: Run) -> dict[int, Counts]:
    """Judge every complete pull of the table that nobody judged, oldest first; pull id → what became of it."""
    take_back_changed(table.name, spec_of(contract).version, lake, run)
    with lake.state.read() as connection:
        waiting = landed_pulls(connection, table.name)
    mend_changed(table, contract, lake, run)
    if not waiting:
        return {}
    begun = begin_judging(lake, run, table, waiting)
    judge = Judge.of(contract, deleted=table.deletes.column, beside=[table.cursor] if table.cursor else [])
    _refuse_our_names(judge.spec)
    refuse_unpublishable(judge.spec)
    judged = {"keys": _judge_keys, "rows": _judge_rows}
    return {
        pull.id: judged[pull.kind](pull, judge, Judging(lake, run, table, judge.spec, begun.get(pull.id)))
        for pull in waiting
    }


def judge_changed(table: TableDeclaration, contract: object, lake: Lake, run: Run) -> None:
    """Before a publish: judge what waits, and what is open, by the contract as it is now.

    What was landed and never judged stays for the next ingest, as ever.
    """
    changed = take_back_changed(table.name, spec_of(contract).version, lake, run)
    with lake.state.read() as connection:
        killed = any(pull.judgings for pull in landed_pulls(connection, table.name))
    if changed or killed:
        judge_landed(table, contract, lake, run)
    mend_changed(table, contract, lake, run)  # what was opened since may be mended already


def _refuse_our_names(spec: Spec) -> None:
    for column in spec.columns:
        if column.source in ("_batch", "_ordinal") or column.name in ("_batch", "_ordinal", "_deleted"):
            raise ContractError(
                f"{column.source} is a name that Tilth keeps for itself",
                where=f"{spec.name}.{column.name}",
                next="give the column another name in the source (a view, a header)",
            )


def _judge_rows(pull: PullRow, judge: Judge, judging: Judging) -> Counts:
    lake, run, table = judging.lake, judging.run, judging.table
    with lake.state.read() as connection:
        batches = batches_of(connection, pull.id)
    if table.parsing is not None:
        verdicts = verdicts_on_documents(pull, batches, judge, lake, table.parsing)
    else:
        verdicts = verdicts_on(pull, batches, judge, lake, version=version_column(table, judge.spec))
    counts = _proved(pull, verdicts)
    rows = [asdict(one) | {"run_id": run.id, "table_name": table.name} for one in verdicts.quality]
    events = verdicts.planned.events.with_columns(pl.col("pull_id").fill_null(pull.id))
    with lake.state.begin() as connection:
        record(connection, table.name, events, run, path=pull.toxic_file)
        if rows:
            connection.execute(state.quality.insert(), rows)
        _mark_judged(connection, pull, judge, run, counts)
        judging.done(connection, pull, batches, asdict(counts), verdicts.quality)
    return counts


def _judge_keys(pull: PullRow, judge: Judge, judging: Judging) -> Counts:
    """A pull of keys holds no records: `pending` are its keys, `quarantined` those that cannot be read."""
    lake = judging.lake
    with lake.state.read() as connection:
        batches = batches_of(connection, pull.id)
    keys, unread = keys_in(pull, batches, judge, lake)
    counts = Counts(pull.pulled, keys, 0, 0, unread, 0)
    with lake.state.begin() as connection:
        _mark_judged(connection, pull, judge, judging.run, counts)
        judging.done(connection, pull, batches, asdict(counts), ())
    return counts


def _proved(pull: PullRow, verdicts: Verdicts) -> Counts:
    planned = verdicts.planned
    counts = Counts(
        verdicts.pulled,
        verdicts.pending,
        verdicts.duplicate,
        verdicts.superseded,
        planned.opened.height + verdicts.discarded,
        len(planned.superseded),
    )
    told = counts.pending + counts.duplicate + counts.superseded + counts.quarantined
    if not pull.pulled == counts.pulled == told:
        raise NotConserved(
            "a pull's records do not add up",
            where=f"table {pull.table_name}, pull {pull.number}",
            expected=f"pulled {pull.pulled}, in its files {counts.pulled}",
            got=f"pending {counts.pending} + duplicate {counts.duplicate} + superseded {counts.superseded}"
            f" + quarantined {counts.quarantined} = {told}",
            kept="the pull stays landed; nothing of it is published",
            next="tilth verify",
        )
    return counts


def _mark_judged(connection: sa.Connection, pull: PullRow, judge: Judge, run: Run, counts: Counts) -> None:
    of = state.pulls.update().where(state.pulls.c.id == pull.id)
    known = {"state": "judged", "judged_at": datetime.now(UTC), "judged_run": run.id}
    connection.execute(of.values(known | asdict(counts) | {"contract_version": judge.spec.version}))
