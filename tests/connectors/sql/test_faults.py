"""Each way a database fails is told by its name, with the next step, within its time, and without its secrets."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.connectors.conftest import PASSWORD, Database
from tilth.connectors.protocol import Pull
from tilth.connectors.registry import connector
from tilth.connectors.sql.connector import SqlConnector
from tilth.errors import SourceError
from tilth.pipelines.sample.postgres import postgres


def failure(made: SqlConnector, pull: Pull | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        made.check() if pull is None else list(made.pull(pull))
    error = caught.value
    assert error.__cause__ is None and error.next and "source erp" in error.where
    assert PASSWORD not in str(error) and "41'x" not in str(error)
    return error


@pytest.fixture
def port() -> Iterator[int]:
    """A port where a server accepts and then says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_wrong_password(read_only: Database) -> None:
    (read_only.base / "wrong").write_text("s3cr3t-and-wr0ng")
    for pull in (None, Pull("orders", ["id"])):
        error = failure(read_only.connector(password="file:wrong"), pull)
        assert error.what == "the credentials were refused" and "s3cr3t" not in str(error)


def test_a_refused_port(read_only: Database) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        unused = free.getsockname()[1]
    assert failure(read_only.connector(port=unused)).what.startswith("the connection was refused")


def test_no_answer_does_not_hang(read_only: Database, port: int) -> None:
    began = time.monotonic()
    assert failure(read_only.connector(port=port, connect_timeout="2s")).what == "there was no answer in time"
    assert time.monotonic() - began < 8


def test_an_unknown_database_and_host(read_only: Database) -> None:
    assert failure(read_only.connector(database="nope")).what == "the database does not exist"
    assert failure(read_only.connector(host="no-such-host.invalid")).what == "the host is unknown"


def test_a_missing_file(tmp_path: Path) -> None:
    made = connector("sqlite", "erp", {"path": "no.db"}, base=tmp_path)
    assert isinstance(made, SqlConnector)
    assert failure(made).what == "the file cannot be opened" and not (tmp_path / "no.db").exists()
    (tmp_path / "no.db").write_text("this is no database, whatever its name says" * 40)
    assert failure(made, Pull("t")).what == "the file is not an SQLite database"


def test_what_the_declaration_got_wrong(database: Database) -> None:
    database.run("create table orders (id int primary key, amount numeric, updated_at timestamptz)")
    made = database.connector()
    error = failure(made, Pull("ordrs", ["id"]))
    assert (error.what, error.expected, error.where) == (
        "there is no object ordrs", "orders", "source erp, object ordrs",
    )  # fmt: skip
    assert error.next == "tilth sources check erp"
    error = failure(made, Pull("orders", ["id"], ["id", "amont"]))
    assert (error.what, error.expected) == ("there is no column amont", "amount")
    assert "cannot be a cursor" in failure(made, Pull("orders", ["id"], cursor_column="id")).what
    assert list(made.inspect(Pull("orders", ["id"], ["amount"], "updated_at"))) == []
    said = made.inspect(Pull("orders", ["idd"], ["amount"], "updatd_at", options={"delimiter": ";"}))
    assert said == [
        "there is no key column idd (expected id)",
        "there is no cursor column updatd_at (expected updated_at)",
        "the option delimiter is not known to databases",
    ]
    assert "needs a key" in made.inspect(Pull("orders", cursor_column="updated_at"))[0]


@pytest.mark.parametrize("fast", [True, False])
def test_an_object_may_lack_what_is_optional(database: Database, fast: bool) -> None:
    database.run("create table orders (id int primary key, amount int)", "insert into orders values (1, 2)")
    made = database.connector(fast=fast)
    asked = Pull("orders", ["id"], ["id", "amount", "note", "part"], optional=["note", "amount"])
    assert list(made.inspect(asked)) == ["there is no column part (expected one of id, amount)"]
    assert failure(made, asked).what == "there is no column part"
    [batch] = made.pull(replace(asked, columns=["id", "amount", "note"]))
    assert batch.rows.to_pylist() == [{"id": 1, "amount": 2}]


def test_a_table_that_may_not_be_read(database: Database) -> None:
    database.run(
        "do $$ begin create role nosy login password 'n'; exception when duplicate_object then null; end $$",
        "create table wages (id int primary key, wage int)",
    )
    (database.base / "nosy").write_text("nosy-password")
    database.run("alter role nosy password 'nosy-password'")
    error = failure(database.connector(user="nosy", password="file:nosy"), Pull("wages", ["id"]))
    assert error.what == "reading it is not permitted" and "nosy-password" not in str(error)


def test_a_killed_server(tmp_path: Path) -> None:
    """What came before is delivered, the error says how much that was, and the next start goes on behind it."""
    folder = tmp_path / "server"
    with postgres(folder, password=PASSWORD) as server:
        database = Database(server, server.database, tmp_path)
        database.run(
            "create table long as select g id, repeat('x', 400) body from generate_series(1, 150000) g",
            "alter table long add primary key (id)",
        )
        [(home,)] = database.rows("show data_directory")
        postmaster = int((Path(home) / "postmaster.pid").read_text().split()[0])
        batches = database.connector().pull(Pull("long", ["id"], batch_rows=10_000))
        got = [next(batches), next(batches)]
        os.kill(postmaster, signal.SIGQUIT)
        with pytest.raises(SourceError) as caught:
            got.extend(batches)
    error, rows = caught.value, sum(batch.rows.num_rows for batch in got)
    assert f"after {rows} rows" in error.what and rows < 150_000 and error.where == "source erp, object long"
    assert PASSWORD not in str(error) and error.next == "tilth sources check erp"
    ids = [n for batch in got for n in batch.rows.column("id").to_pylist()]
    assert ids == list(range(1, rows + 1)) and all(batch.complete is None for batch in got)
    assert got[-1].resume is not None and got[-1].resume["place"] in ([str(rows)], [rows])
