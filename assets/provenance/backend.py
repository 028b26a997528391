"""Delivery to an OpenLineage backend: one POST an event, in order, and never longer than is allowed.

The requests are made in a thread that dies with the process: an answer that never comes, or comes a byte a second,
holds up nobody. Nothing is tried twice: what was not delivered waits for the next time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from tilth.assets.provenance.transport import Position, Taken
from tilth.connectors.secrets import Secret, scrub
from tilth.errors import MissingExtra, TilthError

if TYPE_CHECKING:
    from httpx2 import Client, Response

__all__ = ["Backend"]

_SAID = 200  # characters of an answer that are told
_NEXT = "tilth lineage deliver"


@dataclass(frozen=True, slots=True)
class Backend:
    """An address that takes events."""

    url: str  # without path, user or password
    path: str = "/api/v1/lineage"
    api_key: Secret | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=5)  # for one answer

    @property
    def place(self) -> str:
        """See Transport.place."""
        return self.url

    def begin(self, known: Position | None) -> Position:
        """See Transport.begin."""
        del known
        return Position(self.place)

    def take(self, events: Sequence[str], position: Position, *, until: float | None) -> Taken:
        """See Transport.take."""
        try:
            import_module("httpx2")
        except ImportError:
            missing = MissingExtra.of("httpx2", "http")
            return Taken(0, position, MissingExtra(missing.what, where=f"lineage to {self.url}", next=missing.next))
        answers: SimpleQueue[str | None] = SimpleQueue()
        over = threading.Event()
        threading.Thread(target=self._post, args=(events, answers, over), name="tilth-lineage", daemon=True).start()
        try:
            return self._wait(len(events), answers, position, until)
        finally:
            over.set()

    def _wait(self, count: int, answers: SimpleQueue[str | None], position: Position, until: float | None) -> Taken:
        for number in range(count):
            latest = time.monotonic() + self.timeout.total_seconds()
            first = latest if until is None else min(latest, until)
            try:
                problem = answers.get(timeout=max(0.0, first - time.monotonic()))
            except Empty:
                slow = number == 0 or first == latest
                problem = "does not answer in time" if slow else "does not take all events in time"
            if problem is not None:
                return Taken(number, position, TilthError(problem, where=self.url, next=_NEXT))
        return Taken(count, position)

    def _post(self, events: Sequence[str], answers: SimpleQueue[str | None], over: threading.Event) -> None:
        """Send one event after the other until one is refused; tells None for each that was taken."""
        try:
            with self._client() as client:
                for event in events:
                    if over.is_set():
                        return
                    problem = self._one(client, event)
                    answers.put(problem)
                    if problem is not None:
                        return
        except Exception as error:  # whatever goes wrong in this thread is told by the other
            answers.put(f"cannot be asked ({type(error).__name__})")

    def _client(self) -> Client:
        import httpx2

        headers = {"Content-Type": "application/json", "User-Agent": "tilth"}
        headers |= {"Authorization": f"Bearer {self.api_key.reveal()}"} if self.api_key else {}
        return httpx2.Client(headers=headers, timeout=self.timeout.total_seconds())

    def _one(self, client: Client, event: str) -> str | None:
        import httpx2

        try:
            answer = client.post(self.url.rstrip("/") + self.path, content=event.encode("utf-8"))
        except httpx2.TimeoutException:
            return "does not answer in time"
        except httpx2.HTTPError as error:
            return f"does not answer ({self._scrubbed(str(error)) or type(error).__name__})"
        return None if answer.is_success else self._refusal(answer)

    def _refusal(self, answer: Response) -> str:
        said = self._scrubbed(answer.text)
        about = f"{answer.status_code}{f': {said}' if said else ''}"
        if answer.status_code in (401, 403):
            return f"refuses the api_key ({about})"
        return f"refuses an event ({about})" if answer.status_code < 500 else f"is not well ({about})"

    def _scrubbed(self, text: str) -> str:
        return scrub(" ".join(text.split()), [self.api_key] if self.api_key else [])[:_SAID]
