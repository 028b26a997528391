"""The lineage of document sets: what is known of a document comes from its file, its chunks from the document."""

from __future__ import annotations

from collections.abc import Mapping

from tilth.assets.provenance.columns import Edge, Lineage
from tilth.schemas.spec import Spec

__all__ = ["PULLED", "cut", "taken_apart"]

PULLED = ("document", "bytes", "sha256", "modified_at", "copy_of", "content")
"""What is landed of each document."""

_PARTS = "taken apart into elements"
_CUT: Mapping[str, tuple[str, str]] = {
    "chunk_id": ("text", "hash of name, part, headings and text"),
    "position": ("text", "cut along its structure"),
    "heading_path": ("text", "the headings above"),
    "part": ("text", "the attachment it is from"),
    "page_from": ("text", "the page it begins on"),
    "page_to": ("text", "the page it ends on"),
    "char_from": ("text", "where it begins"),
    "char_to": ("text", "where it ends"),
    "text": ("text", "cut along its structure"),
}


def taken_apart(table: str, spec: Spec) -> Lineage:
    """The columns of documents, from what is landed of each: `table` stands for that."""
    known = {name: (Edge(table, name, "IDENTITY"),) for name in spec.schema if name in PULLED}
    read = {name: (Edge(table, "content", "TRANSFORMATION", _PARTS),) for name in spec.schema if name not in known}
    copies = (Edge(table, "copy_of", "FILTER", "an exact copy is a duplicate"),)
    return Lineage({name: known.get(name) or read[name] for name in spec.schema}, copies)


def cut(documents: str, spec: Spec) -> Lineage:
    """The columns of chunks, from those of the documents."""
    made = {name: (Edge(documents, source, "TRANSFORMATION", told),) for name, (source, told) in _CUT.items()}
    made["document"] = (Edge(documents, "document", "IDENTITY"),)
    return Lineage({name: made[name] for name in spec.schema})
