"""One document: what it is, whether it may be opened, and what is in it. Runs in a child process, under its limits."""

from __future__ import annotations

import re
import socket
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module

from tilth.assets.documents import words
from tilth.assets.documents.decoding import Undecodable, decode
from tilth.assets.documents.docx import read_docx
from tilth.assets.documents.html import read_html
from tilth.assets.documents.kinds import READ, binary_kind, claimed_kind, is_mail, signature, text_kind
from tilth.assets.documents.mail import NOT_TEXT, read_mail
from tilth.assets.documents.pdf.partition import read_pdf
from tilth.assets.documents.screening import screen_pdf, screen_zip
from tilth.assets.documents.standardise import text_of_line
from tilth.assets.documents.text import read_markdown, read_text
from tilth.assets.documents.values import Finding, Parsed, Raw, Settings

__all__ = ["load", "read"]

_READERS = (
    "unstructured.documents.elements", "unstructured.partition.html", "unstructured.partition.docx",
    "unstructured.partition.text", "lxml.etree", "markdown.extensions.tables", "markdown.extensions.fenced_code",
    "markdown.extensions.sane_lists", "pypdfium2", "pypdfium2.raw", "docx", "filetype", "email.parser",
    "encodings.idna", "encodings.cp1252", "encodings.utf_16", "encodings.utf_32", "encodings.latin_1",
)  # fmt: skip
_EMPTY = Finding("empty", "0 bytes", "a file with content")
_LOCKED = Finding("encrypted", "an encrypted Office file", "a document that opens without a password")
_CHARSET = re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_NO_MEMORY = re.compile(r"memory allocation failed|out of memory", re.IGNORECASE)
_SAID = 200
_NO_TEXT = Finding("no_text", None, "text: pictures of text, such as scanned pages, are not read")


def load() -> None:
    """Import everything that reads documents, so that no child has to; for a process that does nothing else."""
    words.stand_in()
    socket.has_ipv6 = False  # else urllib3, which `unstructured` brings along, binds a socket while it is imported
    for module in _READERS:
        import_module(module)


def read(document: Raw, settings: Settings) -> Parsed:
    """What is in the document. May raise anything: what a library makes of a damaged one cannot be foreseen."""
    words.stand_in()
    return replace(_read(document.name, document.content, settings, settings.max_depth), name=document.name)


def _read(name: str, content: bytes, settings: Settings, depth: int) -> Parsed:
    if not content:
        return Parsed(name, findings=(_EMPTY,))
    try:
        read = _by_kind(name, content, settings, depth)
    except zipfile.BadZipFile as error:
        read = Parsed(name, findings=(Finding("damaged", str(error), "a file that can be unpacked"),))
    claimed = claimed_kind(name)
    if read.kind is not None and claimed not in (None, read.kind):
        told = Finding("extension", f"{claimed}, and it is {read.kind}", "content of the type that the name says")
        read = replace(read, findings=(told, *read.findings))
    if not read.elements and not read.findings:
        read = replace(read, findings=(_NO_TEXT,))
    if read.title is None:
        first = next((one for one in read.elements if one.kind == "title" and one.part is None), None)
        read = replace(read, title=None if first is None else first.text)
    return replace(read, findings=tuple(_legible(one) for one in read.findings))


def _legible(finding: Finding) -> Finding:
    """The same; what a library said of a hostile document can be written anywhere."""
    return replace(finding, value=None if finding.value is None else text_of_line(finding.value))


def _by_kind(name: str, content: bytes, settings: Settings, depth: int) -> Parsed:
    kind = binary_kind(content)
    if kind == "pdf":
        found = screen_pdf(content)
        return Parsed(name, kind, findings=(found,)) if found else _told(kind, lambda: read_pdf(content))
    if kind == "docx":
        found = screen_zip(content, settings)
        return Parsed(name, kind, findings=(found,)) if found else _told(kind, lambda: read_docx(content))
    if kind == "encrypted":
        return Parsed(name, findings=(_LOCKED,))
    if kind is not None:
        return _unsupported(name, kind)
    if is_mail(content, claimed_kind(name)):
        inner = partial(_attached, settings=settings, depth=depth)
        return _told("eml", lambda: read_mail(content, inner, settings.encoding))
    return _text(name, content, settings)


def _attached(name: str, content: bytes, *, settings: Settings, depth: int) -> Parsed:
    if depth == 0:
        return Parsed(name, findings=(Finding("limits", "mails in mails", f"at most {settings.max_depth} deep"),))
    return _read(name, content, settings, depth - 1)


def _text(name: str, content: bytes, settings: Settings) -> Parsed:
    claimed = claimed_kind(name)
    said = _CHARSET.search(content[:2048])
    try:
        decoded = decode(content, said[1].decode("ascii") if said else settings.encoding)
    except Undecodable as error:
        if error.binary:
            return _unsupported(name, signature(content))
        return Parsed(
            name, "txt" if claimed is None else claimed, findings=(Finding("encoding", str(error), NOT_TEXT),)
        )
    kind = text_kind(decoded.text, claimed)
    if kind not in READ:
        return _unsupported(name, kind)
    reader = {"html": read_html, "md": read_markdown}.get(kind, read_text)
    return replace(_told(kind, lambda: reader(decoded.text)), encoding=decoded.encoding)


def _told(kind: str, reader: Callable[[], Parsed]) -> Parsed:
    """What a reader says; what it stumbles over, limits aside, is a document that is damaged."""
    try:
        return replace(reader(), kind=kind)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        if _NO_MEMORY.search(str(error)):  # as libraries written in C say it
            raise MemoryError from None
        told = f"{type(error).__name__}: {error}"[:_SAID]
        return Parsed("", kind, findings=(Finding("damaged", told, "a document that can be read"),))


def _unsupported(name: str, kind: str | None) -> Parsed:
    told = Finding("unsupported", kind or "not known", f"one of {', '.join(READ)}")
    return Parsed(name, kind, findings=(told,))
