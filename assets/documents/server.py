"""The fork server: a process that has imported all readers and computed nothing, and forks a child a batch.

It stands between the project's own process, which is too large and too busy to be forked, and the children that look
at documents. It ends when its parent closes standard input, or is gone.
"""

from __future__ import annotations

import gc
import os
import select
from collections.abc import Callable, Iterator
from contextlib import suppress

from tilth.assets.documents.children import answers
from tilth.assets.documents.frames import Ended, Inbox, send
from tilth.assets.documents.reading import load
from tilth.assets.documents.values import Raw, settings_from_json, to_json

__all__ = ["main"]

_REQUEST = 1 << 40  # bytes; the parent is trusted


class _Alone(Exception):
    """Nobody waits for answers any more."""


def main() -> None:
    """Serve the process that started this one."""
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)  # whatever a library prints
    load()
    os.dup2(null, 2)
    gc.collect()
    gc.freeze()  # so that children share it
    with suppress(Ended, OSError, _Alone):
        send(replies, {"ready": True})
        _serve(requests, replies)


def _serve(requests: int, replies: int) -> None:
    parent, inbox, closing = os.getppid(), Inbox(requests, _REQUEST), select.poll()
    closing.register(requests, 0)  # reports a closed pipe only

    def watch() -> None:
        if os.getppid() != parent:
            raise _Alone

    def watch_both() -> None:
        watch()
        if closing.poll(0):
            raise _Alone

    settings = settings_from_json(inbox.take(None, watch)[0])
    while True:
        batch = list(_batch(inbox, watch))
        for told in answers(batch, settings, watch=watch_both, inherited=(requests, replies)):
            send(replies, to_json(told))


def _batch(inbox: Inbox, watch: Callable[[], None]) -> Iterator[Raw]:
    """The documents that come up to the frame that says so."""
    while True:
        head, content = inbox.take(None, watch)
        if "name" not in head:
            return
        yield Raw(str(head["name"]), content)


if __name__ == "__main__":
    main()
