"""Which columns a column is made of: values, how two steps combine, and the lineage that a contract declares.

DIRECT: the value of the input is in the output. INDIRECT: it decides which rows, or which of several values, there
are. The kinds are OpenLineage's subtypes. Derived tables' queries are read by `query.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import polars as pl

from tilth.assets.provenance.sqltypes import sql_type
from tilth.schemas.spec import Column, Spec

__all__ = ["DIRECT", "PROVENANCE", "Edge", "Kind", "Lineage", "combined", "judged", "through"]

Kind = Literal[
    "IDENTITY", "TRANSFORMATION", "AGGREGATION", "UNKNOWN",
    "JOIN", "FILTER", "GROUP_BY", "SORT", "WINDOW", "CONDITIONAL",
]  # fmt: skip

DIRECT: tuple[Kind, ...] = ("IDENTITY", "TRANSFORMATION", "AGGREGATION", "UNKNOWN")
"""Kinds that carry a value along, each hiding those before it. UNKNOWN: it could not be told, so all is said."""


PROVENANCE = {"_source": "VARCHAR", "_batch": "BIGINT", "_ordinal": "BIGINT", "_updated_at": "TIMESTAMP WITH TIME ZONE"}
"""The columns that every published table has beside its contract's: where a row came from, by DuckDB's types."""


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One input column, and what it does to the output."""

    table: str
    column: str
    kind: Kind
    told: str = ""  # the transformation in words, where there is more to say than its kind

    @property
    def direct(self) -> bool:
        """Whether the value itself goes along."""
        return self.kind in DIRECT


@dataclass(frozen=True, slots=True)
class Lineage:
    """The columns of one table: what each is made of, and what decides which rows there are."""

    columns: Mapping[str, tuple[Edge, ...]]
    rows: tuple[Edge, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict[str, str])  # how a column is computed, as SQL
    unknown: str | None = None  # why it could not be told


def combined(outer: Kind, inner: Kind) -> Kind:
    """What a step of kind `outer` over a step of kind `inner` is as a whole."""
    if outer not in DIRECT:
        return outer
    if inner not in DIRECT:
        return inner
    return DIRECT[max(DIRECT.index(outer), DIRECT.index(inner))]


def through(outer: Edge, inner: Sequence[Edge]) -> list[Edge]:
    """`outer`, whose input column is itself made by `inner`, as edges from where those begin."""
    found = [Edge(edge.table, edge.column, combined(outer.kind, edge.kind)) for edge in inner]
    words = [", then ".join(dict.fromkeys(filter(None, (edge.told, outer.told)))) for edge in inner]
    return [replace(edge, told=told) if edge.direct else edge for edge, told in zip(found, words, strict=True)]


def judged(spec: Spec, table: str, *, typed: bool = False) -> Lineage:
    """The columns of judged records: each is read from one pulled column of `table`; `typed` values are not parsed."""
    read = {column.name: _read(column, typed=typed) for column in spec.columns}
    return Lineage({column.name: (Edge(table, column.source, *read[column.name]),) for column in spec.columns})


def _read(column: Column, *, typed: bool) -> tuple[Kind, str]:
    """How a contract reads a pulled value: text as it is, or parsed and standardised."""
    steps: list[str] = []
    if column.dtype != pl.String() and not typed:
        by = f" ({', '.join(column.formats)})" if column.formats else ""
        steps.append(f"read as {sql_type(column.dtype)}{by}")
    steps += column.standardise
    return ("TRANSFORMATION", ", then ".join(steps)) if steps else ("IDENTITY", "")
