"""The process that reads documents, as its parent sees it: started when needed, started again when it has died."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

from tilth.assets.documents.frames import Ended, Inbox, Late, send
from tilth.assets.documents.values import Finding, Parsed, Raw, Settings, parsed_from_json, to_json
from tilth.errors import TilthError

__all__ = ["Reader"]

_KEPT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_QUIET: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "1",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_START_S, _SLACK_S, _END_S = 120.0, 60.0, 10.0
_SAID = 300
_LOST = Finding("crashed", "the process that reads is gone", "a document that its reader survives")
_OVERHEAD = 1 << 20  # of an answer, beyond the text in it


class Reader:
    """Answers for documents; closing it leaves no process behind."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: _Server | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def answers(self, documents: Sequence[Raw]) -> Iterator[Parsed]:
        """What is in each document, in order; the server answers for its children, this for the server.

        A server that goes away may have been taken away: a document is blamed when a second one goes on it, too.
        """
        at, lost = 0, -1
        while at < len(documents):
            server = self._running()
            try:
                server.ask(documents[at:])
                while at < len(documents):
                    told = server.answer()
                    yield told
                    at += 1
            except (Ended, Late, OSError, KeyError, TypeError, ValueError):
                self._stop()
                if lost != at:
                    lost = at
                    continue
                yield Parsed(documents[at].name, findings=(_LOST,))
                at += 1

    def _running(self) -> _Server:
        if self._server is None:
            self._server = _Server(self._settings)
        return self._server

    def _stop(self) -> None:
        if self._server is not None:
            self._server.end()
            self._server = None


class _Server:
    """One clean interpreter that has imported the readers; it forks a child for each batch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process = subprocess.Popen(
            [sys.executable, "-P", *(["-S"] if sys.flags.no_site else []), "-m", "tilth.assets.documents.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self._inbox = Inbox(self._process.stdout.fileno(), settings.max_unpacked_bytes * 6 + _OVERHEAD)
        try:
            self._inbox.take(_START_S)
            send(self._requests, to_json(settings))
        except (Ended, Late, OSError):
            raise self._not_started() from None

    def ask(self, documents: Sequence[Raw]) -> None:
        """Hand over a batch."""
        for document in documents:
            send(self._requests, {"name": document.name}, document.content)
        send(self._requests, {})

    def answer(self) -> Parsed:
        """What is in the next document of the batch."""
        return parsed_from_json(self._inbox.take(self._settings.max_wall_seconds + _SLACK_S)[0])

    def end(self) -> None:
        """Let it go; its children go with it."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _not_started(self) -> TilthError:
        self._process.kill()
        said = b"" if self._process.stderr is None else self._process.stderr.read()
        self.end()
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
        return TilthError(
            "the process that reads documents does not start", got="".join(last)[:300], next="tilth check"
        )


def _environment() -> dict[str, str]:
    """What the readers need of the environment: no passwords for documents that may be hostile."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(("LC_", "PYTHON"))}
    return {**kept, **_QUIET}
