"""Good rows of a pull that may share what no two rows may share: what becomes of each, when all have come.

The key comes first: equal records of one key are duplicates of the first, others are all toxic. The rows that it leaves
are compared by every other unique group, so that no group hides what another finds: all that share a value are toxic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from polars import selectors as cs

from tilth.schemas.contest import Aside, Contest
from tilth.schemas.repeats import Repeats, hashed
from tilth.schemas.spec import Spec

__all__ = ["Suspects", "Taken", "Told"]

_READ, _PULLED, _TAKEN = "read ", "pulled ", "taken "  # begin the names of columns, which may be called anything


@dataclass(frozen=True, slots=True)
class Taken:
    """Which of some rows have values that other rows have, too, in columns where they must not."""

    columns: tuple[str, ...]
    expected: str
    failed: pl.Series


@dataclass(frozen=True, slots=True)
class Told:
    """Some suspects: all are duplicates, or those are toxic that have what others have, too, and the rest is good."""

    rows: pl.DataFrame
    duplicate: bool = False
    taken: tuple[Taken, ...] = ()

    @property
    def row(self) -> pl.Series:
        """The number of each in the pull."""
        return self.rows["_ordinal"].alias("row")

    @property
    def values(self) -> pl.DataFrame:
        """What was read of them."""
        return _part(self.rows, _READ)

    @property
    def raw(self) -> pl.DataFrame:
        """The rows as they were pulled."""
        return _part(self.rows, _PULLED)


class Suspects:
    """Put them here as they come, then ask what became of them: each row is told of once."""

    def __init__(self, spec: Spec, repeats: Repeats, aside: Aside) -> None:
        self._keyed, self._repeats = bool(spec.key), repeats
        self._contests: list[Contest] = []
        self._marks = [f"{_TAKEN}{group}" for group in range(len(repeats.groups))]
        for columns, hashes in zip(repeats.groups, repeats.hashes, strict=True):
            content = ["_ordinal"]  # no two rows have the same
            if self._keyed and not self._contests:
                content = [_READ + name for name in spec.schema]
            first = sum(contest.shares for contest in self._contests)
            read = [_READ + name for name in columns]
            self._contests.append(Contest(read, content, len(hashes), aside, first=first))

    def add(self, row: pl.Series, values: pl.DataFrame, raw: pl.DataFrame | None = None) -> None:
        """Good rows that may share a value: the number of each in the pull, what was read of it, and as pulled."""
        places = pl.DataFrame({"_batch": pl.repeat(0, len(row), dtype=pl.Int8, eager=True), "_ordinal": row})
        parts = [places.with_columns(pl.lit(False).alias(mark) for mark in self._marks)]
        parts += [values.rename(lambda name: _READ + name)]
        parts += [raw.rename(lambda name: _PULLED + name)] if raw is not None else []
        left = self._put(pl.concat(parts, how="horizontal"), 0)
        assert left.is_empty(), "no suspects"

    def told(self) -> Iterator[Told]:
        """What became of them."""
        for group, contest in enumerate(self._contests):
            for rows, outcome in contest.outcomes():
                if self._keyed and group == 0:
                    lost = rows.filter(outcome == "unique")
                    every = pl.repeat(True, lost.height, dtype=pl.Boolean, eager=True)
                    said = [
                        Told(rows.filter(outcome == "duplicate"), duplicate=True),
                        Told(lost, taken=(Taken(self._repeats.groups[0], "one record per key and version", every),)),
                    ]
                    left = rows.filter(outcome == "winner")
                else:
                    said = list[Told]()
                    left = rows.with_columns((outcome == "unique").alias(self._marks[group]))
                said.append(self._last(self._put(left, group + 1)))
                yield from (one for one in said if one.rows.height)

    def _last(self, rows: pl.DataFrame) -> Told:
        """Rows that all groups were asked of."""
        found = [
            Taken(columns, "a value that no other row has", rows[mark])
            for columns, mark in zip(self._repeats.groups, self._marks, strict=True)
            if rows[mark].any()
        ]
        return Told(rows, taken=tuple(found))

    def _put(self, rows: pl.DataFrame, first: int) -> pl.DataFrame:
        """Put each row where its first group from this one on is compared; those that are suspected of none."""
        for group in range(first, len(self._contests)):
            values = _part(rows, _READ)
            among = self._repeats.among(values, group)
            if among is not None:
                hashes = hashed(values, self._repeats.groups[group])
                self._contests[group].add(rows.filter(among), hashes.filter(among))
                rows = rows.filter(~among)
        return rows


def _part(rows: pl.DataFrame, prefix: str) -> pl.DataFrame:
    return rows.select(cs.starts_with(prefix)).rename(lambda name: name.removeprefix(prefix))
