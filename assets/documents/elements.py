"""What `unstructured` calls an element, as one of ours: few kinds, standardised text, no metadata of the day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tilth.assets.documents.standardise import lines_of, text_of_line
from tilth.assets.documents.trees import tree_of
from tilth.assets.documents.values import Element

if TYPE_CHECKING:
    from unstructured.documents.elements import Element as Found

__all__ = ["CELLS", "standardised"]

CELLS = " | "
_KINDS = {
    "Title": "title",
    "ListItem": "list_item",
    "Table": "table",
    "CodeSnippet": "code",
    "Header": "margin",
    "Footer": "margin",
}
_PASSED_OVER = ("Image", "PageBreak", "PageNumber")  # the text of a picture is no text that is seen


def standardised(found: Iterable[Found], *, titles: bool = True, lower: int = 0) -> tuple[Element, ...]:
    """The elements that have text, those of margins last and once.

    Without `titles` what was taken for a heading is a paragraph; `lower` is added to the level of headings.
    """
    elements = [one for each in found if (one := _element(each, titles, lower)) is not None]
    margins = [one for one in elements if one.kind == "margin"]
    once = {one.text: one for one in reversed(margins)}
    body = [one for one in elements if one.kind != "margin"]
    return (*body, *(one for one in margins if once.pop(one.text, None) is not None))


def _element(found: Found, titles: bool, lower: int) -> Element | None:
    category = str(found.category)
    if category in _PASSED_OVER:
        return None
    kind = _KINDS.get(category, "text")
    kind = kind if titles or kind != "title" else "text"
    if kind == "table":
        text = "\n".join(_rows(found.metadata.text_as_html or "")) or text_of_line(found.text)
    else:
        text = lines_of(found.text) if kind == "code" else text_of_line(found.text)
    level = None
    if kind == "title":
        level = (found.metadata.category_depth or 0) + 1 + lower
    return Element(kind, text, level, found.metadata.page_number) if text else None


def _rows(table: str) -> Iterator[str]:
    """A line a row that holds anything."""
    root = tree_of(table)[0] if table else None
    for row in root.iter("tr", "caption") if root is not None else ():
        cells = [row] if row.tag == "caption" else [cell for cell in row if cell.tag in ("td", "th")]
        texts = [text_of_line(" ".join(str(text) for text in cell.itertext())) for cell in cells]
        if any(texts):
            yield CELLS.join(texts)
