"""Rows of which no two may share a value: put aside as they come, and compared, exactly, when all are there.

Memory holds the rows of a piece, and of some of the shared values the row that leads; the rest is wherever the one who
asks lets it be put, so neither many rows that share a value, nor many such values, make it grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from tilth.schemas.casting import with_own_texts
from tilth.schemas.resolve import leaders, outcomes

__all__ = ["Aside", "Contest", "InMemory"]

_VALUES = 250_000  # that share a place: of each, one row is held while they are compared
_CELLS = 4_000_000  # of the frames that are compared at once


class Aside(Protocol):
    """Where frames are put aside, each at a numbered place. It is let go of when nobody holds it any more."""

    def put(self, place: int, frame: pl.DataFrame) -> None:
        """Keep a frame."""
        ...

    def take(self, place: int) -> Iterator[pl.DataFrame]:
        """The frames of a place in the order in which they came, as often as they are asked for."""
        ...


class InMemory:
    """Frames put aside in memory."""

    def __init__(self) -> None:
        self._frames: dict[int, list[pl.DataFrame]] = {}

    def put(self, place: int, frame: pl.DataFrame) -> None:
        """See Aside.put."""
        self._frames.setdefault(place, []).append(with_own_texts(frame))

    def take(self, place: int) -> Iterator[pl.DataFrame]:
        """See Aside.take."""
        return iter(self._frames.get(place, []))


@dataclass(slots=True)
class Contest:
    """Rows, with `_batch` and `_ordinal`, that may share the values of some columns."""

    columns: Sequence[str]
    content: Sequence[str]  # rows that are equal in these are duplicates
    values: int  # about how many values are shared
    aside: Aside
    version: str | None = None
    first: int = 0  # of the places that are taken: from here as many as there are `shares`
    at_once: int = _VALUES
    cells: int = _CELLS
    rows: int = field(default=0, init=False)

    @property
    def shares(self) -> int:
        """In how many parts, each with all rows of a value, they are compared."""
        return self.values // self.at_once + 1

    def add(self, rows: pl.DataFrame, hashes: pl.Series) -> None:
        """Put rows aside; equal values have equal hashes."""
        self.rows += rows.height
        if self.shares == 1:
            parts: Iterable[tuple[int, pl.DataFrame]] = [(0, rows)]
        else:
            share = hashes.hash() % self.shares
            parts = ((one, rows.filter(share == one)) for one in share.unique())
        for one, part in parts:
            if part.height:
                self.aside.put(self.first + one, part)

    def outcomes(self) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
        """The rows again, some at a time, and what becomes of each: see `outcomes`."""
        for share in range(self.shares):
            leading: pl.DataFrame | None = None
            for rows in self._taken(share):
                found = leaders(rows, self.columns, version=self.version, content=self.content, before=leading)
                leading = with_own_texts(found)
            for rows in self._taken(share):
                assert leading is not None
                yield rows, outcomes(rows, leading, self.columns, version=self.version)

    def _taken(self, share: int) -> Iterator[pl.DataFrame]:
        return _together(self.aside.take(self.first + share), self.cells)


def _together(frames: Iterator[pl.DataFrame], cells: int) -> Iterator[pl.DataFrame]:
    """The frames, small ones that follow each other and are alike as one."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        full = sum(one.height for one in waiting) * frame.width >= cells
        if waiting and (full or frame.schema != waiting[0].schema):
            yield pl.concat(waiting)
            waiting = []
        waiting.append(frame)
    if waiting:
        yield pl.concat(waiting)
