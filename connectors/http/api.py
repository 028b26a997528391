"""What is declared about one API, as values: where it stands, how one is let in, and how its objects are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tilth.connectors.http.auth import Auth
from tilth.connectors.http.guards import Envelope
from tilth.connectors.http.pace import Limits
from tilth.connectors.http.paging import Paging, Place
from tilth.connectors.http.records import Record, at, text_of
from tilth.connectors.http.site import Site
from tilth.connectors.http.window import Changes
from tilth.connectors.secrets import Secret

__all__ = ["Api", "Endpoint", "Tombstones"]


@dataclass(frozen=True, slots=True)
class Tombstones:
    """Which records tell of a deletion: by the values of a field; None: whatever is neither null nor false."""

    field: str
    values: frozenset[str] | None

    def marks(self, record: Record) -> bool:
        """Whether this record does."""
        text = text_of(at(record, self.field)[1])
        return text not in (None, "", "false") if self.values is None else text in self.values


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one object is read. `path` is below the API's address."""

    path: str
    envelope: Envelope
    paging: Paging
    query: Sequence[tuple[str, str]] = ()
    changes: Changes | None = None
    tombstones: Tombstones | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """One API. `usual` is how an object is read that `objects` does not name."""

    source: str
    site: Site
    auth: Auth | None
    usual: Endpoint
    objects: Mapping[str, Endpoint] = field(default_factory=dict[str, Endpoint])
    limits: Limits = field(default_factory=Limits)
    lag: timedelta = timedelta(minutes=5)
    headers: Mapping[str, str | Secret] = field(default_factory=dict[str, "str | Secret"])
    absent_is_empty: bool = False
    ca: str | None = None
    proxy: Secret | None = None

    def endpoint(self, object: str) -> Endpoint:
        """How this object is read."""
        found = self.objects.get(object)
        return found if found is not None else replace(self.usual, path=object)

    def path(self, endpoint: Endpoint) -> str:
        """The endpoint's whole path."""
        return self.site.below(endpoint.path)

    def target(self, endpoint: Endpoint, query: Sequence[tuple[str, str]], place: Place | None) -> str:
        """Path and query of one page."""
        return endpoint.paging.query(self.path(endpoint), [*endpoint.query, *query], place)
