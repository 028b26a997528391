"""Keys that come more than once in a pull, as far as hashes tell: their records are put aside, and compared exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from tilth.assets import parquet
from tilth.assets.pulls import BatchRow
from tilth.assets.storage import Storage
from tilth.schemas.judging import Judge
from tilth.schemas.pieces import repeats_of
from tilth.schemas.repeats import Repeats

__all__ = ["repeated"]


def repeated(judge: Judge, batches: Sequence[BatchRow], storage: Storage) -> Repeats:
    """The keys that more than one record of the pull has (and, rarely, two keys that share a hash)."""

    def keys(sources: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        for batch in batches:
            if batch.kind == "fault" or not set(sources or ()) <= set(parquet.columns_of(storage, batch.path)):
                continue  # records without a key
            yield parquet.read(storage, batch.path, sources)

    return repeats_of(judge, keys, (judge.spec.key,) if judge.spec.key else ())
