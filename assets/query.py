"""What a derived table's SQL reads, found by DuckDB's own parser; nothing is run.

Holds the reading of one query; what the tables are is decided by who asks.
"""

from __future__ import annotations

import json
from typing import Any, cast

__all__ = ["QueryProblem", "tables_read"]

Json = dict[str, Any]


class QueryProblem(ValueError):
    """Why a text is not one query on published tables; `offset` is the character it is about, if known."""

    def __init__(self, what: str, *, offset: int | None = None) -> None:
        self.what, self.offset = what, offset
        super().__init__(what)


def tables_read(sql: str) -> tuple[str, ...]:
    """The tables that a query reads, sorted, without its own WITH names; QueryProblem when it is not one query."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    answer: Json = json.loads(cast(tuple[str], row)[0])
    if answer["error"]:
        position = answer.get("position")
        plain = answer["error_type"] == "not implemented"  # parsed, and not a SELECT
        what = "it is not a SELECT query" if plain else str(answer["error_message"])
        raise QueryProblem(what, offset=int(position) if position else None)
    statements: list[Json] = answer["statements"]
    if len(statements) != 1:
        raise QueryProblem(f"it holds {len(statements)} statements instead of one query")
    found: set[str] = set()
    _walk(statements[0], frozenset(), found)
    return tuple(sorted(found))


def _walk(node: object, with_names: frozenset[str], found: set[str]) -> None:
    """Collect base tables; a WITH name hides a table of that name in its query, and in the WITH queries after it."""
    if isinstance(node, list):
        for item in cast(list[object], node):
            _walk(item, with_names, found)
    if not isinstance(node, dict):
        return
    entry = cast(Json, node)
    for with_query in entry.get("cte_map", {}).get("map", ()):
        name = str(with_query["key"]).lower()
        recursive = _is_recursive(with_query["value"])
        _walk(with_query["value"], with_names | {name} if recursive else with_names, found)
        with_names = with_names | {name}
    if entry.get("type") == "BASE_TABLE":
        _base_table(entry, with_names, found)
    if entry.get("type") == "TABLE_FUNCTION":
        _table_function(entry)
    for key, value in entry.items():
        if key != "cte_map":
            _walk(value, with_names, found)


def _is_recursive(with_query: Json) -> bool:
    query = with_query.get("query_node") or with_query.get("query", {}).get("node", {})
    return query.get("type") == "RECURSIVE_CTE_NODE"


def _base_table(entry: Json, with_names: frozenset[str], found: set[str]) -> None:
    name, schema, catalog = str(entry["table_name"]), str(entry["schema_name"]), str(entry["catalog_name"])
    if not schema and not catalog and name.lower() in with_names:
        return
    if catalog or schema not in ("", "main"):
        full = ".".join(part for part in (catalog, schema, name) if part)
        raise QueryProblem(f"it reads {full}; a derived table reads published tables by their bare name")
    found.add(name)


def _table_function(entry: Json) -> None:
    name = str(cast(Json, entry.get("function") or {}).get("function_name", "")).lower()
    if name.startswith(("read_", "parquet_", "sniff_", "query")) or name.endswith("_scan") or name == "glob":
        raise QueryProblem(f"it calls {name}; a derived table reads published tables, not files")
