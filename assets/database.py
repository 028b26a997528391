"""The state database: opening it, its transactions, and what its failures mean.

SQLite by default, PostgreSQL by URL. SQLite runs in WAL mode, so that `tilth status` reads while a run writes, and
with synchronous=FULL: a release's manifest lists pull numbers, so a committed pull must outlive a power cut (NORMAL
may forget the last transactions). That is one more fsync a batch, beside the two of its Parquet file.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from tilth.errors import LakeError, MissingExtra

__all__ = ["SCHEMA_VERSION", "State", "open_state"]

SCHEMA_VERSION = "0005"  # the newest revision in migrations/versions
_BUSY_TIMEOUT_S = 30
_ROOM = 1 << 16  # bytes: what SQLite's shared memory and log need at least
_MIGRATION_LOCK = 7_417_461  # any number: the key of PostgreSQL's advisory lock

# what the driver says → what happened, and the next step ({where}: file or server)
_MEANINGS = (
    ("not a database", "the state database is damaged, or no SQLite file", "restore {where} from a backup"),
    (
        "malformed",
        "the state database is damaged",
        "restore {where} from a backup, or save what can be read: sqlite3 {where} .recover | sqlite3 recovered.db",
    ),
    ("locked", "another program holds the state database", "close what has {where} open, then run again"),
    ("disk is full", "the disk is full", "free space beside {where}, then tilth run"),
    (
        "disk i/o error",
        "the disk failed, or does not let the file grow",
        "check the disk that holds {where}, then tilth run",
    ),
    ("readonly", "not allowed to write the state database", "make {where} and its folder writable for this user"),
    ("unable to open", "the state database cannot be opened", "make {where} and its folder writable for this user"),
    ("password authentication", "the state database refuses the user", "check `state:` in tilth.yaml"),
    ("connect", "the state database does not answer", "start the server of {where}, or check `state:` in tilth.yaml"),
)


@dataclass(frozen=True, slots=True)
class State:
    """An open state database. Threads may share it."""

    engine: sa.Engine
    where: str  # the file, or the URL without its password

    @contextmanager
    def begin(self) -> Generator[sa.Connection]:
        """One writing transaction: committed when the block ends well, else nothing of it remains."""
        with self._told(), self.engine.connect() as connection:
            connection = connection.execution_options(tilth_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        """One reading transaction: every query in it sees the same moment."""
        with self._told(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise _meaning(error, self.where) from error


def open_state(url: str) -> State:
    """The state database at a SQLAlchemy `url`, created or upgraded when needed."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:  # its chain would show the URL, password and all
        raise LakeError(
            "the state URL cannot be understood",
            where="tilth.yaml, state",
            expected="sqlite:///data/state.db or postgresql://user:password@host/database",
            next="correct `state:` in tilth.yaml",
        ) from None
    if parsed.get_backend_name() == "sqlite":
        state = State(_sqlite(parsed), parsed.database or "")
    else:
        state = State(_server(parsed), parsed.set(query={}).render_as_string(hide_password=True))
    _bring_to_head(state)
    return state


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise LakeError(
            "state must outlive the run", expected="a file", got="SQLite in memory", next="sqlite:///data/state.db"
        )
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"its folder cannot be made: {error.strerror}"
        raise LakeError(what, where=url.database, next="correct `state:` in tilth.yaml") from error
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin says, not where the driver guesses
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    """A writer queues at its first statement: a transaction that read before it writes could fail half-way."""
    writes = connection.get_execution_options().get("tilth_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _server(url: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except NoSuchModuleError:
        what, expected = "there is no such kind of state database", "sqlite or postgresql"
        step = "correct `state:` in tilth.yaml"
        raise LakeError(what, where="tilth.yaml, state", expected=expected, got=url.drivername, next=step) from None
    except ModuleNotFoundError as error:
        if url.get_backend_name() == "postgresql":
            raise MissingExtra.of(error.name or "psycopg", "postgres") from None
        raise LakeError(
            "no driver for the state database", got=url.drivername, next=f"pip install {error.name}"
        ) from None


def _bring_to_head(state: State) -> None:
    with state.read() as connection:
        if _version(connection) == SCHEMA_VERSION:
            return
    with state.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        if _version(connection) == SCHEMA_VERSION:
            return  # another process was faster
        from tilth.assets.migrations import upgrade

        upgrade(connection, where=state.where)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def _meaning(error: DBAPIError, where: str) -> LakeError:
    got = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    kept = "the published data is untouched; what earlier transactions recorded is kept"
    said = "disk is full" if "disk i/o error" in got.lower() and _is_full(where) else got.lower()
    for fragment, what, step in _MEANINGS:
        if fragment in said:
            kept = "the published data and the lake are untouched" if "damaged" in what else kept
            return LakeError(what, where=where, got=got, kept=kept, next=step.format(where=where))
    return LakeError("the state database failed", where=where, got=got, kept=kept, next="tilth verify")


def _is_full(where: str) -> bool:
    """Whether SQLite found no room for its side files, which it calls an I/O error."""
    try:
        return shutil.disk_usage(Path(where).parent).free < _ROOM
    except OSError:
        return False
