"""The keys of one declaration and their meaning: attributes, as marked YAML, to a declaration value.

Every mistake is noted, none stops the reading; a wrong value leaves its default behind.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from tilth.assets.declared import Deletes, DerivedDeclaration, Freshness, Rights, TableDeclaration, Toxic
from tilth.assets.fields import Fields, duration_of
from tilth.assets.marked import Marked, Mistakes, mistake, text_of
from tilth.assets.query import QueryProblem, tables_read
from tilth.errors import DeclarationError

__all__ = ["Known", "derived_of", "table_of"]

_NAME = r"[A-Za-z][A-Za-z0-9_]{0,62}"
_DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+"
_OWNER = r"team:[\w.-]+|[^@\s]+@[^@\s]+\.[^@\s]+"
_PACES = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Known:
    """What a declaration may refer to. None: not known here, so not checked."""

    sources: Collection[str] | None = None
    folder: Path | None = None  # where a `sql_file` is looked for
    queries: bool = True  # read the SQL to find its inputs (this loads duckdb)


def table_of(node: Marked, known: Known, mistakes: Mistakes) -> TableDeclaration:
    """The table that `node` declares; its mistakes are added to `mistakes`."""
    fields = Fields(node, mistakes, of="a table")
    common = _common(fields)
    declared = TableDeclaration(
        **common,
        source=_source(fields, known.sources),
        object=fields.text("object", required=True) or "",
        cursor=fields.text("cursor"),
        load=cast(Any, _load(fields)),
        version=fields.text("version"),
        deletes=_deletes(fields),
        format=(options.plain() if (options := _options(fields)) else {}),
        where=node.where,
    )
    fields.done()
    load = fields.node("load")
    if declared.load == "append" and declared.deletes.kind != "none" and load:
        fields.wrong("load: append keeps every record, so it cannot take deletes", load, "load: merge, or no deletes")
    return declared


def derived_of(node: Marked, known: Known, mistakes: Mistakes) -> DerivedDeclaration:
    """The derived table that `node` declares; its mistakes are added to `mistakes`."""
    fields = Fields(node, mistakes, of="a derived table")
    common = _common(fields)
    inputs, sql = fields.texts("inputs"), _sql(fields, known)
    if sql and known.queries:
        inputs = _inputs(fields, sql, inputs)
    fields.done()
    return DerivedDeclaration(**common, sql=str(sql.value) if sql else "", inputs=inputs, where=node.where)


def _common(fields: Fields) -> dict[str, Any]:
    """The keys that tables of both kinds have."""
    freshness, toxic, rights = fields.mapping("freshness"), fields.mapping("toxic"), fields.mapping("rights")
    common = {
        "name": fields.text("name", required=True, pattern=_NAME, expected="letters, digits and _, a letter first")
        or "",
        "contract": fields.text("contract", required=True, pattern=_DOTTED, expected="module.Class") or "",
        "owner": fields.text("owner", pattern=_OWNER, expected="team:NAME or an e-mail address"),
        "description": fields.text("description"),
        "freshness": Freshness(freshness.cron("deadline"), freshness.duration("max_age")),
        "toxic": Toxic(
            max_share=float(toxic.number("max_share", 0, 1, default=Toxic().max_share)),
            min_rows=int(toxic.number("min_rows", 0, 10**12, default=Toxic().min_rows, whole=True)),
            beyond=cast(Any, toxic.choice("beyond", ("hold", "publish", "fail"), default="hold")),
        ),
        "rights": Rights(rights.text("licence"), rights.text("consent_column"), rights.texts("purposes")),
    }
    for part in (freshness, toxic, rights):
        part.done()
    return common


def _source(fields: Fields, sources: Collection[str] | None) -> str:
    name = fields.text("source", required=True)
    node = fields.node("source")
    if name and node and sources is not None and name not in sources:
        expected = "" if sources else "a connection in connections.yaml; there is none yet"
        fields.wrong(f"no connection is named {name}", node, expected, known=sources)
    return name or ""


def _load(fields: Fields) -> str:
    node = fields.node("load")
    if node and node.value == "history":
        fields.wrong("history tables come in a later version", node, "merge, append or replace")
        return "merge"
    return fields.choice("load", ("merge", "append", "replace"), default="merge")


def _options(fields: Fields) -> Marked | None:
    node = fields.node("format")
    if node and not isinstance(node.value, dict):
        fields.wrong("format must be a mapping of options", node)
        return None
    return node


def _deletes(fields: Fields) -> Deletes:
    node = fields.node("deletes")
    if node is None:
        return Deletes()
    if isinstance(node.value, dict):
        return _deletes_by(fields.mapping("deletes"), node)
    if node.value in ("none", "tombstones"):
        return Deletes(cast(Any, node.value))
    if node.value == "column":
        fields.wrong("deletes: column does not say which", node, "deletes: {column: is_deleted}")
    elif node.value == "compare_keys":
        fields.wrong("deletes: compare_keys does not say how often", node, "deletes: {compare_keys: daily}")
    else:
        expected = "none, tombstones, {column: is_deleted} or {compare_keys: daily}"
        fields.wrong("deletes is not known", node, expected, known=("none", "tombstones", "column", "compare_keys"))
    return Deletes()


def _deletes_by(fields: Fields, node: Marked) -> Deletes:
    column, pace = fields.text("column"), fields.node("compare_keys")
    before = len(fields.mistakes)
    fields.done()
    if column and pace:
        fields.wrong("deletes takes column or compare_keys, not both", node)
    elif column:
        return Deletes("column", column=column)
    elif pace:
        every = _PACES.get(str(pace.value)) or duration_of(pace.value)
        if every:
            return Deletes("compare_keys", every=every)
        expected = "hourly, daily, weekly or a duration such as 12h"
        fields.wrong("compare_keys does not say how often", pace, expected, known=_PACES)
    elif len(fields.mistakes) == before:
        fields.wrong("deletes names no column", node, "{column: is_deleted} or {compare_keys: daily}")
    return Deletes()


def _sql(fields: Fields, known: Known) -> Marked | None:
    text, file = fields.text("sql"), fields.text("sql_file")
    sql, sql_file = fields.node("sql"), fields.node("sql_file")
    if sql and sql_file:
        fields.wrong("a derived table takes sql or sql_file, not both", sql_file, "one of them")
    elif not sql and not sql_file:
        what = "a derived table has no sql"
        fields.mistakes.append(
            mistake(what, where=fields.where, expected="sql: | or sql_file: a file beside defs.yaml")
        )
    elif text and sql:
        return sql
    elif file and sql_file:
        return _sql_from(fields, sql_file, known.folder, file)
    return None


def _sql_from(fields: Fields, node: Marked, folder: Path | None, file: str) -> Marked | None:
    path = (folder or Path()) / file
    shown = str(Path(node.where.rpartition(":")[0]).parent / file)
    if not path.is_file():
        beside = [other.name for other in path.parent.glob("*.sql")] if path.parent.is_dir() else []
        fields.wrong("there is no such sql_file", node, "a path beside defs.yaml", known=beside)
        return None
    try:
        return Marked(text_of(path, shown=shown), f"{shown}:1", 1)
    except DeclarationError as error:
        fields.mistakes.append(error)
        return None


def _inputs(fields: Fields, sql: Marked, declared: tuple[str, ...]) -> tuple[str, ...]:
    """The tables the query reads; `inputs`, where given, must say the same."""
    text = str(sql.value)
    try:
        read = tables_read(text)
    except QueryProblem as problem:
        line = (sql.inner_line or 1) + text.count("\n", 0, problem.offset or 0)
        where = f"{sql.where.rpartition(':')[0]}:{line}" if sql.inner_line else sql.where
        fields.mistakes.append(mistake(f"sql cannot be used: {problem.what}", where=where, expected="one SELECT query"))
        return declared
    node = fields.node("inputs")
    if node and {name.lower() for name in declared} != {name.lower() for name in read}:
        expected = ", ".join(read) or "none"
        what = "inputs are not the tables that the query reads"
        got = ", ".join(declared)
        fields.mistakes.append(mistake(what, where=node.where, expected=expected, got=got))
    return read
