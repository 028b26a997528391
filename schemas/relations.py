"""Rules that look beyond one value, as plain values.

`declaring.py` makes them, `reading_rules.py` tells whether they fit their contract, and what they blame is told by
`together.py` (rows among rows) and by settling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

__all__ = [
    "GAP",
    "TOTAL",
    "Ascending",
    "DeclaredRule",
    "FunctionalDependency",
    "Measure",
    "Number",
    "Severity",
    "Sum",
    "TableRule",
    "Total",
]

Severity = Literal["error", "warn"]
Measure = Literal["row_count", "null_share", "value_share", "sum", "mean", "min", "max"]
Number = int | float | Decimal

GAP, TOTAL = "gap", "total"
"""Rules whose records wait for others, as orphans do, and come back by themselves."""


@dataclass(frozen=True, slots=True)
class FunctionalDependency:
    """Rows with the same determinant have the same dependent values."""

    determinant: tuple[str, ...]
    dependent: tuple[str, ...]
    vote: bool = False  # blame the outvoted rows only
    severity: Severity = "error"

    name = "functional_dependency"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        return (*self.determinant, *self.dependent)

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that a reason names, and whose values it shows."""
        return self.columns

    @property
    def expected(self) -> str:
        """What a reason says."""
        return f"one {_and(self.dependent)} for each {_and(self.determinant)}{', by majority' if self.vote else ''}"


@dataclass(frozen=True, slots=True)
class Ascending:
    """A column ascends within each group, in the order of another column."""

    column: str
    by: str
    within: tuple[str, ...] = ()
    strict: bool = True
    gapless: bool = False
    severity: Severity = "error"

    name = "sequence"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        return (*self.within, self.by, self.column)

    @property
    def shown(self) -> tuple[str, ...]:
        """The column that a reason names, and whose value it shows."""
        return (self.column,)

    @property
    def expected(self) -> str:
        """What a reason says."""
        return f"{'' if self.strict else 'never '}{'ascending' if self.strict else 'descending'}{self._place}"

    @property
    def expected_before(self) -> str:
        """What the reason of a gap says."""
        return f"the number before it{f' in the same {_and(self.within)}' if self.within else ''}"

    @property
    def _place(self) -> str:
        return f" in the order of {self.by}{f' within each {_and(self.within)}' if self.within else ''}"


@dataclass(frozen=True, slots=True)
class Sum:
    """Columns of one record add up to another."""

    parts: tuple[str, ...]
    whole: str
    tolerance: Decimal = Decimal(0)
    severity: Severity = "error"

    name = "sum"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        return (*self.parts, self.whole)

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that a reason names."""
        return self.columns

    @property
    def expected(self) -> str:
        """What a reason says."""
        return f"{' + '.join(self.parts)} = {self.whole}{_within(self.tolerance)}"


@dataclass(frozen=True, slots=True)
class Total:
    """A column holds the sum of another table's rows that belong to the record."""

    column: str
    table: str
    amount: str
    by: tuple[tuple[str, str], ...]  # own column, theirs
    tolerance: Decimal = Decimal(0)
    severity: Severity = "error"

    name = TOTAL

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its own table that it looks at."""
        return (*(own for own, _ in self.by), self.column)

    @property
    def shown(self) -> tuple[str, ...]:
        """The column that a reason names."""
        return (self.column,)

    @property
    def expected(self) -> str:
        """What a reason says."""
        each = _and([own for own, _ in self.by])
        return f"{self.column} = sum of {self.table}.{self.amount} for each {each}{_within(self.tolerance)}"


@dataclass(frozen=True, slots=True)
class TableRule:
    """One verdict on a whole table, or on all that is pulled for it: a number between two bounds."""

    measure: Measure
    column: str | None = None
    value: str | int | bool | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    over: Literal["table", "pull"] = "table"
    severity: Severity = "error"

    @property
    def name(self) -> str:
        """The rule's name; aggregates share one."""
        return self.measure if self.measure in ("row_count", "null_share", "value_share") else "aggregate"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        return (self.column,) if self.column else ()

    @property
    def shown(self) -> tuple[str, ...]:
        """The column that the quality table names."""
        return self.columns

    @property
    def expected(self) -> str:
        """The bounds, in words."""
        low = f"at least {self.at_least:,}" if self.at_least is not None else ""
        high = f"at most {self.at_most:,}" if self.at_most is not None else ""
        return " and ".join(filter(None, (low, high)))

    @property
    def measured(self) -> str:
        """What is measured, in words."""
        what = {"row_count": "number of rows", "null_share": f"share of nulls in {self.column}"}
        what["value_share"] = f"share of {self.value!r} in {self.column}"
        return what.get(self.measure, f"{self.measure} of {self.column}")

    def holds(self, found: Number | None) -> bool:
        """The verdict on what was measured; nothing measured (no rows, nulls only) breaks no rule."""
        if found is None:
            return True
        low, high = self.at_least, self.at_most
        return (low is None or found >= low) and (high is None or found <= high)


DeclaredRule = FunctionalDependency | Ascending | Sum | Total | TableRule


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)


def _within(tolerance: Decimal) -> str:
    return f" (± {tolerance})" if tolerance else ""
