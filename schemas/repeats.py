"""What must be unique in a pull: which rows share a key, or another unique value, in memory that does not grow.

Two looks. The first sees a 64-bit hash of each value only and keeps the hashes that came twice, a share of all hashes
at a time when there are many. Rows with such a hash are suspects; they alone are compared, exactly, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from tilth.schemas.resolve import resolve
from tilth.schemas.spec import Spec

__all__ = ["Contest", "Repeats", "Taken", "contest", "groups_of", "hash_of", "repeats_in"]

_AT_ONCE = 1 << 24  # hashes: 128 MB, and as much to sort them


@dataclass(frozen=True, slots=True)
class Repeats:
    """Per unique group, the hashes of values that more than one row has."""

    groups: tuple[tuple[str, ...], ...]
    hashes: tuple[pl.Series, ...]

    def suspects(self, values: pl.DataFrame) -> pl.Series | None:
        """Which rows may share a value with another row; None: no row does."""
        found: pl.Series | None = None
        for columns, repeated in zip(self.groups, self.hashes, strict=True):
            if len(repeated):
                here = _hashed(values, columns).is_in(repeated.implode()).fill_null(False)
                found = here if found is None else found | here
        return found if found is not None and found.any() else None


def groups_of(spec: Spec) -> tuple[tuple[str, ...], ...]:
    """The column groups of which no two rows have the same values, the key first."""
    return ((spec.key,) if spec.key else ()) + spec.unique


def repeats_in(
    groups: tuple[tuple[str, ...], ...], frames: Callable[[], Iterator[pl.DataFrame]], *, at_once: int = _AT_ONCE
) -> Repeats:
    """Read the frames (the same ones each time they are asked for), again for every `at_once` hashes they have."""
    share, shares = 0, 1
    found: list[list[pl.Series]] = [[] for _ in groups]
    while share < shares:
        seen = [_Seen() for _ in groups]
        for frame in frames():
            for one, columns in zip(seen, groups, strict=True):
                one.add(_share(_hashed(frame, columns), share, shares))
            if sum(one.fresh for one in seen) <= at_once // 2:
                continue
            for one in seen:
                one.sort_out()
            while share == 0 and sum(one.known for one in seen) > at_once * 3 // 4:
                shares *= 2
                for one in seen:
                    one.hashes = [_share(hashes, share, shares) for hashes in one.hashes]
        for all_shares, one in zip(found, seen, strict=True):
            one.find_twice()
            all_shares.append(one.twice)
        share += 1
    return Repeats(groups, tuple(pl.concat(one) for one in found))


class _Seen:
    """The hashes of one group as they come: each that came, and those that came twice."""

    def __init__(self) -> None:
        self.twice = pl.Series("hash", [], dtype=pl.UInt64)
        self.hashes = [self.twice]  # the first holds each hash once

    @property
    def known(self) -> int:
        return len(self.hashes[0])

    @property
    def fresh(self) -> int:
        return sum(map(len, self.hashes[1:]))

    def add(self, hashes: pl.Series) -> None:
        self.hashes.append(hashes)

    def find_twice(self) -> bool:
        """Whether some came twice that were not known to."""
        ordered = pl.concat(self.hashes).sort(in_place=True)
        again = ordered.slice(1) == ordered.slice(0, max(0, len(ordered) - 1))
        self.hashes = [ordered]
        if again.any():
            self.twice = pl.concat([self.twice, ordered.slice(1).filter(again)]).unique()
        return bool(again.any())

    def sort_out(self) -> None:
        if self.find_twice():
            self.hashes = [self.hashes[0].unique()]


def _hashed(values: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """A hash of each row's values, null where one is. A whole number is its own: such keys often come sorted."""
    if len(columns) == 1 and values.schema[columns[0]].is_integer():
        return values[columns[0]].cast(pl.UInt64, wrap_numerical=True).alias("hash")
    value = pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)
    there = pl.all_horizontal(pl.col(columns).is_not_null())
    return values.select(pl.when(there).then(hash_of(value)).alias("hash")).to_series()


def hash_of(value: pl.Expr) -> pl.Expr:
    """A 64-bit hash, good for the life of this process only."""
    return value.hash(seed=0)


def _share(hashes: pl.Series, share: int, shares: int) -> pl.Series:
    hashes = hashes.drop_nulls()
    return hashes if shares == 1 else hashes.filter(hashes.hash() % shares == share)


@dataclass(frozen=True, slots=True)
class Taken:
    """A unique group, and which rows fail it."""

    columns: tuple[str, ...]
    expected: str
    failed: pl.Series


@dataclass(frozen=True, slots=True)
class Contest:
    """What became of suspects, all of one pull, none of them toxic for another reason."""

    taken: tuple[Taken, ...]
    duplicate: pl.Series  # which rows say the same as the one of their key that stays


def contest(suspects: pl.DataFrame, spec: Spec) -> Contest:
    """Compare suspects (with `_batch` and `_ordinal`) exactly.

    Of one key: equal records are duplicates of the first, others are all toxic. Of another unique value: all toxic.
    """
    nobody = pl.repeat(False, suspects.height, dtype=pl.Boolean, eager=True)
    duplicate, taken, standing = nobody, [], ~nobody
    if spec.key:
        outcome = resolve(suspects, spec.key, version=None, content=list(spec.schema))["outcome"]
        duplicate, tied = outcome == "duplicate", outcome == "unique"
        taken.append(Taken(spec.key, "one record per key and version", tied))
        standing = ~(duplicate | tied)
    for columns in spec.unique:
        rows = suspects.select(columns).with_columns(_standing=standing)
        there = pl.all_horizontal(pl.col("_standing"), pl.col(columns).is_not_null())
        shared = rows.select(there & pl.struct("_standing", *columns).is_duplicated()).to_series()
        taken.append(Taken(columns, "a value that no other row has", shared))
        standing = standing & ~shared
    return Contest(tuple(taken), duplicate)
