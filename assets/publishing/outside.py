"""What must happen to released files outside this process: a program of its own, standard library only.

A process that closes any descriptor of a file drops all its own locks on it, so a released file is opened only by
DuckDB here, and cloned, probed and removed there. DuckDB holds a POSIX read lock on a file that it reads and a write
lock on one that it writes; F_GETLK names such a holder without taking anything, needs no right to write, and works
on network mounts.

Reads one order as JSON on stdin ({"do": "clone" | "collect", …}) and prints one answer.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["clone", "collect", "holder", "print_of", "run"]

_STEP = 1 << 30
_NO_RANGE = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}
_HEADERS = 3 * 4096  # DuckDB's main header and its two database headers: every checkpoint changes one


def run(order: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `order` says in a process of its own; OSError as it happened there."""
    import subprocess

    command = [sys.executable, "-I", "-S", __file__]
    told = json.dumps({**order, "parent": os.getpid()})
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        raise OSError(errno.EIO, reason[0])
    answer: dict[str, Any] = json.loads(done.stdout)
    if "errno" in answer:
        raise OSError(answer["errno"], answer["strerror"])
    return answer


def holder(path: Path, *, writers_only: bool = False) -> int | None:
    """The process that reads or writes `path` (0: one that has no number here), or None."""
    kind = fcntl.F_RDLCK if writers_only else fcntl.F_WRLCK
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, _flock(kind))
    except OSError:
        return None if writers_only else 0  # no locks to be had here: spare the file
    finally:
        os.close(descriptor)
    held, pid = _held(answer)
    return max(pid, 0) if held != fcntl.F_UNLCK else None


def _flock(kind: int) -> bytes:
    """C's struct flock, for the whole file."""
    return (
        struct.pack("qqihh", 0, 0, 0, kind, 0) if sys.platform == "darwin" else struct.pack("hhqqi4x", kind, 0, 0, 0, 0)
    )


def _held(answer: bytes) -> tuple[int, int]:
    if sys.platform == "darwin":
        _, _, pid, kind, _ = struct.unpack("qqihh", answer)
    else:
        kind, _, _, _, pid = struct.unpack("hhqqi4x", answer)
    return kind, pid


def print_of(path: Path) -> dict[str, object]:
    """A file's size and the digest of DuckDB's headers: cheap, and different after any write."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "headers": hashlib.sha256(file.read(_HEADERS)).hexdigest()}


def clone(source: Path, target: Path) -> None:
    """Copy a file inside the kernel: free on reflink file systems, plain copying where that is not to be had."""
    with source.open("rb") as reader, target.open("xb") as writer:
        if not _copy_range(reader.fileno(), writer.fileno()):
            reader.seek(0)
            writer.seek(0)
            writer.truncate()
            shutil.copyfileobj(reader, writer, 8 << 20)


def _copy_range(source: int, target: int) -> bool:
    left = os.fstat(source).st_size if hasattr(os, "copy_file_range") else -1
    while left > 0:
        try:
            done = os.copy_file_range(source, target, min(left, _STEP))
        except OSError as error:
            if error.errno not in _NO_RANGE:
                raise
            return False
        if not done:
            return False
        left -= done
    return left == 0


def collect(folders: list[Path], file: str, *, parent: int) -> tuple[list[Path], list[Path]]:
    """Remove those release folders whose `file` nobody has open; then the ones that were spared."""
    removed: list[Path] = []
    held: list[Path] = []
    for folder in folders:
        if os.getppid() != parent:
            break  # whoever asked is dead; the next run may want to go back to one of these
        if holder(folder / file) is not None:
            held.append(folder)
            continue
        gone = folder.with_name(f".tmp-gone-{folder.name}")
        with contextlib.suppress(FileNotFoundError):
            folder.rename(gone)
            shutil.rmtree(gone)
        removed.append(folder)
    return removed, held


def _answer(order: Mapping[str, Any]) -> dict[str, object]:
    if order["do"] == "collect":
        removed, held = collect([Path(folder) for folder in order["folders"]], order["file"], parent=order["parent"])
        return {"removed": [str(folder) for folder in removed], "held": [str(folder) for folder in held]}
    source = Path(order["source"])
    writer = holder(source, writers_only=True)
    changed = order["print"] is not None and print_of(source) != order["print"]
    if writer is None and not changed:
        clone(source, Path(order["target"]))
    return {"writer": writer, "changed": changed}


def _main() -> None:
    try:
        answer = _answer(json.load(sys.stdin))
    except OSError as error:
        answer = {"errno": error.errno, "strerror": error.strerror or str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _main()
