"""A PDF taken apart: pages into words, words into lines and tables, those into what `unstructured` calls elements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tilth.assets.documents.elements import standardised
from tilth.assets.documents.pdf.headings import margins, with_headings
from tilth.assets.documents.pdf.lines import Line, lines_of, text_of_words
from tilth.assets.documents.pdf.order import in_reading_order, is_out_of_order
from tilth.assets.documents.pdf.page import page_of
from tilth.assets.documents.pdf.paragraphs import Block, across_pages, paragraphs
from tilth.assets.documents.pdf.shapes import Page, Word
from tilth.assets.documents.pdf.tables import Table, aligned, grids, in_grids
from tilth.assets.documents.standardise import hidden_text, text_of_line
from tilth.assets.documents.values import Finding, Parsed

if TYPE_CHECKING:
    from unstructured.documents.elements import Element as Found

__all__ = ["partition_pdf", "read_pdf"]

_UNMAPPED = re.compile("[\ufffd\ue000-\uf8ff\x00-\x1f]")
_READABLE = 0.7
_SOME = 5
_NUMBERS, _PAGE = re.compile(r"\d+"), re.compile(r"(?:seite|page|blatt|s\.|p\.)?\s*(?:von|of|/)?", re.IGNORECASE)
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-]\d\d)'?(\d\d)?)?")


def read_pdf(content: bytes) -> Parsed:
    """What is in a PDF; a page that cannot be read makes it damaged."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        return Parsed("", findings=(_not_opened(error),))
    try:
        return _read(document)
    finally:
        document.close()


def _not_opened(error: Any) -> Finding:
    import pypdfium2.raw as pdfium

    if getattr(error, "err_code", None) in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
        return Finding("encrypted", "a password is needed", "a PDF that opens without a password")
    return Finding("damaged", str(error)[:200], "a PDF that can be read")


def _read(document: Any) -> Parsed:
    facts = _facts(document)
    pages, lost = list[Page](), list[str]()
    for at in range(len(document)):
        page = _page(document, at)
        if page is None:
            lost.append(str(at + 1))
        else:
            pages.append(page)
    found = [*_meaningless(pages), *hidden_text(page.hidden for page in pages)]
    if lost:
        told = f"{len(lost)} of {len(document)} pages cannot be read: {', '.join(lost[:_SOME])}"
        found.insert(0, Finding("damaged", told, "a PDF that is complete"))
    return Parsed(
        "",
        title=text_of_line(facts.get("Title", "")) or None,
        author=text_of_line(facts.get("Author", "")) or None,
        created_at=_date(facts.get("CreationDate", "")),
        pages=len(document),
        elements=standardised(partition_pdf(pages)),
        findings=tuple(found),
    )


def _facts(document: Any) -> dict[str, str]:
    """What the document says of itself; nothing where that is no text, which makes it no worse to read."""
    try:
        return document.get_metadata_dict()
    except UnicodeDecodeError:
        return {}


def _page(document: Any, at: int) -> Page | None:
    import pypdfium2

    try:
        page = document[at]
    except pypdfium2.PdfiumError:
        return None
    try:
        return page_of(page, at + 1)
    finally:
        page.close()


def partition_pdf(pages: Sequence[Page]) -> Iterator[Found]:
    """The elements of a document."""
    from unstructured.documents import elements as kinds

    named = {"title": kinds.Title, "text": kinds.NarrativeText, "list_item": kinds.ListItem, "table": kinds.Table}
    for block in _blocks(pages):
        metadata = kinds.ElementMetadata(page_number=block.page)
        if block.kind == "title" and block.level is not None:
            metadata.category_depth = block.level - 1
        if block.kind == "table":
            metadata.text_as_html = _as_html(block)
        yield named.get(block.kind, kinds.Footer)(text=block.text, metadata=metadata)


def _blocks(pages: Sequence[Page]) -> list[Block]:
    pieces = [_pieces(page) for page in pages]
    lines = [[piece for piece in some if isinstance(piece, Line)] for some in pieces]
    repeated = margins([(page.sheet, some) for page, some in zip(pages, lines, strict=True)])
    body, edges = list[Block](), list[Block]()
    for page, some, own, at in zip(pages, pieces, lines, repeated, strict=True):
        marginal = {id(own[number]) for number in at}
        body += paragraphs([piece for piece in some if id(piece) not in marginal], page.number)
        edges += [Block("margin", own[number].text, page.number) for number in sorted(at)]
        askew = groupby(page.askew, key=lambda word: word.line)
        body += [Block("text", text_of_words(list(words)), page.number) for _, words in askew]
    return [*with_headings(across_pages(body)), *_once(edges)]


def _once(edges: Sequence[Block]) -> Iterator[Block]:
    """Each header and footer as it first stands there; what only says the page is left out."""
    known = set[str]()
    for block in edges:
        same = _NUMBERS.sub("", block.text).strip(" -–/|")
        if same not in known and not _PAGE.fullmatch(same):
            known.add(same)
            yield block


def _pieces(page: Page) -> list[Line | Table]:
    """Lines and tables of a page, in the order in which it is read."""
    pieces = list[Line | Table]()
    for in_table, some in groupby(in_grids(page.words, grids(page.rules)), key=lambda one: isinstance(one, Table)):
        if in_table:
            pieces += [one for one in some if isinstance(one, Table)]
        else:
            pieces += lines_of(one for one in some if isinstance(one, Word))
    if is_out_of_order(pieces):
        pieces = in_reading_order(pieces)
    return list(aligned(pieces))


def _as_html(block: Block) -> str:
    rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in block.rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _meaningless(pages: Sequence[Page]) -> Iterator[Finding]:
    """Letters that no font says the meaning of: they can be seen, and not read."""
    letters = "".join(word.text for page in pages for word in (*page.words, *page.askew))
    if letters and len(_UNMAPPED.findall(letters)) > (1 - _READABLE) * len(letters):
        yield Finding("no_text", "letters that stand for no characters", "text whose font says what its letters are")


def _date(said: str) -> str | None:
    """A PDF's date as ISO 8601, with its zone where it says one."""
    found = _DATE.match(said)
    if found is None:
        return None
    year, month, day, *time = (int(part or 0) for part in found.groups()[:6])
    zulu, hours, minutes = found.groups()[6:]
    try:
        zone = timezone(timedelta(hours=int(hours or 0), minutes=int(minutes or 0))) if zulu or hours else None
        return datetime(year, month or 1, day or 1, *time, tzinfo=zone).isoformat()
    except ValueError:
        return None
