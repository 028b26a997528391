"""What becomes of each record of one pull: a good row, an entry of the quarantine, or a record that stands aside.

Everything is written batch by batch; what a killed run leaves here is named by nobody.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tilth.assets import parquet
from tilth.assets.contested import HASH, hash_of, repeated, resolved
from tilth.assets.lake import Lake
from tilth.assets.parquet import Sheet
from tilth.assets.places import aside_path, toxic_path
from tilth.assets.pulls import BatchRow, PullRow
from tilth.assets.quarantine import OPEN, Planned, open_entries, plan_opening
from tilth.assets.toxic import TOXIC, of_fault, read_batch, rules_of, version_text, with_ids, with_raw
from tilth.schemas.judging import REASONS, Judge, Judged, Quality
from tilth.schemas.spec import Severity

__all__ = ["ASIDE", "Verdicts", "keys_in", "ready_schema", "verdicts_on"]

ASIDE = pl.Schema({"_batch": pl.Int64(), "_ordinal": pl.Int64(), "state": pl.String()})
"""Records that stand for nothing of their own: state is duplicate or superseded."""

_PLACE = ["_batch", "_ordinal"]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of a pull's records, counted where they were written."""

    pulled: int
    pending: int
    duplicate: int
    superseded: int
    planned: Planned
    quality: Sequence[Quality]


@dataclass(slots=True)
class _Work:
    """The pull at hand, and the files that grow while it is judged."""

    pull: PullRow
    batches: Mapping[int, BatchRow]
    judge: Judge
    lake: Lake
    again: pl.Series  # hashes of contested keys
    ready: Sheet
    aside: Sheet
    toxic: Sheet
    contested: Sheet
    pulled: int = 0
    stood_aside: dict[str, int] = field(default_factory=lambda: {"duplicate": 0, "superseded": 0})
    quality: dict[tuple[str, str | None, Severity], tuple[int, int]] = field(default_factory=dict)


def ready_schema(judge: Judge) -> pl.Schema:
    """The columns of a ready file: the contract's, then each row's origin, and whether it is a tombstone."""
    place = {"_batch": pl.Int64(), "_ordinal": pl.Int64(), "_deleted": pl.Boolean()}
    return pl.Schema({**judge.spec.schema, **place})


def verdicts_on(
    pull: PullRow, batches: Sequence[BatchRow], judge: Judge, lake: Lake, *, version: str | None
) -> Verdicts:
    """Judge every record of a complete pull, and write its ready, aside and toxic files."""
    schema = ready_schema(judge)
    again = repeated(judge, batches, lake.storage) if judge.spec.key else pl.Series(HASH, [], dtype=pl.UInt64)
    with lake.storage.scratch() as scratch, lake.storage.create(pull.ready) as file:
        contested = Sheet(scratch / "contested", pl.Schema({**schema, HASH: pl.UInt64()}))
        toxic = Sheet(scratch / "toxic", TOXIC)
        with Sheet(file, schema) as ready, Sheet(scratch / "aside", ASIDE) as aside:
            named = {batch.id: batch for batch in batches}
            work = _Work(pull, named, judge, lake, again, ready, aside, toxic, contested)
            with toxic:
                with contested:
                    for raw, kind in _frames(work):
                        _judge(work, raw, kind)
                _resolve(work, scratch / "contested", version)
            planned = _plan(work, scratch / "toxic")
            _put_aside(work, planned.seen, "duplicate")
        _keep_toxic(work, scratch / "toxic", planned)
        _keep_aside(work, scratch / "aside")
    quality = [Quality(*rule, *counts) for rule, counts in work.quality.items()]
    return Verdicts(work.pulled, ready.rows, planned=planned, quality=quality, **work.stood_aside)


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


def _frames(work: _Work) -> Iterator[tuple[pl.DataFrame, str]]:
    """The pull's records, a batch at a time; rows all at once when a rule compares rows."""
    batches, whole = list(work.batches.values()), list[pl.DataFrame]()
    for batch in batches:
        raw = read_batch(work.lake.storage, batch)
        if batch.kind == "rows" and work.judge.needs_whole:
            whole.append(raw)
        else:
            yield raw, batch.kind
    if whole:
        yield pl.concat(whole, how="diagonal_relaxed"), "rows"


def _judge(work: _Work, raw: pl.DataFrame, kind: str) -> None:
    work.pulled += raw.height
    if kind == "fault":
        _refuse(work, of_fault(raw, work.batches[raw["_batch"][0]]))
        return
    judged = work.judge.tombstones(raw) if kind == "tombstones" else work.judge.rows(raw)
    _count_quality(work, judged)
    _refuse(work, judged.toxic)
    good = judged.good
    if len(work.again) and good.height:
        keys = work.judge.keys(raw).select(*_PLACE, hash_of(pl.col("_key")))
        several = keys.join(work.again.to_frame(), on=HASH, how="semi")
        work.contested.add(good.join(several, on=_PLACE, how="inner"))
        good = good.join(several, on=_PLACE, how="anti", maintain_order="left")
    work.ready.add(good)


def _refuse(work: _Work, toxic: pl.DataFrame) -> None:
    if toxic.height:
        work.toxic.add(with_ids(toxic, work.batches, work.pull.table_name, work.judge.spec.version))


def _put_aside(work: _Work, records: pl.DataFrame, state: str) -> None:
    work.stood_aside[state] += records.height
    work.aside.add(records.select(*_PLACE, pl.lit(state).alias("state")))


def _count_quality(work: _Work, judged: Judged) -> None:
    for one in judged.quality:
        rule = (one.rule, one.column, one.severity)
        checked, failed = work.quality.get(rule, (0, 0))
        work.quality[rule] = (checked + one.checked, failed + one.failed)


def _resolve(work: _Work, file: Path, version: str | None) -> None:
    """The contested keys: winners are ready, losers stand aside, ties of different contents are toxic."""
    spec, checked, failed = work.judge.spec, work.ready.rows + work.contested.rows, 0
    content = [*spec.schema, "_deleted"]
    for held in resolved(file, work.contested.rows, key=spec.key, version=version, content=content):
        work.ready.add(held.filter(pl.col("outcome") == "winner"))
        for state in work.stood_aside:
            _put_aside(work, held.filter(pl.col("outcome") == state), state)
        tied = held.filter(pl.col("outcome") == "unique")
        if tied.height:
            _refuse(work, _condemned(work, tied, version))
            failed += tied.height
    if spec.key:
        work.quality["unique", ",".join(spec.key), "error"] = (checked, failed)


def _condemned(work: _Work, tied: pl.DataFrame, version: str | None) -> pl.DataFrame:
    spec, text = work.judge.spec, pl.col("_key")
    number = version_text(version, spec.schema[version]) if version else pl.lit(None, dtype=pl.String)
    reason = pl.struct(
        pl.lit("unique").alias("rule"),
        pl.lit(",".join(spec.key)).alias("column"),
        text.alias("value"),
        pl.lit("one record per key and version").alias("expected"),
    )
    listed = pl.concat_list(reason).cast(REASONS).alias("reasons")
    facts = tied.select(*_PLACE, text.alias("key"), number.alias("version"), listed)
    return with_raw(facts, work.batches, spec, work.lake.storage)


def _plan(work: _Work, file: Path) -> Planned:
    pull = work.pull
    known = ["id", "key", "contract_version", "version", *_PLACE]
    toxic = pl.scan_parquet(file, glob=False).select(*known, rules_of(pl.col("reasons")).alias("rules")).collect()
    numbers = [pl.lit(pull.id, pl.Int64).alias("pull_id"), pl.lit(pull.number, pl.Int64).alias("pull")]
    before = pl.DataFrame(schema=OPEN)
    if toxic.height:
        with work.lake.state.read() as connection:
            before = open_entries(connection, pull.table_name)
    return plan_opening(toxic.with_columns(*numbers, pl.int_range(pl.len()).alias("_row")), before)


def _keep_toxic(work: _Work, file: Path, planned: Planned) -> None:
    """The toxic records that opened an entry; the others are in the file of the entry they are the same as."""
    path = toxic_path(work.pull.table_name, work.pull.id)
    if not planned.opened.height:
        return work.lake.storage.delete(path)
    opened, before = planned.opened["_row"], 0
    with work.lake.storage.create(path) as target, Sheet(target, TOXIC) as kept:
        for frame in parquet.frames(file):
            rows = opened.filter(opened.is_between(before, before + frame.height, closed="left")) - before
            kept.add(frame[rows])
            before += frame.height
    return None


def _keep_aside(work: _Work, file: Path) -> None:
    path = aside_path(work.pull.table_name, work.pull.id)
    if not work.aside.rows:
        return work.lake.storage.delete(path)
    with work.lake.storage.create(path) as target:
        shutil.copyfile(file, target)
    return None
