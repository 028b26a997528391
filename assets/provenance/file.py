"""Delivery to a file of JSON lines: appended to, never with half a line or a line twice.

What is noted in the state is how many bytes of the file hold whole events. What lies beyond after a crash is the
beginning of the events that come next, and is gone on with; what somebody else wrote there is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tilth.assets.provenance.transport import Position, Taken
from tilth.errors import LakeError

__all__ = ["Lines"]


@dataclass(frozen=True, slots=True)
class Lines:
    """A file of events, one a line."""

    path: Path

    @property
    def place(self) -> str:
        """See Transport.place."""
        return str(self.path)

    def begin(self, known: Position | None) -> Position:
        """See Transport.begin. A file that is shorter than noted was rotated or removed: its end is where to go on."""
        try:
            size = self.path.stat().st_size
        except OSError:
            size = 0
        if known is not None and known.place == self.place and known.size <= size:
            return known
        return Position(self.place, size)

    def take(self, events: Sequence[str], position: Position, *, until: float | None) -> Taken:
        """See Transport.take; a local file is not waited for."""
        del until
        lines = "".join(f"{event}\n" for event in events).encode("utf-8")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                data = lines if _ends_well(file.fileno(), position.size) else b"\n" + lines
                tail = _tail(file.fileno(), position.size)
                written = tail.rstrip(b"\0")  # zeros: a power cut came between the size and the bytes
                if not data.startswith(written):
                    return Taken(0, Position(self.place, position.size + len(tail)))
                start = position.size + len(written)
                if len(written) < len(tail):
                    file.truncate(start)
                _append(file.fileno(), data[len(written) :], start)
                size = os.fstat(file.fileno()).st_size
            _sync(self.path.parent)
        except OSError as error:
            return Taken(0, position, self._problem(error))
        return Taken(len(events), Position(self.place, size))

    def _problem(self, error: OSError) -> LakeError:
        what = f"cannot be written ({error.strerror or type(error).__name__})"
        step = f"make room for {self.path.name}, and {self.path.parent} writable, then tilth lineage deliver"
        return LakeError(what, where=str(self.path), kept="the events wait in the state database", next=step)


def _tail(file: int, start: int) -> bytes:
    """What lies beyond the events that are known to be there."""
    size, found = os.fstat(file).st_size, b""
    while len(found) < size - start:
        part = os.pread(file, size - start - len(found), start + len(found))
        if not part:
            break
        found += part
    return found


def _ends_well(file: int, size: int) -> bool:
    """Whether the file is empty or its last line is a whole one."""
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _append(file: int, data: bytes, start: int) -> None:
    """Write to the end and make it last; what did not fit is taken back."""
    left = data
    try:
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, start)
        raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
