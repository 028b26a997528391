"""Each kind of document is read to the letter, and what is wrong with one is said, by rule and part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from papers import NOTE, bomb_docx, mail, note, pdf_of, picture, raw_pdf, word

from tilth.assets.documents import Element, Parsed, Raw, Settings, parsed
from tilth.pipelines.sample.library_files import as_docx, as_html, as_markdown, as_pdf

if TYPE_CHECKING:
    from fpdf import FPDF

Made = Callable[[], bytes]
SEEN = "Das ist zu sehen."

SOUND: Mapping[str, Made] = {
    "a.pdf": note,
    "a.docx": lambda: as_docx(NOTE),
    "a.html": lambda: as_html(NOTE),
    "a.md": lambda: as_markdown(NOTE),
    "noname": note,
    "a.dat": lambda: as_docx(NOTE),
    "owner.pdf": lambda: pdf_of(lambda page: (page.cell(0, 6, SEEN), page.set_encryption(owner_password="o"))),
    "utf16.txt": lambda: SEEN.encode("utf-16"),
    "bom.txt": lambda: SEEN.encode("utf-8-sig"),
    "beamer.txt": lambda: b"BMW baut Autos.",  # a picture, says a library that looks at the first two letters
    "saved.txt": lambda: f"From: a\nTo: b\nSubject: c\n\n{SEEN}".encode(),  # as some programs save a mail
    "latin.html": lambda: f'<meta charset="iso-8859-1"><p>Größe: {SEEN}</p>'.encode("latin-1"),
    "mail.eml": lambda: mail(
        "Blatt", SEEN, attached=[("blatt.pdf", note()), ("logo.png", b"\x89PNG\r\n\x1a\n" + bytes(40))]
    ),
    "nested.eml": lambda: mail(
        "WG", SEEN, attached=[("alt.eml", mail("Blatt", SEEN, attached=[("blatt.docx", as_docx(NOTE))]))]
    ),
    "latin.eml": lambda: mail("Größe", SEEN + " Höß", charset="iso-8859-1"),
    "html.eml": lambda: mail("Seite", "nur für alte Programme", html=f"<h1>Kopf</h1><p>{SEEN}</p>"),
}
"""Nothing is wrong with these."""


def white(page: FPDF) -> None:
    page.cell(0, 6, SEEN, new_x="LMARGIN", new_y="NEXT")
    page.set_text_color(255, 255, 255)
    page.cell(0, 6, "geheim")


def unseen(page: FPDF) -> None:
    page.cell(0, 6, SEEN)
    with page.local_context(text_mode=3):
        page.text(20, 100, "geheim")


def tiny(page: FPDF) -> None:
    page.cell(0, 6, SEEN)
    page.set_font_size(1)
    page.text(20, 100, "geheim")


def covered(page: FPDF) -> None:
    page.cell(0, 6, SEEN)
    page.text(20, 100, "geheim")
    page.rect(18, 94, 40, 10, style="F")


def outside(page: FPDF) -> None:
    page.cell(0, 6, SEEN)
    page.text(20, 400, "geheim")


def vanished(document: Any) -> None:
    paragraph = document.add_paragraph(SEEN)
    paragraph.add_run("geheim").font.hidden = True


def pale(document: Any) -> None:
    from docx.shared import RGBColor

    paragraph = document.add_paragraph(SEEN)
    paragraph.add_run("geheim").font.color.rgb = RGBColor(255, 255, 255)


HIDDEN: Mapping[str, Made] = {
    **{f"{write.__name__}.pdf": partial(pdf_of, write) for write in (white, unseen, tiny, covered, outside)},
    **{f"{write.__name__}.docx": partial(word, write) for write in (vanished, pale)},
    "none.html": lambda: f'<p>{SEEN}</p><p style="display:none">geheim</p>'.encode(),
    "attribute.html": lambda: f"<p>{SEEN}</p><div hidden><p>geheim</p></div>".encode(),
    "sheet.html": lambda: f"<style>p.x, #y {{ color: #fff }}</style><p>{SEEN}</p><p class=x>geheim</p>".encode(),
    "size.html": lambda: f'<p>{SEEN}</p><p style="font-size: 0">geheim</p>'.encode(),
    "far.html": lambda: f'<p>{SEEN}</p><p style="position:absolute; left:-9999px">geheim</p>'.encode(),
    "tags.md": lambda: (SEEN + "".join(chr(0xE0000 + ord(letter)) for letter in "geheim")).encode(),
    "hidden.eml": lambda: mail("", "", html=f"<p>{SEEN}</p><p style='visibility:hidden'>geheim</p>"),
}
"""Each shows SEEN, and hides `geheim`."""

TOXIC: Mapping[str, tuple[Made, str, str | None]] = {
    "empty.pdf": (lambda: b"", "empty", None),
    "locked.pdf": (lambda: as_pdf(NOTE, password="x"), "encrypted", None),
    "locked.docx": (
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
        "encrypted", None,
    ),
    "cut.pdf": (lambda: note()[:900], "damaged", None),
    "cut.docx": (lambda: as_docx(NOTE)[:9_000], "damaged", None),
    "cut.eml": (lambda: mail("Blatt", SEEN, attached=[("blatt.pdf", note())])[:-30], "damaged", None),
    "pages.pdf": (
        lambda: raw_pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 3>>"]), "damaged", None,
    ),
    "nothing.docx": (lambda: word(lambda document: document), "no_text", None),
    "scan.pdf": (picture, "no_text", None),
    "pdf.docx": (note, "extension", None),
    "mail.txt": (lambda: mail("Blatt", SEEN), "extension", None),
    "page.txt": (lambda: f"<!doctype html><p>{SEEN}</p>".encode(), "extension", None),
    "letters.txt": (lambda: "Größe".encode("utf-16-le"), "encoding", None),
    "cp1252.txt": (lambda: "Größe".encode("cp1252"), "encoding", None),
    "cp1252.eml": (
        lambda: mail("x", "Größe", charset="iso-8859-1").replace(b"iso-8859-1", b"x-unbekannt"), "encoding", None,
    ),
    "bomb.docx": (lambda: bomb_docx(25_000_000), "limits", None),
    "deep.html": (lambda: b"<div>" * 5_000 + b"tief" + b"</div>" * 5_000, "limits", None),
    "table.csv": (lambda: b"a,b\n1,2\n", "unsupported", None),
    "sheet.bin": (lambda: b"\x7fELF" + bytes(range(256)), "unsupported", None),
    "attached.eml": (lambda: mail("x", SEEN, attached=[("leer.pdf", b"")]), "empty", "leer.pdf"),
    "inner.eml": (
        lambda: mail("x", SEEN, attached=[("alt.eml", mail("y", SEEN, attached=[("blatt.pdf", note()[:900])]))]),
        "damaged", "alt.eml/blatt.pdf",
    ),
    "signed.eml": (lambda: mail("x", SEEN).replace(b"text/plain", b"application/pkcs7-mime"), "encrypted", None),
}  # fmt: skip
"""What is wrong with each: the rule, and the part."""


def deep_mail(depth: int) -> bytes:
    content = mail("unten", SEEN)
    for number in range(depth):
        content = mail(f"Ebene {number}", SEEN, attached=[("m.eml", content)])
    return content


@pytest.fixture(scope="module")
def read() -> Mapping[str, Parsed]:
    everything = {**SOUND, **HIDDEN, **{name: one[0] for name, one in TOXIC.items()}}
    everything |= {f"{depth}.eml": partial(deep_mail, depth) for depth in (4, 5)}
    found = list(parsed((Raw(name, made()) for name, made in everything.items()), Settings(max_bytes=2_000_000)))
    assert [one.name for one in found] == list(everything)  # in order
    return {one.name: one for one in found}


def body(elements: tuple[Element, ...], part: str | None = None) -> list[tuple[str, int | None, str]]:
    return [(one.kind, one.level, one.text) for one in elements if one.part == part and one.kind != "margin"]


def wanted() -> list[tuple[str, int | None, str]]:
    rows = {block.kind: "\n".join(" | ".join(row) for row in block.rows) for block in NOTE.blocks}
    return [(block.kind, block.level, block.text or rows[block.kind]) for block in NOTE.blocks]


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.html", "a.md", "noname", "a.dat"])
def test_a_document_is_read_to_the_letter(read: Mapping[str, Parsed], name: str) -> None:
    assert body(read[name].elements) == wanted()
    assert read[name].title == "Säge A-17"


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_found_in_a_sound_document(read: Mapping[str, Parsed], name: str) -> None:
    assert read[name].findings == ()
    assert read[name].elements


def test_kinds_are_told_by_content(read: Mapping[str, Parsed]) -> None:
    kinds = {name: read[name].kind for name in ("noname", "a.dat", "beamer.txt", "mail.eml", "a.md", "pdf.docx")}
    assert kinds == {
        "noname": "pdf", "a.dat": "docx", "beamer.txt": "txt", "mail.eml": "eml", "a.md": "md", "pdf.docx": "pdf",
    }  # fmt: skip


def test_letters_are_read_as_they_were_written(read: Mapping[str, Parsed]) -> None:
    told = {
        name: (read[name].encoding, read[name].elements[-1].text) for name in ("utf16.txt", "bom.txt", "latin.html")
    }
    assert told == {
        "utf16.txt": ("utf-16", SEEN), "bom.txt": ("utf-8", SEEN), "latin.html": ("iso-8859-1", f"Größe: {SEEN}"),
    }  # fmt: skip
    assert body(read["latin.eml"].elements) == [("title", 1, "Größe"), ("text", None, f"{SEEN} Höß")]


def test_a_mail_is_its_text_and_what_is_attached(read: Mapping[str, Parsed]) -> None:
    one = read["mail.eml"]
    assert body(one.elements) == [("title", 1, "Blatt"), ("text", None, SEEN)]
    assert body(one.elements, "blatt.pdf") == wanted()
    assert (one.title, one.author, one.created_at) == ("Blatt", "Höß <a@example.com>", "2025-11-03T10:00:00+01:00")
    assert body(read["html.eml"].elements) == [("title", 1, "Seite"), ("title", 2, "Kopf"), ("text", None, SEEN)]


def test_a_mail_in_a_mail_is_taken_apart_too(read: Mapping[str, Parsed]) -> None:
    one = read["nested.eml"]
    assert body(one.elements, "alt.eml") == [("title", 1, "Blatt"), ("text", None, SEEN)]
    assert body(one.elements, "alt.eml/blatt.docx") == wanted()
    assert read["4.eml"].findings == ()
    assert [(one.rule, one.part) for one in read["5.eml"].findings] == [("limits", "m.eml/m.eml/m.eml/m.eml/m.eml")]


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_text_is_told_and_left_out(read: Mapping[str, Parsed], name: str) -> None:
    one = read[name]
    assert [(found.rule, found.value) for found in one.findings] == [("hidden_text", "geheim")]
    assert [element.text for element in one.elements] == [SEEN]


@pytest.mark.parametrize("name", TOXIC)
def test_what_is_wrong_is_said(read: Mapping[str, Parsed], name: str) -> None:
    _, rule, part = TOXIC[name]
    found = read[name].findings
    assert [(one.rule, one.part) for one in found] == [(rule, part)]
    assert found[0].expected


def test_what_is_declared_holds() -> None:
    """A code page, where the text is not UTF-8 and it fits; and how large a document may be."""
    contents = ("Größe".encode("cp1252"), "Größe".encode(), b"\x81\x8d", b"x" * 2_000)
    documents = [Raw(f"{number}.txt", content) for number, content in enumerate(contents)]
    one, other, third, large = parsed(documents, Settings(encoding="cp1252", max_bytes=1_000))
    assert (one.encoding, one.elements[0].text, one.findings) == ("cp1252", "Größe", ())
    assert (other.encoding, other.elements[0].text) == ("utf-8", "Größe")
    assert [found.rule for found in third.findings] == ["encoding"]
    assert [(found.rule, found.value) for found in large.findings] == [("too_large", "2000 bytes")]
