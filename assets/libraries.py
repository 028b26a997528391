"""A document set as its declaration tells it: the table of its documents, and the table of their chunks."""

from __future__ import annotations

from typing import Any, cast

from tilth.assets.attributes import NAME, Known, common_of, source_of
from tilth.assets.declared import Chunking, Deletes, DerivedDeclaration, Parsing, TableDeclaration
from tilth.assets.fields import Fields
from tilth.assets.marked import Marked, Mistakes
from tilth.schemas.document_rules import DOCUMENT_RULES

__all__ = ["documents_of"]

_CONTRACTS = "tilth.schemas.documents"
_LIMITS = {
    "max_bytes": (1, 10**10),
    "max_unpacked_bytes": (1, 10**11),
    "max_seconds": (1, 86_400),
    "max_wall_seconds": (1, 86_400),
    "max_memory_mb": (64, 10**6),
    "max_depth": (0, 50),
}


def documents_of(node: Marked, known: Known, mistakes: Mistakes) -> tuple[TableDeclaration, DerivedDeclaration]:
    """The tables that a document set is, documents first; its mistakes are added to `mistakes`."""
    fields = Fields(node, mistakes, of="a document set")
    common = common_of(fields, contract=f"{_CONTRACTS}.Document")
    chunks, parsing = fields.mapping("chunks"), _parsing(fields.mapping("parse"))
    documents = TableDeclaration(
        **common,
        source=source_of(fields, known.sources),
        object=fields.text("object", required=True) or "",
        deletes=Deletes("tombstones"),
        format={"kind": "documents", "max_bytes": parsing.max_bytes},
        parsing=parsing,
        where=node.where,
    )
    table = chunks.text("table", pattern=NAME, expected="letters, digits and _, a letter first")
    size = int(chunks.number("max_characters", 100, 100_000, default=Chunking().max_characters, whole=True))
    chunks.done()
    fields.done()
    own: dict[str, Any] = {
        "name": table or f"{documents.name}_chunks",
        "contract": f"{_CONTRACTS}.Chunk",
        "description": None,
    }
    made = DerivedDeclaration(
        **{**common, **own}, sql="", inputs=(documents.name,), chunking=Chunking(size), where=node.where
    )
    return documents, made


def _parsing(fields: Fields) -> Parsing:
    rules, node = fields.texts("warn"), fields.node("warn")
    for item in cast(list[Marked], node.value) if node and isinstance(node.value, list) else ():
        if isinstance(item.value, str) and item.value not in DOCUMENT_RULES:
            fields.wrong(f"there is no rule {item.value} for documents", item, known=DOCUMENT_RULES)
    limits = {
        name: int(fields.number(name, least, most, default=getattr(Parsing(), name), whole=True))
        for name, (least, most) in _LIMITS.items()
    }
    parsing = Parsing(encoding=fields.text("encoding"), warn=rules, **limits)
    fields.done()
    return parsing
