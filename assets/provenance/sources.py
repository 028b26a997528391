"""What stands in a query's FROM: tables, subqueries, joins, lists, table functions; each a relation under its alias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from tilth.assets.provenance.expressions import Expressions
from tilth.assets.provenance.relations import Edges, Output, Relation, Scope, Untold

__all__ = ["Sources"]


@dataclass(frozen=True, slots=True)
class Sources:
    """Puts the sources of one SELECT into its scope, left to right: what stands left is in sight."""

    scope: Scope
    query: Callable[[exp.Expr, Scope], Relation]

    def read(self, node: exp.Expr) -> Edges:
        """All sources of a SELECT; what of them decides which rows there are."""
        rows: Edges = frozenset()
        clause = node.args.get("from_")
        if clause is not None:
            rows |= self._add(clause.this)
        return rows | self._joined(node)

    def _joined(self, node: exp.Expr) -> Edges:
        rows: Edges = frozenset()
        for join in node.args.get("joins") or ():
            if join.args.get("using") or join.args.get("pivots") or join.args.get("match_condition"):
                raise Untold("its USING")
            rows |= self._add(join.this)
            rows |= Expressions(self.scope, self.query, {}).edges(join.args.get("on"), "JOIN")
        return rows

    def _add(self, node: exp.Expr) -> Edges:
        """One source; the edges that its own rows depend on."""
        if node.args.get("pivots"):
            raise Untold("its PIVOT")
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):  # joins in parentheses
            if node.alias:
                raise Untold("a name for joins in parentheses")
            return self._add(node.this) | self._joined(node)
        alias = node.args.get("alias")
        names = [column.name for column in (alias.args.get("columns") if alias else None) or ()]
        relation = self._relation(node, names)
        self.scope.sources[node.alias_or_name.lower()] = relation.named(names)
        return relation.rows | (self._joined(node) if isinstance(node, exp.Table) else frozenset())

    def _relation(self, node: exp.Expr, names: list[str]) -> Relation:
        if isinstance(node, exp.Table):
            if isinstance(node.this, exp.Func):
                return self._function(node.this, names)
            found = self.scope.tables.get(node.name.lower())
            if found is None:
                raise Untold(f"what the table {node.name} is")
            return found
        if isinstance(node, exp.Lateral):
            inner = node.this
            return self.query(inner, self.scope) if isinstance(inner, exp.Query) else self._function(inner, names)
        if isinstance(node, exp.Values):
            return self._values(node)
        if isinstance(node, exp.Unnest):
            return self._function(node, names)
        if isinstance(node, exp.Query):
            return self.query(node, self.scope)
        raise Untold(f"a source that is {node.key}")

    def _function(self, node: exp.Expr, names: list[str]) -> Relation:
        """A table function: each of its columns, and its rows, come from whatever its arguments read."""
        reader = Expressions(self.scope, self.query, {})
        edges = frozenset(edge for part in node.iter_expressions() for edge in reader.edges(part, "TRANSFORMATION"))
        rows = frozenset(edge for part in node.iter_expressions() for edge in reader.edges(part, "JOIN"))
        outputs = [Output(name.lower(), edges) for name in names]
        return Relation(tuple(outputs or [Output("", edges)]), rows, any_name=not outputs)

    def _values(self, node: exp.Values) -> Relation:
        reader = Expressions(self.scope, self.query, {})
        columns = [list(row.expressions) if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
        outputs = [
            Output(f"col{number}", frozenset(edge for part in column for edge in reader.edges(part)))
            for number, column in enumerate(zip(*columns, strict=True))
        ]
        return Relation(tuple(outputs))
