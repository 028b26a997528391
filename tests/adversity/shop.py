"""A small shop on a real PostgreSQL and a real drop folder, and `tilth` as a person has it: a process of its own.

Every table has a connection of its own, so that each can go wrong in its own way in one and the same night.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import yaml

from tilth.pipelines.sample.postgres import Server

__all__ = ["PASSWORD", "Said", "Shop", "founded", "messages"]

PASSWORD = 'p@ss/w"ö rd%41'

PROJECT = """
name: corner shop
storage: data/lake
state: sqlite:///data/state.db
curated: data/curated.duckdb
connections: connections.yaml
defs: defs
code: .
time_zone: Europe/Berlin
schedule: "0 2 * * *"
dagster_home: data/dagster
"""

CONTRACTS = '''
"""What ready data is."""

from datetime import datetime

from tilth.schemas.contract import Contract, field


class Customer(Contract):
    """People who buy."""

    id: int = field(key=True)
    name: str = field(standardise=("trim",))
    updated_at: datetime = field()


class Order(Contract):
    """What they bought."""

    id: int = field(key=True)
    customer: int = field(references="customers.id")
    amount: float = field(ge=0, unit="EUR")
    updated_at: datetime = field()


class Item(Contract):
    """What is on the shelves."""

    id: int = field(key=True)
    weight: int = field(ge=0, unit="g")


class Visit(Contract):
    """Who came in."""

    id: int = field(key=True)
    note: str = field(nullable=True)


class Parcel(Contract):
    """What was sent."""

    no: int = field(key=True)
    weight: int = field(ge=0, unit="g")


class Spent(Contract):
    """Orders per customer."""

    id: int = field(key=True)
    amount: float = field(unit="EUR")
'''

TABLES: dict[str, dict[str, Any]] = {
    "customers": {"contract": "contracts.Customer", "source": "north", "cursor": "updated_at", "load": "merge"},
    "orders": {"contract": "contracts.Order", "source": "south", "cursor": "updated_at", "load": "merge"},
    "items": {"contract": "contracts.Item", "source": "east", "load": "replace"},
    "visits": {"contract": "contracts.Visit", "source": "west", "load": "replace"},
}
PARCELS: dict[str, Any] = {
    "contract": "contracts.Parcel",
    "source": "desk",
    "object": "*.csv",
    "load": "merge",
    "format": {"kind": "delimited", "delimiter": ";", "encoding": "utf-8"},
}
SPENT = {
    "name": "spent",
    "contract": "contracts.Spent",
    "sql": "SELECT customer AS id, sum(amount) AS amount FROM orders GROUP BY customer",
}

FIRST = (
    "create table customers (id int primary key, name text, updated_at timestamptz default clock_timestamp())",
    "insert into customers values (1, ' Ada '), (2, 'Bo')",
    "create table orders (id int primary key, customer int, amount numeric, updated_at timestamptz default now())",
    "insert into orders values (1, 1, 5), (2, 1, 2.5), (3, 2, 1)",
    "create table items (id int primary key, weight int)",
    "insert into items values (1, 100), (2, 200)",
    "create table visits (id int primary key, note text)",
    "insert into visits values (1, 'hello'), (2, null)",
)


@dataclass(frozen=True)
class Said:
    """What one command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """Its messages, each as one text."""
        return messages(self.err)


def messages(text: str) -> list[str]:
    """The errors in what was printed: each begins with `error: `, what belongs to it is indented."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("error: "):
            found.append(line)
        elif found and line.startswith("  "):
            found[-1] += "\n" + line
    return found


@dataclass(frozen=True)
class Shop:
    """The project's folder, and its database."""

    folder: Path
    server: Server
    database: str
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str | bytes) -> Path:
        """One file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.lstrip("\n").encode())
        return path

    def connect(self, **settings: Mapping[str, object]) -> None:
        """connections.yaml: all of them on the shop's server, but for what is said of one."""
        server = {"kind": "postgres", "host": self.server.host, "port": self.server.port, "lag": "0s"}
        server |= {"database": self.database, "user": self.server.user, "password": "file:erp.password"}
        named = {name: server | settings.get(name, {}) for name in ("north", "south", "east", "west")}
        desk = {"kind": "files", "root": "drops", "settle": "0s"} | settings.get("desk", {})
        self.write("connections.yaml", yaml.safe_dump({**named, "desk": desk}))

    def declare(self, name: str, attributes: Mapping[str, object], kind: str = "Table") -> Path:
        """One defs.yaml."""
        text = yaml.safe_dump({"type": f"tilth.assets.{kind}", "attributes": {"name": name, **attributes}})
        return self.write(f"defs/{name}/defs.yaml", text)

    def sql(self, *statements: str) -> None:
        """Change the database."""
        with psycopg.connect(self.server.url.rpartition("/")[0] + f"/{self.database}", autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def drop(self, name: str, content: str | bytes) -> None:
        """A file comes in, and is an hour old."""
        path = self.write(f"drops/{name}", content)
        then = time.time() - 3600
        os.utime(path, (then, then))

    def command(self, *arguments: str) -> list[str]:
        """The command line of `tilth …`."""
        return [sys.executable, "-m", "tilth.pipelines.cli", *arguments]

    def tilth(
        self, *arguments: str, before: Sequence[str] = (), python: Sequence[str] = (), **environment: str
    ) -> Said:
        """Run `tilth ARGUMENTS` in the project; `before` is a program that starts it, `python` options for Python."""
        program, *rest = self.command(*arguments)
        done = subprocess.run(
            [*before, program, *python, *rest],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={**os.environ, **self.environment, **environment},
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def published(self, query: str) -> list[tuple[Any, ...]]:
        """What a reader of the curated file finds."""
        with duckdb.connect(str(self.folder / "data/curated.duckdb"), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def rows(self) -> dict[str, int]:
        """The rows of each published table."""
        return dict(self.published("SELECT name, rows FROM _catalog.tables ORDER BY name"))  # type: ignore[arg-type]

    def states(self) -> dict[str, str]:
        """What `tilth status` says of each table."""
        return {table["name"]: table["state"] for table in self.tilth("status", "--json").json["tables"]}

    def proves_whole(self) -> None:
        """`tilth verify` finds nothing wrong."""
        said = self.tilth("verify", "--json")
        assert (said.code, said.json["problems"]) == (0, []), said.err


def founded(folder: Path, server: Server, database: str, *, small: bool = False) -> Shop:
    """A shop that has not run a night yet; a small one declares customers and parcels only."""
    shop = Shop(folder, server, database)
    shop.write("tilth.yaml", PROJECT)
    shop.write("contracts.py", CONTRACTS)
    shop.write("erp.password", server.password + "\n")
    shop.connect()
    for name in ["customers"] if small else TABLES:
        shop.declare(name, {"object": name, **TABLES[name]})
    shop.declare("parcels", PARCELS)
    if not small:
        shop.declare("spent", SPENT, "Derived")
    shop.sql(*FIRST)
    shop.drop("a.csv", "no;weight\n1;100\n2;200\n")
    return shop
