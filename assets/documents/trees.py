"""HTML as a tree, by lxml, which has no types: the one place that knows how it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Node", "as_html", "tree_of"]

Node = Any  # an element of lxml

_GAVE_UP = ("ERR_RESOURCE_LIMIT", "ERR_NO_MEMORY")


def tree_of(text: str) -> tuple[Node | None, bool]:
    """The tree of a page, None where there is nothing in it, and whether the parser gave up before its end."""
    etree = import_module("lxml.etree")
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        root = None
    return root, any(error.type_name in _GAVE_UP for error in parser.error_log)


def as_html(root: Node) -> str:
    """The page of a tree."""
    return import_module("lxml.etree").tostring(root, encoding="unicode", method="html")
