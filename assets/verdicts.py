"""Judging every record of one pull of rows, batch by batch: first each by itself, then those whose key is contested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tilth.assets.contested import HASH, repeated, resolved
from tilth.assets.lake import Lake
from tilth.assets.outcomes import PLACE, Outcomes, Verdicts, outcomes, ready_schema
from tilth.assets.parquet import Sheet
from tilth.assets.pulls import BatchRow, PullRow
from tilth.assets.refusals import with_reasons
from tilth.assets.toxic import of_fault, read_batch, version_text
from tilth.schemas.judging import Judge, Quality
from tilth.schemas.reasons import one_reason
from tilth.schemas.repeats import hash_of

__all__ = ["keys_in", "verdicts_on"]


@dataclass(frozen=True, slots=True)
class _Work:
    """The pull at hand."""

    made: Outcomes
    batches: Mapping[int, BatchRow]
    judge: Judge
    lake: Lake
    again: pl.Series  # hashes of contested keys
    contested: Sheet


def verdicts_on(
    pull: PullRow, batches: Sequence[BatchRow], judge: Judge, lake: Lake, *, version: str | None
) -> Verdicts:
    """Judge every record of a complete pull, and write its ready, aside and toxic files."""
    spec = judge.spec
    again = repeated(judge, batches, lake.storage) if spec.key else pl.Series(HASH, [], dtype=pl.UInt64)
    with outcomes(pull, batches, spec, lake, version=spec.version) as made:
        schema = pl.Schema({**ready_schema(spec), HASH: pl.UInt64()})
        work = _Work(made, made.batches, judge, lake, again, Sheet(made.scratch / "contested", schema))
        with work.contested:
            for frames, kind in _frames(work):
                _judge(work, frames, kind)
        _resolve(work, version)
    return made.verdicts()


def keys_in(pull: PullRow, batches: Sequence[BatchRow], judge: Judge, lake: Lake) -> tuple[int, int]:
    """Write the keys that a pull of keys brought; how many there are, and how many could not be read."""
    schema = pl.Schema({name: judge.spec.schema[name] for name in judge.spec.key})
    unread = 0
    with lake.storage.create(pull.ready) as file, Sheet(file, schema) as keys:
        for batch in batches:
            judged = judge.tombstones(read_batch(lake.storage, batch))
            keys.add(judged.good)
            unread += judged.toxic.height
    return keys.rows, unread


def _frames(work: _Work) -> Iterator[tuple[list[pl.DataFrame], str]]:
    """The pull's records, a batch at a time; rows all at once when a rule compares rows."""
    batches, whole = list(work.batches.values()), list[pl.DataFrame]()
    for batch in batches:
        raw = work.made.standing(read_batch(work.lake.storage, batch))
        if batch.kind == "rows" and work.judge.needs_whole:
            whole.append(raw)
        elif raw.height:
            yield [raw], batch.kind
    if whole:
        yield whole, "rows"


def _judge(work: _Work, frames: Sequence[pl.DataFrame], kind: str) -> None:
    made, raw = work.made, frames[0]
    if kind == "fault":
        made.refuse(of_fault(raw, work.batches[raw["_batch"][0]]))
        return
    judged = work.judge.tombstones(raw) if kind == "tombstones" else work.judge.rows(*frames)
    made.count(*judged.quality)
    made.refuse(judged.toxic)
    good = judged.good
    if len(work.again) and good.height:
        keys = pl.concat(map(work.judge.keys, frames)).select(*PLACE, hash_of(pl.col("_key")).alias(HASH))
        several = keys.join(work.again.to_frame(), on=HASH, how="semi")
        work.contested.add(good.join(several, on=PLACE, how="inner"))
        good = good.join(several, on=PLACE, how="anti", maintain_order="left")
    made.ready.add(good)


def _resolve(work: _Work, version: str | None) -> None:
    """The contested keys: winners are ready, losers stand aside, ties of different contents are toxic."""
    spec, made, failed = work.judge.spec, work.made, 0
    checked, content = made.ready.rows + work.contested.rows, [*spec.schema, "_deleted"]
    file = made.scratch / "contested"
    for held in resolved(file, work.contested.rows, key=spec.key, version=version, content=content):
        made.ready.add(held.filter(pl.col("outcome") == "winner"))
        for state in made.states:
            made.put_aside(held.filter(pl.col("outcome") == state), state)
        tied = held.filter(pl.col("outcome") == "unique")
        if tied.height:
            made.refuse(_condemned(work, tied, version))
            failed += tied.height
    if spec.key:
        made.count(Quality("unique", ",".join(spec.key), "error", checked, failed))


def _condemned(work: _Work, tied: pl.DataFrame, version: str | None) -> pl.DataFrame:
    spec, text = work.judge.spec, pl.col("_key")
    number = version_text(version, spec.schema[version]) if version else pl.lit(None, dtype=pl.String)
    listed = one_reason(pl.lit("unique"), ",".join(spec.key), text, "one record per key and version")
    why = tied.select(*PLACE, number.alias("version"), listed)
    told = [
        work.judge.told_of(
            read_batch(work.lake.storage, work.batches[batch])[some["_ordinal"]],
            tombstones=work.batches[batch].kind == "tombstones",
        )
        for (batch,), some in tied.group_by("_batch", maintain_order=True)
    ]
    return with_reasons(pl.concat(told), why)
