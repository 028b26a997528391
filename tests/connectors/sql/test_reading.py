"""A read that stopped goes on: what came before and after it is what one read would have brought."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError

from tests.connectors.conftest import Database
from tilth.connectors.protocol import Batch, Pull, Token
from tilth.connectors.sql.connector import SqlConnector
from tilth.connectors.sql.plan import plan
from tilth.connectors.sql.reflect import reflect
from tilth.errors import SourceError

TEXTS = ["a", "A", "ä", "B", "b c", "b-c", "bc", "1", "10", "2", "", "%", "'", "\\", "Z", "é", "e", ":x", "ß", "ss"]
Row = tuple[Any, ...]


def rows_of(batches: list[Batch]) -> list[Row]:
    return [tuple(row.values()) for batch in batches for row in batch.rows.to_pylist()]


def plain(row: Row) -> Row:
    """A row of values of mixed kinds, however they landed beside the others of their batch."""
    return tuple(
        float(v) if re.fullmatch(r"\d+(\.\d+)?", str(v)) else v.hex() if isinstance(v, bytes) else v for v in row
    )


def until(made: SqlConnector, pull: Pull, stop: int) -> tuple[list[Batch], Token | None]:
    """The first batches of a pull that is then cut off."""
    kept: list[Batch] = []
    batches: Iterator[Batch] = made.pull(pull)
    for batch in batches:
        kept.append(batch)
        if len(kept) == stop:
            break
    return kept, kept[-1].resume


def assert_resumes(made: SqlConnector, pull: Pull, seed: int, *, exactly: bool = True) -> list[Row]:
    """Cut off twice, at random batches, the pull brings the same rows as uninterrupted."""
    rng = random.Random(seed)
    whole = list(made.pull(pull))
    assert whole[-1].complete is not None and all(batch.complete is None for batch in whole[:-1])
    got, token = until(made, pull, rng.randint(1, len(whole)))
    again, token = until(made, replace(pull, resume=token), rng.randint(1, 3))
    got += again + list(made.pull(replace(pull, resume=token)))
    expected, rows = rows_of(whole), rows_of(got)
    assert rows == expected if exactly else {plain(row) for row in rows} == {plain(row) for row in expected}
    if exactly:
        assert [b.origin.offset for b in got if b.rows.num_rows] == sorted(
            {b.origin.offset for b in got if b.rows.num_rows}
        )
    return expected


@pytest.fixture
def shop(database: Database) -> Database:
    return stocked(database)


@pytest.fixture(scope="module")
def museum(read_only: Database) -> Database:
    return stocked(read_only)


def stocked(database: Database) -> Database:
    rng = random.Random(7)
    values = []
    for n, text in enumerate(t + s for t in TEXTS for s in ("", "x", "y")):
        stamp = "null" if rng.random() < 0.3 else f"'2024-01-01'::timestamptz + interval '{rng.randint(0, 9)} min'"
        quoted = text.replace("'", "''")
        group = "null" if rng.random() < 0.2 else str(rng.randint(0, 3))
        values.append(f"('{quoted}', {n}, {stamp}, {group}, {n} * 1.5, md5('{n}')::uuid)")
    body = 'code text collate "C", n int not null, updated_at timestamptz, part int, price numeric(8, 2), ref uuid'
    fill = "(code, n, updated_at, part, price, ref) values " + ", ".join(values)
    database.run(
        f"create table plain ({body}, primary key (code))",
        f"create table pair ({body}, unique (part, n))",
        f"create table loose ({body})",
        f"create table ids ({body}, primary key (ref))",
        f"create table prices ({body}, primary key (price, n))",
        *(f"insert into {table} {fill}" for table in ("plain", "pair", "loose", "ids", "prices")),
        "create view seen as select * from plain",
    )
    return database


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("object", "key", "exactly"),
    [
        ("plain", ["code"], True),
        ("ids", ["ref"], True),
        ("prices", ["price", "n"], True),
        ("public.plain", ["n"], True),
        ("pair", ["part", "n"], False),  # NULLs in the key: no uniqueness is promised
        ("loose", ["part"], False),
        ("seen", ["code"], False),
    ],
)
@pytest.mark.parametrize("incremental", [False, True])
def test_a_cut_off_pull_goes_on(
    museum: Database,
    object: str,
    key: list[str],
    exactly: bool,
    fast: bool,
    incremental: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.clear()
    made = museum.connector(fast=fast)
    cursor = {"column": "updated_at", "bound": "2024-01-01T00:03:00", "clock": "2024-01-02T00:00:00+00:00"}
    for seed in (len(object) + fast,):
        pull = Pull(object, key, cursor_column="updated_at", cursor=cursor if incremental else None, batch_rows=7)
        rows = assert_resumes(made, pull, seed, exactly=exactly)
        missing = "updated_at >= '2024-01-01 00:03' or updated_at is null" if incremental else "true"
        assert sorted(map(str, (row[1] for row in rows))) == sorted(
            str(n) for (n,) in museum.rows(f"select n from {object} where {missing}")
        )
    assert not caplog.records  # the fast reader did all of it


def test_the_order_uses_the_index(shop: Database) -> None:
    """A pull from a cursor of a large table is no sort of all of it."""
    shop.run(
        "create table big as select g id, now() - (1000000 - g) * interval '1 second' updated_at"
        " from generate_series(1, 50000) g",
        "alter table big alter updated_at set not null, add primary key (id)",
        "create index on big (updated_at, id)",
        "analyze big",
    )
    made = shop.connector()
    first = list(made.pull(Pull("big", ["id"], cursor_column="updated_at", batch_rows=20_000)))
    assert first[-1].complete is not None
    with made.link.engine().connect() as connection:
        found = reflect(connection, "big")
        assert found is not None
        pull = Pull("big", ["id"], cursor_column="updated_at", cursor=first[-1].complete.cursor)
        planned = plan(connection, found, pull, source="erp", lag=made.lag)
    text = planned.statement(["2026-01-01 00:00:00Z", "5"]).compile(
        dialect=postgresql.dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}
    )
    explained = " ".join(line for (line,) in shop.rows(f"explain {text}"))
    assert "Index" in explained and "Sort" not in explained, explained


def test_columns_keys_and_offsets(museum: Database) -> None:
    made = museum.connector()
    [batch] = made.pull(Pull("plain", ["code"], ["part"], "updated_at"))
    assert batch.rows.schema.names == ["part", "updated_at", "code"]
    [keys] = made.pull(Pull("prices", ["n"], ["part"], "updated_at", whole=True, keys_only=True))
    assert keys.rows.schema.names == ["n"] and keys.complete is not None and keys.complete.whole
    offsets = [b.origin.offset for b in made.pull(Pull("plain", ["code"], batch_rows=25))]
    assert offsets == [0, 25, 50]


def test_an_empty_object_is_one_empty_batch(shop: Database) -> None:
    shop.run("create table nothing (id int primary key, price numeric(8, 2), updated_at timestamptz)")
    for fast in (True, False):
        made = shop.connector(fast=fast)
        [first] = made.pull(Pull("nothing", ["id"], cursor_column="updated_at"))
        assert first.rows.num_rows == 0 and first.complete is not None and first.complete.whole
        assert [str(kind) for kind in first.rows.schema.types] == [
            "int32", "decimal128(8, 2)", "timestamp[us, tz=UTC]",
        ]  # fmt: skip
        shop.run("insert into nothing values (1, 2.5, now()) on conflict do nothing")
        [second] = made.pull(Pull("nothing", ["id"], cursor_column="updated_at", cursor=first.complete.cursor))
        assert second.rows.num_rows == 1
        shop.run("delete from nothing")


def test_the_next_pull_brings_what_changed_and_no_more(shop: Database) -> None:
    made = shop.connector(lag="0s")
    shop.run("update plain set updated_at = '2024-01-01'", "update plain set updated_at = '2199-01-01' where n = 5")
    pull = Pull("plain", ["code"], cursor_column="updated_at")
    [first] = made.pull(pull)
    assert first.complete is not None and first.rows.num_rows == 60
    shop.run("update plain set updated_at = now(), part = 9 where n = 7")
    [second] = made.pull(Pull("plain", ["code"], cursor_column="updated_at", cursor=first.complete.cursor))
    assert {row["n"] for row in second.rows.to_pylist()} == {5, 7}  # 5 is dated in the future
    assert second.complete is not None and not second.complete.whole
    assert second.complete.source_time > first.complete.source_time
    again = Pull("plain", ["code"], cursor_column="updated_at", cursor=second.complete.cursor, whole=True)
    [third] = made.pull(again)
    assert third.rows.num_rows == 60 and third.complete is not None and third.complete.whole


def test_a_clock_without_zone_is_the_databases(shop: Database) -> None:
    """West of UTC a row may lie ahead of every clock that writes, and still before UTC: it hides no later row."""
    shop.run(
        f"alter database {shop.name} set timezone to 'America/Los_Angeles'",
        "create table visits (id int primary key, changed_at timestamp not null)",
        "insert into visits select n, now() at time zone 'America/Los_Angeles' - n * interval '1 day'"
        " from generate_series(1, 50) n",
        "insert into visits values (0, now() at time zone 'America/Los_Angeles' + interval '5 hours')",
    )
    made, cursor = shop.connector(), None
    for new in (100, 101):
        pulled = list(made.pull(Pull("visits", ["id"], cursor_column="changed_at", cursor=cursor)))
        assert pulled[-1].complete is not None
        cursor = pulled[-1].complete.cursor
        shop.run(f"insert into visits values ({new}, now() at time zone 'America/Los_Angeles')")
    last = list(made.pull(Pull("visits", ["id"], cursor_column="changed_at", cursor=cursor)))
    assert {row["id"] for batch in last for row in batch.rows.to_pylist()} == {0, 100, 101}


def test_a_deletion_by_column_is_a_row_that_changed(shop: Database) -> None:
    shop.run("alter table plain add deleted boolean not null default false")
    made = shop.connector(lag="0s")
    shop.run("update plain set updated_at = '2024-01-01'")
    [first] = made.pull(Pull("plain", ["code"], cursor_column="updated_at"))
    shop.run("update plain set deleted = true, updated_at = now() where n = 3")
    assert first.complete is not None
    [second] = made.pull(Pull("plain", ["code"], cursor_column="updated_at", cursor=first.complete.cursor))
    assert [(row["n"], row["deleted"]) for row in second.rows.to_pylist()] == [(3, True)]


def test_a_resumed_pull_keeps_the_first_attempts_cursor(shop: Database) -> None:
    made = shop.connector(lag="0s")
    pull = Pull("plain", ["code"], cursor_column="updated_at", batch_rows=10)
    _, token = until(made, pull, 2)
    assert token is not None
    shop.run("update plain set updated_at = now() where code = ''")  # already read, before the cut
    rest = list(made.pull(Pull("plain", ["code"], cursor_column="updated_at", batch_rows=10, resume=token)))
    assert "" not in {row["code"] for batch in rest for row in batch.rows.to_pylist()}
    done = rest[-1].complete
    assert done is not None and done.whole
    after = list(made.pull(Pull("plain", ["code"], cursor_column="updated_at", cursor=done.cursor)))
    assert "" in {row["code"] for batch in after for row in batch.rows.to_pylist()}


def test_a_lost_connection_is_taken_up_again_without_a_row_twice(
    shop: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The fast reader's session is killed in the middle: rows go on behind the last table."""
    shop.run("create table long as select g id, repeat('x', 400) body from generate_series(1, 150000) g")
    shop.run("alter table long add primary key (id)")
    batches = shop.connector().pull(Pull("long", ["id"], batch_rows=20_000))
    got = [next(batches)]
    shop.run("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tilth'")
    got += list(batches)
    assert "going on row by row" in caplog.text and "after 20000 rows" in caplog.text.replace("40000", "20000")
    ids = [n for batch in got for n in batch.rows.column("id").to_pylist()]
    assert ids == list(range(1, 150_001)) and got[-1].complete is not None


@pytest.mark.parametrize(
    ("schema", "name"),
    [("my.schema", "tab.le"), ('my"schema', 'a "b" c'), ("My Schema", "Table"), ("a.b.c", "d"), ("a", "b.c.d")],
)
@pytest.mark.parametrize("fast", [True, False])
def test_objects_of_any_name_are_found_and_read(database: Database, schema: str, name: str, fast: bool) -> None:
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
    database.run(
        f'create schema "{schema.replace(chr(34), chr(34) * 2)}"',
        f'create table {quoted} (id int primary key, "odd.""name" int)',
        f"insert into {quoted} values (1, 2)",
    )
    made = database.connector(fast=fast)
    [found] = made.discover()
    for named in (found.name, quoted, f"{schema}.{name}"):
        [batch] = made.pull(Pull(named, ["id"]))
        assert batch.rows.to_pylist() == [{"id": 1, 'odd."name': 2}]


@pytest.fixture
def kiosk(tmp_path: Path) -> Path:
    path = tmp_path / "kiosk.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (code text collate nocase primary key not null, n int not null, at text)")
        connection.execute("create table mixed (k primary key, at text)")
        rng = random.Random(3)
        for n, text in enumerate({(t + s).lower(): t + s for t in TEXTS for s in ("", "x", "y")}.values()):
            at = None if rng.random() < 0.3 else f"2024-01-0{rng.randint(1, 9)}T10:00:00"
            connection.execute("insert into t values (?, ?, ?)", (text, n, "" if n == 5 else at))
        keys: list[object] = [1, 2, 10, 1.5, "a", "B", b"\xff", b"z", None]
        connection.executemany("insert into mixed values (?, null)", [(k,) for k in keys])
    connection.close()
    return path


@pytest.mark.parametrize("kind", ["sqlite", "sql"])
def test_sqlite_goes_on_too(kiosk: Path, make: Callable[..., SqlConnector], kind: str) -> None:
    (kiosk.parent / "url").write_text("sqlite:///kiosk.db")
    made = make("sqlite", path="kiosk.db") if kind == "sqlite" else make("sql", url="file:url")
    assert made.check().ok
    assert [(info.name, info.key) for info in made.discover()] == [("mixed", ("k",)), ("t", ("code",))]
    cursor = {"column": "at", "bound": "2024-01-06T00:00:00", "clock": "2024-01-07T00:00:00+00:00"}
    for seed in range(4):
        assert len(assert_resumes(made, Pull("t", ["code"], batch_rows=5), seed)) > 30
        late = assert_resumes(made, Pull("t", ["code"], cursor_column="at", cursor=cursor, batch_rows=3), seed)
        assert {str(row[2])[:10] for row in late} == {"None", "", *(f"2024-01-0{n}" for n in range(5, 10))}
        assert len(set(assert_resumes(made, Pull("mixed", ["k"], batch_rows=2), seed, exactly=False))) == 9


@pytest.mark.parametrize("kind", ["datetime", "text", "timestamp", "date", ""])
def test_rows_of_sqlite_without_a_date_come_with_every_pull(
    tmp_path: Path, make: Callable[..., SqlConnector], kind: str
) -> None:
    no_date = [(1, ""), (2, None), (3, "  "), (4, "0000-00-00")]
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute(f"create table t (id integer primary key, at {kind})")
        connection.executemany("insert into t values (?, ?)", no_date)
    made = make("sqlite", path="shop.db")
    [first] = made.pull(Pull("t", ["id"], cursor_column="at"))
    connection.executemany("insert into t values (?, ?)", [(5, "2026-01-01 10:00:00"), (6, b"2026-01-01")])
    connection.commit()
    assert first.complete is not None and first.rows.num_rows == 4
    [second] = made.pull(Pull("t", ["id"], cursor_column="at"))
    assert second.complete is not None and second.rows.num_rows == 6
    [third] = made.pull(Pull("t", ["id"], cursor_column="at", cursor=second.complete.cursor))
    assert {row["id"] for row in third.rows.to_pylist()} == {1, 2, 3, 4, 6}
    connection.execute("insert into t values (7, 1767265200)")  # a number among dates: told by no order of time
    connection.commit()
    [fourth] = made.pull(Pull("t", ["id"], cursor_column="at", cursor=second.complete.cursor))
    assert 7 in {row["id"] for row in fourth.rows.to_pylist()}
    connection.close()


def test_sqlite_names_with_dots_and_quotes(tmp_path: Path, make: Callable[..., SqlConnector]) -> None:
    names = ["tab.le", 'a "b"', "a.b.c", '"x"']
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        for name in names:
            connection.execute(f'create table "{name.replace(chr(34), chr(34) * 2)}" (id integer primary key)')
    made = make("sqlite", path="shop.db")
    for name in (*names, *(found.name for found in made.discover()), "main.tab.le", '"tab.le"', '"main"."tab.le"'):
        assert next(made.pull(Pull(name, ["id"]))).complete is not None
    with pytest.raises(SourceError, match="there is no object nowhere"):
        next(made.pull(Pull("nowhere.tab.le", ["id"])))
    connection.close()


def test_sqlite_is_never_written(kiosk: Path, make: Callable[..., SqlConnector]) -> None:
    with (
        make("sqlite", path=str(kiosk)).link.engine().connect() as connection,
        pytest.raises(OperationalError, match="readonly"),
    ):
        connection.execute(sa.text("delete from t"))
