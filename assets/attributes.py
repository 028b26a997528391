"""The keys of a pulled table's declaration and their meaning: attributes, as marked YAML, to a declaration value.

Every mistake is noted, none stops the reading; a wrong value leaves its default behind. What derived tables and
document sets have of their own is in `recipes.py` and `libraries.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from tilth.assets.declared import Deletes, Freshness, Rights, TableDeclaration, Toxic
from tilth.assets.fields import Fields, duration_of
from tilth.assets.marked import Marked, Mistakes

__all__ = ["NAME", "Known", "common_of", "source_of", "table_of"]

NAME = r"[A-Za-z][A-Za-z0-9_]{0,62}"
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
    common = common_of(fields)
    declared = TableDeclaration(
        **common,
        source=source_of(fields, known.sources),
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


def common_of(fields: Fields, *, contract: str | None = None) -> dict[str, Any]:
    """The keys that tables of all kinds have; `contract`: it is given, not declared."""
    freshness, toxic, rights = fields.mapping("freshness"), fields.mapping("toxic"), fields.mapping("rights")
    common = {
        "name": fields.text("name", required=True, pattern=NAME, expected="letters, digits and _, a letter first")
        or "",
        "contract": contract or fields.text("contract", required=True, pattern=_DOTTED, expected="module.Class") or "",
        "owner": fields.text("owner", pattern=_OWNER, expected="team:NAME or an e-mail address"),
        "description": fields.text("description"),
        "freshness": Freshness(freshness.cron("deadline"), freshness.duration("max_age")),
        "toxic": Toxic(
            max_share=float(toxic.number("max_share", 0, 1, default=Toxic().max_share)),
            min_rows=int(toxic.number("min_rows", 0, 10**12, default=Toxic().min_rows, whole=True)),
            max_rows=toxic.whole("max_rows", 0, 10**12),
            beyond=cast(Any, toxic.choice("beyond", ("hold", "publish", "fail"), default="hold")),
        ),
        "rights": Rights(rights.text("licence"), rights.text("consent_column"), rights.texts("purposes")),
    }
    for part in (freshness, toxic, rights):
        part.done()
    return common


def source_of(fields: Fields, sources: Collection[str] | None) -> str:
    """The connection named by `source`."""
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
