"""What a child process may take: memory, processor time, no files, no network, and no life without its parent."""

from __future__ import annotations

import math
import os
import resource
import signal
import sys
from pathlib import Path

from tilth.assets.documents.values import Finding, Settings

__all__ = ["confine", "die_with", "give_time", "no_memory", "no_time", "no_wall_time", "verdict"]

_PR_SET_PDEATHSIG = 1
_FORBIDDEN = (
    "socket.", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.spawn",
    "urllib.Request", "ftplib.connect", "smtplib.connect", "webbrowser.open", "ctypes.dlopen",
)  # fmt: skip
_MB = 1_000_000
_NEAR = 0.7  # of the memory limit: a reader that dies there has died of it
_READABLE = "a document that its reader survives"


def die_with(parent: int) -> None:
    """Be killed when `parent` dies, whatever it dies of; to be called in its child."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before this was said
        os._exit(1)


def confine(settings: Settings) -> None:
    """Limit this process for good; memory is counted from what it takes already."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + settings.max_memory_mb * _MB)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse)


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def give_time(seconds: int) -> None:
    """Let this process be ended (SIGXCPU) when it takes `seconds` more of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime + seconds)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _refuse(event: str, _arguments: tuple[object, ...]) -> None:
    if event.startswith(_FORBIDDEN) and event != "socket.__new__":
        raise PermissionError(f"reading a document must not call {event}")


def verdict(status: int, used: resource.struct_rusage, settings: Settings) -> Finding:
    """Why a child ended without an answer, by its wait status and what it had used."""
    if not os.WIFSIGNALED(status):
        return Finding("crashed", f"exit {os.waitstatus_to_exitcode(status)}", _READABLE)
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return no_time(settings)
    if number == signal.SIGKILL or used.ru_maxrss * 1024 > _NEAR * settings.max_memory_mb * _MB:
        return no_memory(settings)
    return Finding("crashed", _signal_name(number), _READABLE)


def no_time(settings: Settings) -> Finding:
    """The document took more processor time than it may."""
    return Finding("limits", f"over {settings.max_seconds} s", f"at most {settings.max_seconds} CPU seconds to read")


def no_wall_time(settings: Settings) -> Finding:
    """The document's reader did not come back."""
    most = settings.max_wall_seconds
    return Finding("limits", f"no answer in {most} s", f"an answer within {most} seconds")


def no_memory(settings: Settings) -> Finding:
    """The document took more memory than it may."""
    return Finding(
        "limits", f"over {settings.max_memory_mb} MB", f"at most {settings.max_memory_mb} MB of memory to read"
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
