"""Which process a dagster run is in, as run tags, and whether that process still lives."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import psutil

__all__ = ["is_gone", "names_process", "process_tags"]

_HOST, _PID, _START = "tilth/host", "tilth/pid", "tilth/process_start"
_SAME_START_S = 2.0  # a start is told to the clock tick, and shifts when the clock is set


def process_tags() -> dict[str, str]:
    """This process: host, pid, and when it began (pids come round again)."""
    return {_HOST: socket.gethostname(), _PID: str(os.getpid()), _START: repr(psutil.Process().create_time())}


def names_process(tags: Mapping[str, str]) -> bool:
    """Whether `tags` say which process a run is in."""
    return {_HOST, _PID, _START} <= tags.keys()


def is_gone(tags: Mapping[str, str]) -> bool | None:
    """Whether the process that `tags` name has ended; None where that cannot be told from here."""
    if not names_process(tags) or tags[_HOST] != socket.gethostname():
        return None
    try:
        process = psutil.Process(int(tags[_PID]))
        other = abs(process.create_time() - float(tags[_START])) > _SAME_START_S
        return other or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
