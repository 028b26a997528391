"""How a derived table is made: by a query, or by rules that match two tables; read from its declaration."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from tilth.assets.attributes import Known, common_of
from tilth.assets.declared import DerivedDeclaration
from tilth.assets.fields import Fields
from tilth.assets.marked import Marked, Mistakes, mistake, text_of
from tilth.assets.query import QueryProblem, tables_read
from tilth.errors import DeclarationError
from tilth.schemas.match import NORMALISERS, Match, MatchRule, query_of

__all__ = ["derived_of"]

_COLUMN = r"[A-Za-z_]\w*"
_PLACE = rf"{_COLUMN}\.{_COLUMN}"


def derived_of(node: Marked, known: Known, mistakes: Mistakes) -> DerivedDeclaration:
    """The derived table that `node` declares; its mistakes are added to `mistakes`."""
    fields = Fields(node, mistakes, of="a derived table")
    common = common_of(fields)
    inputs, match = fields.texts("inputs"), fields.node("match")
    how = [found for name in ("sql", "sql_file", "match") if (found := fields.node(name))]
    matched = _match(fields.mapping("match"), match) if match else None
    sql = Marked(query_of(matched), node.where) if matched else _sql(fields, known)
    if not how:
        expected = "sql: |, or sql_file: a file beside defs.yaml, or match: rules"
        mistakes.append(mistake("a derived table has no sql", where=fields.where, expected=expected))
    elif len(how) > 1:
        fields.wrong("a derived table takes sql, sql_file or match: one of them", how[1], "one of them")
    elif sql and known.queries:
        inputs = _inputs(fields, sql, inputs)
    fields.done()
    sql_text = str(sql.value) if sql else ""
    return DerivedDeclaration(**common, sql=sql_text, inputs=inputs, match=matched, where=node.where)


def _match(fields: Fields, node: Marked) -> Match | None:
    """The block `match`; None when it cannot be used."""
    before = len(fields.mistakes)
    places = [fields.text(side, required=True, pattern=_PLACE, expected="table.column") for side in ("left", "right")]
    listed = fields.node("rules", required=True)
    items = cast(list[Marked], listed.value) if listed and isinstance(listed.value, list) else []
    if listed and not items:
        fields.wrong(
            "rules must be a list", listed, "- {name: vat_number, left: vat_no, right: vat_no, by: alphanumeric}"
        )
    rules = [_match_rule(Fields(item, fields.mistakes, of="a rule")) for item in items]
    twice = next((rule.name for rule in rules if [other.name for other in rules].count(rule.name) > 1), None)
    if twice:
        fields.wrong(f"two rules are named {twice}", listed or node, "each name once")
    fields.done()
    if len(fields.mistakes) > before:
        return None
    (left, one), (right, other) = (str(place).split(".") for place in places)
    return Match((left, one), (right, other), tuple(rules))


def _match_rule(fields: Fields) -> MatchRule:
    left = fields.text("left", required=True, pattern=_COLUMN, expected="a column of the left table") or ""
    right = fields.text("right", required=True, pattern=_COLUMN, expected="a column of the right table") or ""
    by = fields.choice("by", (*NORMALISERS,), default="exact")
    name = fields.text("name", required=True, pattern=_COLUMN, expected="letters, digits and _") or ""
    fields.done()
    return MatchRule(name, left, right, by)


def _sql(fields: Fields, known: Known) -> Marked | None:
    text, file = fields.text("sql"), fields.text("sql_file")
    sql, sql_file = fields.node("sql"), fields.node("sql_file")
    if text and sql:
        return sql
    return _sql_from(fields, sql_file, known.folder, file) if file and sql_file else None


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
