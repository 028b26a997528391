"""Files that are whole or absent: syncing, writing and removing with a crash in mind. Knows nothing of releases."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType

__all__ = ["remove_folder", "remove_tree", "sync", "write_text"]


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a small file and sync it; its folder is the caller's to sync."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def remove_folder(folder: Path) -> None:
    """Remove a folder so that no half of it is ever seen under its name."""
    gone = folder.with_name(f".tmp-gone-{folder.name}")
    remove_tree(gone)
    folder.rename(gone)
    sync(folder.parent)
    remove_tree(gone)


def remove_tree(folder: Path) -> None:
    """Remove a folder, if it is there and whoever else is removing it; OSError for anything but its absence."""

    def failed(_: object, __: str, info: tuple[type[BaseException], BaseException, TracebackType]) -> None:
        if not isinstance(info[1], FileNotFoundError):
            raise info[1]

    shutil.rmtree(folder, onerror=failed)
