"""What becomes of each record of one pull: a good row, an entry of the quarantine, or a record that stands aside.

The files of a pull grow here while it is judged, batch by batch; who judges, and by what, is told by `verdicts.py`
(rows) and `documents/verdicts.py`. What a killed run leaves here is named by nobody.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tilth.assets import parquet
from tilth.assets.lake import Lake
from tilth.assets.parquet import Sheet
from tilth.assets.places import aside_path
from tilth.assets.pulls import BatchRow, PullRow
from tilth.assets.quarantine import OPEN, Planned, open_entries, plan_opening
from tilth.assets.rejudging import discarded_of
from tilth.assets.toxic import TOXIC, rules_of, with_ids
from tilth.schemas.judging import Quality
from tilth.schemas.rules import summed
from tilth.schemas.spec import Spec

__all__ = ["PLACE", "Outcomes", "Verdicts", "outcomes", "ready_schema"]

_ASIDE = pl.Schema({"_batch": pl.Int64(), "_ordinal": pl.Int64(), "state": pl.String()})
"""Records that stand for nothing of their own: state is duplicate or superseded."""

PLACE = ["_batch", "_ordinal"]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of a pull's records, counted where they were written."""

    pulled: int
    pending: int
    duplicate: int
    superseded: int
    planned: Planned
    quality: Sequence[Quality]
    discarded: int = 0  # of a pull that is judged again: what a person has discarded is not


@dataclass(slots=True)
class Outcomes:
    """One pull's records on their way to where they belong."""

    pull: PullRow
    batches: Mapping[int, BatchRow]
    lake: Lake
    version: str  # of the contract
    scratch: Path
    ready: Sheet
    toxic: Sheet
    aside: Sheet
    discarded: pl.DataFrame  # TOXIC
    pulled: int = 0
    states: dict[str, int] = field(default_factory=lambda: {"duplicate": 0, "superseded": 0})
    planned: Planned | None = None
    _quality: tuple[Quality, ...] = ()

    def standing(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records of a batch that are to be judged; all of them are counted as pulled."""
        self.pulled += records.height
        if self.discarded.is_empty():
            return records
        return records.join(self.discarded, on=PLACE, how="anti", maintain_order="left")

    def refuse(self, toxic: pl.DataFrame) -> None:
        """Toxic records: all of TOXIC but ids and contract version."""
        if toxic.height:
            self.toxic.add(with_ids(toxic, self.batches, self.pull.table_name, self.version))

    def put_aside(self, records: pl.DataFrame, state: str) -> None:
        """Records that stand for nothing of their own."""
        self.states[state] += records.height
        self.aside.add(records.select(*PLACE, pl.lit(state).alias("state")))

    def count(self, *quality: Quality) -> None:
        """How often rules were asked, and how often they failed."""
        self._quality = summed((*self._quality, *quality))

    def verdicts(self) -> Verdicts:
        """What became of them all; asked when the files are written."""
        assert self.planned is not None, "asked too early"
        discarded = self.discarded.height
        return Verdicts(
            self.pulled,
            self.ready.rows,
            planned=self.planned,
            quality=self._quality,
            discarded=discarded,
            **self.states,
        )


def ready_schema(spec: Spec) -> pl.Schema:
    """The columns of a ready file: the contract's, then each row's origin, and whether it is a tombstone."""
    place = {"_batch": pl.Int64(), "_ordinal": pl.Int64(), "_deleted": pl.Boolean()}
    return pl.Schema({**spec.schema, **place})


@contextmanager
def outcomes(
    pull: PullRow, batches: Sequence[BatchRow], spec: Spec, lake: Lake, *, version: str
) -> Generator[Outcomes]:
    """The outcomes of a pull; its ready, toxic and aside files stand when the block has ended well."""
    with lake.storage.scratch() as scratch, lake.storage.create(pull.ready) as file:
        toxic = Sheet(scratch / "toxic", TOXIC)
        with Sheet(file, ready_schema(spec)) as ready, Sheet(scratch / "aside", _ASIDE) as aside:
            named = {batch.id: batch for batch in batches}
            made = Outcomes(pull, named, lake, version, scratch, ready, toxic, aside, discarded_of(lake, pull))
            with toxic:
                yield made
            made.planned = _planned(made)
            made.put_aside(made.planned.seen, "duplicate")
        _keep_toxic(made, made.planned)
        _keep_aside(made)


def _nothing(known: Sequence[str], told: pl.Expr) -> pl.DataFrame:
    return pl.DataFrame(schema=TOXIC).select(*known, told)


def _planned(made: Outcomes) -> Planned:
    pull, file = made.pull, made.scratch / "toxic"
    known = ["id", "key", "contract_version", "version", *PLACE]
    told = rules_of(pl.col("reasons")).alias("rules")
    toxic = pl.concat([frame.select(*known, told) for frame in parquet.frames(file)] or [_nothing(known, told)])
    numbers = [pl.lit(pull.id, pl.Int64).alias("pull_id"), pl.lit(pull.number, pl.Int64).alias("pull")]
    before = pl.DataFrame(schema=OPEN)
    if toxic.height:
        with made.lake.state.read() as connection:
            before = open_entries(connection, pull.table_name)
    return plan_opening(toxic.with_columns(*numbers, pl.int_range(pl.len()).alias("_row")), before)


def _keep_toxic(made: Outcomes, planned: Planned) -> None:
    """The toxic records that opened an entry; the others are in the file of the entry they are the same as."""
    path, storage = made.pull.toxic_file, made.lake.storage
    if not planned.opened.height and made.discarded.is_empty():
        return storage.delete(path)
    opened, before = planned.opened["_row"], 0
    with storage.create(path) as target, Sheet(target, TOXIC) as kept:
        kept.add(made.discarded)
        for frame in parquet.frames(made.scratch / "toxic"):
            rows = opened.filter(opened.is_between(before, before + frame.height, closed="left")) - before
            kept.add(frame[rows])
            before += frame.height
    return None


def _keep_aside(made: Outcomes) -> None:
    path = aside_path(made.pull.table_name, made.pull.id)
    if not made.aside.rows:
        return made.lake.storage.delete(path)
    with made.lake.storage.create(path) as target:
        shutil.copyfile(made.scratch / "aside", target)
    return None
