"""One real PostgreSQL for all tests of a session, and shops on it that have published their first night."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from adversity.shop import PASSWORD, Shop, founded
from psycopg import sql

from tilth.pipelines.sample.postgres import Server, postgres

_numbers = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres(tmp_path_factory.mktemp("postgres"), password=PASSWORD) as running:
        yield running


def new_database(server: Server, template: str = "template1") -> str:
    name = f"shop_{next(_numbers)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        statement = sql.SQL("create database {} template {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return name


@pytest.fixture(scope="session")
def after_one_night(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, bool], Shop]:
    """Gives a shop of its own, on a database of its own, in a folder: small (two tables) or whole (six)."""
    nights: dict[bool, Shop] = {}

    def opened(folder: Path, small: bool) -> Shop:
        if small not in nights:
            first = founded(tmp_path_factory.mktemp("first") / "shop", server, new_database(server), small=small)
            said = first.tilth("run")
            assert (said.code, said.errors) == (0, []), said.err
            nights[small] = first
        first = nights[small]
        shutil.copytree(first.folder, folder, symlinks=True)
        made = Shop(folder, server, new_database(server, first.database))
        made.connect()
        return made

    return opened


@pytest.fixture
def shop(after_one_night: Callable[[Path, bool], Shop], tmp_path: Path) -> Shop:
    """The whole shop after its first night."""
    return after_one_night(tmp_path / "shop", False)


@pytest.fixture
def corner(after_one_night: Callable[[Path, bool], Shop], tmp_path: Path) -> Shop:
    """The small one, which is quick: customers from the database, parcels from the drop folder."""
    return after_one_night(tmp_path / "corner", True)
