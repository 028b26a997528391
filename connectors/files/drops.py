"""Which files lie below the connection's root, and which of them nobody is writing any more.

Names and times only: nothing is opened here.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

__all__ = ["Drop", "below", "is_settled", "matching", "pattern_problem"]

_UNFINISHED = (".part", ".tmp", ".partial", ".filepart", ".crdownload", "~")


@dataclass(frozen=True, slots=True)
class Drop:
    """One file that was put there; `name` is its path below the root."""

    name: str
    path: Path
    size: int
    mtime_ns: int


def matching(root: Path, glob: str) -> list[Drop]:
    """The files below `root` that match, by name; OSError when a folder cannot be listed."""
    parts = PurePosixPath(glob).parts
    fixed = next((at for at, part in enumerate(parts[:-1]) if _is_wild(part)), len(parts) - 1)
    depth = None if "**" in parts else len(parts) - fixed
    found = below(root.joinpath(*parts[:fixed]), root, depth=depth)
    fits = (drop for drop in found if _matches(PurePosixPath(drop.name).parts, parts))
    return sorted(fits, key=lambda drop: drop.name)


def below(folder: Path, root: Path, *, depth: int | None = None) -> Iterator[Drop]:
    """Every finished-looking file in `folder` and the folders in it, at most `depth` levels."""
    for here, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        place = Path(here)
        level = len(place.relative_to(folder).parts) + 1
        folders[:] = (
            sorted(name for name in folders if not name.startswith(".")) if depth is None or level < depth else []
        )
        for name in names:
            drop = None if _is_unfinished(name) else _drop(place / name, root)
            if drop is not None:
                yield drop


def is_settled(drop: Drop, *, now: datetime, settle: timedelta, waiting: Mapping[str, list[float]]) -> bool:
    """Whether size and time of the file have stayed the same for `settle`.

    `waiting` is what an earlier pull saw (size, time, when): it decides where the file's own time lies in the future.
    """
    needed = settle.total_seconds()
    if needed <= 0 or now.timestamp() - drop.mtime_ns / 1e9 >= needed:
        return True
    seen = waiting.get(drop.name)
    return seen is not None and list(seen[:2]) == [drop.size, drop.mtime_ns] and now.timestamp() - seen[2] >= needed


def pattern_problem(glob: str) -> str | None:
    """Why `glob` cannot be an object, None when it can."""
    parts = PurePosixPath(glob).parts
    if not parts or glob.startswith("/") or ".." in parts or "\\" in glob or parts[-1] == "**":
        return f"object {glob!r}: expected a pattern below the connection's root, such as ledger/*.txt"
    return None


def _drop(path: Path, root: Path) -> Drop | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None  # it went between the listing and now
    if not stat.S_ISREG(found.st_mode):
        return None
    name = os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")
    return Drop(name, path, found.st_size, found.st_mtime_ns)


def _matches(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """`**` stands for any number of folders, every other part for one name."""
    if not wanted or not parts:
        return not wanted and not parts
    if wanted[0] == "**":
        return any(_matches(parts[at:], wanted[1:]) for at in range(len(parts)))
    return fnmatch.fnmatchcase(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])


def _is_wild(part: str) -> bool:
    return any(mark in part for mark in "*?[")


def _is_unfinished(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower().endswith(_UNFINISHED)


def _raise(error: OSError) -> None:
    raise error
