"""What a query is made of while its lineage is read: relations with the origin of their columns, and what is in sight.

Holds values only; expressions are read in `expressions.py`, whole queries in `query.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tilth.assets.provenance.columns import Edge, Kind, combined

__all__ = ["Edges", "Output", "Relation", "Scope", "Untold", "as_kind"]

Edges = frozenset[Edge]


class Untold(Exception):
    """What in a query is not understood: nothing is said of it rather than something wrong."""


@dataclass(frozen=True, slots=True)
class Output:
    """One column of a relation."""

    name: str  # lower case: DuckDB takes any
    edges: Edges
    told: str = ""  # how it is computed, as SQL


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, or the result of a query."""

    outputs: tuple[Output, ...]
    rows: Edges = frozenset()  # what decides which rows there are
    any_name: bool = False  # its columns have names that nobody declared: each is all of `outputs`

    def column(self, name: str) -> Output | None:
        """The column `name`; None when there is none. Of several, nobody can tell which: all of them."""
        found = [one for one in self.outputs if one.name == name or self.any_name]
        if not found:
            return None
        return found[0] if len(found) == 1 else Output(name, frozenset[Edge]().union(*(one.edges for one in found)))

    def everything(self, kind: Kind) -> Edges:
        """All its columns and what decides its rows, through a step of `kind`."""
        return as_kind(kind, (edge for one in self.outputs for edge in one.edges)) | as_kind(kind, self.rows)

    def named(self, names: Sequence[str]) -> Relation:
        """The same with other names for its first columns."""
        outputs = list(self.outputs)
        for number, name in enumerate(names[: len(outputs)]):
            outputs[number] = replace(outputs[number], name=name.lower())
        return replace(self, outputs=tuple(outputs))


@dataclass(slots=True)
class Scope:
    """What names mean in one query: its sources, the WITH queries, and the scope around it."""

    tables: Mapping[str, Relation]  # base tables and WITH queries
    around: Scope | None = None
    sources: dict[str, Relation] = field(default_factory=dict[str, Relation])
    outputs: tuple[Output, ...] = ()  # of the SELECT itself: ORDER BY may name them

    def inner(self, tables: Mapping[str, Relation] | None = None) -> Scope:
        """The scope of a query inside this one."""
        return Scope(self.tables if tables is None else tables, self)

    def source(self, alias: str) -> Relation | None:
        """The source of that name, here or around."""
        return next((scope.sources[alias] for scope in self.outwards() if alias in scope.sources), None)

    def outwards(self) -> Iterator[Scope]:
        """This scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.around


def as_kind(kind: Kind, edges: Iterable[Edge]) -> Edges:
    """The edges through a step of `kind`."""
    return frozenset(Edge(edge.table, edge.column, combined(kind, edge.kind)) for edge in edges)
