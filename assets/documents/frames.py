"""What passes between the processes: frames of one JSON object and some bytes, read with a time limit.

JSON, not pickle: a child that a hostile document has taken over must not be able to run anything in its parent.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Ended", "Inbox", "Late", "send"]

_HEAD = struct.Struct(">IQ")
_PIECE = 1 << 20
_LOOK_S = 1.0  # how often `watch` is asked while nothing comes

Frame = tuple[Mapping[str, Any], bytes]


class Ended(Exception):
    """The other side has closed its end, or writes no frames."""


class Late(Exception):
    """Nothing complete came in time."""


def send(descriptor: int, told: Mapping[str, Any], content: bytes = b"") -> None:
    """Write one frame; raises OSError where nobody reads any more."""
    text = json.dumps(told).encode("ascii")
    for piece in (_HEAD.pack(len(text), len(content)) + text, content):
        left = memoryview(piece)
        while left:
            left = left[os.write(descriptor, left[:_PIECE]) :]


class Inbox:
    """The frames that come in at one descriptor; none larger than `most` bytes."""

    def __init__(self, descriptor: int, most: int) -> None:
        self._descriptor, self._most, self._held = descriptor, most, bytearray()

    def take(self, seconds: float | None, watch: Callable[[], None] | None = None) -> Frame:
        """The next frame, or Late after `seconds`, or Ended. `watch` is called now and then, and may raise."""
        until = None if seconds is None else time.monotonic() + seconds
        self._fill(_HEAD.size, until, watch)
        text, content = _HEAD.unpack_from(self._held)
        if text + content > self._most:
            raise Ended(f"a frame of {text + content} bytes")
        whole = _HEAD.size + text + content
        self._fill(whole, until, watch)
        told = bytes(self._held[_HEAD.size : _HEAD.size + text])
        body = bytes(self._held[_HEAD.size + text : whole])
        del self._held[:whole]
        try:
            return json.loads(told), body
        except ValueError:
            raise Ended("a frame that is not JSON") from None

    def _fill(self, size: int, until: float | None, watch: Callable[[], None] | None) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while len(self._held) < size:
            if watch is not None:
                watch()
            left = _LOOK_S if until is None else min(_LOOK_S, until - time.monotonic())
            if left <= 0:
                raise Late
            if poll.poll(left * 1000):
                piece = os.read(self._descriptor, _PIECE)
                if not piece:
                    raise Ended("the pipe is closed")
                self._held += piece
