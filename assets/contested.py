"""Keys that come more than once in a pull: found by hashes of the key, then resolved exactly.

Memory stays small: hashes are looked at a share at a time, and so are the contested records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from tilth.assets import parquet
from tilth.assets.pulls import BatchRow
from tilth.assets.storage import Storage
from tilth.schemas.judging import Judge, resolve
from tilth.schemas.reasons import key_text
from tilth.schemas.repeats import repeats_in

__all__ = ["HASH", "repeated", "resolved"]

HASH = "_hash"
_SHARE_ROWS = 1_000_000


def repeated(judge: Judge, batches: Sequence[BatchRow], storage: Storage) -> pl.Series:
    """The hashes of keys that more than one record of the pull has (and, rarely, of two keys that share one)."""
    sources = [column.source for column in judge.spec.columns if column.key]

    def keys() -> Iterator[pl.DataFrame]:
        for batch in batches:
            if batch.kind == "fault" or not set(sources) <= set(parquet.columns_of(storage, batch.path)):
                continue  # records without a key
            yield judge.keys(parquet.read(storage, batch.path, sources))

    (hashes,) = repeats_in((("_key",),), keys).hashes
    return hashes.alias(HASH)


def resolved(
    file: Path, rows: int, *, key: Sequence[str], version: str | None, content: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """The contested records in `file` with `outcome` and `_key` text, in shares that hold all records of a key."""
    shares = rows // _SHARE_ROWS + 1
    for share in range(shares):
        held = pl.scan_parquet(file, glob=False).filter(pl.col(HASH) % shares == share).collect()
        if held.height:
            outcome = resolve(held, key, version=version, content=content)
            text = key_text(held, key).alias("_key")
            yield held.with_columns(outcome["outcome"], text).sort("_batch", "_ordinal")
