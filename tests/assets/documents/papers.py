"""Documents for the tests, made by the libraries that people's programs use, and hostile ones made by hand."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from tilth.pipelines.sample.library_files import as_pdf, scanned
from tilth.pipelines.sample.library_texts import Block, Text

if TYPE_CHECKING:
    from fpdf import FPDF

__all__ = [
    "NOTE",
    "bomb_docx",
    "costly",
    "mail",
    "nested_forms",
    "note",
    "paper",
    "pdf_of",
    "picture",
    "raw_pdf",
    "stream_bomb",
    "thirsty",
    "word",
]

NOTE = Text(
    "Säge A-17",
    (
        Block("title", "Säge A-17", 1),
        Block("text", "Die Säge wiegt 4,5 kg und schneidet Holz bis 120 mm. Für Balken, z. B. Eiche, gilt Nr. 7."),
        Block("title", "Lieferung", 2),
        Block("list_item", "Sägeblatt"),
        Block("list_item", "Kabel"),
        Block("table", rows=(("Merkmal", "Wert"), ("Leistung", "1.200 W"), ("Tiefe", "120 mm"))),
    ),
)


def note() -> bytes:
    """A sound PDF."""
    return as_pdf(NOTE)


def picture() -> bytes:
    """A PDF without text."""
    return scanned()


def paper() -> FPDF:
    """A page to write on."""
    from fpdf import FPDF

    page = FPDF()
    page.set_auto_page_break(True, 20)
    page.add_page()
    page.set_font("Helvetica", size=11)
    return page


def pdf_of(write: Callable[[FPDF], object]) -> bytes:
    """What `write` puts on a page."""
    page = paper()
    write(page)
    return bytes(page.output())


def word(write: Callable[[Any], object]) -> bytes:
    """What `write` puts into a Word document."""
    import docx

    document, content = docx.Document(), io.BytesIO()
    write(document)
    document.save(content)
    return content.getvalue()


def mail(
    subject: str,
    text: str,
    *,
    html: str | None = None,
    attached: Sequence[tuple[str, bytes]] = (),
    charset: str = "utf-8",
) -> bytes:
    """A mail; what is attached under a name that ends with `.eml` is a mail itself."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Höß <a@example.com>", "b@example.org", subject
    message["Date"] = "Mon, 03 Nov 2025 10:00:00 +0100"
    message.set_content(text, charset=charset)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, content in attached:
        if name.endswith(".eml"):
            message.add_attachment(message_from_bytes(content, policy=policy.default), filename=name)
        else:
            message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def bomb_docx(size: int) -> bytes:
    """A Word document whose text unpacks to `size` letters."""
    whole, content = word(lambda document: document.add_paragraph("x")), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as packed, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in packed.namelist():
            body = packed.read(name)
            bomb.writestr(name, body.replace(b"<w:t>x</w:t>", b"<w:t>" + b"a" * size + b"</w:t>"))
    return content.getvalue()


def raw_pdf(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, the first of them its catalogue."""
    file, places = io.BytesIO(), list[int]()
    file.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, 1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    start = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    file.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return file.getvalue()


def stream_bomb(letters: int) -> bytes:
    """A small PDF with one page that says `letters` letters, each by itself."""
    content = zlib.compress(b"BT /F1 12 Tf 10 10 Td " + b"(a) Tj " * letters + b"ET", 9)
    font = b"<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    return raw_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources" + font + b">>",
            b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(content), content),
        ]
    )


def nested_forms(depth: int) -> bytes:
    """A small PDF that paints one square two to the power of `depth` times."""
    twice, box = b"/X Do /X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        b"<</Length 5>>stream\n/X Do\nendstream",
    ]
    for number in range(6, 6 + depth):
        resources = b"/Resources<</XObject<</X %d 0 R>>>>" % number
        objects.append(b"<<%b%b/Length %d>>stream\n%b\nendstream" % (box, resources, len(twice), twice))
    return raw_pdf([*objects, b"<<%b/Length 14>>stream\n0 0 10 10 re f\nendstream" % box])


def costly() -> bytes:
    """Markdown that takes its parser minutes."""
    return b"[" * 60_000


def thirsty() -> bytes:
    """A PDF that takes its reader gigabytes."""
    return stream_bomb(8_000_000)
