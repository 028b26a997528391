"""Which documents of a folder are new, changed, gone or copies of others: decisions only, no file is opened.

A document is known by its name. Files of the same bytes are one document: one name holds it, the others are copies.
When the name that holds it goes or changes, one of the copies takes its place, so nothing leaves that is still there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from tilth.connectors.files.drops import Drop
from tilth.connectors.protocol import Token

__all__ = ["Change", "Seen", "Shelf", "changes", "roles", "seen_in", "written"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A document as it was last delivered."""

    size: int
    mtime_ns: int
    sha256: str
    copy_of: str | None = None  # the name that holds the same bytes

    def is_of(self, drop: Drop) -> bool:
        """Whether the file has not been touched since."""
        return (self.size, self.mtime_ns) == (drop.size, drop.mtime_ns)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be said of one name: its content, that it is gone, or both (it has become a copy)."""

    name: str
    now: Seen | None  # None: there is nothing under this name any more
    gone: bool  # the document that this name held has left it


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a cursor holds: every document delivered, and files that were still being written to."""

    documents: Mapping[str, Seen]
    waiting: Mapping[str, list[float]]  # by name: size, mtime_ns, first seen

    @classmethod
    def of(cls, token: Token | None) -> Shelf:
        """What a cursor says."""
        raw = cast("dict[str, Any]", dict(token or {}))
        return cls(seen_in(raw.get("documents", {})), raw.get("waiting", {}))

    def token(self) -> Token:
        """The cursor that says this."""
        return {"documents": written(self.documents), "waiting": dict(self.waiting)}


def seen_in(raw: Mapping[str, Any]) -> dict[str, Seen]:
    """Documents as a token has them; a name without facts is gone and not among them."""
    return {name: Seen(*facts) for name, facts in raw.items() if facts is not None}


def written(documents: Mapping[str, Seen | None]) -> dict[str, list[object] | None]:
    """Documents as a token takes them; None for a name that is gone."""
    return {
        name: None if seen is None else [seen.size, seen.mtime_ns, seen.sha256, seen.copy_of]
        for name, seen in sorted(documents.items())
    }


def changes(known: Mapping[str, Seen], now: Mapping[str, Seen], again: Collection[str] = ()) -> Iterator[Change]:
    """What differs between what was delivered and what is there `now` (see `roles`), by name; `again` in any case."""
    for name in sorted({*known, *now}):
        before, there = known.get(name), now.get(name)
        held = before is not None and before.copy_of is None
        if there is None:
            yield Change(name, None, gone=held)
            continue
        original = there.copy_of is None
        same = before is not None and before.sha256 == there.sha256 and held == original
        if name in again or not same:
            yield Change(name, there, gone=held and not original)


def roles(known: Mapping[str, Seen], present: Mapping[str, Seen]) -> dict[str, Seen]:
    """The files that are there, each saying whether it holds its content or is a copy of the name that does.

    A content is held by the name that held it before, else by the first name.
    """
    holders: dict[str, str] = {}
    for name in sorted(present, reverse=True):
        holders[present[name].sha256] = name
    for name, before in known.items():
        if before.copy_of is None and name in present and present[name].sha256 == before.sha256:
            holders[before.sha256] = name
    held = {name: holders[seen.sha256] for name, seen in present.items()}
    return {name: replace(seen, copy_of=None if held[name] == name else held[name]) for name, seen in present.items()}
