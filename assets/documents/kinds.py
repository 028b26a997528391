"""What a document is, by its content; what its name says is only held against that."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath

__all__ = ["NO_TEXT", "PICTURES", "READ", "binary_kind", "claimed_kind", "is_mail", "signature", "text_kind"]

READ = ("pdf", "docx", "html", "eml", "md", "txt")
_CLAIMS = {
    **{name: name for name in READ}, "docm": "docx", "htm": "html", "xhtml": "html", "markdown": "md", "text": "txt",
    "log": "txt", "jpeg": "jpg", "tiff": "tif",
    **{
        name: name
        for name in (
            "doc", "xls", "xlsx", "ppt", "pptx", "msg", "rtf", "odt", "ods", "odp", "epub", "zip", "7z", "rar", "gz",
            "png", "jpg", "gif", "bmp", "tif", "webp", "mp3", "mp4", "exe", "csv", "json", "xml", "ps",
        )
    },
}  # fmt: skip
_DATA = ("csv", "json", "xml")
"""Text, but no document: it is read as tables, or not at all."""

NO_TEXT = re.compile(
    r"(image|audio|video|font)/.*|text/(calendar|vcard|x-vcard)|message/(delivery-status|disposition-notification)"
    r"|application/(pgp-signature|(x-)?pkcs7-signature|ics)"
)
"""Types of attachments that hold nothing to read."""

PICTURES = frozenset({"png", "jpg", "jpx", "gif", "bmp", "tif", "webp", "heic", "avif", "ico"})

_OFFICE = {
    b"wordprocessingml": "docx",
    b"ms-word.document": "docx",
    b"spreadsheetml": "xlsx",
    b"presentationml": "pptx",
}
_MAIN = re.compile(rb"application/vnd\.[\w.-]*?(wordprocessingml|ms-word\.document|spreadsheetml|presentationml)")
_OPEN = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}
_OLE = {"EncryptedPackage": "encrypted", "WordDocument": "doc", "__substg1.0_": "msg", "Workbook": "xls"}
_HEADER = re.compile(
    rb"^(From|To|Cc|Subject|Date|Received|Message-ID|MIME-Version|Return-Path|Content-Type):", re.IGNORECASE
)
_SENT = re.compile(rb"^(Received|Message-ID|MIME-Version|Return-Path):", re.IGNORECASE)
_ANY_HEADER = re.compile(rb"[!-9;-~]+:")
_A_MAIL, _HEADERS = 3, 65_536
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"</?(?:p|div|h[1-6]|table|ul|ol|br|span|a|title|meta|section|article)\b[^<>]*>", re.IGNORECASE)


def claimed_kind(name: str) -> str | None:
    """What the name says; None where it says nothing that is known."""
    return _CLAIMS.get(PurePosixPath(name).suffix.lower().lstrip("."))


def binary_kind(content: bytes) -> str | None:
    """The kind of a document that is no text: pdf, docx, …, or `encrypted`; None for text and what is not known.

    Raises zipfile.BadZipFile for a ZIP container that cannot be looked into.
    """
    if content.lstrip(b" \t\r\n\0\xef\xbb\xbf").startswith(b"%PDF-") or (
        b"%PDF-1." in content[:1024] and b" obj" in content  # something else stands before it
    ):
        return "pdf"
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_zip(content)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return next((kind for name, kind in _OLE.items() if name.encode("utf-16-le") in content), "ole")
    if content.startswith(b"{\\rtf"):
        return "rtf"
    return "ps" if content.startswith(b"%!PS") else None


def _in_zip(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        names = {*packed.namelist()}
        if "[Content_Types].xml" in names:
            with packed.open("[Content_Types].xml") as file:
                types = file.read(1 << 20)
            main = _MAIN.search(types)
            return _OFFICE[main[1]] if main else "zip"
        if "mimetype" in names:
            with packed.open("mimetype") as file:
                said = file.read(100).decode("ascii", "replace")
            return "epub" if "epub" in said else _OPEN.get(said.rpartition(".")[2].partition("-")[0].strip(), "zip")
    return "zip"


def is_mail(content: bytes, claimed: str | None) -> bool:
    """Whether it begins with the header lines of a mail; what claims to be text must show that it was sent."""
    known, sent = 0, claimed in (None, "eml")
    for line in content[:_HEADERS].lstrip(b"\r\n\xef\xbb\xbf").splitlines():
        if not line.strip():
            break
        if _HEADER.match(line):
            known += 1
            sent = sent or _SENT.match(line) is not None
        elif not line.startswith((b" ", b"\t", b">From ", b"From ")) and not _ANY_HEADER.match(line):
            return False
    return known >= _A_MAIL and sent


def text_kind(text: str, claimed: str | None) -> str:
    """The kind of a text: a page of HTML shows itself; Markdown is only known by its name."""
    if _PAGE.match(text) or (claimed == "html" and _TAG.search(text)):
        return "html"
    return claimed if claimed == "md" or claimed in _DATA else "txt"


def signature(content: bytes) -> str | None:
    """What the first bytes of a file say that is neither text nor a document that is read."""
    import filetype

    found = filetype.guess(content[:8192])
    return None if found is None else str(found.extension)
