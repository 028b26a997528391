"""A file's bytes, copied once and held still while they are read.

The share is read a single time; what is judged readable, what is hashed and what is handed out are the same bytes,
whatever happens to the file meanwhile. Small copies stay in memory, larger ones are unnamed temporary files.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from tilth.connectors.files.drops import Drop
from tilth.errors import LakeError

__all__ = ["Snapshot", "snapshot"]

_READ = 1 << 20
_IN_MEMORY = 32 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The copy and the hash of its bytes."""

    file: BinaryIO
    sha256: str


@contextmanager
def snapshot(drop: Drop) -> Generator[Snapshot | None]:
    """A copy of the file; None when it changed or went since it was listed. OSError when it cannot be read."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        file = cast("BinaryIO", spool)
        sha256 = _copied(drop, file)
        file.seek(0)
        yield Snapshot(file, sha256) if sha256 else None


def _copied(drop: Drop, copy: BinaryIO) -> str | None:
    digest, size = hashlib.sha256(), 0
    try:
        with drop.path.open("rb", buffering=0) as source:
            while data := source.read(_READ):
                digest.update(data)
                size += len(data)
                _write(copy, data, drop)
            open_now, there_now = os.fstat(source.fileno()), drop.path.stat()
    except FileNotFoundError:
        return None
    listed = (drop.size, drop.mtime_ns)
    still = all((now.st_size, now.st_mtime_ns) == listed for now in (open_now, there_now))
    return digest.hexdigest() if still and size == drop.size else None


def _write(copy: BinaryIO, data: bytes, drop: Drop) -> None:
    try:
        copy.write(data)
    except OSError as error:
        raise LakeError(
            f"no room for a copy of {drop.name} while it is read ({error.strerror})",
            where=tempfile.gettempdir(),
            expected=f"{drop.size} bytes free",
            next="free some space, or set TMPDIR to a folder that has it",
        ) from error
