"""A small company on disk: two SQLite systems, two pulled tables, one derived, each with a broken row or two."""

from __future__ import annotations

import signal
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

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

CONNECTIONS = """
shop: {kind: sqlite, path: shop.db, lag: 0s}
books: {kind: sqlite, path: books.db, lag: 0s}
"""

CONTRACTS = '''
"""What ready data is."""

from tilth.schemas.contract import Contract, field


class Customer(Contract):
    """People who buy at the corner shop."""

    customer_id: int = field(key=True, source="id", description="The till's number of the customer.")
    name: str = field(standardise=("trim",), pii="name")
    credit: float = field(ge=0, unit="EUR")


class Sale(Contract):
    """What was sold, to whom."""

    sale_id: int = field(key=True, source="id")
    customer_id: int = field(source="customer", references="customers.customer_id")
    amount: float = field(ge=0, unit="EUR")


class Turnover(Contract):
    """Sales per customer."""

    customer_id: int = field(key=True)
    amount: float = field(unit="EUR")
'''

CUSTOMERS = """
type: tilth.assets.Table
attributes:
  name: customers
  contract: contracts.Customer
  source: shop
  object: customers
  load: replace
  owner: team:front-desk
  freshness: {deadline: "0 6 * * *", max_age: 26h}
"""

SALES = """
type: tilth.assets.Table
attributes:
  name: sales
  contract: contracts.Sale
  source: books
  object: sales
  load: replace
  owner: ledger@example.com
"""

TURNOVER = """
type: tilth.assets.Derived
attributes:
  name: turnover
  contract: contracts.Turnover
  sql: SELECT customer_id, sum(amount) AS amount FROM sales GROUP BY customer_id
"""


@dataclass(frozen=True)
class Company:
    """The project's folder and its two systems."""

    folder: Path

    def write(self, name: str, text: str) -> Path:
        """One file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip(), encoding="utf-8")
        return path

    def tell(self, system: str, *statements: str) -> None:
        """Change a system."""
        connection = sqlite3.connect(self.folder / f"{system}.db")
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    def down(self, system: str) -> None:
        """Take a system away."""
        (self.folder / f"{system}.db").rename(self.folder / f"{system}.away")

    def back(self, system: str) -> None:
        """Bring it back."""
        (self.folder / f"{system}.away").rename(self.folder / f"{system}.db")


def founded(folder: Path) -> Company:
    """A company that has not run a night yet."""
    company = Company(folder)
    files = {"tilth.yaml": PROJECT, "connections.yaml": CONNECTIONS, "contracts.py": CONTRACTS}
    files |= {"defs/customers/defs.yaml": CUSTOMERS, "defs/sales/defs.yaml": SALES}
    for name, text in {**files, "defs/turnover/defs.yaml": TURNOVER}.items():
        company.write(name, text)
    company.tell(
        "shop",
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, credit REAL)",
        "INSERT INTO customers VALUES (1, ' Ada ', 10), (2, 'Bo', 0), (3, 'Cy', -5)",
    )
    company.tell(
        "books",
        "CREATE TABLE sales (id INTEGER PRIMARY KEY, customer INTEGER, amount REAL)",
        "INSERT INTO sales VALUES (1, 1, 5.0), (2, 1, 2.5), (3, 2, 1.0), (4, 99, 3.0)",
    )
    return company


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A fresh company."""
    return founded(tmp_path)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """One company for all tests of a module, which change it in order."""
    return founded(tmp_path_factory.mktemp("company"))


def default_signals() -> None:
    """A shell's background job ignores INT and TERM, and what a test starts and ends would inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
