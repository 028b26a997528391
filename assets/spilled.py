"""Frames put aside on disk, in one file without a name: whatever ends the process, nothing of it is left."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from weakref import finalize

import polars as pl

from tilth.errors import TilthError

__all__ = ["Spilled"]


class Spilled:
    """Frames in a file of its own in a folder (none: where temporary files go), each at a numbered place.

    Each frame keeps its columns and types. TilthError when there is no room for them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._where = folder
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 (it is closed with this object)
        finalize(self, self._file.close)
        self._places: dict[int, list[tuple[int, int]]] = {}

    def put(self, place: int, frame: pl.DataFrame) -> None:
        """Keep a frame at the end of a place."""
        packed = io.BytesIO()
        frame.write_ipc_stream(packed, compression="lz4")
        try:
            start = self._file.seek(0, io.SEEK_END)
            self._file.write(packed.getbuffer())
            self._file.flush()
        except OSError as error:
            what = f"rows that must be compared cannot be kept for it ({error.strerror or error})"
            step = "free space there" + ("" if self._where else ", or set TMPDIR to another folder")
            raise TilthError(what, where=str(self._where or gettempdir()), next=step) from error
        self._places.setdefault(place, []).append((start, packed.tell()))

    def take(self, place: int) -> Iterator[pl.DataFrame]:
        """The frames of a place in the order in which they came, as often as they are asked for."""
        for start, size in self._places.get(place, []):
            self._file.seek(start)
            yield pl.read_ipc_stream(io.BytesIO(self._file.read(size)))
