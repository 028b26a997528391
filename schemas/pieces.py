"""A pull judged piece by piece: memory does not grow with the rows, only with what is toxic in one piece.

What must be unique takes a look at those columns first (see `repeats.py`); suspects are put aside and come last. A
contract with rules over whole columns, or a whole pull, is judged as one frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from tilth.schemas.contest import Aside, InMemory
from tilth.schemas.looked import Looked
from tilth.schemas.reasons import REASONS, Failure
from tilth.schemas.relations import Sum, Total
from tilth.schemas.repeats import Repeats, groups_of, repeats_in
from tilth.schemas.rules import Quality, summed
from tilth.schemas.splitting import Judge
from tilth.schemas.suspects import Suspects, Told
from tilth.schemas.table_rules import verdicts_on_all
from tilth.schemas.together import blamed
from tilth.schemas.values import Values, passing_through, read_values

__all__ = ["TOXIC", "Frames", "Piece", "listed", "piece_of", "pieces", "repeats_of", "rows_of_piece"]

TOXIC = pl.Schema({"row": pl.Int64(), "key": pl.String(), "raw": pl.String(), "reasons": REASONS})
_CELLS, _FEWEST, _MOST = 4_000_000, 10_000, 250_000  # of one piece: values, rows


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a pull, judged."""

    good: pl.DataFrame  # contract columns
    toxic: pl.DataFrame  # TOXIC
    counts: Mapping[str, int]  # pulled, good, duplicate, toxic: they add up over all pieces
    quality: tuple[Quality, ...]
    held: tuple[str, ...] = ()  # rules of the whole table that do not hold, in words


Frames = Callable[[Sequence[str] | None], Iterator[pl.DataFrame]]
"""The frames of a pull, at least one, the same whenever they are asked for; of these columns those that are there."""


def rows_of_piece(columns: int) -> int:
    """How many rows of so many columns are judged at once."""
    return min(_MOST, max(_FEWEST, _CELLS // max(1, columns)))


def repeats_of(judge: Judge, frames: Frames, groups: tuple[tuple[str, ...], ...] | None = None) -> Repeats:
    """Which of the pull's keys and unique values (or of the values of other groups) come more than once."""
    groups = groups_of(judge.spec) if groups is None else groups
    if not groups:
        return Repeats((), ())
    wanted = {name for group in groups for name in group}
    only = replace(judge.spec, columns=tuple(column for column in judge.spec.columns if column.name in wanted))
    sources = [column.source for column in only.columns]
    return repeats_in(groups, lambda: (read_values(only, raw, None).frame for raw in frames(sources)))


def pieces(
    judge: Judge,
    frames: Frames,
    repeats: Callable[[], Repeats] | None = None,
    aside: Callable[[], Aside] = InMemory,
) -> Iterator[Piece]:
    """The rows of the frames, judged, each in one piece; `repeats` are asked for only where they are needed.

    Rows that may share what must be unique are put `aside` until all have come.
    """
    if judge.needs_whole or any(not isinstance(rule, Sum | Total) for rule in judge.spec.rules):
        yield piece_of(judge, *frames(None))
        return
    found, first = repeats() if repeats else repeats_of(judge, frames), 0
    suspects = Suspects(judge.spec, found, aside())
    for raw in frames(None):
        looked = judge.look(raw)
        suspected = _suspects(looked, found)
        row = pl.int_range(first, first + raw.height, eager=True)
        yield _piece(looked, row, suspected, pulled=raw.height, quality=(*looked.quality, *_asked(looked)))
        if suspected is not None:
            values, pulled = looked.values.frame.filter(suspected), raw.filter(suspected)
            suspects.add(row.filter(suspected), values, pulled)
        first += raw.height
    yield from (_told(judge, told) for told in suspects.told())


def _told(judge: Judge, told: Told) -> Piece:
    """A piece of suspects, of whom all is known."""
    raw, every = told.raw, pl.repeat(True, told.rows.height, dtype=pl.Boolean, eager=True)
    looked = Looked(judge.spec, raw, Values(told.values, passing_through(judge.spec, raw), {}, None), [], ())
    if told.duplicate:
        return _piece(looked, told.row, every, quality=(), duplicates=len(every))
    failures = [_failure("unique", one.columns, one.expected, one.failed) for one in told.taken]
    quality = [Quality("unique", one.column, "error", 0, int(one.failed.sum())) for one in failures]
    warned = judge.warnings(raw) if failures else []
    return _piece(replace(looked, failures=[*warned, *failures]), told.row, None, quality=quality)


def piece_of(judge: Judge, *frames: pl.DataFrame) -> Piece:
    """A whole pull, judged as one piece."""
    looked = judge.look(*frames)
    raw = looked.raw
    repeats = repeats_in(groups_of(judge.spec), lambda: iter([looked.values.frame]))
    said, duplicate, unique = _compared(looked, repeats)
    said, among = _among_rows(said, duplicate)
    quality = summed((*looked.quality, *_asked(looked), *unique, *among))
    row, twice = pl.int_range(raw.height, eager=True), int(duplicate.sum())
    piece = _piece(said, row, duplicate, pulled=raw.height, duplicates=twice, quality=quality)
    whole, held = verdicts_on_all(piece.good, judge.spec.rules)
    return replace(piece, quality=(*quality, *whole), held=held)


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


def _compared(looked: Looked, repeats: Repeats) -> tuple[Looked, pl.Series, list[Quality]]:
    """Its suspects compared with each other: what is wrong now, which rows are duplicates, and how often that is."""
    taken: dict[tuple[tuple[str, ...], str], list[pl.Series]] = {}
    duplicate = _only(looked, pl.Series([], dtype=pl.UInt32))
    suspected = _suspects(looked, repeats)
    if suspected is not None:
        at, suspects = suspected.arg_true(), Suspects(looked.spec, repeats, InMemory())
        suspects.add(at, looked.values.frame[at])
        for told in suspects.told():
            if told.duplicate:
                duplicate = duplicate.scatter(told.row, True)
            for one in told.taken:
                taken.setdefault((one.columns, one.expected), []).append(told.row.filter(one.failed))
    found = [_failure("unique", *group, _only(looked, pl.concat(rows))) for group, rows in taken.items()]
    quality = [Quality("unique", one.column, "error", 0, int(one.failed.sum())) for one in found]
    return replace(looked, failures=[*looked.failures, *found]), duplicate, quality


def _among_rows(looked: Looked, duplicate: pl.Series) -> tuple[Looked, list[Quality]]:
    """What good rows break among themselves: the first rule's are gone before the second is asked."""
    if not looked.spec.rules:
        return looked, []
    condemned = looked.condemned
    standing = ~duplicate if condemned is None else ~(duplicate | condemned)
    at, failures, quality = standing.arg_true(), list(looked.failures), list[Quality]()
    for rule in looked.spec.rules:
        rows, gone = looked.values.frame[at], pl.Series([], dtype=at.dtype)
        for found in blamed(rows, rule):
            failed = at.filter(found.failed)
            failure = _failure(found.rule, found.columns, found.expected, _only(looked, failed))
            quality.append(Quality(found.rule, failure.column, rule.severity, found.asked, len(failed)))
            if rule.severity == "error" and len(failed):
                failures.append(failure)
                gone = gone.append(failed)
        at = at.filter(~at.is_in(gone.implode()))
    return replace(looked, failures=failures), quality


def _failure(rule: str, columns: Sequence[str], expected: str, failed: pl.Series) -> Failure:
    return Failure(rule, ",".join(columns), (), expected, failed, read=tuple(columns), kind="set")


def _only(looked: Looked, at: pl.Series) -> pl.Series:
    """A mask of some rows."""
    return pl.repeat(False, looked.raw.height, dtype=pl.Boolean, eager=True).scatter(at, True)


def _piece(
    looked: Looked,
    row: pl.Series,
    without: pl.Series | None,
    *,
    quality: Sequence[Quality],
    pulled: int = 0,
    duplicates: int = 0,
) -> Piece:
    condemned = looked.condemned
    at = row.filter(condemned) if condemned is not None else row.clear()
    toxic = looked.toxic().select("key", "raw", "reasons").insert_column(0, at.alias("row"))
    good = looked.good(looked.values.frame, without=without)
    counts = {"pulled": pulled, "good": good.height, "duplicate": duplicates, "toxic": toxic.height}
    return Piece(good, toxic, counts, tuple(quality))


def listed(toxic: pl.DataFrame, *places: str) -> pl.DataFrame:
    """One line a reason: rule, column, value, expected, behind the columns that say where its record is."""
    return toxic.select(*places or ("row",), "reasons").explode("reasons").unnest("reasons")
