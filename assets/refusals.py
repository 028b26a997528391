"""Records that were good on their own and are refused by the company they keep: as toxic rows with raw values.

Settling and the building of derived tables refuse; what quarantine keeps of it is the same as of any toxic row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from tilth.assets.pulls import BatchRow
from tilth.assets.storage import Storage
from tilth.assets.toxic import TOXIC, entry_id, read_batch, rules_of, with_ids
from tilth.schemas.judging import REASON, REASONS, Judge

__all__ = ["as_entries", "built_toxic", "refused_rows", "settled_toxic", "told_at", "with_reasons"]

_PLACE = ["_batch", "_ordinal"]
_KINDS = dict.fromkeys(("unique", "functional_dependency", "sequence", "gap"), "set")  # others are of kind join


def settled_toxic(
    refused: pl.DataFrame,
    table: str,
    judge: Judge,
    batches: Mapping[int, BatchRow],
    storage: Storage,
    corrected: bool,
) -> pl.DataFrame:
    """What settling refused (_batch, _ordinal, rule, column, value, expected: a line a reason) as TOXIC, in order."""
    told = told_at(refused, judge, batches, storage)
    toxic = refused_rows(told, refused, judge, corrected=corrected)
    return with_ids(toxic.sort(_PLACE), batches, table, judge.spec.version)


def told_at(places: pl.DataFrame, judge: Judge, batches: Mapping[int, BatchRow], storage: Storage) -> pl.DataFrame:
    """`Judge.told_of` the landed records at these places (_batch, _ordinal), each once."""
    told: list[pl.DataFrame] = []
    for (batch,), some in places.group_by("_batch", maintain_order=True):
        known = batches[int(str(batch))]
        rows = read_batch(storage, known)[some["_ordinal"].unique().sort()]
        found = judge.told_of(rows, tombstones=known.kind == "tombstones")
        told.append(found.select(*_PLACE, "key", "version", "raw", "read", "reasons"))
    return pl.concat(told)


def built_toxic(told: pl.DataFrame, table: str, judge: Judge) -> pl.DataFrame:
    """Toxic rows of a derived table as TOXIC: known by their key, else by what they hold."""
    rows = told.select("key", "raw").iter_rows()
    ids = [entry_id(table, key if key is not None else [], raw, judge.spec.version) for key, raw in rows]
    version = pl.lit(judge.spec.version).alias("contract_version")
    return told.with_columns(pl.Series("id", ids, dtype=pl.String), version).select(TOXIC.names()).cast(TOXIC)


def refused_rows(told: pl.DataFrame, refused: pl.DataFrame, judge: Judge, *, corrected: bool = False) -> pl.DataFrame:
    """`Judge.told_of` rows (with _batch, _ordinal) that `refused` has reasons for: all of TOXIC but ids."""
    lines = refused.join(told.select(*_PLACE, "raw"), on=_PLACE, how="inner", maintain_order="left")
    sources = {column.name: column.source for column in judge.spec.columns}
    values = [
        value if corrected else json.loads(raw).get(sources.get(column, column), value)
        for raw, column, value in lines.select("raw", "column", "value").iter_rows()
    ]
    kinds = pl.col("rule").replace_strict(_KINDS, default="join")
    lines = lines.with_columns(pl.Series("value", values, dtype=pl.String), kind=kinds, severity=pl.lit("error"))
    why = lines.group_by(_PLACE, maintain_order=True).agg(pl.struct(*REASON.to_schema()).alias("reasons"))
    return with_reasons(told, why.with_columns(pl.col("reasons").cast(REASONS)))


def with_reasons(told: pl.DataFrame, why: pl.DataFrame) -> pl.DataFrame:
    """`Judge.told_of` some rows, and _batch, _ordinal, reasons (version) why those are toxic: all of TOXIC but ids."""
    version = "version" if "version" in why.columns else pl.lit(None, dtype=pl.String).alias("version")
    both = told.rename({"reasons": "warned"}).drop("version").join(why, on=_PLACE)
    return both.select(*_PLACE, "key", version, "raw", "read", pl.concat_list("reasons", "warned").alias("reasons"))


def as_entries(toxic: pl.DataFrame, *, pull_id: int | None, number: int) -> pl.DataFrame:
    """TOXIC with what `quarantine.plan_opening` asks beside it."""
    return toxic.with_columns(
        pl.lit(pull_id, pl.Int64).alias("pull_id"),
        pl.lit(number, pl.Int64).alias("pull"),
        rules_of(pl.col("reasons")).alias("rules"),
    )
