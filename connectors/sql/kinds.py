"""The kinds of database connections: each function's parameters are the settings of its kind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from tilth.connectors.secrets import Secret
from tilth.connectors.sql.connector import SqlConnector
from tilth.connectors.sql.link import Link
from tilth.errors import DeclarationError

__all__ = ["mysql", "postgres", "sql", "sqlite"]

_LAG = timedelta(minutes=5)
_TIMEOUT = timedelta(seconds=10)
_PSYCOPG = ("psycopg", "postgres")
_DRIVERS = {"postgresql": _PSYCOPG, "mysql": ("pymysql", "mysql"), "mariadb": ("pymysql", "mysql")}


def postgres(
    name: str,
    *,
    host: str,
    database: str,
    user: str,
    password: Secret | None = None,
    port: int = 5432,
    sslmode: str | None = None,
    sslrootcert: Path | None = None,
    lag: timedelta = _LAG,
    connect_timeout: timedelta = _TIMEOUT,
    fast: bool = True,
) -> SqlConnector:
    """PostgreSQL, read by ADBC where it is installed (unless `fast` is false). `lag`: how late rows may appear."""
    url = sa.URL.create(
        "postgresql+psycopg", user, password.reveal() if password else None, host=host, port=port, database=database
    )
    arguments = _libpq(connect_timeout) | ({"sslmode": sslmode} if sslmode else {})
    arguments |= {"sslrootcert": str(sslrootcert)} if sslrootcert else {}
    place = f"{host}:{port}/{database} as {user}"
    secrets = (password,) if password else ()
    return SqlConnector(Link(name, place, url, secrets, arguments, driver=_PSYCOPG, fast=fast), lag)


def _libpq(timeout: timedelta) -> dict[str, object]:
    """No connection attempt, and no connection to a host that has gone, hangs for ever."""
    return {
        "application_name": "tilth",
        "connect_timeout": max(2, round(timeout.total_seconds())),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }


def mysql(
    name: str,
    *,
    host: str,
    database: str,
    user: str,
    password: Secret | None = None,
    port: int = 3306,
    lag: timedelta = _LAG,
    connect_timeout: timedelta = _TIMEOUT,
) -> SqlConnector:
    """MySQL and MariaDB, row by row through pymysql; open transactions are not seen, so `lag` must cover them."""
    url = sa.URL.create(
        "mysql+pymysql", user, password.reveal() if password else None, host=host, port=port, database=database
    )
    arguments = {
        "connect_timeout": max(1, round(connect_timeout.total_seconds())),
        "charset": "utf8mb4",
        "init_command": "SET time_zone = '+00:00'",  # TIMESTAMP columns, which have a zone inside, come in UTC
    }
    place = f"{host}:{port}/{database} as {user}"
    secrets = (password,) if password else ()
    return SqlConnector(Link(name, place, url, secrets, arguments, driver=_DRIVERS["mysql"]), lag)


def sqlite(name: str, *, path: Path, lag: timedelta = _LAG) -> SqlConnector:
    """An SQLite file, opened for reading only."""
    usual, careful = _opens(path, str), _opens(path, _text)
    return SqlConnector(Link(name, str(path), sa.URL.create("sqlite"), creator=usual, careful=careful), lag)


def _opens(path: Path, text: Callable[[bytes], object]) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_TIMEOUT.total_seconds())
        connection.text_factory = text
        return connection

    return connect


def _text(value: bytes) -> object:
    """SQLite does not see to it that text is UTF-8: what is not stays bytes, and does not stop the pull."""
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return value


def sql(name: str, *, base: Path, url: Secret, lag: timedelta = _LAG) -> SqlConnector:
    """Any database by SQLAlchemy URL (by reference, for it holds the credentials)."""
    try:
        parsed = sa.make_url(url.reveal())
        backend = parsed.get_backend_name()
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        raise DeclarationError(
            "the url cannot be used", where=f"connection {name}", expected="dialect+driver://user:password@host/name"
        ) from None
    if backend == "sqlite":
        return sqlite(name, path=base / (parsed.database or ""), lag=lag)
    if backend == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    hidden = (url, *([Secret(str(parsed.password))] if parsed.password else []))
    place = f"{parsed.host}/{parsed.database} as {parsed.username}"
    arguments = _libpq(_TIMEOUT) if backend == "postgresql" else {}
    driver = _DRIVERS.get(backend, (f"the driver of {parsed.drivername}", "sql"))
    return SqlConnector(Link(name, place, parsed, hidden, arguments, driver=driver), lag)
