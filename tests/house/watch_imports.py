"""Import modules of the house and write down what they do meanwhile. Run by test_at_import.py, in a process of its own.

`watch_imports.py ROOT ROOM,ROOM… MODULE…` prints one JSON line. What a library does while it is imported is its own
matter, unless it writes or calls out: only what a module of the house does itself is looked at, apart from that.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from types import FrameType
from typing import Any

__all__: list[str] = []

ROOT, ROOMS, NAMES = sys.argv[1], tuple(sys.argv[2].split(",")), sys.argv[3:]
CALLS_OUT = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
STARTS = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"}
CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "tempfile.mkdtemp", "tempfile.mkstemp"}
wrong: list[str] = []


def culprit() -> str:
    """The place in the house that is doing something now; empty when a library does it while it is imported."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib"):
            return ""
        if any(file.startswith(f"{ROOT}/{room}/") for room in ROOMS):
            return f"{file.removeprefix(f'{ROOT}/')}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def asker() -> str:
    """The place in the house that asks for a variable itself; empty when a library asks."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and (
        frame.f_code.co_filename.startswith("<frozen") or "/os.py" in frame.f_code.co_filename
    ):
        frame = frame.f_back
    file = frame.f_code.co_filename if frame else ""
    ours = any(file.startswith(f"{ROOT}/{room}/") for room in ROOMS)
    return f"{file.removeprefix(f'{ROOT}/')}:{frame.f_lineno}" if frame and ours else ""


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what must not happen."""
    if event in CALLS_OUT or event in CHANGES:
        wrong.append(f"{event} {arguments[:2]} while the house was imported {culprit()}")
    elif event in STARTS and culprit():
        wrong.append(f"{culprit()} starts a process: {event}")
    elif event == "open":
        path, mode, flags = (*arguments, None, None)[:3]
        writes = bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if (writes or (isinstance(mode, str) and set(mode) & set("wax+"))) and path != os.devnull:
            wrong.append(f"{path} was opened for writing while the house was imported {culprit()}")
        elif culprit():
            wrong.append(f"{culprit()} opens {path}")


def main() -> None:
    """Import, watched."""
    environment = type(os.environ)
    asked = environment.__getitem__

    def watched(self: Any, key: str) -> str:
        place = asker()
        if place:
            wrong.append(f"{place} reads the environment variable {key}")
        return asked(self, key)

    environment.__getitem__ = watched  # type: ignore[method-assign]
    sys.addaudithook(hook)
    for name in NAMES:
        importlib.import_module(name)
    print(json.dumps({"imported": len(NAMES), "wrong": list(dict.fromkeys(wrong))}))


main()
