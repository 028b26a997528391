"""The connector for an HTTP API that lists records as JSON, and the settings of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tilth.connectors.http.api import Api
from tilth.connectors.http.declared import Blocks
from tilth.connectors.http.engine import Engine
from tilth.connectors.http.flaws import Failed, Flaw
from tilth.connectors.http.guards import Page, page_of, refused
from tilth.connectors.http.pace import Limits, Pace
from tilth.connectors.http.pulling import Pulling
from tilth.connectors.http.records import columns_of, kinds_of, table_of
from tilth.connectors.http.site import Site, site_of
from tilth.connectors.http.wire import Answer
from tilth.connectors.protocol import Batch, Dataset, Health, ObjectInfo, Pull
from tilth.connectors.secrets import Secret
from tilth.connectors.settings import near
from tilth.errors import DeclarationError, SourceError

__all__ = ["RestConnector", "rest"]


@dataclass(frozen=True, slots=True)
class RestConnector:
    """One API. `pace` is time as its engine has it."""

    api: Api
    pace: Pace = field(default_factory=Pace)

    def check(self) -> Health:
        """Get a token, if there is one to get, and reach the API's address."""
        site = self.api.site
        with Engine(self.api, self.pace) as engine:
            try:
                engine.ask(site.path or "/", _reached, subject=f"{site.origin}{site.path}", hops=0)
            except Failed as failed:
                raise engine.told(failed, None) from None
            lifetime = engine.entry.lifetime_s
        token = "" if lifetime is None else f", token good for {lifetime:g} s"
        return Health(True, f"{site.origin}{site.path} answers{token}")

    def discover(self) -> Sequence[ObjectInfo]:
        """The objects that the connection declares, with the fields of their first page."""
        with Engine(self.api, self.pace) as engine:
            return [ObjectInfo(name, kinds_of(self._first(engine, name).records)) for name in self.api.objects]

    def dataset(self, object: str) -> Dataset:
        """The endpoint."""
        return Dataset(self.api.site.origin, self.api.path(self.api.endpoint(object)))

    def inspect(self, request: Pull) -> Sequence[str]:
        """The problems this request would meet on the first page, one sentence each."""
        said = [f"the option {name} is not known to HTTP APIs" for name in request.options]
        said += self._cursor_problems(request)
        if request.tombstones and self.api.endpoint(request.object).tombstones is None:
            said.append("deletes: the connection does not say which records are tombstones (tombstones: {field: …})")
        with Engine(self.api, self.pace) as engine:
            try:
                page = self._page(engine, request.object)
            except Failed as failed:
                error = engine.told(failed, request.object)
                if failed.flaw.status == 404:
                    expected = near(request.object, list(self.api.objects)) if self.api.objects else ""
                    return [*said, _sentence(f"there is no object {request.object}: {error.what}", expected)]
                if failed.flaw.declared:
                    return [*said, _sentence(error.what, error.expected, error.got)]
                raise error from None
        return [*said, *self._column_problems(request, page)]

    def pull(self, request: Pull) -> Iterator[Batch]:
        """The records asked for, page by page."""
        problems = self._cursor_problems(request)
        if problems:
            where = f"source {self.api.source}, object {request.object}"
            raise SourceError(problems[0], where=where, next="tilth check")
        with Engine(self.api, self.pace) as engine:
            yield from Pulling(self.api, engine, request, self.pace).batches()

    def _first(self, engine: Engine, object: str) -> Page:
        try:
            return self._page(engine, object)
        except Failed as failed:
            raise engine.told(failed, object) from None

    def _page(self, engine: Engine, object: str) -> Page:
        endpoint = self.api.endpoint(object)
        target = self.api.target(endpoint, (), None)

        def whole(answer: Answer) -> Page:
            return page_of(answer, endpoint.envelope, endpoint.paging, None)

        return engine.ask(target, whole, subject="page 1")

    def _cursor_problems(self, request: Pull) -> list[str]:
        if request.cursor_column is None or request.keys_only:
            return []
        if self.api.endpoint(request.object).changes is None:
            return ["cursor: the connection names no filter for what changed (changes: {parameter: …})"]
        if not request.key:
            return ["a cursor needs a key: records are read again at the edge of each pull and told apart by it"]
        return []

    def _column_problems(self, request: Pull, page: Page) -> list[str]:
        tombstones = self.api.endpoint(request.object).tombstones
        alive = [record for record in page.records if tombstones is None or not tombstones.marks(record)]
        named = [("field", name) for name in request.columns or () if name not in request.optional]
        named += [("key field", name) for name in request.key]
        named += [("cursor field", request.cursor_column)] if request.cursor_column else []
        roles = {name: role for role, name in named}
        _, missing = table_of(alive, list(roles))
        known = columns_of(alive)
        asked = [name for name in missing if not self.api.absent_is_empty or roles[name] != "field"]
        return [_sentence(f"no record of page 1 has the {roles[name]} {name}", near(name, known)) for name in asked]


def _reached(answer: Answer) -> None:
    """Any answer will do but a refusal of the credentials and a failure: an API need not answer at its address."""
    flaw: Flaw | None = refused(answer)
    if flaw is not None and answer.status >= 300 and (not flaw.lasting or answer.status in (401, 403)):
        raise flaw


def _sentence(what: str, expected: str, got: str = "") -> str:
    facts = ", ".join(f"{name} {value}" for name, value in (("expected", expected), ("got", got)) if value)
    return f"{what} ({facts})" if facts else what


def rest(
    name: str,
    *,
    base: Path,
    url: str,
    auth: Mapping[str, object] | None = None,
    rate: float | None = None,
    timeout: timedelta = timedelta(seconds=10),
    tries: int = 5,
    patience: timedelta = timedelta(minutes=2),
    lag: timedelta = timedelta(minutes=5),
    records: str | None = None,
    count: str | None = None,
    total: str | None = None,
    parameters: Mapping[str, object] | None = None,
    paging: Mapping[str, object] | None = None,
    changes: Mapping[str, object] | None = None,
    tombstones: Mapping[str, object] | None = None,
    objects: Mapping[str, object] | None = None,
    headers: Mapping[str, object] | None = None,
    absent: str = "refuse",
    ca: Path | None = None,
    proxy: Secret | None = None,
) -> RestConnector:
    """The kind `rest`: an HTTP API that lists records as JSON."""
    where = f"connection {name}"
    site = _site(url, where)
    limits = _limits(where, tries, timeout, patience, rate)
    if absent not in ("refuse", "empty"):
        raise DeclarationError("absent cannot be used", where=where, expected="refuse or empty", got=absent)
    blocks = Blocks(where, site, base)
    usual: dict[str, object] = {"records": records, "count": count, "total": total, "parameters": parameters}
    usual |= {"paging": paging, "changes": changes, "tombstones": tombstones}
    read = blocks.auth(auth), blocks.endpoint("", usual), blocks.objects(objects, usual)
    api = Api(name, site, *read, limits, lag, blocks.headers(headers), absent == "empty", ca and str(ca), proxy)
    return RestConnector(api)


def _site(url: str, where: str) -> Site:
    site = site_of(url)
    if site is None:
        expected = "http://host/path or https://host/path, without credentials and query"
        raise DeclarationError("url cannot be used", where=where, expected=expected)
    return site


def _limits(where: str, tries: int, timeout: timedelta, patience: timedelta, rate: float | None) -> Limits:
    if tries < 1 or timeout <= timedelta() or (rate is not None and rate <= 0):
        raise DeclarationError("tries, timeout and rate must be more than nothing", where=where)
    return Limits(timeout.total_seconds(), tries, patience.total_seconds(), rate)
