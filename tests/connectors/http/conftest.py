"""The API that misbehaves, the connection declared for it, and what pulls of it brought."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.http.misbehaving import ID, SECRET, Misbehaving, record, running
from tilth.connectors.http.pace import Pace
from tilth.connectors.http.rest import RestConnector
from tilth.connectors.protocol import Batch, Complete, Pull, Token
from tilth.connectors.registry import connector
from tilth.errors import SourceError

__all__ = ["ASKED", "Make", "Taken", "Waits", "declared", "take"]

ASKED = Pull("contacts", ("id",), ("id", "name", "score", "address", "updated_at"), "updated_at")


Make = Callable[..., RestConnector]


@dataclass
class Waits:
    """Time that passes only by waiting, and all that was waited."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list[float])

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def pace(self) -> Pace:
        return Pace(lambda: self.now, self.sleep, lambda bound: bound)


@dataclass
class Taken:
    """What one pull brought, up to its end or its error."""

    batches: list[Batch]
    error: SourceError | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for batch in self.batches for row in batch.rows.to_pylist()]

    @property
    def deleted(self) -> list[dict[str, Any]]:
        return [row for batch in self.batches if batch.deleted is not None for row in batch.deleted.to_pylist()]

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows]

    @property
    def complete(self) -> Complete:
        assert self.error is None, self.error
        done = self.batches[-1].complete
        assert done is not None
        return done

    @property
    def resume(self) -> Token | None:
        return self.batches[-1].resume if self.batches else None


def take(made: RestConnector, request: Pull = ASKED, **different: Any) -> Taken:
    """One pull of the connector."""
    taken = Taken([])
    try:
        for batch in made.pull(replace(request, **different)):
            taken.batches.append(batch)
    except SourceError as error:
        taken.error = error
    return taken


def declared(api: Misbehaving, folder: Path, waits: Waits, **different: Any) -> RestConnector:
    """The connection to the API; time is the test's own. A setting `...` is left out."""
    (folder / "crm.secret").write_text(SECRET + "\n")
    settings: dict[str, Any] = {
        "url": api.url,
        "auth": {"kind": "oauth2", "token": "/oauth/token", "client_id": ID, "client_secret": "file:crm.secret"},
        "records": "data",
        "paging": {"kind": "cursor", "next": "page.next", "parameter": "cursor", "size": {"limit": api.size}},
        "count": "page.count",
        "total": "page.total",
        "changes": {"parameter": "updated_after"},
        "tombstones": {"field": "deleted", "values": [True]},
        "objects": {"contacts": {"path": "/v1/contacts"}},
        **different,
    }
    made = connector("rest", "crm", {k: v for k, v in settings.items() if v is not ...}, base=folder)
    assert isinstance(made, RestConnector)
    return replace(made, pace=waits.pace)


@pytest.fixture
def api() -> Iterator[Misbehaving]:
    """Thirty-five sound records, ten a page."""
    with running(Misbehaving([record(number) for number in range(35)])) as found:
        yield found


@pytest.fixture
def waits() -> Waits:
    """The time of the test's pulls."""
    return Waits()


@pytest.fixture
def make(api: Misbehaving, tmp_path: Path, waits: Waits) -> Make:
    """The connection to that API, with other settings where they are given."""
    return lambda **different: declared(api, tmp_path, waits, **different)
