"""A contract as plain values: what the rest of the house needs to know of a model, without pandera.

`reading.py` makes these from a model; nothing here looks at data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from tilth.schemas.relations import DeclaredRule, Severity, Total

__all__ = ["FALSE", "TRUE", "Column", "DeclaredRule", "Severity", "Spec", "Transitions", "unjudged_by"]

Transitions = tuple[tuple[str, tuple[str, ...]], ...]
"""Each value, and those that may come after it."""

TRUE = ("true", "t", "yes", "y", "on", "1")
FALSE = ("false", "f", "no", "n", "off", "0")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of ready data, where it is read from, and what it means."""

    name: str
    source: str  # the raw column it is read from
    dtype: pl.DataType
    nullable: bool = False
    required: bool = True  # False: the source may lack the column (pandera's Optional or required=False)
    key: bool = False
    unique: bool = False
    unit: str | None = None
    description: str | None = None
    pii: str | None = None
    term: str | None = None
    standardise: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    time_zone: str | None = None  # of source values that carry none
    true: tuple[str, ...] = TRUE
    false: tuple[str, ...] = FALSE
    references: tuple[str, str] | None = None  # table, column
    severity: Severity = "error"
    default: Any = None  # what a missing value becomes
    transitions: Transitions | None = None  # against the published row; None: every change is allowed
    initial: tuple[str, ...] | None = None  # what a new record may begin with; None: any value


@dataclass(frozen=True, slots=True)
class Spec:
    """One contract."""

    name: str
    description: str
    version: str  # 12 hex digits: changes when what is accepted changes, not when words do
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]  # other than the key; judged when settled, against the release
    rules: tuple[DeclaredRule, ...] = ()  # that look beyond one value
    strict: bool = False  # a source column that no field reads condemns every record
    ordered: bool = False  # so does a source whose columns stand in another order
    absent: tuple[str, ...] = ()  # patterns that must stand for a column of the frame at hand, and stand for none

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name to type, in contract order."""
        return {column.name: column.dtype for column in self.columns}


def unjudged_by(spec: Spec) -> Iterator[str]:
    """What of a contract a frame alone cannot tell: other tables, or what is published, must."""
    for column in spec.columns:
        if column.references:
            yield f"{column.name}: that {'.'.join(column.references)} has it"
        if column.transitions is not None or column.initial is not None:
            yield f"{column.name}: that it may follow the value which is published"
    yield from (f"{rule.column}: {rule.expected}" for rule in spec.rules if isinstance(rule, Total))
