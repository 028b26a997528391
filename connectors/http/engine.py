"""Asks one server, again where that may help, and never faster or longer than it may; what fails is told in one voice.

An attempt is everything that one page needs: a token, perhaps a second one, redirects. Nothing of a flawed attempt is
used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TypeVar

from tilth.connectors.http.api import Api
from tilth.connectors.http.auth import OAuth2, Pass, token_request
from tilth.connectors.http.flaws import Failed, Flaw
from tilth.connectors.http.pace import Budget, Pace, pause
from tilth.connectors.http.site import Site, site_of
from tilth.connectors.http.wire import Answer, Wire
from tilth.connectors.secrets import Secret, scrub
from tilth.errors import SourceError

__all__ = ["Engine"]

_REDIRECTS = (301, 302, 303, 307, 308)
_HOPS = 4
_LONGEST = 500  # characters of a fact in a message

Use = TypeVar("Use")


class Engine:
    """The way to one server for as long as a block runs; MissingExtra when the library is not installed."""

    def __init__(self, api: Api, pace: Pace) -> None:
        self._api, self._pace = api, pace
        self._budget = Budget(api.limits.rate, pace)
        self._wire: Wire | None = None
        self.entry = Pass(api.auth, self._ask_token, pace.clock)

    def __enter__(self) -> Engine:
        api = self._api
        token = site_of(api.auth.token) if isinstance(api.auth, OAuth2) else None
        secure = "https" in (api.site.scheme, token.scheme if token else "")
        proxy = api.proxy.reveal() if api.proxy else None
        self._wire = Wire(secure=secure, ca=api.ca, proxy=proxy, clock=self._pace.clock)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._wire is not None:
            self._wire.close()

    def ask(self, target: str, use: Callable[[Answer], Use], *, subject: str, hops: int = _HOPS) -> Use:
        """What `use` makes of the answer at this path and query, after redirects (`hops`: so many at most).

        Failed when that stays impossible.
        """
        return self.attempt(lambda: use(self._once(target, hops)), subject=subject)

    def attempt(self, work: Callable[[], Use], *, subject: str) -> Use:
        """The result of `work`, which is begun again after a Flaw that may pass; else Failed."""
        began, attempts, tries = self._pace.clock(), 0, 0
        while True:
            attempts += 1
            try:
                return work()
            except Flaw as flaw:
                spent, tries = self._pace.clock() - began, tries + (flaw.wait_s is None)
                wait = pause(flaw, tries=tries, spent_s=spent, limits=self._api.limits, jitter=self._pace.jitter)
                if wait is None:
                    raise Failed(flaw, subject, attempts, spent) from None
            self._pace.sleep(wait)

    def told(self, failed: Failed, object: str | None, *, kept: str = "") -> SourceError:
        """The error for something that was asked for in vain."""
        flaw, source = failed.flaw, self._api.source
        tried = f"tried {failed.tries} times in {failed.seconds:.0f} s" if failed.tries > 1 else ""
        step = flaw.next.replace("{source}", source) or f"tilth sources check {source}"
        what = flaw.what.replace("{}", failed.subject)
        where = f"source {source}" + (f", object {object}" if object else "")
        facts = {"what": what, "expected": flaw.expected, "got": flaw.got}
        clean = {name: self.clean(text) for name, text in facts.items()}
        kept = "; ".join(part for part in (tried, kept) if part)
        return SourceError(**clean, where=where, kept=kept, next=step)

    def clean(self, text: str) -> str:
        """`text` without any secret, and not longer than a message bears."""
        return scrub(text, self._secrets())[:_LONGEST]

    def hides(self, text: str) -> bool:
        """Whether there is a secret in `text`."""
        return scrub(text, self._secrets()) != text

    def _secrets(self) -> list[Secret]:
        declared = [value for value in self._api.headers.values() if isinstance(value, Secret)]
        return [*self.entry.seen, *declared, *([self._api.proxy] if self._api.proxy else [])]

    def _once(self, target: str, hops: int) -> Answer:
        answer = self._get(target, hops, self.entry.headers())
        if answer.status == 401 and self.entry.renew():
            answer = self._get(target, hops, self.entry.headers())
        return answer

    def _get(self, target: str, hops: int, entry: Mapping[str, str]) -> Answer:
        site, seen = self._api.site, target
        declared = self._api.headers.items()
        headers = {name: value.reveal() if isinstance(value, Secret) else value for name, value in declared} | {**entry}
        for _ in range(hops + 1):
            answer = self._sent(site, "GET", seen, headers)
            if answer.status not in _REDIRECTS or not hops:
                return answer
            link = answer.headers.get("location", "")
            here = site.here(link, seen_at=seen)
            if here is None:
                step = "if that is right, correct the url of {source}"
                what = "{} leads to another origin: credentials are not taken there"
                raise Flaw(what, expected=f"an answer of {site.origin}", got=link, next=step, lasting=True)
            seen = here
        raise Flaw("{} leads from one address to the next", got=f"{hops} redirects", lasting=True)

    def _ask_token(self, auth: OAuth2) -> Answer:
        mine, elsewhere = self._api.site, site_of(auth.token)
        site, path = (mine, mine.below(auth.token)) if elsewhere is None else (elsewhere, elsewhere.path or "/")
        headers, form = token_request(auth)
        return self._sent(site, "POST", path, headers, form)

    def _sent(
        self, site: Site, method: str, target: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Answer:
        assert self._wire is not None, "asked outside its block"
        self._budget.take()
        timeout = self._api.limits.timeout_s
        return self._wire.ask(method, f"{site.origin}{target}", headers, timeout_s=timeout, content=content)
