"""Quarantined records judged again: as they are, with corrected values, or with rules waived.

What an entry holds is never edited. A record that is good now is judged from its landed batch, alone: rules that need
its whole pull cannot be asked again. Keeping it until a publish lets it return is `mends.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake
from tilth.assets.mends import ENTRY
from tilth.assets.outcomes import ready_schema
from tilth.assets.pulls import BatchRow, batches_named
from tilth.assets.taken import Asking, taken
from tilth.assets.toxic import read_batch
from tilth.assets.versions import version_column
from tilth.schemas.judging import REASONS, Judge
from tilth.schemas.reasons import key_text, one_reason

__all__ = ["Again", "Changes", "judge_again"]

Changes = Mapping[str, Mapping[str, str | None]]
"""Entry id → source column → the text in its place; None: no value."""

_PLACE = ["_batch", "_ordinal"]
_STILL = pl.Schema({"id": pl.String(), "reasons": REASONS})


@dataclass(frozen=True, slots=True)
class Again:
    """What became of entries that were judged again."""

    good: pl.DataFrame  # ENTRY, then as a ready file
    still: pl.DataFrame  # id, reasons: of those that stay


@dataclass(frozen=True, slots=True)
class _Work:
    lake: Lake
    judge: Judge  # of single records
    whole: frozenset[str]  # rules that need a whole pull
    changes: Changes
    good: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    still: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])


def judge_again(
    entries: pl.DataFrame,
    table: TableDeclaration,
    contract: object,
    lake: Lake,
    *,
    now: datetime,
    changes: Changes | None = None,
    waived: Collection[str] = (),
) -> Again:
    """Judge open `entries` (quarantine.OPEN) again; of those that are `waived` the contract's own rules only warn.

    Of two records of one key that are both good neither is let go, unless their versions tell which is newer: `taken`.
    """
    judge = Judge.of(contract, deleted=table.deletes.column, beside=[table.cursor] if table.cursor else [])
    exempt, good, still = pl.col("id").is_in(list(waived)), list[pl.DataFrame](), [pl.DataFrame(schema=_STILL)]
    for waive in (False, True):
        work = _work(lake, judge, changes or {}, waive=waive)
        for batch, some, columns in _alike(entries.filter(exempt == waive), work):
            _judge(work, batch, some, columns)
        good, still = [*good, *work.good], [*still, *work.still]
    asking = Asking(table.name, judge.spec, version_column(table, judge.spec), lake, now)
    together = pl.concat([pl.DataFrame(schema={ENTRY: pl.String, **ready_schema(judge.spec)}), *good])
    alone, contested = _one_per_key(together, entries, asking)
    sources = {column.source for column in judge.spec.columns if column.name in judge.spec.key}
    rekeyed = [id for id, made in (changes or {}).items() if sources & made.keys()]
    gone = pl.col(ENTRY).is_in(taken(asking, alone, entries, rekeyed))
    met = _contested(alone.filter(gone), asking)
    return Again(alone.filter(~gone), pl.concat([*still, contested, met]))


def _work(lake: Lake, judge: Judge, changes: Changes, *, waive: bool) -> _Work:
    """The contract's own rules only warn of what is waived; others ask of single records what can be asked of them."""
    rules = tuple(replace(rule, severity="warn") if waive else rule for rule in judge.rules if rule.kind == "row")
    whole = frozenset(rule.name for rule in judge.rules if rule.kind != "row")
    return _Work(lake, replace(judge, rules=rules), frozenset() if waive else whole, changes)


def _alike(entries: pl.DataFrame, work: _Work) -> Iterator[tuple[BatchRow, pl.DataFrame, tuple[str, ...]]]:
    """Entries of one batch whose same columns are changed: they can be judged as one frame."""
    with work.lake.state.read() as connection:
        batches = batches_named(connection, entries["_batch"].drop_nulls().unique().to_list())
    columns = [",".join(sorted(work.changes.get(id, ()))) for id in entries["id"]]
    for (batch, _), some in entries.with_columns(pl.Series("_columns", columns, pl.String)).group_by(
        "_batch", "_columns", maintain_order=True
    ):
        changed = tuple(sorted(work.changes.get(some["id"][0], ())))
        yield batches[int(str(batch))], some, changed


def _judge(work: _Work, batch: BatchRow, entries: pl.DataFrame, columns: tuple[str, ...]) -> None:
    if batch.kind == "fault":
        _stay(work, entries, "a whole file", "the file repaired, and delivered again")
        return
    needing = entries.filter(pl.col("rules").list.eval(pl.element().is_in(list(work.whole))).list.any())
    _stay(work, needing, "judged with its whole pull", "a pull in which it holds, or a waiver")
    alone = entries.join(needing.select("id"), on="id", how="anti", maintain_order="left")
    if alone.is_empty():
        return
    raw = read_batch(work.lake.storage, batch)[alone["_ordinal"]]
    raw = raw.with_columns(_changed(name, alone["id"], work.changes) for name in columns)
    judged = work.judge.tombstones(raw) if batch.kind == "tombstones" else work.judge.rows(raw)
    known = alone.select(pl.col("id").alias(ENTRY), *_PLACE)
    schema = {ENTRY: pl.String, **ready_schema(work.judge.spec)}
    work.good.append(judged.good.join(known, on=_PLACE).select(list(schema)).cast(pl.Schema(schema)))
    work.still.append(judged.toxic.join(known, on=_PLACE).select(pl.col(ENTRY).alias("id"), "reasons").cast(_STILL))


def _changed(name: str, ids: pl.Series, changes: Changes) -> pl.Series:
    """The column as text: the changed value of each record."""
    return pl.Series(name, [changes[id][name] for id in ids], dtype=pl.String)


def _stay(work: _Work, entries: pl.DataFrame, value: str, expected: str) -> None:
    """Entries that cannot be judged alone."""
    if entries.is_empty():
        return
    reasons = one_reason(pl.col("rules").list.first().fill_null("?"), None, pl.lit(value), expected)
    work.still.append(entries.select("id", reasons).cast(_STILL))


def _one_per_key(good: pl.DataFrame, entries: pl.DataFrame, asking: Asking) -> tuple[pl.DataFrame, pl.DataFrame]:
    """At most one good record per pull and key: the newest, if one is; the others, with the reason `unique`."""
    key = asking.spec.key
    if not key or good.is_empty():
        return good, pl.DataFrame(schema=_STILL)
    pulls = entries.select(pl.col("id").alias(ENTRY), "pull")
    told = good.join(pulls, on=ENTRY, how="left", maintain_order="left").with_columns(
        key_text(good, key).alias("_key"),
        (pl.col(asking.version) if asking.version else pl.lit(0)).rank("dense").fill_null(0).alias("_age"),
    )
    newest = pl.col("_age") == pl.col("_age").max().over("pull", "_key")
    alone = newest & (newest.sum().over("pull", "_key") == 1)
    stay = told.select(alone).to_series()
    return good.filter(stay), _contested(good.filter(~stay), asking)


def _contested(good: pl.DataFrame, asking: Asking) -> pl.DataFrame:
    """Good records that stay because another one has their key."""
    if good.is_empty():
        return pl.DataFrame(schema=_STILL)
    expected = "one record per key: discard the other"
    reasons = one_reason(pl.lit("unique"), ",".join(asking.spec.key), key_text(good, asking.spec.key), expected)
    return good.select(pl.col(ENTRY).alias("id"), reasons).cast(_STILL)
