"""`tilth lineage show`: one table or column as a tree, from what is published back to the source, and onwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tilth.assets.declared import TableDeclaration
from tilth.assets.marked import mistake
from tilth.assets.provenance.columns import Edge, Lineage
from tilth.assets.provenance.naming import words
from tilth.assets.provenance.tracing import steps
from tilth.connectors.protocol import Dataset
from tilth.errors import TilthError
from tilth.schemas.contract import spec_of

if TYPE_CHECKING:
    from tilth.pipelines.project import Project

__all__ = ["Shown", "shown"]

_ROWS = "(rows)"  # in place of a column: what decides which rows there are


@dataclass(frozen=True, slots=True)
class Shown:
    """A tree, as JSON and as text."""

    document: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Node:
    """One column, how it gets into the one above it, and what it is itself made of."""

    name: str  # table.column, or a dataset and its column
    how: str
    inputs: tuple[Node, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"column": self.name, "how": self.how, "from": [node.to_dict() for node in self.inputs]}

    def lines(self, depth: int) -> Iterator[str]:
        """As text, a line a column."""
        how = f"  {self.how}" if self.how else ""
        yield f"{'  ' * depth}{'← ' if depth else ''}{self.name}{how}"
        for node in self.inputs:
            yield from node.lines(depth + 1)


@dataclass(frozen=True, slots=True)
class _Tables:
    """What every table is made of, one step back."""

    lineages: Mapping[str, Lineage]
    places: Mapping[str, Dataset]  # of pulled tables

    def nodes(self, edges: Sequence[Edge], above: str, way: tuple[str, ...]) -> tuple[Node, ...]:
        """The inputs of one column of the table `above`."""
        found: dict[tuple[str, str], list[str]] = {}
        for edge in edges:
            found.setdefault((edge.table, edge.column), []).append(
                f"{edge.kind}: {edge.told}" if edge.told else edge.kind
            )
        return tuple(self._node(table, column, ", ".join(how), above, way) for (table, column), how in found.items())

    def _node(self, table: str, column: str, how: str, above: str, way: tuple[str, ...]) -> Node:
        if table == above and table in self.places:
            return Node(f"{words(self.places[table])} {column}", how)
        inner = self.lineages[table].columns.get(column, ()) if table in self.lineages and table not in way else ()
        return Node(f"{table}.{column}", how, self.nodes(inner, table, (*way, table)))

    def onwards(self, table: str, column: str | None) -> Iterator[str]:
        """The columns that are made from this one (None: from any), also through others."""
        for other, lineage in self.lineages.items():
            if other == table:
                continue
            made = [*lineage.columns.items(), (_ROWS, lineage.rows)]
            hit = [n for n, edges in made if any(e.table == table and column in (None, e.column) for e in edges)]
            yield from (f"{other}.{name}" for name in hit)
            for name in [None] if _ROWS in hit else hit:
                yield from self.onwards(other, name)


def shown(project: Project, what: str) -> Shown:
    """The lineage of `TABLE` or `TABLE.COLUMN`."""
    table, _, column = what.partition(".")
    declared = {**project.tables, **project.derived}
    if table not in declared:
        raise _unknown(table, list(declared), of="table")
    specs = [(one, spec_of(project.contract(one))) for one in declared.values()]
    tables = _Tables(steps(specs), {one.name: _place(project, one) for one in project.tables.values()})
    lineage = tables.lineages[table]
    if column and column not in lineage.columns:
        raise _unknown(column, list(lineage.columns), of=f"column of {table}")
    wanted = [column] if column else list(lineage.columns)
    roots = [
        Node(
            f"{table}.{name}",
            "" if lineage.columns[name] else lineage.told.get(name, "no input"),
            tables.nodes(lineage.columns[name], table, (table,)),
        )
        for name in wanted
    ]
    rows = Node(f"{table} {_ROWS}", "", tables.nodes(lineage.rows, table, (table,)))
    onwards = list(dict.fromkeys(tables.onwards(table, column or None)))
    return _shown(table, column, roots, rows, onwards, lineage.unknown)


def _shown(
    table: str, column: str, roots: Sequence[Node], rows: Node, onwards: Sequence[str], unread: str | None
) -> Shown:
    document = {"table": table, "column": column or None, "columns": [node.to_dict() for node in roots]}
    document |= {"rows": rows.to_dict()["from"], "used_by": list(onwards), "unknown": unread}
    lines = [line for node in roots for line in node.lines(0)]
    if rows.inputs:
        lines += ["", "which rows there are is decided by", *(line for node in rows.inputs for line in node.lines(1))]
    lines += ["", f"used by: {', '.join(onwards)}" if onwards else "nothing is made from it"]
    lines += [f"not told exactly: {unread}"] if unread else []
    return Shown(document, "\n".join(lines))


def _place(project: Project, table: TableDeclaration) -> Dataset:
    """Where the object of a table stands; a connection that cannot be built is called by its name."""
    try:
        return project.connector(table.source).dataset(table.object)
    except TilthError:
        return Dataset(table.source, table.object)


def _unknown(name: str, known: Sequence[str], *, of: str) -> TilthError:
    """The error for a name that does not exist, with the near match."""
    error = mistake(f"no {of} is named {name}", where="", got=name, known=known)
    return TilthError(error.what, expected=error.expected, got=name, next="tilth status")
