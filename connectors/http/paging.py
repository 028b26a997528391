"""How one goes from page to page: what to ask for, and where an answer says that the next page is.

A place is where a page stands, as JSON: a cursor, a link's path and query, or how many records lie before it.
Page numbers are left out: a record that is deleted while they are read moves another one across a boundary, unseen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from tilth.connectors.http.flaws import Flaw
from tilth.connectors.http.records import Number, at, shown_keys
from tilth.connectors.http.site import Site
from tilth.connectors.http.wire import Answer

__all__ = ["ByCursor", "ByLink", "ByOffset", "Paging", "Place", "Said", "Single", "sizes"]

Place = str | int
Query = Sequence[tuple[str, str]]

_LINK = re.compile(r"<([^<>]*)>((?:\s*;[^,<]*)*)")
_NEXT = re.compile(r"\brel\s*=\s*\"?[^\"]*\bnext\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """What the page at `place` said: the answer, its JSON, and how many records were on it."""

    answer: Answer
    body: Any
    count: int
    place: Place | None


class Paging(Protocol):
    """One way through the pages of an object."""

    @property
    def mark(self) -> str:
        """What a place of this way can be told by: one of another way leads nowhere."""
        ...

    @property
    def size(self) -> int | None:
        """How many records a page has that another one follows."""
        ...

    @property
    def overlap(self) -> int:
        """How many records at the beginning of a page were on the page before it."""
        ...

    def query(self, path: str, query: Query, place: Place | None) -> str:
        """Path and query of the page at `place`; None: the first."""
        ...

    def following(self, said: Said) -> Place | None:
        """Where the next page is; None: there is none. Flaw when the answer does not say so."""
        ...


@dataclass(frozen=True, slots=True)
class Single:
    """Everything is on one page."""

    mark: str = "single"
    size: int | None = None
    overlap: int = 0

    def query(self, path: str, query: Query, place: Place | None) -> str:
        """The only page."""
        del place
        return _joined(path, query)

    def following(self, said: Said) -> Place | None:
        """None."""
        del said
        return None


@dataclass(frozen=True, slots=True)
class ByCursor:
    """Each answer holds the cursor of the next page, to be sent as `parameter`."""

    next: str
    parameter: str
    sizes: Query = ()
    size: int | None = None
    optional: bool = False  # the last page leaves the cursor out, instead of giving null
    overlap: int = field(default=0, init=False)

    @property
    def mark(self) -> str:
        """By the parameter and the size of the pages."""
        return f"cursor {self.parameter} {self.size}"

    def query(self, path: str, query: Query, place: Place | None) -> str:
        """With the cursor."""
        return _joined(path, [*query, *self.sizes, *([] if place is None else [(self.parameter, str(place))])])

    def following(self, said: Said) -> Place | None:
        """The cursor, which is text or a number."""
        cursor = _next(said.body, self.next, optional=self.optional)
        if cursor is not None and cursor == said.place:
            raise _circle()
        return cursor


@dataclass(frozen=True, slots=True)
class ByLink:
    """Each answer holds the address of the next page: in its body (`next`), or in the header Link."""

    site: Site
    next: str | None = None
    sizes: Query = ()
    size: int | None = None
    optional: bool = False
    overlap: int = field(default=0, init=False)

    @property
    def mark(self) -> str:
        """By where it was found."""
        return f"link {self.next} {self.size}"

    def query(self, path: str, query: Query, place: Place | None) -> str:
        """The link as it was given."""
        return _joined(path, [*query, *self.sizes]) if place is None else str(place)

    def following(self, said: Said) -> Place | None:
        """The link, when it leads to the same origin."""
        if self.next is not None:
            link = _next(said.body, self.next, optional=self.optional)
        else:
            links = _LINK.findall(said.answer.headers.get("link", ""))
            link = next((target for target, said in links if _NEXT.search(said)), None)
        if link is None:
            return None
        here = self.site.here(link, seen_at=said.answer.path)
        if here is None:
            raise Flaw(
                "{} leads to another origin: credentials are not taken there",
                expected=f"a link to {self.site.origin}",
                got=link[:200],
                next="correct the url of {source}",
                lasting=True,
            )
        if here == (said.answer.path if said.place is None else said.place):
            raise _circle()
        return here


@dataclass(frozen=True, slots=True)
class ByOffset:
    """Pages are counted in records. Each begins with the last record of the one before it, which proves that the list
    has not moved meanwhile; the end is a page with nothing behind that record."""

    parameter: str = "offset"
    sizes: Query = ()
    size: int | None = field(default=None, init=False)  # a short page does no harm: the next begins where it ended
    overlap: int = field(default=1, init=False)

    @property
    def mark(self) -> str:
        """By the parameter."""
        return f"offset {self.parameter}"

    def query(self, path: str, query: Query, place: Place | None) -> str:
        """From the record before the place."""
        start = max(0, int(place or 0) - 1)
        return _joined(path, [*query, *self.sizes, (self.parameter, str(start))])

    def following(self, said: Said) -> Place | None:
        """Behind the last record."""
        before = int(said.place or 0)
        fresh = said.count - (self.overlap if before else 0)
        return before + fresh if fresh > 0 else None


def _next(body: Any, path: str, *, optional: bool) -> str | None:
    found, value = at(body, path)
    if not found and not optional:
        raise Flaw("{} does not say where the next page is", expected=path, got=shown_keys(body), declared=True)
    if value is None or value is False or value == "":
        return None
    if not isinstance(value, str):  # numbers are text here, too
        raise Flaw("{} does not say where the next page is", expected=f"text at {path}", got=type(value).__name__)
    return str(value) if isinstance(value, Number) else value


def _circle() -> Flaw:
    return Flaw("{} leads to itself", expected="the place of another page", got="its own", astray=True)


def _joined(path: str, query: Query) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def sizes(declared: Mapping[str, object] | None) -> tuple[Query, int | None]:
    """The parameters that ask for a page's size, and that size."""
    pairs = [(name, str(value)) for name, value in (declared or {}).items()]
    numbers = [int(value) for _, value in pairs if value.isdigit()]
    return tuple(pairs), (numbers[0] if len(numbers) == 1 else None)
