"""What may return from quarantine in one round: orphans, and what was mended. Whether it does is settled there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from tilth.assets.places import ready_path
from tilth.assets.publishing.engine import parquet
from tilth.assets.publishing.turns import Turn
from tilth.assets.replay import ENTRY
from tilth.assets.storage import Storage

__all__ = ["Back", "one_of_each_key", "returning", "waited"]


@dataclass(frozen=True, slots=True)
class Back:
    """Open entries of one pull, and where their good records are."""

    entries: pl.DataFrame  # quarantine.OPEN
    rows: str  # SQL, given the scratch table `tilth_returning` (id, _batch, _ordinal)
    event: str  # that ends their stay


def returning(turn: Turn, number: int, open: pl.DataFrame, orphans: pl.DataFrame, storage: Storage) -> Iterator[Back]:
    """What may return of the pull `number`, given what is open now; a mended record is no orphan any more."""
    own = orphans.filter(pl.col("pull") == number).join(turn.mends, on="id", how="anti")
    if own.height:
        yield waited(turn, own, storage)
    mended = open.filter(pl.col("pull") == number).join(turn.mends, on="id", maintain_order="left")
    for (path, kind), some in mended.group_by("mended", "kind", maintain_order=True):
        place = "REPLACE (t._batch AS _batch, t._ordinal AS _ordinal)"
        joined = f"{_files([str(path)], storage)} i JOIN tilth_returning t ON t.id = i.{ENTRY}"
        yield Back(some, f"SELECT i.* EXCLUDE ({ENTRY}) {place} FROM {joined}", str(kind))


def waited(turn: Turn, entries: pl.DataFrame, storage: Storage) -> Back:
    """Open entries that waited for nothing but others, as they were pulled."""
    paths = [ready_path(turn.name, pull_id) for pull_id in entries["pull_id"].unique(maintain_order=True)]
    rows = f"SELECT i.* FROM {_files(paths, storage)} i SEMI JOIN tilth_returning USING (_batch, _ordinal)"
    return Back(entries, rows, "replayed")


def one_of_each_key(entries: pl.DataFrame) -> pl.DataFrame:
    """As many open entries as one round may have: of each key the one that came first."""
    return entries.sort("pull", maintain_order=True).filter(pl.col("key").is_null() | pl.col("key").is_first_distinct())


def _files(paths: Iterable[str], storage: Storage) -> str:
    return parquet(*(storage.url(path) for path in paths))
