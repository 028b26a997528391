"""Keys that come more than once in a pull: found by hashes of the key, then resolved exactly.

Memory stays small: 8 bytes a record to find them, and then only contested records are held, a share at a time.
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

__all__ = ["HASH", "hash_of", "repeated", "resolved"]

HASH = "_hash"
_SHARE_ROWS = 1_000_000


def hash_of(key: pl.Expr) -> pl.Expr:
    """A 64-bit hash of the key text, good for the life of this process only."""
    return key.hash(seed=0).alias(HASH)


def repeated(judge: Judge, batches: Sequence[BatchRow], storage: Storage) -> pl.Series:
    """The hashes of keys that more than one record of the pull has (and, rarely, of two keys that share one)."""
    sources = [column.source for column in judge.spec.columns if column.key]
    hashes = [pl.Series(HASH, [], dtype=pl.UInt64)]
    for batch in batches:
        if batch.kind == "fault" or not set(sources) <= set(parquet.columns_of(storage, batch.path)):
            continue  # records without a key
        keys = judge.keys(parquet.read(storage, batch.path, sources))
        hashes.append(keys.drop_nulls("_key").select(hash_of(pl.col("_key"))).to_series())
    every = pl.concat(hashes).sort()
    return every.filter(every == every.shift(1)).unique()


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
