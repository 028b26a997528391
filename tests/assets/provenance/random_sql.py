"""Random queries over small tables, as hypothesis strategies: joins, subqueries, WITH, groups, windows, set operations.

Each gives the same result whenever it is asked: no order that nothing decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

__all__ = ["TABLES", "queries"]

_JOINS = ("JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN", "SEMI JOIN", "ANTI JOIN", "CROSS JOIN")
TABLES: dict[str, tuple[str, ...]] = {"a": ("id", "x", "y"), "b": ("id", "x", "z"), "c": ("id", "k")}


@dataclass(frozen=True)
class Source:
    """Something in FROM: its text, and its columns as they may be written."""

    text: str
    columns: tuple[str, ...]


def queries() -> st.SearchStrategy[str]:
    """A whole query."""
    return _query(3)


def _query(depth: int) -> st.SearchStrategy[str]:
    plain = _select(depth)
    if depth <= 0:
        return plain
    both = st.tuples(_select(depth - 1, width=2), st.sampled_from(["UNION ALL", "UNION", "EXCEPT", "INTERSECT"]))
    sets = st.tuples(both, _select(depth - 1, width=2)).map(lambda t: f"{t[0][0]} {t[0][1]} {t[1]}")
    return st.one_of(plain, plain, sets, _with(depth))


@st.composite
def _with(draw: Any, depth: int) -> str:
    inner = draw(_select(depth - 1, width=2))
    columns = tuple(f"w.o{n}" for n in range(2))
    outer = draw(_select(depth - 1, source=Source("w", columns)))
    return f"WITH w AS ({inner}) {outer}"


@st.composite
def _source(draw: Any, depth: int, alias: str) -> Source:
    if depth > 0 and draw(st.integers(0, 2)) == 0:
        inner = draw(_select(depth - 1, width=2))
        return Source(f"({inner}) AS {alias}", (f"{alias}.o0", f"{alias}.o1"))
    table = draw(st.sampled_from(sorted(TABLES)))
    return Source(f"{table} AS {alias}", tuple(f"{alias}.{column}" for column in TABLES[table]))


@st.composite
def _sources(draw: Any, depth: int, first: Source | None) -> Source:
    """One source, or two that are joined."""
    left = first or draw(_source(depth, f"l{depth}"))
    if draw(st.booleans()):
        return left
    right = draw(_source(depth, f"r{depth}"))
    kind = draw(
        st.sampled_from(["JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN", "SEMI JOIN", "ANTI JOIN", "CROSS JOIN"])
    )
    on = f"{draw(st.sampled_from(left.columns))} = {draw(st.sampled_from(right.columns))}"
    text = f"{left.text} {kind} {right.text}" + ("" if kind == "CROSS JOIN" else f" ON {on}")
    seen = left.columns if kind in ("SEMI JOIN", "ANTI JOIN") else left.columns + right.columns
    return Source(text, seen)


@st.composite
def _select(draw: Any, depth: int, *, width: int | None = None, source: Source | None = None) -> str:
    seen = draw(_sources(depth, source))
    number = width or draw(st.integers(1, 3))
    where = f" WHERE {draw(_condition(seen.columns, depth))}" if draw(st.booleans()) else ""
    kind = draw(st.sampled_from(["plain", "plain", "grouped", "distinct", "window", "top"]))
    if kind == "grouped":
        return draw(_grouped(seen, number, where))
    terms = [draw(_expression(seen.columns, depth)) for _ in range(number)]
    if kind == "window":
        part, by, of = (draw(st.sampled_from(seen.columns)) for _ in range(3))
        function = draw(st.sampled_from([f"sum({of})", f"count({of})", f"max({of})"]))
        terms[0] = f"{function} OVER (PARTITION BY {part} ORDER BY {by} RANGE UNBOUNDED PRECEDING)"
    listed = ", ".join(f"{term} AS o{n}" for n, term in enumerate(terms))
    distinct = "DISTINCT " if kind == "distinct" else ""
    end = " ORDER BY ALL LIMIT 3" if kind == "top" else ""
    return (
        f"(SELECT {distinct}{listed} FROM {seen.text}{where}{end})"
        if end
        else f"SELECT {distinct}{listed} FROM {seen.text}{where}"
    )


@st.composite
def _grouped(draw: Any, seen: Source, number: int, where: str) -> str:
    key = draw(_expression(seen.columns, 0))
    of = [draw(_expression(seen.columns, 0)) for _ in range(number)]
    functions = [draw(st.sampled_from(["sum", "min", "count", "count_if_big", "avg"])) for _ in range(number - 1)]
    terms = [key, *(_aggregate(name, one, seen.columns) for name, one in zip(functions, of, strict=False))]
    listed = ", ".join(f"{term} AS o{n}" for n, term in enumerate(terms))
    by = draw(st.sampled_from(["ALL", "o0", key if key.strip("0123456789") else "o0"]))
    having = f" HAVING max({of[-1]}) > {draw(st.integers(0, 5))}" if draw(st.integers(0, 3)) == 0 else ""
    return f"SELECT {listed} FROM {seen.text}{where} GROUP BY {by}{having}"


def _aggregate(name: str, of: str, columns: Sequence[str]) -> str:
    return f"count(*) FILTER (WHERE {columns[-1]} > 2)" if name == "count_if_big" else f"{name}({of})"


@st.composite
def _expression(draw: Any, columns: Sequence[str], depth: int) -> str:
    column = st.sampled_from(columns)
    one, two = draw(column), draw(column)
    number = draw(st.integers(0, 9))
    shapes = [
        one,
        one,
        f"({one} + {two})",
        f"coalesce({one}, {two})",
        f"nullif({one}, {number})",
        f"abs({one} - {number})",
    ]
    shapes += [
        f"CASE WHEN {one} > {number} THEN {two} ELSE {number} END",
        f"({one} > {two})::INT",
        f"greatest({one}, {two})",
    ]
    if depth > 0 and draw(st.integers(0, 4)) == 0:
        return f"(SELECT max(q.o0) FROM ({draw(_select(depth - 1, width=1))}) AS q WHERE q.o0 <> {one})"
    return draw(st.sampled_from(shapes))


@st.composite
def _condition(draw: Any, columns: Sequence[str], depth: int) -> str:
    one, two = draw(st.sampled_from(columns)), draw(st.sampled_from(columns))
    number = draw(st.integers(0, 6))
    shapes = [f"{one} > {number}", f"{one} IS NOT NULL", f"{one} BETWEEN {two} AND 9", f"NOT ({one} = {two})"]
    if depth > 0 and draw(st.booleans()):
        inner = draw(_select(depth - 1, width=1))
        shapes = [
            f"{one} IN ({inner})",
            f"EXISTS (SELECT 1 FROM ({inner}) AS e WHERE e.o0 = {one})",
            f"{one} >= ANY ({inner})",
        ]
    return draw(st.sampled_from(shapes))
