"""Column lineage of a derived table's SQL: what sqlglot's tree says, resolved down to the columns of published tables.

What the reader does not understand is never guessed: then nothing is said but the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from tilth.assets.provenance.columns import Edge, Kind, Lineage
from tilth.assets.provenance.expressions import Expressions, aggregates
from tilth.assets.provenance.relations import Edges, Output, Relation, Scope, Untold, as_kind
from tilth.assets.provenance.sources import Sources

__all__ = ["query_lineage"]

_LONGEST = 200  # characters of an expression that are told
_CLAUSES: tuple[tuple[str, Kind], ...] = (("where", "FILTER"), ("having", "FILTER"), ("qualify", "FILTER"))
_READ = frozenset(
    {
        "with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "qualify", "windows", "order",
        "limit", "offset", "sample",
    }
)  # fmt: skip


def query_lineage(sql: str, tables: Mapping[str, Sequence[str]]) -> Lineage:
    """The lineage of the query's result (its own column names, lower case) from `tables` (name → columns)."""
    return _lineage(sql, tuple((name, tuple(columns)) for name, columns in tables.items()))


@cache
def _lineage(sql: str, tables: tuple[tuple[str, tuple[str, ...]], ...]) -> Lineage:
    schema: dict[str, object] = {name: dict.fromkeys(columns, "UNKNOWN") for name, columns in tables}
    known = {name.lower(): _table(name, columns) for name, columns in tables}
    try:
        (tree,) = parse(sql, dialect="duckdb")
        if not isinstance(tree, exp.Query):
            raise Untold("what kind of query it is")
        made = qualify(tree, schema=schema, dialect="duckdb", quote_identifiers=False)
        result = _query(made, Scope(known))
    except (SqlglotError, Untold) as error:
        return Lineage({}, unknown=f"the query could not be read: {str(error).splitlines()[0]}")
    except Exception as error:  # whatever a parser does with a query that it does not know: no night fails for it
        return Lineage({}, unknown=f"the query could not be read: {type(error).__name__}")
    columns = {one.name: tuple(_told(one)) for one in result.outputs}
    return Lineage(columns, tuple(sorted(result.rows)), {one.name: one.told for one in result.outputs if one.told})


def _table(name: str, columns: Sequence[str]) -> Relation:
    return Relation(tuple(Output(c.lower(), frozenset([Edge(name, c, "IDENTITY")])) for c in columns))


def _told(output: Output) -> Iterator[Edge]:
    for edge in sorted(output.edges):
        plain = edge.kind == "IDENTITY" or not edge.direct
        yield edge if plain else Edge(edge.table, edge.column, edge.kind, output.told)


def _query(node: exp.Expr, scope: Scope) -> Relation:
    """The relation that a query gives; `scope` is what is around it."""
    tables = _with(node, scope)
    if isinstance(node, exp.Subquery):
        _only(node, {"this", "alias", "with_", "sample"})
        return _query(node.this, scope.inner(tables))
    if isinstance(node, exp.SetOperation):
        return _both(node, scope.inner(tables))
    if isinstance(node, exp.Select):
        return _select(node, scope.inner(tables))
    raise Untold(f"a query that is {node.key}")


def _with(node: exp.Expr, scope: Scope) -> Mapping[str, Relation]:
    """The tables in sight, with the WITH queries of `node`."""
    tables, clause = scope.tables, node.args.get("with_")
    if clause is None:
        return tables
    for query in clause.expressions:
        names = [column.name for column in query.args["alias"].args.get("columns") or ()]
        if query.args.get("key_expressions"):
            raise Untold("USING KEY")
        within = tables
        if clause.args.get("recursive") and isinstance(query.this, exp.SetOperation):
            first = _query(query.this.this, scope.inner(tables)).named(names)
            within = {**tables, query.alias.lower(): first}
        while True:  # a query that reads itself: until nothing new comes in
            found = _query(query.this, scope.inner(within)).named(names)
            settled = within is tables or _same(found, within[query.alias.lower()])
            tables_now = {**tables, query.alias.lower(): found}
            if settled:
                break
            within = tables_now
        tables = tables_now
    return tables


def _same(one: Relation, other: Relation) -> bool:
    pairs = zip(one.outputs, other.outputs, strict=True)
    return one.rows == other.rows and all(a.edges == b.edges for a, b in pairs)


def _both(node: exp.SetOperation, scope: Scope) -> Relation:
    """UNION and its like: columns side by side; all but UNION ALL compare whole rows."""
    _only(node, {"with_", "this", "expression", "distinct", "by_name", "order", "limit", "offset"})
    left, right = _query(node.this, scope), _query(node.expression, scope)
    outputs = _by_name(left, right) if node.args.get("by_name") else _by_position(left, right)
    made = Relation(tuple(outputs), left.rows | right.rows)
    if not isinstance(node, exp.Union):
        made = Relation(left.outputs, left.rows | left.everything("FILTER") | right.everything("FILTER"))
    if node.args.get("distinct"):
        made = Relation(made.outputs, made.rows | made.everything("GROUP_BY"))
    return _ordered(node, made, Expressions(Scope(scope.tables, scope, outputs=made.outputs), _query, {}))


def _by_position(left: Relation, right: Relation) -> Iterator[Output]:
    if len(left.outputs) != len(right.outputs):
        raise Untold("a UNION of different widths")
    for one, other in zip(left.outputs, right.outputs, strict=True):
        yield Output(one.name, one.edges | other.edges, one.told or other.told)


def _by_name(left: Relation, right: Relation) -> Iterator[Output]:
    for name in dict.fromkeys(one.name for one in (*left.outputs, *right.outputs)):
        found = [output for relation in (left, right) if (output := relation.column(name))]
        yield Output(name, frozenset[Edge]().union(*(output.edges for output in found)), found[0].told)


def _select(node: exp.Select, scope: Scope) -> Relation:
    _only(node, _READ)
    sources = Sources(scope, _query)
    rows: Edges = sources.read(node)
    windows = {window.this.name.lower(): window for window in node.args.get("windows") or ()}
    reader = Expressions(scope, _query, windows)
    for clause, kind in _CLAUSES:
        rows |= reader.edges(node.args.get(clause), kind)
    outputs = tuple(_output(projection, reader) for projection in node.expressions)
    rows |= _grouped(node, reader, outputs)
    for projection in node.expressions:
        if any(True for _ in projection.find_all(exp.Explode, exp.Unnest)):
            rows |= reader.edges(projection, "JOIN")  # as many rows as the list has items
    scope.outputs = outputs
    return _ordered(node, Relation(_distinct(outputs), rows), reader)


def _distinct(outputs: Sequence[Output]) -> tuple[Output, ...]:
    """The columns with the names that DuckDB gives to those of one name: x, x_1, x_2."""
    found: dict[str, Output] = {}
    for one in outputs:
        name, number = one.name, 0
        while name in found:
            number += 1
            name = f"{one.name}_{number}"
        found[name] = replace(one, name=name)
    return tuple(found.values())


def _output(node: exp.Expr, reader: Expressions) -> Output:
    inner = node.this if isinstance(node, exp.Alias) else node
    if isinstance(inner, exp.Column):
        return replace(reader.column(inner), name=node.alias_or_name.lower())
    words = " ".join(inner.sql(dialect="duckdb", comments=False).split())
    told = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
    return Output(node.alias_or_name.lower(), reader.edges(inner), told)


def _grouped(node: exp.Select, reader: Expressions, outputs: tuple[Output, ...]) -> Edges:
    """What decides which rows become one."""
    rows: Edges = frozenset()
    group, distinct = node.args.get("group"), node.args.get("distinct")
    if group is not None:
        for part in group.iter_expressions():
            rows |= reader.edges(part, "GROUP_BY")
        if group.args.get("all"):
            alike = [one for one, made in zip(outputs, node.expressions, strict=True) if not aggregates(made)]
            rows |= as_kind("GROUP_BY", (edge for one in alike for edge in one.edges))
    if distinct is not None:
        on = distinct.args.get("on")
        every = (edge for one in outputs for edge in one.edges)
        rows |= reader.edges(on, "GROUP_BY") if on is not None else as_kind("GROUP_BY", every)
    return rows


def _ordered(node: exp.Expr, made: Relation, reader: Expressions) -> Relation:
    rows, order = made.rows, node.args.get("order")
    for term in order.expressions if order is not None else ():
        if isinstance(term.this, exp.Var) or term.this.is_int:  # ALL, or a position
            rows |= as_kind("SORT", (edge for one in made.outputs for edge in one.edges))
        else:
            rows |= reader.edges(term.this, "SORT")
    for name in ("limit", "offset"):
        rows |= reader.edges(node.args.get(name), "FILTER")
    return Relation(made.outputs, rows)


def _only(node: exp.Expr, known: AbstractSet[str]) -> None:
    """Nothing of a query is passed over in silence."""
    for name, value in node.args.items():
        if value and name not in known:
            raise Untold(f"its {name.strip('_')}")
