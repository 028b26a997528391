"""Which columns an expression of SQL reads, and how each gets into its value.

Works on sqlglot's tree after `qualify`: every column names its source, stars and USING are written out. A scalar or
IN subquery is handed back to whoever reads queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from tilth.assets.provenance.columns import Edge, Kind, combined
from tilth.assets.provenance.relations import Edges, Output, Relation, Scope, Untold, as_kind

__all__ = ["Expressions", "aggregates", "is_aggregate"]

_AGGREGATES = frozenset(  # of DuckDB, that sqlglot takes for plain functions
    {
        "arbitrary", "arg_max_null", "arg_max_nulls_last", "arg_min_null", "arg_min_nulls_last", "bitstring_agg",
        "entropy", "favg", "fsum", "histogram", "histogram_exact", "kahan_sum", "kurtosis_pop", "lttb", "mad", "mean",
        "product", "reservoir_quantile", "sem", "sum_no_overflow", "sumkahan",
    }
)  # fmt: skip
_OF_ONE_ROW = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)  # of a window
_NO_COLUMN = (exp.Literal, exp.Null, exp.Boolean, exp.DataType, exp.Identifier, exp.Var, exp.Func)  # without operands


@dataclass(frozen=True, slots=True)
class Expressions:
    """Reads expressions in one scope; `query` reads a subquery in it."""

    scope: Scope
    query: Callable[[exp.Expr, Scope], Relation]
    windows: Mapping[str, exp.Window]

    def edges(self, node: exp.Expr | None, kind: Kind = "IDENTITY") -> Edges:
        """What `node` reads; the whole of it is used in the way of `kind`."""
        return frozenset(self._edges(node, kind)) if node is not None else frozenset()

    def _edges(self, node: exp.Expr, kind: Kind) -> Iterator[Edge]:
        if isinstance(node, exp.Column):
            yield from as_kind(kind, self.column(node).edges)
        elif isinstance(node, exp.Alias | exp.Paren):
            yield from self._edges(node.this, kind)
        elif isinstance(node, exp.Query):
            yield from self.query(node, self.scope).everything(combined(kind, "TRANSFORMATION"))
        elif isinstance(node, exp.TableColumn):
            yield from as_kind(kind, self._whole_row(node.name))
        elif _stands_for_columns(node):
            raise Untold(f"what {node.sql(dialect='duckdb')} stands for")
        elif not isinstance(node, exp.DataType):
            yield from self._parts(node, kind)

    def _parts(self, node: exp.Expr, kind: Kind) -> Iterator[Edge]:
        """The operands of anything else, each in its way."""
        inside = combined(kind, "AGGREGATION" if is_aggregate(node) else "TRANSFORMATION")
        if isinstance(node, exp.Window):
            yield from self._window(node, inside)
        elif isinstance(node, exp.WithinGroup):  # what is ordered is what is aggregated
            yield from self._some([node.this, *node.expression.expressions], combined(kind, "AGGREGATION"))
        elif isinstance(node, exp.Filter):
            yield from self._edges(node.this, inside)
            yield from self._edges(node.expression, combined(kind, "FILTER"))
        elif isinstance(node, exp.Order):
            yield from self._some([node.this], inside)
            yield from self._some(node.expressions, combined(kind, "SORT"))
        elif isinstance(node, exp.Case):
            yield from self._case(node, inside)
        elif isinstance(node, exp.If):
            yield from self._some([node.this], combined(kind, "CONDITIONAL"))
            yield from self._some([node.args.get("true"), node.args.get("false")], inside)
        elif isinstance(node, exp.Exists | exp.Any | exp.All):
            yield from self._some([*node.iter_expressions()], combined(kind, "CONDITIONAL"))
        elif isinstance(node, exp.In) and node.args.get("query"):
            yield from self._edges(node.this, inside)
            yield from self._edges(node.args["query"], combined(kind, "CONDITIONAL"))
        else:
            yield from self._some([*node.iter_expressions()], inside)

    def _some(self, nodes: Sequence[exp.Expr | None], kind: Kind) -> Iterator[Edge]:
        for node in nodes:
            if node is not None:
                yield from self._edges(node, kind)

    def _case(self, node: exp.Case, inside: Kind) -> Iterator[Edge]:
        yield from self._some([node.this], combined(inside, "CONDITIONAL"))
        yield from self._some([*node.args["ifs"], node.args.get("default")], inside)

    def _window(self, node: exp.Window, inside: Kind) -> Iterator[Edge]:
        """The function over a window: its operands go in, the window decides which rows."""
        if isinstance(node.this, exp.Expr) and not isinstance(node.this, exp.Identifier):
            yield from self._edges(node.this, inside)
        frame = [*node.args.get("partition_by", ()), node.args.get("order"), node.args.get("spec")]
        for part in (part for part in frame if part is not None):
            parts = part.iter_expressions() if isinstance(part, exp.Order | exp.WindowSpec) else [part]
            yield from self._some(list(parts), combined(inside, "WINDOW"))
        name = node.alias or (node.this.name if isinstance(node.this, exp.Identifier) else "")
        if name and name.lower() in self.windows and self.windows[name.lower()] is not node:
            yield from self._window(self.windows[name.lower()], inside)

    def column(self, node: exp.Column) -> Output:
        """What a column is, where it comes from."""
        name, table = node.name.lower(), node.table.lower()
        if table:
            source = self.scope.source(table)
            found = source.column(name) if source else None
        else:
            found = next((one for one in self.scope.outputs if one.name == name), None)
        if found is None:
            raise Untold(f"which column {node.sql(dialect='duckdb')} is")
        return found

    def _whole_row(self, name: str) -> Edges:
        source = self.scope.source(name.lower())
        if source is None:
            raise Untold(f"which row {name} is")
        return as_kind("TRANSFORMATION", (edge for one in source.outputs for edge in one.edges))


def _stands_for_columns(node: exp.Expr) -> bool:
    """Whether a node may read columns that it does not name: nothing without operands is passed over unseen."""
    if isinstance(node, exp.Columns | exp.PositionalColumn):
        return True
    if any(True for _ in node.iter_expressions()) or isinstance(node, _NO_COLUMN):
        return False
    return not (isinstance(node, exp.Star) and isinstance(node.parent, exp.Count))


def aggregates(node: exp.Expr) -> bool:
    """Whether an expression aggregates rows of its own query (a window does not)."""
    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        function = node.this.this if isinstance(node.this, exp.IgnoreNulls | exp.RespectNulls) else node.this
        return any(aggregates(part) for part in function.iter_expressions())
    return is_aggregate(node) or any(aggregates(part) for part in node.iter_expressions())


def is_aggregate(node: exp.Expr) -> bool:
    """Whether this very node is an aggregate function."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _AGGREGATES
    return isinstance(node, exp.AggFunc) and not isinstance(node, _OF_ONE_ROW)
