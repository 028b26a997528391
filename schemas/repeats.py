"""What must be unique in a pull: which rows share a key, or another unique value, in memory that hardly grows.

Two looks. The first sees a 64-bit hash of each value only and keeps the hashes that came twice, a share of all hashes
at a time when there are many. Rows with such a hash are suspects; they alone are compared, exactly: see `suspects.py`.
What grows are the hashes that are kept: 8 bytes for each value that more than one row has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from tilth.schemas.spec import Spec

__all__ = ["Repeats", "groups_of", "hashed", "repeats_in"]

_AT_ONCE = 1 << 24  # hashes: 128 MB, and as much to sort them
_FEW = 4  # hashes to look among, for each that is looked for


@dataclass(frozen=True, slots=True)
class Repeats:
    """Per unique group, the hashes of values that more than one row has, in order."""

    groups: tuple[tuple[str, ...], ...]
    hashes: tuple[pl.Series, ...]

    def suspects(self, values: pl.DataFrame) -> pl.Series | None:
        """Which rows may share a value with another row; None: no row does."""
        found: pl.Series | None = None
        for group in range(len(self.groups)):
            here = self.among(values, group)
            found = here if found is None else found if here is None else found | here
        return found

    def among(self, values: pl.DataFrame, group: int) -> pl.Series | None:
        """Which rows may share their value of one group; None: no row does."""
        repeated = self.hashes[group]
        if not len(repeated):
            return None
        here = hashed(values, self.groups[group])
        if len(repeated) < _FEW * len(here):
            among = here.is_in(repeated.implode())
        else:  # a set of very many would be made for each piece
            among = repeated.gather(repeated.search_sorted(here).clip(0, len(repeated) - 1)) == here
        among = among.fill_null(False)
        return among if among.any() else None


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
                one.add(_share(hashed(frame, columns), share, shares))
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
    return Repeats(groups, tuple(pl.concat(one).sort() for one in found))


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


def hashed(values: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """A hash of each row's values, null where one is, good for the life of this process only.

    A whole number is its own: such keys often come sorted.
    """
    if len(columns) == 1 and values.schema[columns[0]].is_integer():
        return values[columns[0]].cast(pl.UInt64, wrap_numerical=True).alias("hash")
    value = pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)
    there = pl.all_horizontal(pl.col(columns).is_not_null())
    return values.select(pl.when(there).then(value.hash(seed=0)).alias("hash")).to_series()


def _share(hashes: pl.Series, share: int, shares: int) -> pl.Series:
    hashes = hashes.drop_nulls()
    return hashes if shares == 1 else hashes.filter(hashes.hash() % shares == share)
