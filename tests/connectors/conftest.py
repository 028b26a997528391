"""One real PostgreSQL for all tests of a session, and one fresh database for each test that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tilth.connectors.registry import connector
from tilth.connectors.sql.connector import SqlConnector
from tilth.pipelines.sample.postgres import Server, postgres

PASSWORD = "p@ss/w:rd %41'x"  # what URLs and messages get wrong
_numbers = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres(tmp_path_factory.mktemp("postgres"), password=PASSWORD) as running:
        yield running


class Database:
    """A fresh database on the server, and the connection declared for it."""

    def __init__(self, server: Server, name: str, base: Path) -> None:
        self.server, self.name, self.base = server, name, base
        (base / "erp.password").write_text(server.password + "\n")

    def connect(
        self,
        *,
        user: str | None = None,
        password: str | None = None,
        dbname: str | None = None,
        autocommit: bool = True,
    ) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.server.host,
            port=self.server.port,
            dbname=dbname or self.name,
            user=user or self.server.user,
            password=password or self.server.password,
            autocommit=autocommit,
        )

    def run(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(statement.encode()).fetchall()

    def connector(self, **settings: object) -> SqlConnector:
        declared: dict[str, object] = {
            "host": self.server.host,
            "port": self.server.port,
            "database": self.name,
            "user": self.server.user,
            "password": "file:erp.password",
            **settings,
        }
        made = connector("postgres", "erp", declared, base=self.base)
        assert isinstance(made, SqlConnector)
        return made


def fresh(server: Server, folder: Path) -> Database:
    """A new database; its connection is declared in `folder`."""
    made = Database(server, f"test_{next(_numbers)}", folder)
    with made.connect(dbname=server.database) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(made.name)))
    return made


@pytest.fixture
def database(server: Server, tmp_path: Path) -> Database:
    return fresh(server, tmp_path)


@pytest.fixture(scope="module")
def read_only(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One database for the tests of a module that only read."""
    return fresh(server, tmp_path_factory.mktemp("read_only"))


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., SqlConnector]:
    """A connector from a kind and its settings, declared in the test's own folder."""

    def of(kind: str, **settings: object) -> SqlConnector:
        made = connector(kind, "erp", settings, base=tmp_path)
        assert isinstance(made, SqlConnector)
        return made

    return of
