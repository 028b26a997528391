"""What rows among rows break: functional dependencies, and sequences within groups. Which of the new ones are blamed.

Rows that stand already (published, and not replaced by what comes) are never blamed; without any, as in one frame that
is judged alone, all are new. Values that are missing take no part.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from tilth.schemas.relations import GAP, Ascending, DeclaredRule, FunctionalDependency

__all__ = [
    "HIGH",
    "LOW",
    "NEW",
    "STANDING",
    "TAKEN",
    "Blame",
    "after_gaps",
    "blamed",
    "contradicting",
    "counted",
    "disordered",
]

STANDING, NEW = "_standing", "_new"
LOW, HIGH, TAKEN = "_low", "_high", "_taken"


@dataclass(frozen=True, slots=True)
class Blame:
    """Which rows of a frame break a rule among themselves."""

    rule: str
    columns: tuple[str, ...]
    expected: str
    asked: int
    failed: pl.Series


def blamed(rows: pl.DataFrame, rule: DeclaredRule) -> Iterator[Blame]:
    """What a rule among rows finds in a frame that is judged alone; nothing for rules of other kinds."""
    if not isinstance(rule, FunctionalDependency | Ascending):
        return
    asked = rows.select(pl.all_horizontal(pl.col(rule.columns).is_not_null()).sum()).item()
    rows = rows.with_row_index("_row")
    rest = rows
    if isinstance(rule, Ascending) and rule.gapless:
        waits = after_gaps(rest, rule)
        yield Blame(GAP, rule.shown, rule.expected_before, asked, waits)
        rest = rest.filter(~waits) if rule.severity == "error" else rest
    if isinstance(rule, FunctionalDependency):
        found = rest.join(contradicting(counted(rest, rule), rule), on=rule.columns, how="semi")["_row"]
    else:
        found = rest["_row"].filter(disordered(rest, rule))
    yield Blame(rule.name, rule.shown, rule.expected, asked, rows["_row"].is_in(found.implode()))


def counted(rows: pl.DataFrame, rule: FunctionalDependency) -> pl.DataFrame:
    """New rows as `contradicting` takes them: how often each pair of values comes; none stand."""
    present = rows.select(rule.columns).drop_nulls()
    pairs = present.group_by(rule.columns, maintain_order=True).agg(pl.len().cast(pl.Int64).alias(NEW))
    return pairs.with_columns(pl.lit(0, dtype=pl.Int64).alias(STANDING))


def contradicting(pairs: pl.DataFrame, rule: FunctionalDependency) -> pl.DataFrame:
    """The pairs of values whose new rows are blamed, of pairs with how many rows stand (STANDING) and come (NEW).

    Where rows stand, new rows that say what none of them says; else all new rows whose determinant has several values.
    By vote: new rows that do not say what most rows say, standing ones included; where two values lead, all new rows.
    """
    of = list(rule.determinant)
    if rule.vote:
        votes = pl.col(NEW) + pl.col(STANDING)
        leads = votes == votes.max().over(of)
        blamed = ~leads | (leads.sum().over(of) > 1)
    else:
        settled = (pl.col(STANDING) > 0).any().over(of)
        blamed = pl.when(settled).then(pl.col(STANDING) == 0).otherwise(pl.len().over(of) > 1)
    return pairs.filter(blamed & (pl.col(NEW) > 0)).select(rule.columns)


def disordered(rows: pl.DataFrame, rule: Ascending) -> pl.Series:
    """Which of the new rows break the sequence.

    First those that do not fit between the rows that stand: `rows` may say of each the greatest value that stands
    before it (LOW), the least one after it (HIGH), and whether its own place is TAKEN. Of the rest as few as possible:
    all but a longest run that ascends, of several such runs the one whose values are least, from its end.
    """
    known = rows.with_row_index("_at").drop_nulls(rule.columns)
    unfit = pl.Series("unfit", [False] * known.height, dtype=pl.Boolean)
    if LOW in rows.columns:
        value, low, high = pl.col(rule.column), pl.col(LOW), pl.col(HIGH)
        beyond = [value <= low, value >= high, pl.col(TAKEN)] if rule.strict else [value < low, value > high]
        unfit = known.select(pl.any_horizontal(test.fill_null(False) for test in beyond)).to_series()
    blamed = known.filter(unfit)["_at"].to_list()
    rest = known.filter(~unfit).sort(*rule.within, rule.by, rule.column, "_at")
    for group in _broken(rest, rule):
        kept = _longest(group[rule.column].to_list(), strict=rule.strict)
        blamed += [at for place, at in enumerate(group["_at"].to_list()) if place not in kept]
    return pl.int_range(rows.height, dtype=pl.UInt32, eager=True).is_in(pl.Series(blamed, dtype=pl.UInt32).implode())


def _broken(ordered: pl.DataFrame, rule: Ascending) -> Sequence[pl.DataFrame]:
    """The groups of rows, in their order, in which some value does not ascend."""
    groups = list(rule.within) or [pl.lit(0)]
    before = pl.col(rule.column).shift(1).over(groups)
    wrong = pl.col(rule.column) <= before if rule.strict else pl.col(rule.column) < before
    odd = ordered.filter(wrong.fill_null(False).any().over(groups))
    return odd.partition_by(rule.within, maintain_order=True) if rule.within else [odd]


def _longest(values: Sequence[object], *, strict: bool) -> set[int]:
    """The places of a longest run that ascends (patience sorting); of equal values the first one counts."""
    find = bisect_left if strict else bisect_right
    tails: list[object] = []  # the least value that a run of each length ends with
    ends: list[int] = []  # and where
    before: list[int] = []
    for place, value in enumerate(values):
        length = find(tails, value)  # type: ignore[type-var]
        before.append(ends[length - 1] if length else -1)
        if length == len(tails):
            tails.append(value)
            ends.append(place)
        elif value != tails[length]:
            tails[length], ends[length] = value, place
    kept: set[int] = set()
    place = ends[-1] if ends else -1
    while place >= 0:
        kept.add(place)
        place = before[place]
    return kept


def after_gaps(rows: pl.DataFrame, rule: Ascending) -> pl.Series:
    """Which rows of a frame that is judged alone have a gap before them in their group."""
    known = rows.with_row_index("_at").drop_nulls(rule.columns)
    groups = list(rule.within) or [pl.lit(0)]
    place = pl.col(rule.column).cast(pl.Int128) - pl.col(rule.column).rank("dense").over(groups).cast(pl.Int128)
    marked = known.with_columns(place.alias("_island"))
    blamed = marked.filter(pl.col("_island") != pl.col("_island").min().over(groups))["_at"]
    return pl.int_range(rows.height, dtype=pl.UInt32, eager=True).is_in(blamed.implode())
