"""What may return from quarantine: orphans, and what was mended. Whether it does is settled in its round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from tilth.assets.mends import ENTRY
from tilth.assets.places import ready_path
from tilth.assets.publishing.engine import parquet
from tilth.assets.publishing.turns import Turn
from tilth.assets.storage import Storage

__all__ = ["Back", "one_of_each_key", "returning"]


@dataclass(frozen=True, slots=True)
class Back:
    """Open entries, and where their good records are."""

    entries: pl.DataFrame  # quarantine.OPEN
    files: str  # SQL
    event: str  # that ends their stay
    mended: bool = False  # then the files name the entries

    def rows(self, places: str) -> str:
        """SQL of these records, given a table of their `id`, `_batch` and `_ordinal`."""
        if not self.mended:
            return f"SELECT i.* FROM {self.files} i SEMI JOIN {places} USING (_batch, _ordinal)"
        own = "REPLACE (t._batch AS _batch, t._ordinal AS _ordinal)"
        return f"SELECT i.* EXCLUDE ({ENTRY}) {own} FROM {self.files} i JOIN {places} t ON t.id = i.{ENTRY}"


def returning(turn: Turn, open: pl.DataFrame, orphans: pl.DataFrame, storage: Storage) -> Iterator[Back]:
    """What may return of what is `open`, and waits for nothing but others; a mended record is no orphan any more."""
    own = orphans.join(turn.mends, on="id", how="anti")
    if own.height:
        yield _waited(turn, own, storage)
    mended = open.join(turn.mends, on="id", maintain_order="left")
    for (path, kind), some in mended.group_by("mended", "kind", maintain_order=True):
        yield Back(some, _files([str(path)], storage), str(kind), mended=True)


def _waited(turn: Turn, entries: pl.DataFrame, storage: Storage) -> Back:
    """Open entries that waited for nothing but others, as they were pulled."""
    paths = [ready_path(turn.name, pull_id) for pull_id in entries["pull_id"].unique(maintain_order=True)]
    return Back(entries, _files(paths, storage), "replayed")


def one_of_each_key(entries: pl.DataFrame) -> pl.DataFrame:
    """As many open entries as one round may have: of each key the one that came first."""
    return entries.sort("pull", maintain_order=True).filter(pl.col("key").is_null() | pl.col("key").is_first_distinct())


def _files(paths: Iterable[str], storage: Storage) -> str:
    return parquet(*(storage.url(path) for path in paths))
