"""Which changes a pull asks for, and what it leaves to the next one: decisions only, no server, no clock.

A change is dated when it is made but may be seen later. So the next pull asks for what changed after the server's own
time at the first page, less `lag`; what is read again by that is told apart by its key. There is no upper end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from tilth.connectors.http.paging import Place
from tilth.connectors.protocol import Complete, Token

__all__ = ["FORMATS", "Changes", "Progress", "since"]

FORMATS = ("iso", "epoch", "epoch_ms")


@dataclass(frozen=True, slots=True)
class Changes:
    """The filter that gives what changed after a time, and how it wants that written."""

    parameter: str
    format: str = "iso"

    def query(self, after: datetime) -> tuple[str, str]:
        """The parameter and its value."""
        if self.format == "iso":
            return self.parameter, after.astimezone(UTC).isoformat().replace("+00:00", "Z")
        scale = 1000 if self.format == "epoch_ms" else 1
        return self.parameter, str(int(after.timestamp() * scale))


def since(cursor: Token | None, column: str | None) -> datetime | None:
    """The time after which changes are wanted; None: everything is."""
    if not cursor or column is None or cursor.get("column") != column or cursor.get("since") is None:
        return None
    return datetime.fromisoformat(str(cursor["since"]))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull has come. `clock` is the server's time at its first page; None: nothing was read yet."""

    since: datetime | None
    clock: datetime | None = None
    pages: int = 0
    records: int = 0
    place: Place | None = None  # of the next page; None: the first
    last: str = ""  # the print of the page before, and of its last record
    edge: str = ""

    def token(self, mark: str) -> Token:
        """Where the pull goes on, for the way through the pages that `mark` tells."""
        return {
            "mark": mark,
            "since": None if self.since is None else self.since.isoformat(),
            "clock": None if self.clock is None else self.clock.isoformat(),
            "pages": self.pages,
            "records": self.records,
            "place": self.place,
            "last": self.last,
            "edge": self.edge,
        }

    @classmethod
    def of(cls, token: Token | None, mark: str, start: datetime | None) -> Progress:
        """Where a token says that the pull goes on; the beginning when there is none, or pages are read otherwise."""
        if not token or token.get("mark") != mark or token.get("clock") is None:
            return cls(start)
        told = cast("Mapping[str, Any]", token)
        return cls(
            None if told["since"] is None else datetime.fromisoformat(told["since"]),
            datetime.fromisoformat(told["clock"]),
            told["pages"],
            told["records"],
            told["place"],
            told["last"],
            told["edge"],
        )

    def again(self) -> Progress:
        """The same window from its first page."""
        return Progress(self.since)

    def complete(self, column: str | None, lag: timedelta) -> Complete:
        """What is said with the last batch."""
        assert self.clock is not None, "no page was read"
        clock = self.clock
        cursor: dict[str, object] = {}
        if column is not None:
            bound = clock - lag if self.since is None else max(clock - lag, self.since)
            cursor = {"column": column, "since": bound.isoformat()}
        return Complete(cursor, self.since is None, clock)
