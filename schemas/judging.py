"""The judge as a library: of any frame or scan, what is ready, what is toxic, and every reason. No project is needed.

    verdict = judge(pl.read_csv("customers.csv", infer_schema=False), Customer)
    verdict.good, verdict.toxic, verdict.reasons, verdict.counts

A frame is judged at once. A scan is judged when a result is asked for, and piece by piece: see `streamed.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import overload

import polars as pl

from tilth.schemas.contest import Aside, InMemory
from tilth.schemas.looked import Judged
from tilth.schemas.pieces import listed, piece_of
from tilth.schemas.reasons import REASON, REASONS
from tilth.schemas.rules import Quality
from tilth.schemas.splitting import Judge
from tilth.schemas.streamed import LazyVerdict

__all__ = ["REASON", "REASONS", "Judge", "Judged", "LazyVerdict", "Quality", "Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What of a frame is ready, what is toxic and why, and how many of each."""

    good: pl.DataFrame  # contract columns
    toxic: pl.DataFrame  # row, key, raw, reasons
    reasons: pl.DataFrame  # row, rule, column, value, expected: one line a reason
    counts: Mapping[str, int]  # pulled = good + duplicate + toxic
    quality: tuple[Quality, ...]  # how often each rule was asked, and how often it failed
    unjudged: tuple[str, ...]  # what only other tables, or what is published, can tell
    held: tuple[str, ...] = ()  # rules of the whole table that do not hold: it would not be published


@overload
def judge(rows: pl.DataFrame, contract: object) -> Verdict: ...
@overload
def judge(rows: pl.LazyFrame, contract: object, *, aside: Callable[[], Aside] = InMemory) -> LazyVerdict: ...
def judge(
    rows: pl.LazyFrame | pl.DataFrame, contract: object, *, aside: Callable[[], Aside] = InMemory
) -> Verdict | LazyVerdict:
    """Judge one frame, or scan, as one pull: rows, then one record per key (equal ones are duplicates, others all
    toxic), then what must be unique beside it (all that share a value are toxic).

    Rows of a scan that share such a value wait `aside` until all have come: in memory, or with
    `tilth.assets.spilled.Spilled` on disk.
    """
    _require_frame(rows)
    judge = Judge.of(contract, pulled=rows.collect_schema())
    if isinstance(rows, pl.LazyFrame):
        return LazyVerdict(rows, judge, aside=aside)
    piece = piece_of(judge, rows)
    return Verdict(
        piece.good, piece.toxic, listed(piece.toxic), piece.counts, piece.quality, judge.unjudged, piece.held
    )


def _require_frame(rows: object) -> None:
    if not isinstance(rows, pl.DataFrame | pl.LazyFrame):
        got = f"{type(rows).__module__}.{type(rows).__qualname__}".removeprefix("builtins.")
        how = "pl.from_pandas and pl.from_arrow make one" if "." in got else "pl.DataFrame(rows) makes one"
        raise TypeError(f"judge() takes a polars frame or scan, got {got}: {how}")
