"""What the bookmarks of a folder hold: the contents taken so far, and how far the pull at hand has come.

Contents are named by the first 32 hex digits of their SHA-256. Pure values; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from tilth.connectors.files.drops import Drop
from tilth.connectors.protocol import Token

__all__ = ["Begun", "Known", "Progress", "Sighting", "short"]

Sighting = tuple[int, int, str]  # size, mtime_ns, content


def short(sha256: str) -> str:
    """A content's name in a bookmark."""
    return sha256[:32]


@dataclass(frozen=True, slots=True)
class Begun:
    """A file of which the first `offset` records are taken; `told`: its loss is reported already."""

    offset: int
    name: str
    size: int
    told: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier complete pulls left behind."""

    files: Mapping[str, Sighting] = field(default_factory=dict)  # by name, of files that were there
    gone: frozenset[str] = frozenset()  # contents whose file is no longer there
    begun: Mapping[str, Begun] = field(default_factory=dict)  # by SHA-256, lost in the middle
    waiting: Mapping[str, list[float]] = field(default_factory=dict)  # by name: size, mtime_ns, first seen

    @classmethod
    def of(cls, token: Token | None) -> Known:
        """What a cursor says."""
        raw = cast("dict[str, Any]", dict(token or {}))
        files = {name: (seen[0], seen[1], seen[2]) for name, seen in raw.get("files", {}).items()}
        begun = {sha: Begun(*values) for sha, values in raw.get("begun", {}).items()}
        return cls(files, frozenset(raw.get("gone", ())), begun, raw.get("waiting", {}))

    @property
    def taken(self) -> frozenset[str]:
        """Every content taken."""
        return self.gone.union(sighting[2] for sighting in self.files.values())

    def same(self, drop: Drop) -> Sighting | None:
        """What was seen under this name, when size and time are still the same."""
        seen = self.files.get(drop.name)
        return seen if seen and seen[:2] == (drop.size, drop.mtime_ns) else None

    def token(self) -> Token:
        """The cursor that says this."""
        return {
            "files": {name: list(seen) for name, seen in sorted(self.files.items())},
            "gone": sorted(self.gone),
            "begun": _begun(self.begun),
            "waiting": dict(self.waiting),
        }

    def after(
        self, sightings: Mapping[str, Sighting], done: Iterable[str]
    ) -> tuple[dict[str, Sighting], frozenset[str]]:
        """Files that are there and contents that are not, once `done` is taken too."""
        taken = self.taken.union(done)
        files = {name: seen for name, seen in sightings.items() if seen[2] in taken}
        return files, taken - {seen[2] for seen in files.values()}


@dataclass(slots=True)
class Progress:
    """How far the pull at hand has come."""

    at: datetime  # when it began
    done: dict[str, None] = field(default_factory=dict)  # contents, in order
    begun: dict[str, Begun] = field(default_factory=dict)
    refused: bool = False  # some file could not be used, or not to its end

    @classmethod
    def of(cls, token: Token | None, *, now: datetime) -> Progress:
        """What a resume token says, or the beginning."""
        if token is None:
            return cls(now)
        raw = cast("dict[str, Any]", dict(token))
        begun = {sha: Begun(*values) for sha, values in raw["begun"].items()}
        return cls(datetime.fromisoformat(raw["at"]), dict.fromkeys(raw["done"]), begun, raw["refused"])

    def token(self) -> Token:
        """The resume token that says this."""
        done = list(self.done)
        return {"at": self.at.isoformat(), "done": done, "begun": _begun(self.begun), "refused": self.refused}


def _begun(files: Mapping[str, Begun]) -> dict[str, list[object]]:
    return {sha: [begun.offset, begun.name, begun.size, begun.told] for sha, begun in files.items()}
