"""Why a document is toxic, by rule, and what mends it. Words only: whoever checks a declaration needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["DOCUMENT_RULES"]

DOCUMENT_RULES: Mapping[str, str] = MappingProxyType(
    {
        "empty": "the file has no content: put the document there again",
        "encrypted": "a password is needed to read it: put a copy there that opens without one",
        "damaged": "it is cut off or broken: put the document there again, from where it came",
        "no_text": "it holds pictures only: put a version with text there (scanned pages need OCR before)",
        "extension": "its name says another type than its content has: rename it",
        "hidden_text": "it holds text that nobody sees: look at what it says, and remove it",
        "encoding": "its letters cannot be read: save it as UTF-8, or declare its code page under parse",
        "too_large": "it is larger than declared: raise max_bytes under parse, or split it",
        "limits": "reading it takes more time, memory or depth than one document may: raise the limits, or split it",
        "crashed": "the program that reads it broke down on it: save it anew with another program",
        "unsupported": "this type is not read: save it as PDF, DOCX, HTML, Markdown, EML or text",
    }
)
"""Rule → what is wrong, and what mends it; rules that are listed under `parse: {warn: …}` are counted only."""
