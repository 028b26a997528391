"""From YAML to declarations: what a `defs.yaml` says, with every mistake at once, each at its file and line.

Holds the reading of one file, and the door for a component's attributes. What the keys mean is `attributes.py`; what
several declarations say of each other (names, inputs, circles) is `declarations.py`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tilth.assets.attributes import Known, table_of
from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.fields import Fields
from tilth.assets.libraries import documents_of
from tilth.assets.marked import Marked, Mistakes, marked, mistake, near, read_marked
from tilth.assets.recipes import derived_of
from tilth.errors import DeclarationError, TilthError

__all__ = ["Known", "Parsed", "derived_from", "documents_from", "parse", "parse_marked", "raise_mistakes", "table_from"]

_TABLE, _DERIVED, _DOCUMENTS = "tilth.assets.Table", "tilth.assets.Derived", "tilth.assets.Documents"
_TYPES = (_TABLE, _DERIVED, _DOCUMENTS)
_ENVELOPE = ("type", "attributes", "template_vars_module", "requirements", "post_processing")  # dagster's own keys

Declared = TableDeclaration | DerivedDeclaration


@dataclass(frozen=True, slots=True)
class Parsed:
    """One declaration, and the file:line of each of its keys."""

    declared: Declared
    lines: Mapping[str, str] = field(default_factory=dict)


def parse(text: str, path: str, *, known: Known | None = None) -> tuple[list[Declared], list[DeclarationError]]:
    """The tables that a `defs.yaml` declares, and all its mistakes; `path` is how messages call the file."""
    parsed, mistakes = parse_marked(text, path, known=known or Known())
    return [one.declared for one in parsed], mistakes


def parse_marked(text: str, path: str, *, known: Known) -> tuple[list[Parsed], Mistakes]:
    """As `parse`, with the lines of the keys."""
    documents, mistakes = read_marked(text, path=path)
    if not documents and not mistakes:
        mistakes.append(mistake("this file declares nothing", where=path, expected=f"type: {_TABLE}"))
    return [one for document in documents for one in _document(document, known, mistakes)], mistakes


def table_from(attributes: Mapping[str, Any], *, where: str, known: Known | None = None) -> TableDeclaration:
    """The table that a component's attributes declare; raises all mistakes, at `where`."""
    mistakes: Mistakes = []
    declared = table_of(marked(attributes, where=where), known or Known(), mistakes)
    raise_mistakes(mistakes)
    return declared


def derived_from(attributes: Mapping[str, Any], *, where: str, known: Known | None = None) -> DerivedDeclaration:
    """The derived table that a component's attributes declare; raises all mistakes, at `where`."""
    mistakes: Mistakes = []
    declared = derived_of(marked(attributes, where=where), known or Known(), mistakes)
    raise_mistakes(mistakes)
    return declared


def documents_from(attributes: Mapping[str, Any], *, where: str) -> tuple[TableDeclaration, DerivedDeclaration]:
    """The document set that a component's attributes declare, and its chunks; raises all mistakes, at `where`."""
    mistakes: Mistakes = []
    declared = documents_of(marked(attributes, where=where), Known(), mistakes)
    raise_mistakes(mistakes)
    return declared


def raise_mistakes(mistakes: Collection[TilthError]) -> None:
    """Nothing for no mistake, the mistake itself for one, an ExceptionGroup of all for several."""
    if len(mistakes) == 1:
        raise next(iter(mistakes))
    if mistakes:
        raise ExceptionGroup(f"{len(mistakes)} mistakes", list(mistakes))


def _document(document: Marked, known: Known, mistakes: Mistakes) -> list[Parsed]:
    fields = Fields(document, mistakes, of="a declaration")
    if document.value is not None and not isinstance(document.value, dict):
        return []  # said already
    type_node = fields.node("type", required=True)
    attributes = fields.node("attributes")
    kind = str(type_node.value) if type_node else ""
    if type_node and kind not in _TYPES:
        _refuse_type(fields, type_node, kind)
        return []
    for key in _ENVELOPE:
        fields.node(key)
    fields.done()
    if attributes is None:
        mistakes.append(mistake("a declaration has no attributes", where=fields.where, expected="attributes: …"))
    if attributes is None or not type_node:
        return []
    node = Marked(attributes.value, document.where)
    entries = cast(dict[str, Marked], node.value) if isinstance(node.value, dict) else {}
    lines = {key: entry.where for key, entry in entries.items()}
    return [Parsed(one, lines) for one in _declared(kind, node, known, mistakes) if one.name]


def _declared(kind: str, node: Marked, known: Known, mistakes: Mistakes) -> Iterable[Declared]:
    if kind == _DOCUMENTS:
        return documents_of(node, known, mistakes)
    return [table_of(node, known, mistakes) if kind == _TABLE else derived_of(node, known, mistakes)]


def _refuse_type(fields: Fields, node: Marked, kind: str) -> None:
    """A type of somebody else's is left to dagster; one that cannot exist, or is nearly ours, is a mistake."""
    if kind.split(".")[0] == "tilth" or near(kind, _TYPES, cutoff=0.8) or not _importable(kind):
        short = near(kind.rpartition(".")[2], ("Table", "Derived", "Documents"))
        expected = f"tilth.assets.{short}, perhaps" if short else "one of " + ", ".join(_TYPES)
        fields.mistakes.append(mistake("unknown type", where=node.where, expected=expected, got=kind))


def _importable(kind: str) -> bool:
    top = kind.split(".")[0]
    try:
        return "." in kind and top.isidentifier() and importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False
