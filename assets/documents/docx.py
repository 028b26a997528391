"""Word documents (DOCX): hidden runs taken out and told, tracked changes as they are shown, text boxes and notes kept.

The partitioner passes over text in content controls, text boxes, insertions and notes: they are put where it looks.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tilth.assets.documents.elements import standardised
from tilth.assets.documents.standardise import hidden_text, smuggled, text_of_line
from tilth.assets.documents.values import Element, Parsed

__all__ = ["read_docx"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_UNWRAPPED = ("ins", "moveTo", "smartTag", "customXml", "sdt")
_DROPPED = ("del", "moveFrom")
_OFF = ("0", "false", "off", "none")
_TINY = 2  # half points
_PALE = 0xF3  # of each channel: as good as white

Node = Any  # lxml has no types


def read_docx(content: bytes) -> Parsed:
    """What is in a document; whatever its libraries raise means that it is damaged."""
    import docx
    from unstructured.partition.docx import partition_docx

    document = docx.Document(io.BytesIO(content))
    body, styles = document.element.body, _Styles(document.styles.element)
    hidden = [*_taken_out(body, styles), *smuggled("".join(body.itertext()))]
    changed, notes = _shown_as_printed(body), list(_notes(document))
    for note in notes:
        body.insert(len(body) - 1, note)
    shown = io.BytesIO(content)
    if hidden or changed or notes:
        shown = io.BytesIO()
        document.save(shown)
    elements = standardised(partition_docx(file=shown, languages=[""]))
    facts = document.core_properties
    return Parsed(
        "",
        title=text_of_line(facts.title or "") or None,
        author=text_of_line(facts.author or "") or None,
        created_at=facts.created.isoformat() if facts.created else None,
        elements=_below_the_title(elements, body, styles),
        findings=hidden_text(hidden),
    )


class _Styles:
    """What the styles of a document say that matters here."""

    def __init__(self, styles: Node) -> None:
        self._all = {style.get(f"{_W}styleId"): style for style in styles.iterchildren(f"{_W}style")}

    def is_title(self, id: str | None) -> bool:
        """Whether text of this style is the title of the whole document."""
        name = _child(self._all[id], "name") if id in self._all else None
        return name is not None and _val(name) == "Title"

    def vanishes(self, id: str | None) -> bool:
        """Whether text of this style is hidden, by the style itself or one that it is based on."""
        for _ in self._all:
            if id not in self._all:
                return False
            own, base = _child(self._all[id], "rPr", "vanish"), _child(self._all[id], "basedOn")
            if own is not None:
                return _val(own) not in _OFF
            id = None if base is None else _val(base)
        return False


def _below_the_title(elements: tuple[Element, ...], body: Node, styles: _Styles) -> tuple[Element, ...]:
    """Headings one level lower, where a paragraph is styled as the title of the whole document."""
    styled = [(paragraph, _child(paragraph, "pPr", "pStyle")) for paragraph in body.iter(f"{_W}p")]
    titles = [paragraph for paragraph, style in styled if style is not None and styles.is_title(_val(style))]
    if len(titles) != 1:
        return elements
    text = text_of_line("".join(one.text or "" for one in titles[0].iter(f"{_W}t")))
    return tuple(
        one if one.level is None or one.text == text else replace(one, level=one.level + 1) for one in elements
    )


def _taken_out(body: Node, styles: _Styles) -> list[str]:
    """Take runs out that are not seen; the text that was in them."""
    found: list[str] = []
    for run in list(body.iter(f"{_W}r")):
        styled = (_child(run, "rPr", "rStyle"), _child(run.getparent(), "pPr", "pStyle"))
        properties = _child(run, "rPr")
        vanishes = any(styles.vanishes(_val(one)) for one in styled if one is not None)
        if vanishes or (properties is not None and _unseen(run, properties)):
            found.append("".join(text.text or "" for text in run.iter(f"{_W}t")))
            run.getparent().remove(run)
    return found


def _unseen(run: Node, properties: Node) -> bool:
    vanish, size = _child(properties, "vanish"), _child(properties, "sz")
    if vanish is not None and _val(vanish) not in _OFF:
        return True
    if size is not None and (_val(size) or "").isdigit() and int(_val(size) or "0") <= _TINY:
        return True
    colour = _child(properties, "color")
    return colour is not None and _is_pale(_val(colour)) and not _on_something(run)


def _is_pale(colour: str | None) -> bool:
    try:
        number = int(colour or "", 16)
    except ValueError:
        return False
    return len(colour or "") == 6 and min(number >> 16, number >> 8 & 0xFF, number & 0xFF) >= _PALE


def _on_something(run: Node) -> bool:
    """Whether the run stands on a colour, or on something whose colour cannot be told: a shape, a styled table."""
    for node in (run, *run.iterancestors()):
        for name in ("rPr", "pPr", "tcPr", "tblPr"):
            shade = _child(node, name, "shd")
            if shade is not None and not _is_pale(shade.get(f"{_W}fill", "FFFFFF").replace("auto", "FFFFFF")):
                return True
        if node.tag == f"{_W}txbxContent" or _child(node, "rPr", "highlight") is not None:
            return True
        if _child(node, "tblPr", "tblStyle") is not None or _child(node, "background") is not None:
            return True
    return False


def _shown_as_printed(body: Node) -> bool:
    """Accept tracked changes, open content controls, put text boxes after their paragraph; whether there were any."""
    dropped, boxes, wrapped = (
        list(body.iter(*(f"{_W}{name}" for name in names))) for names in (_DROPPED, ("txbxContent",), _UNWRAPPED)
    )
    for node in dropped:
        node.getparent().remove(node)
    for box in boxes:
        anchor = next((one for one in box.iterancestors(f"{_W}p")), None)
        if anchor is not None and not any(one.tag.endswith("}Fallback") for one in box.iterancestors()):
            for block in reversed(box):
                anchor.addnext(block)
    for node in wrapped:
        content = _child(node, "sdtContent") if node.tag == f"{_W}sdt" else node
        for child in list(content) if content is not None else ():
            if child.tag != f"{_W}customXmlPr":
                node.addprevious(child)
        node.getparent().remove(node)
    return bool(dropped or boxes or wrapped)


def _notes(document: Any) -> Iterator[Node]:
    """The paragraphs of footnotes and endnotes."""
    from docx.oxml import parse_xml

    for relation in document.part.rels.values():
        if relation.reltype.endswith(("/footnotes", "/endnotes")) and not relation.is_external:
            for note in parse_xml(relation.target_part.blob):
                if note.get(f"{_W}type") is None:
                    yield from note.iterchildren(f"{_W}p")


def _child(node: Node, *names: str) -> Node | None:
    for name in names:
        node = node.find(f"{_W}{name}") if node is not None else None
    return node


def _val(node: Node) -> str | None:
    return node.get(f"{_W}val")
