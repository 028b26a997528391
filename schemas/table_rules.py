"""Rules with one verdict on all rows: what is measured of a frame, and the words when a bound is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from tilth.schemas.relations import DeclaredRule, Number, TableRule
from tilth.schemas.rules import Quality

__all__ = ["bound", "measured", "refusal", "verdict_on", "verdicts_on_all"]


def measured(rows: pl.DataFrame, rule: TableRule) -> Number | None:
    """The number that a rule bounds; None where there is nothing to measure."""
    if rule.measure == "row_count":
        return rows.height
    assert rule.column is not None
    column = rows[rule.column]
    if rule.name == "aggregate":
        exact = column.cast(pl.Decimal(38, 0)) if column.dtype.is_integer() else column
        made = {"sum": exact.sum, "mean": exact.mean, "min": exact.min, "max": exact.max}[rule.measure]
        found = made() if column.null_count() < len(column) else None
        return found if isinstance(found, int | float | Decimal) else None
    if not len(column):
        return None
    count = column.null_count() if rule.measure == "null_share" else int((column == rule.value).sum())
    return count / len(column)


def refusal(rule: TableRule, found: Number | None) -> str | None:
    """What is wrong, in words; None when the rule holds."""
    if rule.holds(found):
        return None
    shown = f"{found:.4g}" if isinstance(found, float) else f"{found:,}"
    return f"{_subject(rule)} is {shown}, expected {rule.expected}"


def bound(rule: TableRule, found: Number) -> tuple[str, Number]:
    """What is measured with the bound that is not kept, in words; and how bad it is: the larger, the worse."""
    low = rule.at_least is not None and found < rule.at_least
    side = f"at least {rule.at_least:,}" if low else f"at most {rule.at_most:,}"
    return f"{_subject(rule)}, {side}", -found if low else found


def _subject(rule: TableRule) -> str:
    return f"{rule.name}: {_measure(rule)}"


def _measure(rule: TableRule) -> str:
    return f"{rule.measured}{' of what was pulled' if rule.over == 'pull' else ''}"


def verdict_on(rule: TableRule, found: Number | None) -> Quality:
    """The verdict as the quality table counts it: asked once."""
    measured = f"{_measure(rule)}: {rule.expected}"
    return Quality(rule.name, rule.column, rule.severity, 1, int(not rule.holds(found)), measured)


def verdicts_on_all(rows: pl.DataFrame, rules: Sequence[DeclaredRule]) -> tuple[list[Quality], tuple[str, ...]]:
    """The verdicts of the rules of this kind, and in words those that are errors."""
    asked = [(rule, measured(rows, rule)) for rule in rules if isinstance(rule, TableRule)]
    wrong = [refusal(rule, found) for rule, found in asked if rule.severity == "error"]
    return [verdict_on(*one) for one in asked], tuple(filter(None, wrong))
