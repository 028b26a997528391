"""Pages of HTML: what a reader sees becomes elements; what is there and not seen is taken out and told."""

from __future__ import annotations

from collections.abc import Iterator

from tilth.assets.documents.css import Look, Sheet, declared, hides
from tilth.assets.documents.elements import standardised
from tilth.assets.documents.standardise import hidden_text, smuggled, text_of_line
from tilth.assets.documents.trees import Node, as_html, tree_of
from tilth.assets.documents.values import Element, Finding, Parsed

__all__ = ["read_html"]

_AS = {  # shown by browsers, passed over by the partitioner
    "details": "div", "summary": "p", "figure": "div", "figcaption": "p", "form": "div", "main": "div",
    "label": "span",
}  # fmt: skip
_NOT_SHOWN = {"script", "style", "template", "noscript", "head", "title", "svg", "iframe", "object", "select", "option"}
_TOO_MUCH = Finding("limits", "cut off by the parser", "HTML nested at most 255 deep, no piece of it over 10 MB")


def read_html(text: str, *, lower: int = 0) -> Parsed:
    """What is in a page; `lower` is added to the level of its headings."""
    root, cut = tree_of(text)
    limited = (_TOO_MUCH,) if cut else ()
    if root is None:
        return Parsed("", findings=limited)
    title, author, date = root.findtext(".//title"), _said(root, "author"), _said(root, "date")
    hidden = [*_taken_out(root), *smuggled(text)]
    for node in root.iter(*_AS):
        node.tag = _AS[node.tag]
    return Parsed(
        "",
        title=text_of_line(title or "") or None,
        author=text_of_line(author or "") or None,
        created_at=text_of_line(date or "") or None,
        elements=_partitioned(as_html(root), lower),
        findings=(*limited, *hidden_text(hidden)),
    )


def _partitioned(page: str, lower: int) -> tuple[Element, ...]:
    from unstructured.partition.html import partition_html

    return standardised(partition_html(text=page, languages=[""]), lower=lower)


def _said(root: Node, name: str) -> str | None:
    found = root.xpath(
        "//meta[translate(@name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')=$n]", n=name
    )
    return found[0].get("content") if found else None


def _taken_out(root: Node) -> list[str]:
    """Take what is hidden out of the tree; the text that was in it."""
    sheet = Sheet(node.text or "" for node in root.iter("style"))
    found: list[str] = []
    waiting: list[tuple[Node, Look]] = [(root, Look())]
    while waiting:
        node, around = waiting.pop()
        if node.tag in _NOT_SHOWN:
            continue
        style = _style(node, sheet)
        if node.get("hidden") is not None or hides(style):
            found.append("".join(node.itertext()))
            node.clear(keep_tail=True)
            node.tag = "span"
            continue
        look = around.under(style)
        if look.unseen:
            found += _emptied(node)
        waiting += [(child, look) for child in reversed(node)]
    return found


def _style(node: Node, sheet: Sheet) -> dict[str, str]:
    old = {"color": node.get("color") if node.tag == "font" else None, "background": node.get("bgcolor")}
    said = {name: value.lower() for name, value in old.items() if value}
    return said | sheet.of(node.tag, node.get("id") or "", node.get("class") or "") | declared(node.get("style") or "")


def _emptied(node: Node) -> Iterator[str]:
    """Take out the text that stands in this element itself, not in those inside."""
    yield node.text or ""
    node.text = None
    for child in node:
        yield child.tail or ""
        child.tail = " " if child.tail else None
