"""From a published column back to the source: what each table is made of, one step back and all the way.

Pure: it reads contracts, declarations and queries. Used for events of derived tables, the catalogue, Dagster's
metadata and `tilth lineage show`, so that all of them say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.provenance.columns import PROVENANCE, Edge, Lineage, judged, through
from tilth.assets.provenance.taken import cut, taken_apart
from tilth.connectors.protocol import Dataset
from tilth.schemas.spec import Spec

__all__ = ["Declared", "Origin", "Traced", "derived_lineage", "pulled_lineage", "steps", "trace"]

Declared = TableDeclaration | DerivedDeclaration


@dataclass(frozen=True, slots=True)
class Origin:
    """One input of a published column (None: of the choice of its rows)."""

    column: str | None
    input: str | Dataset | None  # a table of the same file, a source's dataset, or nothing at all
    edge: Edge | None
    told: str = ""  # how the column is computed


@dataclass(frozen=True, slots=True)
class Traced:
    """One published table: its inputs among the published tables, and where all of it comes from in the end."""

    table: str
    steps: tuple[Origin, ...]  # empty for a pulled table: its sources are one step back
    sources: tuple[Origin, ...]
    unknown: str | None = None


def derived_lineage(declared: DerivedDeclaration, spec: Spec, specs: Mapping[str, Spec]) -> Lineage:
    """The columns of a derived table, from those of its inputs (published tables with the contracts `specs`)."""
    from tilth.assets.provenance.query import query_lineage

    if declared.chunking is not None:
        return cut(declared.inputs[0], spec)
    tables = {name: (*specs[name].schema, *PROVENANCE) for name in declared.inputs if name in specs}
    found = query_lineage(declared.sql, tables)
    columns: dict[str, tuple[Edge, ...]] = {}
    told: dict[str, str] = {}
    for column in spec.columns:
        (read,) = judged(spec, "query", typed=True).columns[column.name]
        name = column.source.lower()
        inner = found.columns.get(name)
        if inner is None:
            inner = _any_of(tables, found.unknown or f"the query has no column {column.source} that could be read")
        columns[column.name] = tuple(through(read, inner))
        told[column.name] = found.told.get(name, "")
    return Lineage(columns, found.rows, {name: text for name, text in told.items() if text}, found.unknown)


def _any_of(tables: Mapping[str, Sequence[str]], reason: str) -> tuple[Edge, ...]:
    """Every column of every input: one of them, or several, or none."""
    shown = {name: [column for column in columns if column not in PROVENANCE] for name, columns in tables.items()}
    return tuple(Edge(name, column, "UNKNOWN", reason) for name, columns in shown.items() for column in columns)


def pulled_lineage(declared: TableDeclaration, spec: Spec) -> Lineage:
    """The columns of a pulled table, from those of its source, which are called by the table itself."""
    if declared.parsing is not None:
        return taken_apart(declared.name, spec)
    flag = declared.deletes.column
    rows = (Edge(declared.name, flag, "FILTER", "true: the record is deleted"),) if flag else ()
    return replace(judged(spec, declared.name), rows=rows)


def steps(tables: Sequence[tuple[Declared, Spec]]) -> Mapping[str, Lineage]:
    """One step back from each table: to its inputs, or to its source, whose columns are called by the table itself."""
    specs = {declared.name: spec for declared, spec in tables}
    return {
        declared.name: derived_lineage(declared, spec, specs)
        if isinstance(declared, DerivedDeclaration)
        else pulled_lineage(declared, spec)
        for declared, spec in tables
    }


def trace(tables: Sequence[tuple[Declared, Spec]], places: Mapping[str, Dataset]) -> tuple[Traced, ...]:
    """Every table of a project; `places` is where the objects of pulled tables stand."""
    whole = _Whole(steps(tables), frozenset(d.name for d, _ in tables if isinstance(d, TableDeclaration)), {})
    found: list[Traced] = []
    for name, step in whole.steps.items():
        sources = tuple(_origins(whole.of(name, ()), places))
        one_back = () if name in whole.pulled else tuple(_origins(step, None))
        found.append(Traced(name, one_back, sources, step.unknown))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Whole:
    """All steps back to the sources, each table once."""

    steps: Mapping[str, Lineage]
    pulled: frozenset[str]
    known: dict[str, Lineage]

    def of(self, name: str, way: tuple[str, ...]) -> Lineage:
        """A table's columns in columns of sources; a table that is made from itself, or is unknown, has none."""
        if name not in self.steps or name in way:
            return Lineage({})
        if name in self.pulled:
            return self.steps[name]
        if name not in self.known:
            self.known[name] = self._back(self.steps[name], (*way, name))
        return self.known[name]

    def _back(self, step: Lineage, way: tuple[str, ...]) -> Lineage:
        columns = {name: tuple(dict.fromkeys(self._through(edges, way))) for name, edges in step.columns.items()}
        inputs = dict.fromkeys(edge.table for edges in (*step.columns.values(), step.rows) for edge in edges)
        beneath = (edge for name in inputs for edge in self.of(name, way).rows)
        rows = tuple(dict.fromkeys([*self._through(step.rows, way), *beneath]))
        return Lineage(columns, rows, step.told, step.unknown)

    def _through(self, edges: Sequence[Edge], way: tuple[str, ...]) -> Iterator[Edge]:
        for edge in edges:
            yield from through(edge, self.of(edge.table, way).columns.get(edge.column, ()))


def _origins(lineage: Lineage, places: Mapping[str, Dataset] | None) -> Iterator[Origin]:
    """Each edge with its input: a table, or with `places` the dataset that this table is pulled from."""
    for name, edges in lineage.columns.items():
        told = lineage.told.get(name, "")
        if not edges:
            yield Origin(name, None, None, told)
        for edge in edges:
            yield Origin(name, edge.table if places is None else places[edge.table], edge, told)
    for edge in lineage.rows:
        yield Origin(None, edge.table if places is None else places[edge.table], edge)
