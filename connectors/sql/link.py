"""How one database is reached, and what is said when it cannot be: its address and credentials stay in here."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from tilth.connectors.protocol import Dataset
from tilth.connectors.secrets import Secret, escaped, scrub
from tilth.connectors.sql.moments import forgive_moments
from tilth.connectors.sql.naming import parts_of
from tilth.connectors.sql.readers import Reader, adbc, has_adbc, rows
from tilth.errors import MissingExtra, SourceError

__all__ = ["Link", "driver_errors"]

_USUAL = {"postgresql": ("postgres", 5432, "public."), "mysql": ("mysql", 3306, ""), "mariadb": ("mysql", 3306, "")}
_LONGEST = 500  # characters of a driver's message
_SIGNS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("password authentication failed", "access denied", "no password supplied", "login failed"),
        "the credentials were refused",
        "correct user and password of {source} in connections.yaml",
    ),
    (("permission denied", "not authorized"), "reading it is not permitted", "grant the user of {source} select on it"),
    (
        ("connection refused",),
        "the connection was refused: no server listens there",
        "start the server, or correct host and port of {source} in connections.yaml",
    ),
    (
        ("timeout expired", "timed out"),
        "there was no answer in time",
        "correct host and port of {source} in connections.yaml, or raise its connect_timeout",
    ),
    (
        ("could not translate host name", "name or service not known", "failed to resolve", "unknown host"),
        "the host is unknown",
        "correct the host of {source} in connections.yaml",
    ),
    (("unable to open database file",), "the file cannot be opened", "correct the path of {source}"),
    (("file is not a database",), "the file is not an SQLite database", "correct the path of {source}"),
    (
        (
            "server closed the connection",
            "terminating connection",
            "connection was lost",
            "no connection to the server",
        ),
        "the connection was lost",
        "see whether the server of {source} is running, then run again",
    ),
)


def driver_errors() -> tuple[type[BaseException], ...]:
    """What drivers raise: SQLAlchemy's, SQLite's, Arrow's and, once it is loaded, ADBC's errors."""
    manager = sys.modules.get("adbc_driver_manager.dbapi")
    found = () if manager is None else (manager.Error,)
    return (SQLAlchemyError, sqlite3.Error, pa.ArrowException, OSError, *found)


@dataclass(frozen=True, slots=True)
class Link:
    """One database. `place` names it in words, without credentials."""

    source: str
    place: str
    url: sa.URL = field(repr=False)
    secrets: tuple[Secret, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])  # of the driver's connect
    creator: Callable[[], Any] | None = None  # connects in the driver's stead
    careful: Callable[[], Any] | None = None  # the same, for what the usual way stumbles over
    driver: tuple[str, str] = ("its driver", "sql")  # the library, and the extra that brings it
    fast: bool = True  # False: row by row, whatever is installed

    def engine(self, *, careful: bool = False) -> sa.Engine:
        """An engine that keeps no connection open; MissingExtra when the driver is not installed."""
        creator = self.careful if careful else self.creator
        more = {} if creator is None else {"creator": creator}
        try:
            engine = sa.create_engine(
                self.url, poolclass=sa.NullPool, connect_args=dict(self.arguments), hide_parameters=True, **more
            )
        except ModuleNotFoundError:
            raise MissingExtra.of(*self.driver) from None
        if engine.dialect.driver == "psycopg":
            forgive_moments(engine)
        return engine

    def dataset(self, object: str) -> Dataset:
        """Where an object stands, as OpenLineage names it: by host, port and database; a file by its path."""
        backend = self.url.get_backend_name()
        if backend == "sqlite":
            return Dataset(f"sqlite://{Path(self.place).absolute()}", object)
        scheme, port, schema = _USUAL.get(backend, (backend, self.url.port, ""))
        host = f"{self.url.host}:{self.url.port or port}" if self.url.port or port else str(self.url.host)
        parts = parts_of(object) or (object,)
        bare = len(parts) == 1 and (parts[0] != object or "." not in object)
        name = f"{schema}{parts[0]}" if bare else ".".join(parts)
        return Dataset(f"{scheme}://{host}", f"{self.url.database}.{name}")

    def readers(self, engine: sa.Engine) -> list[Reader]:
        """The readers to try, the fastest first."""
        fast = self.fast and engine.dialect.name == "postgresql" and has_adbc()
        found = [adbc(self._conninfo())] if fast else []
        return [*found, rows(engine), *([] if self.careful is None else [rows(self.engine(careful=True))])]

    def _conninfo(self) -> Secret:
        """The address as libpq reads it; its URLs take neither blanks nor all of what passwords hold."""
        url = self.url
        facts = {"host": url.host, "port": url.port, "dbname": url.database, "user": url.username}
        facts |= {"password": url.password, **url.query, **self.arguments}
        known = {name: str(value) for name, value in facts.items() if value is not None}
        return Secret(" ".join(f"{name}='{escaped(value)}'" for name, value in known.items()))

    @contextmanager
    def told(self, object: str | None = None) -> Generator[None]:
        """Within this block a driver's error becomes a SourceError."""
        try:
            yield
        except driver_errors() as error:
            raise self.fault(error, object) from None

    def fault(self, error: BaseException, object: str | None = None, *, rows: int = 0) -> SourceError:
        """What a driver's error means, without any secret: nothing of the original is kept."""
        said = scrub(" ".join(str(getattr(error, "orig", None) or error).split()), self.secrets)[:_LONGEST]
        what, remedy = self._meaning(said)
        return SourceError(
            f"{what} after {rows} rows" if rows else what,
            where=f"source {self.source}" + (f", object {object}" if object else ""),
            got=f"from {self.place}: {said}",
            next=f"tilth sources check {self.source}" if object else remedy,
        )

    def _meaning(self, said: str) -> tuple[str, str]:
        lower = said.lower()
        if ("database" in lower and "does not exist" in lower) or "unknown database" in lower:
            return "the database does not exist", f"correct the database of {self.source} in connections.yaml"
        for signs, what, remedy in _SIGNS:
            if any(sign in lower for sign in signs):
                return what, remedy.format(source=self.source)
        return "the database reported an error", f"see what the server of {self.source} says"
