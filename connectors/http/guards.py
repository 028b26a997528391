"""Whether an answer is the page it should be: what is missing, cut off, empty or not JSON at all becomes a Flaw.

Pure: bytes and headers in, a page out. Whether it is asked for again is decided elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from tilth.connectors.http.flaws import Flaw
from tilth.connectors.http.pace import moment, retry_after
from tilth.connectors.http.paging import Paging, Place, Said
from tilth.connectors.http.records import Number, Record, at, read, shown_keys
from tilth.connectors.http.wire import Answer

__all__ = ["Envelope", "Page", "complete", "page_of", "refused"]

_LONGEST = 200  # characters of what a server said
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,]*")
_REMEDIES = {
    401: ("the credentials were refused", "correct the credentials in the auth of {source} in connections.yaml"),
    403: ("reading {path} is not permitted", "give the account of {source} the right to read it"),
    404: ("there is nothing at {path}", "correct the object of the declaration, or its path in {source}"),
    405: ("there is nothing to read at {path}", "correct the path of the object in {source}"),
}
_FOR_NOW = (408, 425, 429)
_PUT_OFF = (403, 429, 503)  # where Retry-After counts


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around the records: where their list is, how many it should have, how many there are in all."""

    records: str | None = None  # None: the answer is the list
    count: str | None = None
    total: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page that is whole. `total`: how many records the object has by what this page says."""

    records: Sequence[Record]
    following: Place | None
    total: int | None
    clock: datetime | None  # the server's, when it was asked


def refused(answer: Answer) -> Flaw | None:
    """What a status other than 200 means; None: nothing is wrong with it."""
    status = answer.status
    if status == 200:
        return None
    said = f"{status} {answer.reason}".strip()
    now = moment(answer.headers.get("date")) or datetime.now(UTC)
    wait = retry_after(answer.headers.get("retry-after"), now) if status in _PUT_OFF else None
    if status in _FOR_NOW or status >= 500 or wait is not None:
        what = "{} was refused by the rate limit" if status in (403, 429) else "{} failed in the server"
        said = f"{said}, which asks to wait {wait:g} s" if wait else said
        return Flaw(what, got=said, status=status, wait_s=wait)
    if 200 < status < 300:
        return Flaw("{} did not come", expected="status 200", got=said, status=status)
    what, step = _REMEDIES.get(status, ("{} was refused", ""))
    text = " ".join(answer.body[:2000].decode("utf-8", "replace").split())[:_LONGEST]
    shown = f"{said}: {text}" if text and not text.startswith("<") else said
    what = what.replace("{path}", answer.path.partition("?")[0])
    return Flaw(what, got=shown, next=step, status=status, lasting=True)


def page_of(answer: Answer, envelope: Envelope, paging: Paging, place: Place | None) -> Page:
    """The page in an answer; Flaw when it is not whole."""
    if (flaw := refused(answer)) is not None:
        raise flaw
    body = _read(answer, envelope.records, paging.size)
    records = _list(body, envelope.records)
    following = paging.following(Said(answer, body, len(records), place))
    _enough(records, _number(body, envelope.count), paging.size, more=following is not None)
    answered = moment(answer.headers.get("date"))
    asked = answered - timedelta(seconds=int(answer.seconds)) if answered else None
    return Page(records, following, _number(body, envelope.total), asked)


def complete(read: int, total: int | None) -> None:
    """Flaw when the last page was read and records are missing. More than the total is none: some were read twice."""
    if total is not None and read < total:
        raise Flaw("records are missing at the end, {}", expected=f"{total:,} in all", got=f"{read:,}", astray=True)


def _read(answer: Answer, path: str | None, size: int | None) -> Any:
    text = _text(answer)
    if answer.cut:
        raise _cut_off(text, path, size, answer.cut)
    begin = text.lstrip()[:_LONGEST]
    if begin.startswith("<"):
        raise Flaw("{} is an HTML page", expected="JSON", got=" ".join(begin.split())[:80])
    try:
        return read(text)
    except RecursionError:
        raise Flaw("{} is nested too deeply", expected="JSON of records") from None
    except json.JSONDecodeError as error:
        if text.strip() and (_in_a_string(error) or error.pos >= len(text.rstrip())):
            raise _cut_off(text, path, size, "") from None
        got = "nothing" if not text.strip() else f"{error.msg} at character {error.pos}"
        raise Flaw("{} is not JSON", expected="JSON", got=got) from None


def _text(answer: Answer) -> str:
    declared = _CHARSET.search(answer.headers.get("content-type", ""))
    name = declared[1] if declared else "utf-8"
    try:
        return answer.body.decode("utf-8-sig" if name.lower() in ("utf-8", "utf8") else name, _errors(answer))
    except UnicodeDecodeError as error:
        raise Flaw("{} is not text", expected=name, got=f"byte {error.start} is none") from None
    except LookupError:
        raise Flaw("{} is in an unknown encoding", expected="utf-8", got=name) from None


def _errors(answer: Answer) -> str:
    return "ignore" if answer.cut else "strict"  # a letter may be cut in half


def _cut_off(text: str, path: str | None, size: int | None, how: str) -> Flaw:
    count, where = _counted(text, path)
    expected = f"{size:,} records" if size else "all of it"
    got = "nothing of it" if not text.strip() else f"{count:,}" if count is not None else f"{len(text):,} characters"
    return Flaw("{} was cut off", expected=expected, got=", ".join(filter(None, [got, where, how])))


def _counted(text: str, path: str | None) -> tuple[int | None, str]:
    """How many whole records a text has that ends early, and where it ends."""
    name = re.escape(path.split(".")[-1]) if path else ""
    begin = re.search(rf'"{name}"\s*:\s*\[' if path else r"\[", text)
    if begin is None:
        return None, ""
    decoder, count, position = json.JSONDecoder(), 0, begin.end()
    while True:
        position = cast("re.Match[str]", _BETWEEN.match(text, position)).end()
        if text[position : position + 1] in ("", "]"):
            return count, "body ended behind a record" if position >= len(text) else "body ended behind the records"
        try:
            _, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            return count, f"body ended inside a {'string' if _in_a_string(error) else 'record'}"
        except RecursionError:
            return count, ""
        count += 1


def _in_a_string(error: json.JSONDecodeError) -> bool:
    """Whether the text ended before the string did, perhaps in the middle of an escape."""
    in_escape = "escape" in error.msg and error.pos >= len(error.doc) - 6
    return in_escape or error.msg.startswith("Unterminated")


def _list(body: Any, path: str | None) -> Sequence[Record]:
    found, records = at(body, path)
    if not isinstance(records, list):
        where = f"a list at {path}" if path else "a list"
        got = shown_keys(records if found and path else body)
        raise Flaw("{} has no list of records", expected=where, got=got, declared=True)
    odd = next((n for n, record in enumerate(cast("list[object]", records), 1) if not isinstance(record, dict)), None)
    if odd is not None:
        what = f"record {odd} of {{}} is no object"
        raise Flaw(what, expected="{…}", got=shown_keys(records[odd - 1]), declared=True)
    return cast("Sequence[Record]", records)


def _number(body: Any, path: str | None) -> int | None:
    if path is None:
        return None
    found, value = at(body, path)
    if isinstance(value, Number) and value.isdecimal() and len(value) < 19:
        return int(value)
    got = shown_keys(value if found else body)
    raise Flaw("{} does not say how many records there are", expected=f"a number at {path}", got=got, declared=True)


def _enough(records: Sequence[Record], count: int | None, size: int | None, *, more: bool) -> None:
    got = len(records)
    if count is not None and got != count:
        raise Flaw("{} is short" if got < count else "{} is too long", expected=f"{count:,} records", got=f"{got:,}")
    if more and not got:
        raise Flaw("{} is empty, and another one follows", expected="records")
    if more and count is None and size is not None and got < size:
        raise Flaw("{} is short, and another one follows", expected=f"{size:,} records", got=f"{got:,}")
