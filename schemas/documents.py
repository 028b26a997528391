"""What ready documents are: one row a document, and one a chunk of its text.

Every document set has the same two contracts. What makes a document toxic is found when it is taken apart; here
stands what is known of one that was read.
"""

from __future__ import annotations

from typing import Annotated

import polars as pl

from tilth.schemas.contract import Contract, field

__all__ = ["Chunk", "Document"]

Instant = Annotated[pl.Datetime, "us", "UTC"]


class Document(Contract):
    """Documents as they were last read: what each is, and all of its text."""

    document: str = field(key=True, description="Its name: the path below the source's root.")
    title: str = field(nullable=True, description="What it calls itself, else its first heading.")
    kind: str = field(description="pdf, docx, html, eml, md or txt: by content, whatever the name says.")
    author: str = field(nullable=True, pii="name", description="Who wrote it, as it says itself.")
    created: str = field(nullable=True, description="When it was made, as it says itself (ISO 8601).")
    modified_at: Instant = field(description="When the file was last written to.")
    pages: int = field(nullable=True, ge=0, description="Pages, where the format has any.")
    bytes: int = field(ge=0, unit="bytes", description="Size of the file.")
    elements: int = field(ge=1, description="Headings, paragraphs, list items and tables found in it.")
    characters: int = field(ge=1, description="Length of its text.")
    sha256: str = field(str_length=64, description="SHA-256 of the file, in hexadecimal digits.")
    text: str = field(description="All of its text; the spans of its chunks count characters here, from 0.")


class Chunk(Contract):
    """Pieces of documents, cut along their structure; every character of a document is in one."""

    chunk_id: str = field(key=True, description="Stays the same as long as the piece and its heading do.")
    document: str = field(description="The document it is part of: the same name as there.")
    position: int = field(ge=0, description="Its place among the document's chunks, from 0.")
    heading_path: str = field(nullable=True, description="The headings above it, from the outermost, joined by ' > '.")
    part: str = field(nullable=True, description="The attachment of a mail that it is from; missing: the mail itself.")
    page_from: int = field(nullable=True, ge=1, description="The first page it is on.")
    page_to: int = field(nullable=True, ge=1, description="The last page it is on.")
    char_from: int = field(ge=0, description="Where it begins in the document's text, in characters from 0.")
    char_to: int = field(ge=1, description="Where it ends there: the first character that is no longer in it.")
    text: str = field(description="The piece itself.")
