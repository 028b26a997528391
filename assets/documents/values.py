"""What goes into the parsing of documents, and what comes out: plain values that can be written as JSON.

Nothing here knows of a library, a process or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["Element", "Finding", "Parsed", "Raw", "Settings", "parsed_from_json", "settings_from_json", "to_json"]


@dataclass(frozen=True, slots=True)
class Raw:
    """One document as pulled; `name` is its path below the connection's root."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Element:
    """One piece of text, in reading order, standardised.

    `kind` is one of: `title` (a heading), `text` (a paragraph), `list_item`, `table` (a line a row, cells joined by
    ` | `), `code` (blanks and line breaks kept), `margin` (a header or footer of pages: once, after all else).
    """

    kind: str
    text: str
    level: int | None = None  # of a title: 1 is the highest
    page: int | None = None  # from 1; None where the format has no pages
    part: str | None = None  # name of an attachment inside a mail; None: the document itself


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a document is toxic: rule, what was found, what was expected, and in which attachment of a mail."""

    rule: str
    value: str | None
    expected: str
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """One document, taken apart. With any finding it is toxic, whatever else could be read of it."""

    name: str
    kind: str | None = None  # pdf, docx, html, eml, md, txt: by content; None: nothing that is read
    title: str | None = None
    author: str | None = None
    created_at: str | None = None  # ISO 8601, as the document says
    pages: int | None = None
    encoding: str | None = None  # of text: how its letters were written
    elements: tuple[Element, ...] = ()
    findings: tuple[Finding, ...] = ()
    skipped: tuple[str, ...] = ()  # attachments that hold no text to read: pictures, signatures, calendar entries


@dataclass(frozen=True, slots=True)
class Settings:
    """What is declared about the documents of one set, and what one document may cost."""

    encoding: str | None = None  # code page of text that is not UTF-8
    max_bytes: int = 64_000_000  # of a document
    max_unpacked_bytes: int = 256_000_000  # of all files in a ZIP container together
    max_seconds: int = 20  # CPU seconds
    max_wall_seconds: int = 180  # on the clock, however busy the machine is
    max_memory_mb: int = 1_536  # beyond what the parser itself takes
    max_depth: int = 4  # of mails in mails
    batch: int = 25  # documents that one child process reads


def to_json(value: Parsed | Settings) -> dict[str, Any]:
    """The value as what `json` can write."""
    return asdict(value)


def parsed_from_json(told: Mapping[str, Any]) -> Parsed:
    """What `to_json` made of a Parsed; anything else raises TypeError, KeyError or ValueError."""
    facts: dict[str, Any] = {**told, "elements": tuple(Element(**one) for one in told["elements"])}
    facts["findings"] = tuple(Finding(**one) for one in told["findings"])
    facts["skipped"] = tuple(told["skipped"])
    return Parsed(**facts)


def settings_from_json(told: Mapping[str, Any]) -> Settings:
    """What `to_json` made of Settings."""
    return Settings(**{field.name: told[field.name] for field in fields(Settings)})
