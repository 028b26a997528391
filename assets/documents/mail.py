"""Mails: what a person sees of them, and what is attached, taken apart with the standard library."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import errors, policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser

from tilth.assets.documents.decoding import Decoded, Undecodable, decode
from tilth.assets.documents.html import read_html
from tilth.assets.documents.kinds import NO_TEXT, PICTURES
from tilth.assets.documents.standardise import text_of_line
from tilth.assets.documents.text import read_text
from tilth.assets.documents.values import Element, Finding, Parsed

__all__ = ["NOT_TEXT", "read_mail"]

NOT_TEXT = "UTF-8, a byte order mark, or the declared encoding"
_DAMAGE = (
    errors.CloseBoundaryNotFoundDefect, errors.StartBoundaryNotFoundDefect, errors.NoBoundaryInMultipartDefect,
    errors.MultipartInvariantViolationDefect, errors.InvalidBase64LengthDefect, errors.InvalidBase64PaddingDefect,
)  # fmt: skip
_LOCKED = ("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted")
_MAIL = "message/rfc822"
_BODIES = ("text/html", "text/plain")

_AS_IT_IS = policy.EmailPolicy(refold_source="none")

Attached = Callable[[str, bytes], Parsed]
"""Reads what is attached, by its name and bytes."""


def read_mail(content: bytes, attached: Attached, encoding: str | None) -> Parsed:
    """Subject, body and attachments; elements and findings of an attachment carry its name as `part`."""
    mail = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(mail, EmailMessage)
    parts = list(_parts(mail))
    locked = [part.get_content_type() for part in parts if part.get_content_type() in _LOCKED]
    if locked:
        told = Finding("encrypted", locked[0], "a mail that can be read without a key")
        return replace(_facts(mail), findings=(told,))
    body = mail.get_body(("html", "plain"))
    facts = _facts(mail)
    heading = (Element("title", facts.title, 1),) if facts.title else ()
    others = [part for part in parts if not part.is_multipart() or part.get_content_type() == _MAIL]
    others = [part for part in others if part is not body and not _is_alternative(part, body, parts)]
    shown = [*([] if body is None else [body]), *(part for part in others if _is_more(part))]
    read = [_text_of(part, encoding) for part in shown]
    names = set[str]()
    inside = [_attachment(part, _name(part, names), attached) for part in others if not _is_more(part)]
    damage = [type(one).__name__ for part in (mail, *parts) for one in part.defects if isinstance(one, _DAMAGE)]
    broken = (Finding("damaged", damage[0], "a mail that is complete"),) if damage else ()
    every = (*read, *inside)
    return replace(
        facts,
        elements=(*heading, *(one for each in every for one in each.elements)),
        findings=(*broken, *(one for each in every for one in each.findings)),
        skipped=tuple(name for each in every for name in each.skipped),
        encoding=read[0].encoding if read else None,
    )


def _parts(mail: MIMEPart) -> Iterator[MIMEPart]:
    """Every part, containers too, but nothing inside a mail that is attached."""
    yield mail
    if mail.is_multipart() and mail.get_content_type() != _MAIL:
        for part in mail.iter_parts():
            yield from _parts(part)


def _is_alternative(part: MIMEPart, body: MIMEPart | None, parts: list[MIMEPart]) -> bool:
    """Whether `part` is the same text as `body`, in a form that readers are not shown."""
    choices = [list(_parts(one)) for one in parts if one.get_content_type() == "multipart/alternative"]
    return any(part in several and body in several for several in choices)


def _is_more(part: MIMEPart) -> bool:
    """Whether `part` is shown below the body."""
    return part.get_content_type() in _BODIES and part.get_filename() is None and not part.is_attachment()


def _text_of(part: MIMEPart, encoding: str | None) -> Parsed:
    payload = part.get_payload(decode=True)
    try:
        decoded = _decoded(payload if isinstance(payload, bytes) else b"", part.get_content_charset(), encoding)
    except Undecodable as error:
        return Parsed("", findings=(Finding("encoding", str(error), NOT_TEXT),))
    read = read_html(decoded.text, lower=1) if part.get_content_type() == "text/html" else read_text(decoded.text)
    return replace(read, encoding=decoded.encoding)


def _decoded(content: bytes, said: str | None, encoding: str | None) -> Decoded:
    """As the mail says, where that holds; many say us-ascii and are not."""
    try:
        return Decoded(content.decode(said or "us-ascii"), said or "us-ascii")
    except (LookupError, UnicodeError):
        return decode(content, encoding)


def _attachment(part: MIMEPart, name: str, attached: Attached) -> Parsed:
    if NO_TEXT.fullmatch(part.get_content_type()):
        return Parsed("", skipped=(name,))
    read = attached(name, _bytes_of(part))
    if read.kind in PICTURES:  # whatever the mail calls it
        return Parsed("", skipped=(name,))
    return Parsed(
        "",
        elements=tuple(replace(one, part=_inside(name, one.part)) for one in read.elements),
        findings=tuple(replace(one, part=_inside(name, one.part)) for one in read.findings),
        skipped=tuple(_inside(name, one) for one in read.skipped),
    )


def _inside(name: str, part: str | None) -> str:
    return name if part is None else f"{name}/{part}"


def _bytes_of(part: MIMEPart) -> bytes:
    if part.get_content_type() != _MAIL:
        payload = part.get_payload(decode=True)
        return payload if isinstance(payload, bytes) else b""
    inner = part.get_payload(0)
    assert isinstance(inner, MIMEPart)
    if str(part.get("content-transfer-encoding", "")).strip().lower() == "base64":  # against the standard, and done
        return base64.b64decode(inner.as_bytes(policy=_AS_IT_IS))
    return inner.as_bytes(policy=_AS_IT_IS)


def _name(part: MIMEPart, taken: set[str]) -> str:
    """The attachment's name, once in a mail, and none that leads elsewhere."""
    said = text_of_line(part.get_filename() or "").replace("\\", "/").rpartition("/")[2]
    stem = said or ("mail.eml" if part.get_content_type() == _MAIL else f"part-{len(taken) + 1}")
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem} ({number})", number + 1
    taken.add(name)
    return name


def _facts(mail: MIMEPart) -> Parsed:
    return Parsed(
        "",
        title=_header(mail, "subject"),
        author=_header(mail, "from"),
        created_at=_date(mail),
    )


def _header(mail: MIMEPart, name: str) -> str | None:
    try:
        return text_of_line(str(mail.get(name, ""))) or None
    except Exception:  # headers that the standard library cannot take apart, in ways of their own
        return None


def _date(mail: MIMEPart) -> str | None:
    try:
        date = mail["date"]
        return date.datetime.isoformat() if date is not None and date.datetime is not None else None
    except Exception:
        return None
