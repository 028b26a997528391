"""The verdict on a scan: nothing is read before a result is asked for, and then piece by piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl
from polars.io.plugins import register_io_source

from tilth.schemas.casting import exactly
from tilth.schemas.contest import Aside, InMemory
from tilth.schemas.pieces import TOXIC, Piece, listed, pieces, repeats_of, rows_of_piece
from tilth.schemas.reasons import REASON
from tilth.schemas.repeats import Repeats
from tilth.schemas.rules import Quality, summed
from tilth.schemas.splitting import Judge

__all__ = ["LazyVerdict"]


@dataclass(frozen=True)
class LazyVerdict:
    """What of a scan is ready, what is toxic and why; nothing is read before it is asked for.

    `pieces()` gives everything in one pass; each of the other results takes a pass of its own.
    """

    scan: pl.LazyFrame
    judge: Judge
    rows: int | None = None  # of a piece; None: as many as have some 4 million values
    aside: Callable[[], Aside] = InMemory  # where rows wait whose key or unique value others may have, too

    @property
    def good(self) -> pl.LazyFrame:
        """Contract columns; rows whose key or unique value others have, too, come last."""
        return _lazy(pl.Schema(self.judge.spec.schema), lambda: (piece.good for piece in self.pieces()))

    @property
    def toxic(self) -> pl.LazyFrame:
        """row, key, raw, reasons."""
        return _lazy(TOXIC, lambda: (piece.toxic for piece in self.pieces()))

    @property
    def reasons(self) -> pl.LazyFrame:
        """row, rule, column, value, expected: one line a reason."""
        schema = pl.Schema({"row": pl.Int64(), **REASON.to_schema()})
        return _lazy(schema, lambda: (listed(piece.toxic) for piece in self.pieces()))

    @cached_property
    def _told(self) -> tuple[Mapping[str, int], tuple[Quality, ...], tuple[str, ...]]:
        counts: Counter[str] = Counter()
        quality: list[Quality] = []
        held: list[str] = []
        for piece in self.pieces():
            counts.update(piece.counts)
            quality += piece.quality
            held += piece.held
        return dict(counts), summed(quality), tuple(held)

    @property
    def counts(self) -> Mapping[str, int]:
        """pulled = good + duplicate + toxic."""
        return self._told[0]

    @property
    def quality(self) -> tuple[Quality, ...]:
        """How often each rule was asked, and how often it failed."""
        return self._told[1]

    @property
    def held(self) -> tuple[str, ...]:
        """Rules of the whole table that do not hold: it would not be published."""
        return self._told[2]

    @property
    def unjudged(self) -> tuple[str, ...]:
        """What only other tables, or what is published, can tell."""
        return self.judge.unjudged

    def pieces(self) -> Iterator[Piece]:
        """The scan's rows, judged, each in one piece; in one pass, and one over the unique columns before it."""
        return pieces(self.judge, self._frames, lambda: self._repeats, self.aside)

    @cached_property
    def _repeats(self) -> Repeats:
        return repeats_of(self.judge, self._frames)

    def _frames(self, columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        scan = self.scan
        schema = scan.collect_schema()
        if columns is not None:
            known = [name for name in columns if name in schema]
            scan = scan.select(map(exactly, known or [*schema][:1]))  # one at least: to count the rows
        yield scan.clear().collect()
        yield from scan.collect_batches(chunk_size=self.rows or rows_of_piece(len(schema)), maintain_order=True)


def _lazy(schema: pl.Schema, frames: Callable[[], Iterator[pl.DataFrame]]) -> pl.LazyFrame:
    """The frames as a scan: read only when it is collected, or sunk."""

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        left = rows
        for frame in frames():
            some = frame if left is None else frame.head(left)
            left = None if left is None else left - some.height
            some = some if predicate is None else some.filter(predicate)
            yield some if columns is None else some.select(columns)
            if left == 0:
                return

    return register_io_source(source, schema=schema)
