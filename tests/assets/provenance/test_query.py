"""Column lineage of SQL: what is said is exact, whatever moves is said, and what is not understood is not guessed."""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from oracles.perturbation import Columns, moved
from random_sql import TABLES, queries

from tilth.assets.declared import DerivedDeclaration
from tilth.assets.provenance.query import query_lineage
from tilth.assets.provenance.tracing import derived_lineage
from tilth.schemas.contract import Column, Contract, Spec, field, spec_of

ROOT = Path(__file__).parents[3]
DATA: dict[str, Columns] = {
    "a": {
        "id": ("BIGINT", [1, 2, 3, 4, 5, 6]),
        "x": ("BIGINT", [3, 1, 4, 1, None, 2]),
        "y": ("BIGINT", [2, 7, 1, 8, 2, None]),
        "s": ("VARCHAR", ["p", "q", "r", "p", "q", None]),
        "l": ("BIGINT[]", [[1], [2, 3], [], [4], None, [5, 6]]),
    },
    "b": {
        "id": ("BIGINT", [1, 2, 3, 9, 5]),
        "x": ("BIGINT", [1, 4, 1, 5, 2]),
        "z": ("BIGINT", [6, 5, 3, None, 8]),
    },
}
SMALL: dict[str, Columns] = {
    "a": {name: DATA["a"][name] for name in ("id", "x", "y")},
    "b": DATA["b"],
    "c": {"id": ("BIGINT", [4, 2, 6]), "k": ("BIGINT", [1, 3, 8])},
}
BY_X = {"": "a.x:GROUP_BY"}
KNOWN = {table: tuple(columns) for table, columns in DATA.items()}


def told(sql: str) -> dict[str, str]:
    """The lineage of a query, short: `a.x:FILTER`; the rows under an empty name."""
    found = query_lineage(sql, KNOWN)
    assert found.unknown is None, found.unknown
    every = {**found.columns, "": found.rows}
    return {name: " ".join(f"{e.table}.{e.column}:{e.kind}" for e in edges) for name, edges in every.items()}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id, x + y AS t FROM a", {"id": "a.id:IDENTITY", "t": "a.x:TRANSFORMATION a.y:TRANSFORMATION"}),
        ("SELECT X AS Q FROM A WHERE Y > 1", {"q": "a.x:IDENTITY", "": "a.y:FILTER"}),
        ("FROM b", {"id": "b.id:IDENTITY", "x": "b.x:IDENTITY", "z": "b.z:IDENTITY"}),
        ("SELECT * EXCLUDE (id) REPLACE (x + 1 AS x) FROM b", {"x": "b.x:TRANSFORMATION", "z": "b.z:IDENTITY"}),
        ("SELECT x AS k, sum(y) AS n FROM a GROUP BY k", {"k": "a.x:IDENTITY", "n": "a.y:AGGREGATION", **BY_X}),
        ("SELECT x, count(*) AS n FROM a GROUP BY ALL", {"x": "a.x:IDENTITY", "n": "", "": "a.x:GROUP_BY"}),
        ("SELECT sum(y) AS n FROM a HAVING max(x) > 1", {"n": "a.y:AGGREGATION", "": "a.x:FILTER"}),
        ("SELECT b.z FROM a JOIN b USING (id)", {"z": "b.z:IDENTITY", "": "a.id:JOIN b.id:JOIN"}),
        (
            "SELECT id FROM a FULL JOIN b USING (id)",
            {"id": "a.id:TRANSFORMATION b.id:TRANSFORMATION", "": "a.id:JOIN b.id:JOIN"},
        ),
        ("SELECT a.x, b.x FROM a CROSS JOIN b", {"x": "a.x:IDENTITY", "x_1": "b.x:IDENTITY"}),
        (
            "SELECT CASE WHEN x > 1 THEN y ELSE 0 END AS c FROM a",
            {"c": "a.x:CONDITIONAL a.y:TRANSFORMATION"},
        ),
        ("SELECT row_number() OVER (PARTITION BY x ORDER BY id) AS n FROM a", {"n": "a.id:WINDOW a.x:WINDOW"}),
        ("SELECT lag(y) OVER w AS p FROM a WINDOW w AS (ORDER BY id)", {"p": "a.id:WINDOW a.y:TRANSFORMATION"}),
        ("SELECT DISTINCT x FROM a ORDER BY x LIMIT 1", {"x": "a.x:IDENTITY", "": "a.x:GROUP_BY a.x:SORT"}),
        ("SELECT x FROM a UNION ALL SELECT z FROM b", {"x": "a.x:IDENTITY b.z:IDENTITY"}),
        (
            "SELECT x FROM a EXCEPT SELECT z FROM b",
            {"x": "a.x:IDENTITY", "": "a.x:FILTER a.x:GROUP_BY b.z:FILTER b.z:GROUP_BY"},
        ),
        (
            "WITH c AS (SELECT id, sum(x) AS t FROM a WHERE y > 0 GROUP BY id) SELECT t * 2 AS d FROM c",
            {"d": "a.x:AGGREGATION", "": "a.id:GROUP_BY a.y:FILTER"},
        ),
        (
            "SELECT id, (SELECT max(z) FROM b WHERE b.id = a.id) AS m FROM a WHERE x IN (SELECT x FROM b)",
            {"id": "a.id:IDENTITY", "m": "a.id:FILTER b.id:FILTER b.z:AGGREGATION", "": "a.x:FILTER b.x:FILTER"},
        ),
        (
            "WITH RECURSIVE r AS (SELECT id, x FROM a UNION ALL SELECT id, x - 1 FROM r WHERE x > 0) SELECT x FROM r",
            {"x": "a.x:IDENTITY a.x:TRANSFORMATION", "": "a.x:FILTER"},
        ),
        ("SELECT string_agg(s, ',' ORDER BY y) AS t FROM a", {"t": "a.s:AGGREGATION a.y:SORT"}),
        ("SELECT count(*) FILTER (WHERE x > 1) AS n FROM a", {"n": "a.x:FILTER"}),
        ("SELECT unnest(l) AS e FROM a", {"e": "a.l:TRANSFORMATION", "": "a.l:JOIN"}),
        ("SELECT 1 AS one, now() AS t, 'x' AS w", {"one": "", "t": "", "w": ""}),
    ],
)  # fmt: skip
def test_each_input_is_named_with_what_it_does(sql: str, expected: dict[str, str]) -> None:
    assert told(sql) == {"": "", **expected}


def test_how_a_column_is_computed_is_told_as_sql() -> None:
    found = query_lineage("WITH c AS (SELECT sum(x + 1) AS t FROM a) SELECT t FROM c", KNOWN)
    assert [edge.told for edge in found.columns["t"]] == ["SUM(a.x + 1)"]
    assert query_lineage("SELECT count(*) AS n FROM a", KNOWN).told == {"n": "COUNT(*)"}


QUERIES = [
    "SELECT id, x + y AS t, coalesce(x, y) AS c, nullif(x, 3) AS n, s LIKE 'p%' AS p FROM a WHERE y > 1",
    "SELECT x AS k, sum(y) AS n, min(s) AS s FROM a GROUP BY k HAVING count(*) > 1",
    "SELECT id FROM a FULL JOIN b USING (id)",
    "SELECT a.id, b.z FROM a LEFT JOIN b ON a.x = b.x AND b.z > 4",
    "SELECT a.id FROM a ANTI JOIN b ON a.id = b.id",
    "SELECT * FROM a ASOF JOIN b ON a.x >= b.x",
    "SELECT id, sum(y) OVER (PARTITION BY x ORDER BY id) AS t, lag(s) OVER (ORDER BY y, id) AS p FROM a",
    "SELECT id, row_number() OVER (PARTITION BY s ORDER BY id) AS n FROM a QUALIFY n = 1",
    "WITH c AS (SELECT id, sum(x) AS t FROM a GROUP BY id) SELECT b.z, c.t FROM b LEFT JOIN c ON b.id = c.id",
    "WITH RECURSIVE r AS (SELECT id, x FROM a UNION ALL SELECT id, x - 1 FROM r WHERE x > 0) SELECT * FROM r",
    "SELECT id, (SELECT max(z) FROM b WHERE b.id = a.id) AS m FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.x = a.x)",
    "SELECT id, x IN (SELECT z FROM b) AS f FROM a WHERE x > ANY (SELECT x FROM b)",
    "SELECT x FROM a UNION SELECT z FROM b",
    "SELECT id, x FROM a UNION ALL BY NAME SELECT z AS x, id FROM b",
    "SELECT x FROM a INTERSECT SELECT x FROM b",
    "SELECT id, e FROM a, unnest(l) AS t(e)",
    "SELECT id, e FROM a, LATERAL (SELECT x + 1 AS e)",
    "SELECT list_transform(l, lambda q: q + x) AS r, [q + x FOR q IN l IF q > y] AS f FROM a",
    "SELECT string_agg(s, ',' ORDER BY y, id) AS t, arg_max(s, x) AS m, count(*) FILTER (WHERE x > 1) AS n FROM a",
    "SELECT quantile_cont(x, 0.5) AS q, histogram(y) AS h, percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS p FROM a",
    "SELECT grouping_id(x, s) AS g, sum(id) AS t FROM a GROUP BY ROLLUP (x, s)",
    "SELECT DISTINCT ON (x) id, y FROM a ORDER BY x, y DESC, id",
    "SELECT id, y FROM a ORDER BY x, id LIMIT 2",
    "SELECT a FROM a WHERE id > 2",
]


@pytest.mark.parametrize(
    "sql", [pytest.param(q, marks=[pytest.mark.long] * (n % 3 > 0)) for n, q in enumerate(QUERIES)]
)
def test_whatever_moves_an_output_is_in_its_lineage(sql: str) -> None:
    assert not missed(sql, DATA)


def test_the_sample_companys_query_too() -> None:
    sql = (ROOT / "pipelines/sample/project/defs/order_revenue/revenue.sql").read_text("utf-8")
    ids: list[object] = [1, 2, 3]
    texts: list[object] = ["x", "y", "z"]
    data: dict[str, Columns] = {
        "orders": {
            "order_id": ("BIGINT", ids), "order_no": ("VARCHAR", texts), "customer_id": ("BIGINT", ids),
            "ordered_at": ("BIGINT", ids), "currency": ("VARCHAR", texts), "note": ("VARCHAR", texts),
        },
        "order_lines": {
            "order_id": ("BIGINT", [1, 1, 2]), "quantity": ("BIGINT", ids), "unit_price": ("BIGINT", ids),
            "discount_percent": ("BIGINT", [None, 10, 5]), "sku": ("VARCHAR", texts),
        },
        "customers": {"customer_id": ("BIGINT", ids), "name": ("VARCHAR", texts), "country": ("VARCHAR", texts)},
    }  # fmt: skip
    assert not missed(sql, data)
    found = query_lineage(sql, {table: tuple(columns) for table, columns in data.items()})
    named = {(e.table, e.column) for edges in (*found.columns.values(), found.rows) for e in edges}
    assert not {("orders", "note"), ("order_lines", "sku")} & named


@pytest.mark.parametrize("examples", [6, pytest.param(120, marks=pytest.mark.long)])
def test_random_queries_never_lose_an_origin(examples: int) -> None:
    seen = {"moved": 0}

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(queries())
    def check(sql: str) -> None:
        assert query_lineage(sql, TABLES).unknown is None
        try:
            assert not missed(sql, SMALL, seen)
        except duckdb.BinderException:
            return  # a random GROUP BY, or a name that two sources have

    check()
    assert seen["moved"] > examples


def missed(sql: str, data: dict[str, Columns], seen: dict[str, int] | None = None) -> list[str]:
    """The moves that the lineage of a query does not explain."""
    found = query_lineage(sql, {table: tuple(columns) for table, columns in data.items()})
    rows = {(edge.table, edge.column) for edge in found.rows}
    wrong: list[str] = []
    for table, column, output in moved(sql, data):
        if seen is not None:
            seen["moved"] += 1
        own = {(edge.table, edge.column) for edge in found.columns.get(output, ())}
        if (table, column) not in own | rows:
            wrong.append(f"{table}.{column} moves {output} in {sql}")
    return wrong


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT COLUMNS('x|y') FROM a", "COLUMNS"),
        ("SELECT #1 AS p FROM a", "#1"),
        ("PIVOT a ON s USING sum(x) GROUP BY id", "query"),
        ("SELECT * FROM a PIVOT (sum(x) FOR s IN ('p'))", "PIVOT"),
        ("SELECT nowhere FROM a", "nowhere"),
        ("SELECT 1 AS q FROM elsewhere", "elsewhere"),
        ("SELECT x FROM a WHERE x = $1", "$1"),
        ("VALUES (1, 2)", "query"),
        ("this is no query", "read"),
        ("SELECT 1; SELECT 2", "read"),
        ("", "read"),
    ],
)
def test_what_is_not_understood_names_every_input_and_why(
    sql: str, reason: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    class Made(Contract):
        """What comes out."""

        q: int = field(nullable=True)

    with caplog.at_level(logging.ERROR):
        assert reason in str(query_lineage(sql, KNOWN).unknown)
        specs = {"made": spec_of(Made), **{name: _spec(name) for name in KNOWN}}
        found = derived_lineage(DerivedDeclaration("made", "c.Made", sql, tuple(KNOWN)), specs["made"], specs)
    assert reason in str(found.unknown)
    every = {(table, column) for table in KNOWN for column in specs[table].schema}
    assert {(edge.table, edge.column) for edge in found.columns["q"]} == every
    assert {(edge.kind, edge.told) for edge in found.columns["q"]} == {("UNKNOWN", found.unknown)}
    assert capfd.readouterr() == ("", "")


def _spec(table: str) -> Spec:
    columns = tuple(Column(name, name, pl.Int64()) for name in KNOWN[table])
    return Spec(table, "", "0" * 12, columns, (), ())
