"""Texts as files, by the libraries that people's programs are made of: PDF, DOCX, HTML, Markdown, mail, plain text.

The same text gives the same bytes: dates and names inside the files are fixed, and nothing is random.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from typing import TYPE_CHECKING

from tilth.errors import MissingExtra
from tilth.pipelines.sample.library_texts import Block, Text

if TYPE_CHECKING:
    from fpdf import FPDF

__all__ = ["as_docx", "as_html", "as_mail", "as_markdown", "as_pdf", "as_text", "scanned"]

_WRITTEN = datetime(2025, 11, 1, 9, 30, tzinfo=UTC)
_HOUSE = "Werkzeuggroßhandel Höß"
_SIZES = {1: 18, 2: 13}
_BULLET = "\x95"  # as PDF's plain fonts write it
_LINE_MM = 5.5
_TYPES = {"pdf": "pdf", "docx": "vnd.openxmlformats-officedocument.wordprocessingml.document"}


def as_pdf(text: Text, *, password: str | None = None, unseen: str = "", edges: bool = False) -> bytes:
    """A PDF; `unseen` is written in white at its end, `edges` puts a header and a footer on each page."""
    page = _pdf(text, edges)
    for block in text.blocks:
        _write(page, block)
    if unseen:
        page.set_text_color(255, 255, 255)
        _lines(page, unseen, _LINE_MM)
    if password is not None:
        page.set_encryption(owner_password=f"{password}!", user_password=password)
    return bytes(page.output())


def _pdf(text: Text, edges: bool) -> FPDF:
    try:
        from fpdf import FPDF
    except ImportError:
        raise MissingExtra.of("fpdf2", "sample") from None

    class Paper(FPDF):
        """A4, with the house's name above and the page's number below where that is asked for."""

        def header(self) -> None:
            """At the top of each page."""
            if edges:
                self._edge(8, f"{_HOUSE} - {text.title}")

        def footer(self) -> None:
            """At the bottom of each page."""
            if edges:
                self._edge(-12, f"Seite {self.page_no()}")

        def _edge(self, y: float, said: str) -> None:
            self.set_font("Helvetica", size=8)
            self.set_y(y)
            self.cell(0, 4, said, new_x="LMARGIN", new_y="NEXT")
            self.ln(8)
            self.set_font("Helvetica", size=10)

    page = Paper()
    page.set_creation_date(_WRITTEN)
    page.set_title(text.title)
    page.set_author(_HOUSE)
    page.set_auto_page_break(True, 22)
    page.add_page()
    page.set_font("Helvetica", size=10)
    return page


def _write(page: FPDF, block: Block) -> None:
    if block.kind == "table":
        with page.table() as table:
            for cells in block.rows:
                row = table.row()
                for cell in cells:
                    row.cell(cell)
    elif block.kind == "title":
        page.ln(3)
        page.set_font("Helvetica", "B", _SIZES[block.level or 2])
        _lines(page, block.text, 8)
        page.set_font("Helvetica", size=10)
    else:
        _lines(page, f"{_BULLET} {block.text}" if block.kind == "list_item" else block.text, _LINE_MM)
    page.ln(2.5)


def _lines(page: FPDF, said: str, height: float) -> None:
    """Text broken where the page ends; the library's own way of doing that takes ten times as long."""
    blank, width, line = page.get_string_width(" "), 0.0, list[str]()
    for word in said.split(" "):
        more = page.get_string_width(word) + blank
        if line and width + more > page.epw - 2 * page.c_margin:
            page.cell(0, height, " ".join(line), new_x="LMARGIN", new_y="NEXT")
            width, line = 0.0, []
        width, line = width + more, [*line, word]
    page.cell(0, height, " ".join(line), new_x="LMARGIN", new_y="NEXT")


def scanned() -> bytes:
    """A PDF that is a picture of grey lines, as a scanner makes it."""
    width, height = 120, 170
    rows = (b"\0" + bytes(90 if 15 < x < 105 and y % 8 < 3 else 245 for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    chunks = (struct.pack(">I", len(b)) + a + b + struct.pack(">I", zlib.crc32(a + b)) for a, b in parts)
    page = _pdf(Text("Scan", ()), False)
    page.image(io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)), 10, 10, 190)
    return bytes(page.output())


def as_docx(text: Text) -> bytes:
    """A Word document."""
    try:
        import docx
    except ImportError:
        raise MissingExtra.of("python-docx", "sample") from None
    document = docx.Document()
    facts = document.core_properties
    facts.title, facts.author, facts.last_modified_by, facts.comments = text.title, _HOUSE, _HOUSE, ""
    facts.created = facts.modified = _WRITTEN.replace(tzinfo=None)
    for block in text.blocks:
        if block.kind == "title":
            document.add_heading(block.text, block.level or 1)
        elif block.kind == "table":
            table = document.add_table(0, len(block.rows[0]))
            for cells in block.rows:
                for cell, said in zip(table.add_row().cells, cells, strict=True):
                    cell.text = said
        else:
            document.add_paragraph(block.text, "List Bullet" if block.kind == "list_item" else None)
    content = io.BytesIO()
    document.save(content)
    return _undated(content)


def _undated(content: io.BytesIO) -> bytes:
    """The same ZIP, whose files do not say when they were written."""
    same = io.BytesIO()
    with zipfile.ZipFile(content) as packed, zipfile.ZipFile(same, "w", zipfile.ZIP_DEFLATED) as undated:
        for name in packed.namelist():
            undated.writestr(zipfile.ZipInfo(name), packed.read(name), zipfile.ZIP_DEFLATED, compresslevel=1)
    return same.getvalue()


def as_html(text: Text, *, unseen: str = "") -> bytes:
    """A page; `unseen` is in it and not shown."""
    body = [_tag(block) for block in text.blocks]
    body += [f'<p style="display: none">{escape(unseen)}</p>'] if unseen else []
    head = f'<meta charset="utf-8"><meta name="author" content="{escape(_HOUSE)}"><title>{escape(text.title)}</title>'
    page = "\n".join(
        ["<!DOCTYPE html>", '<html lang="de">', f"<head>{head}</head>", "<body>", *body, "</body>", "</html>"]
    )
    return f"{page}\n".encode()


def _tag(block: Block) -> str:
    if block.kind == "table":
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in block.rows)
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
    if block.kind == "list_item":
        return f"<ul><li>{escape(block.text)}</li></ul>"
    tag = f"h{block.level}" if block.kind == "title" else "p"
    return f"<{tag}>{escape(block.text)}</{tag}>"


def as_markdown(text: Text) -> bytes:
    """A page of Markdown."""
    return "\n".join(_marked(text.blocks)).encode()


def _marked(blocks: Sequence[Block]) -> list[str]:
    lines: list[str] = []
    for before, block in zip((None, *blocks), blocks, strict=False):
        if before is not None and not before.kind == block.kind == "list_item":
            lines.append("")
        if block.kind == "table":
            head, *rows = (f"| {' | '.join(row)} |" for row in block.rows)
            lines += [head, f"|{'---|' * len(block.rows[0])}", *rows]
        else:
            mark = {"title": f"{'#' * (block.level or 1)} ", "list_item": "- "}.get(block.kind, "")
            lines.append(mark + block.text)
    return [*lines, ""]


def as_text(text: Text, *, encoding: str = "utf-8") -> bytes:
    """Plain text, as an editor of another age leaves it."""
    return "\r\n".join(_marked(text.blocks)).encode(encoding)


def as_mail(text: Text, *, number: int, attached: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """A mail with attachments: files, or other mails (`.eml`)."""
    mail = EmailMessage()
    mail["From"], mail["To"] = f"{_HOUSE} <versand@example.com>", "einkauf@example.org"
    mail["Subject"], mail["Message-ID"] = text.title, f"<{number}@example.com>"
    mail["Date"] = _WRITTEN
    mail.set_content("\n\n".join(block.text for block in text.blocks) + "\n")
    for name, content in attached:
        if name.endswith(".eml"):
            mail.add_attachment(message_from_bytes(content, policy=policy.default), filename=name)
        else:
            kind = _TYPES[name.rpartition(".")[2]]
            mail.add_attachment(content, maintype="application", subtype=kind, filename=name)
    if mail.is_multipart():
        mail.set_boundary(f"=_{number:08}")
    return mail.as_bytes()
