"""A scan judged piece by piece: memory does not grow with the rows, only with what is toxic in one piece.

What must be unique takes a look at those columns first (see `repeats.py`); suspects are held back and come last. A
contract with rules over whole columns, or a whole pull, is judged as one frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl
from polars.io.plugins import register_io_source

from tilth.schemas.casting import exactly
from tilth.schemas.reasons import REASON, REASONS, Failure
from tilth.schemas.repeats import Repeats, contest, groups_of, repeats_in
from tilth.schemas.rules import Quality
from tilth.schemas.spec import Severity
from tilth.schemas.splitting import Judge, Looked
from tilth.schemas.values import read_values

__all__ = ["TOXIC", "LazyVerdict", "Piece", "listed", "piece_of", "summed"]

TOXIC = pl.Schema({"row": pl.Int64(), "key": pl.String(), "raw": pl.String(), "reasons": REASONS})
_CELLS, _FEWEST, _MOST = 4_000_000, 10_000, 250_000  # of one piece: values, rows


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a pull, judged."""

    good: pl.DataFrame  # contract columns
    toxic: pl.DataFrame  # TOXIC
    rows: int
    duplicates: int
    quality: tuple[Quality, ...]


@dataclass(frozen=True)
class LazyVerdict:
    """What of a scan is ready, what is toxic and why; nothing is read before it is asked for.

    `pieces()` gives everything in one pass; each of the other results takes a pass of its own.
    """

    scan: pl.LazyFrame
    judge: Judge
    rows: int | None = None  # of a piece; None: as many as have some 4 million values

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
    def _told(self) -> tuple[Mapping[str, int], tuple[Quality, ...]]:
        counts: Counter[str] = Counter()
        quality: list[Quality] = []
        for piece in self.pieces():
            counts.update(pulled=piece.rows, good=piece.good.height)
            counts.update(duplicate=piece.duplicates, toxic=piece.toxic.height)
            quality += piece.quality
        return {name: counts[name] for name in ("pulled", "good", "duplicate", "toxic")}, summed(quality)

    @property
    def counts(self) -> Mapping[str, int]:
        """pulled = good + duplicate + toxic."""
        return self._told[0]

    @property
    def quality(self) -> tuple[Quality, ...]:
        """How often each rule was asked, and how often it failed."""
        return self._told[1]

    @property
    def unjudged(self) -> tuple[str, ...]:
        """What only other tables can tell."""
        return self.judge.unjudged

    def pieces(self) -> Iterator[Piece]:
        """The scan's rows, judged, each in one piece; in one pass, and one over the unique columns before it."""
        if self.judge.needs_whole:
            yield piece_of(self.judge, self.scan.collect())
            return
        held: list[pl.DataFrame] = [self.scan.clear().collect()]
        places: list[pl.Series] = [pl.Series([], dtype=pl.Int64)]
        first = 0
        for raw in self._batches(self.scan):
            looked = self.judge.look(raw)
            suspects = _suspects(looked, self._repeats)
            row = pl.int_range(first, first + raw.height, eager=True)
            yield _piece(looked, row, suspects, rows=raw.height, quality=(*looked.quality, *_asked(looked)))
            if suspects is not None:
                held.append(raw.filter(suspects))
                places.append(row.filter(suspects))
            first += raw.height
        waiting, row = pl.concat(held), pl.concat(places)
        yield _compared(self.judge.look(waiting), row, _all(waiting)) if first else piece_of(self.judge, waiting)

    @cached_property
    def _repeats(self) -> Repeats:
        spec = self.judge.spec
        groups = groups_of(spec)
        wanted = {name for group in groups for name in group}
        there = set(self.scan.collect_schema().names())
        only = replace(spec, columns=tuple(column for column in spec.columns if column.name in wanted))
        scan = self.scan.select(exactly(column.source) for column in only.columns if column.source in there)
        return repeats_in(groups, lambda: (read_values(only, raw, None).frame for raw in self._batches(scan)))

    def _batches(self, scan: pl.LazyFrame) -> Iterator[pl.DataFrame]:
        fitting = min(_MOST, max(_FEWEST, _CELLS // max(1, len(scan.collect_schema()))))
        return iter(scan.collect_batches(chunk_size=self.rows or fitting, maintain_order=True))


def piece_of(judge: Judge, raw: pl.DataFrame) -> Piece:
    """A whole pull, judged as one piece."""
    looked = judge.look(raw)
    repeats = repeats_in(groups_of(judge.spec), lambda: iter([looked.values.frame]))
    row = pl.int_range(raw.height, eager=True)
    suspects = _suspects(looked, repeats)
    piece = _compared(looked, row, ~_all(raw) if suspects is None else suspects)
    return replace(piece, rows=raw.height, quality=summed((*looked.quality, *_asked(looked), *piece.quality)))


def _suspects(looked: Looked, repeats: Repeats) -> pl.Series | None:
    """Good rows that may share a value with another row."""
    suspects, condemned = repeats.suspects(looked.values.frame), looked.condemned
    return suspects if suspects is None or condemned is None else suspects & ~condemned


def _asked(looked: Looked) -> list[Quality]:
    """Of how many good rows it is asked whether their values are unique."""
    values, condemned = looked.values.frame, looked.condemned
    asked: list[Quality] = []
    for columns in groups_of(looked.spec):
        there = pl.all_horizontal(pl.col(columns).is_not_null())
        good = there if condemned is None else there & ~condemned
        asked.append(Quality("unique", ",".join(columns), "error", int(values.select(good.sum()).item()), 0))
    return asked


def _all(frame: pl.DataFrame) -> pl.Series:
    return pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True)


def _compared(looked: Looked, row: pl.Series, suspects: pl.Series) -> Piece:
    """The rows after the suspects among them were compared with each other."""
    at = suspects.arg_true()
    found = contest(looked.values.frame[at].with_columns(_batch=pl.lit(0), _ordinal=at), looked.spec)
    sources = {column.name: column.source for column in looked.spec.columns}
    failures, quality = list(looked.failures), list[Quality]()
    for taken in found.taken:
        named, count = ",".join(taken.columns), int(taken.failed.sum())
        quality.append(Quality("unique", named, "error", 0, count))
        if count:
            failed = (~_all(looked.raw)).scatter(at.filter(taken.failed), True)
            shown = tuple(sources[name] for name in taken.columns)
            failures.append(Failure("unique", named, shown, taken.expected, failed))
    duplicate = (~_all(looked.raw)).scatter(at.filter(found.duplicate), True)
    said = replace(looked, failures=failures)
    piece = _piece(said, row, duplicate, rows=0, quality=tuple(quality))
    return replace(piece, duplicates=int(found.duplicate.sum()))


def _piece(
    looked: Looked, row: pl.Series, without: pl.Series | None, *, rows: int, quality: Sequence[Quality]
) -> Piece:
    condemned = looked.condemned
    at = row.filter(condemned) if condemned is not None else row.clear()
    toxic = looked.toxic().select("key", "raw", "reasons").insert_column(0, at.alias("row"))
    return Piece(looked.good(looked.values.frame, without=without), toxic, rows, 0, tuple(quality))


def listed(toxic: pl.DataFrame) -> pl.DataFrame:
    """row, rule, column, value, expected: one line a reason."""
    return toxic.select("row", "reasons").explode("reasons").unnest("reasons")


def summed(quality: Sequence[Quality]) -> tuple[Quality, ...]:
    """One line a rule, in the order in which the rules are met first."""
    sums: dict[tuple[str, str | None, Severity], Counter[str]] = {}
    for one in quality:
        of = sums.setdefault((one.rule, one.column, one.severity), Counter())
        of.update(checked=one.checked, failed=one.failed)
    return tuple(Quality(*rule, of["checked"], of["failed"]) for rule, of in sums.items())


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
