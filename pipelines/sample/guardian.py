"""The process between the sample and its PostgreSQL: starts the server, and stops it when the sample is gone.

Run as a script, with the standard library only. Its order comes as one line of JSON on standard input; the answer is
one line on standard output. When standard input closes, however that comes about, the server stops and its folder is
kept or removed. If the guardian itself is killed, the kernel tells the server to quit.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["main"]

_START_S = 60.0
_ATTEMPTS = 5
_PR_SET_PDEATHSIG = 1


class _Stopped(Exception):
    """The sample is gone, or this process was told to stop."""


class _Failed(Exception):
    """The server does not start."""


def main() -> int:
    """Guard one server for the sample that started this process."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _stop)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sample = os.getppid()
    order = json.loads(_line())
    server: subprocess.Popen[bytes] | None = None
    try:
        server, port = _start(order, sample)
        _answer({"port": port})
        _watch(server, sample)
    except _Stopped:
        pass
    except (_Failed, OSError, subprocess.SubprocessError) as error:
        _answer({"error": str(error)})
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if server is not None:
            _end(server, gently=order["keep"])
        _leave(order)
    return 0


def _stop(_number: int, _frame: object) -> None:
    raise _Stopped


def _line() -> bytes:
    """The order, byte by byte: what follows it on the pipe is for select alone."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line or b"{}"


def _answer(message: dict[str, object]) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def _start(order: dict[str, Any], sample: int) -> tuple[subprocess.Popen[bytes], int]:
    """The running server and its port; a fresh data folder gets its user, password and database."""
    home, rest = Path(order["home"]), Path(order["rest"])
    data = home / "pgdata"
    if rest != home and (rest / "pgdata").is_dir():
        shutil.move(rest / "pgdata", data)
    if not (data / "database").exists():
        shutil.rmtree(data, ignore_errors=True)
        _initdb(order, data)
    _own(data, order)
    (data / "postmaster.pid").unlink(missing_ok=True)  # we hold the lock: whoever wrote it is dead
    server, port = _listen(order, data, sample)
    if not (data / "database").exists():
        _run(order, "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", order["user"], order["database"])
        (data / "database").write_text(order["database"])
    return server, port


def _listen(order: dict[str, Any], data: Path, sample: int) -> tuple[subprocess.Popen[bytes], int]:
    """The server on the port asked for, else on a free one; another process may take that first."""
    ports = [int(order["port"])] if order["port"] else (_free_port() for _ in range(_ATTEMPTS))
    for port in ports:
        if _ready(server := _spawn(order, data, port), data, sample):
            return server, port
        _end(server, gently=False)
    raise _Failed(_tail(data.parent / "log"))


def _initdb(order: dict[str, Any], data: Path) -> None:
    data.mkdir(mode=0o700)
    secret = data.with_name("password")
    secret.touch(mode=0o600)
    secret.write_text(order["password"])
    _own(data, order)
    _own(secret, order)
    try:
        options = ["-U", order["user"], "--pwfile", str(secret), "--auth=scram-sha-256", "-E", "UTF8", "--no-locale"]
        _run(order, "initdb", "-D", str(data), *options, "--no-sync", "--no-instructions")
    finally:
        secret.unlink()


def _own(path: Path, order: dict[str, Any]) -> None:
    """Give `path` and all in it to the server's user."""
    if order["uid"] is not None and path.stat().st_uid != order["uid"]:
        for each in (path, *path.rglob("*")):
            os.chown(each, order["uid"], order["gid"], follow_symlinks=False)


def _run(order: dict[str, Any], program: str, *arguments: str) -> None:
    command = [str(Path(order["bin"]) / program), *arguments]
    environment = _environment() | {"PGPASSWORD": order["password"]}
    done = subprocess.run(
        command,
        **_credentials(order),
        env=environment,
        cwd="/",
        preexec_fn=_follow(os.getpid()),
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise _Failed(f"{program}: {done.stderr.strip()}")


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _credentials(order: dict[str, Any]) -> dict[str, Any]:
    if order["uid"] is None:
        return {}
    return {"user": order["uid"], "group": order["gid"], "extra_groups": []}


def _spawn(order: dict[str, Any], data: Path, port: int) -> subprocess.Popen[bytes]:
    settings = [
        text for name, value in {**order["settings"], "port": str(port)}.items() for text in ("-c", f"{name}={value}")
    ]
    with (data.parent / "log").open("wb") as log:
        return subprocess.Popen[bytes](
            [str(Path(order["bin"]) / "postgres"), "-D", str(data), *settings],
            **_credentials(order),
            env=_environment(),
            cwd="/",
            preexec_fn=_follow(os.getpid()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _follow(parent: int) -> Callable[[], None] | None:
    """What makes a child quit when this process is killed (Linux): the child calls it after its change of user."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def follow() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return follow


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(server: subprocess.Popen[bytes], data: Path, sample: int) -> bool:
    """Whether the server takes connections: the last line of its pid file says so."""
    status = data / "postmaster.pid"
    until = time.monotonic() + _START_S
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError):
            if status.read_text().rstrip().endswith("ready"):
                return True
        if _gone(sample, 0.02):
            _end(server, gently=False)
            raise _Stopped
    return False


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return " | ".join(lines[-3:]) or "it ended without a word"


def _gone(sample: int, wait_s: float) -> bool:
    """Whether the sample closed its end of the pipe or is no longer our parent, after waiting a while."""
    readable, _, _ = select.select([0], [], [], wait_s)
    return bool(readable and not os.read(0, 1024)) or os.getppid() != sample


def _watch(server: subprocess.Popen[bytes], sample: int) -> None:
    while server.poll() is None and not _gone(sample, 0.5):
        pass


def _end(server: subprocess.Popen[bytes], *, gently: bool) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL) if gently else (signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(15)


def _leave(order: dict[str, Any]) -> None:
    """Keep the data where the sample rests, or remove all of it."""
    home, rest = Path(order["home"]), Path(order["rest"])
    if not order["keep"]:
        shutil.rmtree(rest, ignore_errors=True)
    elif home != rest and (home / "pgdata").is_dir():
        rest.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(rest / "pgdata", ignore_errors=True)
        shutil.move(home / "pgdata", rest / "pgdata")
    if home != rest:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
