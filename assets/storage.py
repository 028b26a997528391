"""The files of the lake: where they are, and how one comes to exist.

A file appears whole or not at all: it is written under a temporary name in its own folder, fsynced, renamed,
and the folder fsynced. Nothing here knows what is inside a file.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from tilth.errors import LakeError

__all__ = ["LocalStorage", "Storage"]

_TEMPORARY = ".tmp-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class Storage(Protocol):
    """Where Parquet lives. Paths are relative to the root, with forward slashes."""

    def url(self, rel: str) -> str:
        """The file's address as polars, pyarrow and DuckDB read it."""
        ...

    def create(self, rel: str) -> AbstractContextManager[Path]:
        """A local path to write to; the file appears as `rel` when the block ends well, else nothing is left."""
        ...

    def scratch(self) -> AbstractContextManager[Path]:
        """A local folder for one piece of work, gone afterwards."""
        ...

    def exists(self, rel: str) -> bool:
        """Whether the file is there."""
        ...

    def delete(self, rel: str) -> None:
        """Remove the file, and the folders it leaves empty; a missing file is no error."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """The finished files below the folder `prefix`, sorted."""
        ...

    def clear_leftovers(self) -> int:
        """Remove what a killed run left under temporary names; only the run that holds the lease may ask."""
        ...

    def size(self, rel: str) -> int:
        """The file's size in bytes."""
        ...


@dataclass(frozen=True, slots=True)
class LocalStorage:
    """A lake in a local folder."""

    root: Path

    def url(self, rel: str) -> str:
        """The file's absolute path."""
        return str(self._path(rel))

    @contextmanager
    def create(self, rel: str) -> Generator[Path]:
        """See Storage.create. Any OSError of the block is told as a LakeError: only write inside it."""
        target = self._path(rel)
        temporary = target.with_name(f"{_TEMPORARY}{uuid4().hex[:8]}-{target.name}")
        try:
            _make_folder(target.parent)
            yield temporary
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
        except OSError as error:
            raise _told(error, target, self.root) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    @contextmanager
    def scratch(self) -> Generator[Path]:
        """See Storage.scratch; it lies in the root, so that the disk is the lake's."""
        folder = self.root / f"{_TEMPORARY}{uuid4().hex[:8]}"
        try:
            folder.mkdir(parents=True)
            yield folder
        except OSError as error:
            raise _told(error, folder, self.root) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def exists(self, rel: str) -> bool:
        """Whether the file is there."""
        return self._path(rel).is_file()

    def delete(self, rel: str) -> None:
        """See Storage.delete."""
        path = self._path(rel)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _told(error, path, self.root) from error
        with suppress(OSError):  # the first folder that still holds something ends it
            for folder in path.parents:
                if folder == self.root.absolute():
                    break
                folder.rmdir()

    def list(self, prefix: str) -> Iterator[str]:
        """See Storage.list."""
        found = (path for path in self._path(prefix).rglob("*") if path.is_file())
        for path in sorted(found):
            rel = path.relative_to(self.root)
            if not any(part.startswith(_TEMPORARY) for part in rel.parts):
                yield rel.as_posix()

    def clear_leftovers(self) -> int:
        """See Storage.clear_leftovers."""
        found = sorted(self.root.rglob(f"{_TEMPORARY}*"))
        for path in found:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        return len(found)

    def size(self, rel: str) -> int:
        """The file's size in bytes."""
        path = self._path(rel)
        try:
            return path.stat().st_size
        except OSError as error:
            raise _told(error, path, self.root) from error

    def _path(self, rel: str) -> Path:
        path = Path(rel)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{rel} is not a path below the storage root")
        return self.root.absolute() / path


def _make_folder(folder: Path) -> None:
    """The folder and its parents, each one's entry fsynced: a new folder must survive a power cut as its files do."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _told(error: OSError, path: Path, root: Path) -> LakeError:
    kept = "everything written before is kept, and no half-written file is left"
    if error.errno in _FULL:
        what, step = "the disk is full, or the file larger than allowed", f"free space below {root}, then tilth run"
    elif error.errno in _FORBIDDEN:
        what, step = "not allowed to write here", f"make {root} writable for this user, then tilth run"
    elif error.errno == errno.ENOENT:
        what, step = "the file is missing", "tilth verify"
    else:
        what, step = "the file system failed", f"check the disk that holds {root}, then tilth run"
    return LakeError(what, where=str(path), got=error.strerror or str(error), kept=kept, next=step)
