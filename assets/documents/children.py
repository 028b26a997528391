"""Children, one after the other, until each document of a batch has its answer; one that dies costs one document."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from resource import struct_rusage

from tilth.assets.documents import child
from tilth.assets.documents.frames import Ended, Inbox, Late
from tilth.assets.documents.limits import no_wall_time, verdict
from tilth.assets.documents.values import Finding, Parsed, Raw, Settings, parsed_from_json

__all__ = ["answers"]

_DYING_S, _LOOK_S = 5.0, 0.01
_OVERHEAD = 1 << 20  # of an answer, beyond the text in it


def answers(
    documents: Sequence[Raw], settings: Settings, *, watch: Callable[[], None], inherited: Sequence[int]
) -> Iterator[Parsed]:
    """What is in each of `documents`, in order. `watch` may raise; `inherited` descriptors are closed in a child."""
    at = 0
    while at < len(documents):
        reader = _Child(documents[at:], settings, inherited)
        try:
            more = True
            while more and at < len(documents):
                told, more = reader.answer(documents[at], watch)
                yield told
                at += 1
        finally:
            reader.end()


class _Child:
    """One forked process and the pipe that its answers come from."""

    def __init__(self, documents: Sequence[Raw], settings: Settings, inherited: Sequence[int]) -> None:
        self._settings, parent = settings, os.getpid()
        self._pipe, answers = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            for descriptor in (*inherited, self._pipe):
                os.close(descriptor)
            child.run(documents, settings, answers, parent)
        os.close(answers)
        with suppress(OSError):  # the child does it, too: whoever comes first
            os.setpgid(self._pid, self._pid)
        self._inbox = Inbox(self._pipe, settings.max_unpacked_bytes * 6 + _OVERHEAD)  # a letter is up to 6 bytes

    def answer(self, document: Raw, watch: Callable[[], None]) -> tuple[Parsed, bool]:
        """What is in `document`, which is the next one it reads, and whether it can go on."""
        try:
            told, _ = self._inbox.take(self._settings.max_wall_seconds, watch)
            return parsed_from_json(told["parsed"]), not told["last"]
        except Late:
            return _refused(document, no_wall_time(self._settings)), False
        except (Ended, KeyError, TypeError, ValueError):
            return _refused(document, verdict(*self._outcome(), self._settings)), False

    def end(self) -> None:
        """Nothing of it is left after this."""
        if self._pid:
            self._kill()
            os.waitpid(self._pid, 0)
        os.close(self._pipe)

    def _outcome(self) -> tuple[int, struct_rusage]:
        """How it ended; one that says nothing more and does not end is helped along."""
        until = time.monotonic() + _DYING_S
        while (done := os.wait4(self._pid, os.WNOHANG))[0] == 0 and time.monotonic() < until:
            time.sleep(_LOOK_S)
        if done[0] == 0:
            self._kill()
            done = os.wait4(self._pid, 0)
        self._pid = 0
        return done[1], done[2]

    def _kill(self) -> None:
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)


def _refused(document: Raw, finding: Finding) -> Parsed:
    return Parsed(document.name, findings=(finding,))
