"""While others write and commit late, several pulls together hold every row as the table has it at the end."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.connectors.conftest import Database
from tilth.connectors.protocol import Pull, Token
from tilth.connectors.sql.connector import SqlConnector

WRITERS, SECONDS, KEYS, ROWS = 5, 5.0, 400, 200


def write(database: Database, seed: int, stop: threading.Event) -> None:
    """Transactions of 0 to 1.5 s on keys of its own (no waiting for locks), some rolled back."""
    rng = random.Random(seed)
    with database.connect(autocommit=False, user="writer", password="w") as connection:
        while not stop.is_set():
            for _ in range(rng.randint(1, 5)):
                key = rng.randrange(KEYS) * WRITERS + seed
                connection.execute(
                    "insert into orders values (%s, %s, now()) on conflict (id)"
                    " do update set v = excluded.v, updated_at = excluded.updated_at",
                    (key, rng.random()),
                )
                stop.wait(rng.choice([0, 0, 0.02, 0.3]))
            connection.rollback() if rng.random() < 0.2 else connection.commit()


def enough(database: Database, stop: threading.Event) -> None:
    """Let them write for some seconds, and on until there are rows to compare."""
    time.sleep(SECONDS)
    while database.rows("select count(*) from orders")[0][0] <= ROWS:
        time.sleep(0.2)
    stop.set()


def pulls(made: SqlConnector, rng: random.Random, stop: threading.Event) -> dict[int, Any]:
    """What one pull after the other brings, the last one begun after the last commit; some are cut off."""
    content: dict[int, Any] = {}
    cursor: Token | None = None
    last = False
    resume: Token | None = None
    while True:
        pull = Pull("orders", ["id"], cursor_column="updated_at", cursor=cursor, batch_rows=rng.choice([40, 100_000]))
        for batch in made.pull(replace(pull, resume=resume)):
            content |= {row["id"]: (row["v"], row["updated_at"]) for row in batch.rows.to_pylist()}
            resume = batch.resume
            if batch.complete is not None:
                cursor, resume = batch.complete.cursor, None
                if last:
                    return content
            elif not last and rng.random() < 0.1:
                break
        last = stop.is_set() and threading.active_count() >= 1 and resume is None and not any_writer()
        time.sleep(0 if last else 0.15)


def any_writer() -> bool:
    return any(thread.name.startswith("writer-") and thread.is_alive() for thread in threading.enumerate())


@pytest.mark.parametrize("user", ["reader", "tilth"])
def test_no_row_is_lost(database: Database, user: str) -> None:
    """`reader` may not see when the transactions of others began."""
    database.run(
        "do $$ begin create role writer login password 'w'; exception when duplicate_object then null; end $$",
        "do $$ begin create role reader login password 'r'; exception when duplicate_object then null; end $$",
        "create table orders (id int primary key, v float, updated_at timestamptz not null)",
        "create index on orders (updated_at)",
        "grant all on orders to writer",
        "grant select on orders to reader",
    )
    (database.base / "reader.password").write_text("r")
    as_reader = {"user": "reader", "password": "file:reader.password"}
    made = database.connector(lag="100ms", **(as_reader if user == "reader" else {}))
    assert ("not visible" in made.check().detail) == (user == "reader")
    stop = threading.Event()
    threads = [threading.Thread(target=write, args=(database, n, stop), name=f"writer-{n}") for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    threading.Thread(target=enough, args=(database, stop)).start()
    content = pulls(made, random.Random(11), stop)
    table = {key: (v, at) for key, v, at in database.rows("select id, v, updated_at from orders")}
    assert len(table) > ROWS and {k: content.get(k) for k in table} == table
