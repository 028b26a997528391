"""Plain text and Markdown. Plain text has no headings: nothing in it says which line is one."""

from __future__ import annotations

import re
from dataclasses import replace

from tilth.assets.documents.elements import standardised
from tilth.assets.documents.html import read_html
from tilth.assets.documents.standardise import hidden_text, smuggled, text_of_line
from tilth.assets.documents.values import Parsed

__all__ = ["read_markdown", "read_text"]

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FACT = re.compile(r"^(title|author|date):[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
_FACTS = {"title": "title", "author": "author", "date": "created_at"}


def read_text(text: str) -> Parsed:
    """The paragraphs and list items of a text."""
    from unstructured.partition.text import partition_text

    elements = standardised(partition_text(text=text, languages=[""]), titles=False)
    return Parsed("", elements=elements, findings=hidden_text(smuggled(text)))


def read_markdown(text: str) -> Parsed:
    """What a page of Markdown shows; title, author and date of its front matter are facts, not text."""
    import markdown

    text = text.replace("\r\n", "\n")
    front = _FRONT.match(text)
    pairs = _FACT.findall(front[1]) if front else []
    facts = {_FACTS[name.lower()]: text_of_line(value.strip(" \"'")) or None for name, value in pairs}
    page = markdown.markdown(text[front.end() :] if front else text, extensions=["tables", "fenced_code", "sane_lists"])
    return replace(read_html(f"<html><body>{page}</body></html>"), **facts)
