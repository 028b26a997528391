"""The status: before the first run, from a release on disk and a state, and while somebody else writes."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from company import Parent, Scripted, lake_in, run_of
from houses import House, plain

from tilth.assets import state
from tilth.assets.database import open_state
from tilth.assets.declared import Freshness, TableDeclaration
from tilth.assets.publishing.books import COUNTS as BOOKS
from tilth.assets.publishing.history import rollback
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.assets.publishing.release import Releases
from tilth.assets.standing import COUNTS, Status
from tilth.assets.status import status
from tilth.errors import LakeError

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
ORDERS = TableDeclaration("orders", "c.Order", "erp", "orders", freshness=Freshness(max_age=timedelta(hours=26)))
PARTS = TableDeclaration("parts", "c.Part", "erp", "parts", owner="team:stock")
SURFACE = (
    "name", "rows", "fresh", "age_s", "sla_s", "pulled", "replayed", "pending_before", "inserted", "updated",
    "unchanged", "duplicate", "superseded", "deleted", "quarantined", "pending_after", "closed", "removed",
    "open_before", "superseded_open", "discarded", "open_after", "state", "reason",
)  # fmt: skip


class Place:
    """A curated file, its releases and a state, made by hand."""

    def __init__(self, folder: Path) -> None:
        self.curated = folder / "curated.duckdb"
        self.url = f"sqlite:///{folder / 'state.db'}"

    def release(self, number: int, **tables: TableRelease) -> None:
        folder = self.curated.parent / "releases" / f"{number:06d}-run"
        folder.mkdir(parents=True)
        (folder / self.curated.name).touch()
        manifest = Manifest(number, "run", None, NOW - timedelta(hours=1), tables)
        (folder / "manifest.json").write_text(manifest.to_json(), "utf-8")
        self.curated.unlink(missing_ok=True)
        os.symlink(f"releases/{folder.name}/{self.curated.name}", self.curated)  # noqa: PTH211

    def step(
        self, table: str, state_: str = "done", error: str | None = None, *, run: str = "r", at: datetime = NOW
    ) -> None:
        values = {
            "run_id": run,
            "step": "ingest",
            "table_name": table,
            "source": "erp",
            "state": state_,
            "error": error,
        }
        with open_state(self.url).begin() as connection:
            connection.execute(sa.insert(state.steps).values(**values, at=at))

    def status(self, *tables: TableDeclaration) -> Status:
        return status(tables or (ORDERS, PARTS), ["erp", "crm"], self.curated, self.url, time_zone="UTC", now=NOW)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Nothing has run yet."""
    return Place(tmp_path)


def entry(**counts: int) -> TableRelease:
    """A table that balances."""
    full = dict.fromkeys(BOOKS, 0) | {
        "pulled": 5,
        "inserted": 4,
        "quarantined": 1,
        "open_after": 1,
        "rows_after": 4,
    }
    return TableRelease("published", 4, counts=full | counts, data_as_of=NOW - timedelta(hours=2))


def test_before_the_first_run_nothing_is_made(place: Place) -> None:
    found = place.status().to_dict()
    assert found["release"] == 0
    assert [table["state"] for table in found["tables"]] == ["new", "new"]
    assert [source["state"] for source in found["sources"]] == ["never", "never"]
    assert found["conserved"] is True
    assert list(place.curated.parent.iterdir()) == []


def test_every_key_of_the_surface_is_there(place: Place) -> None:
    place.release(3, orders=entry())
    found = json.loads(json.dumps(place.status(ORDERS).to_dict()))
    assert set(SURFACE) <= set(found["tables"][0])
    assert {"release", "tables", "documents", "sources", "conserved"} <= set(found)
    assert found["tables"][0]["rows"] == 4
    assert {name: found["tables"][0][name] for name in COUNTS} == {n: entry().counts[n] for n in COUNTS}


def test_freshness_is_asked_now(place: Place) -> None:
    place.release(1, orders=entry(), parts=entry())
    orders, parts = place.status().tables
    assert (orders.fresh, orders.age_s, orders.sla_s) == (True, 7200, 93600)
    assert (parts.fresh, parts.sla_s) == (True, None)
    place.release(2, orders=replace(entry(), data_as_of=NOW - timedelta(hours=27)))
    late = place.status(ORDERS).tables[0]
    assert not late.fresh
    assert (late.freshness, late.why.startswith("data is as of ")) == ("late", True)


def test_a_source_that_failed_last_is_failed_and_so_are_its_tables(place: Place) -> None:
    place.release(1, orders=entry(), parts=entry())
    place.step("orders", run="a")
    place.step("parts", "failed", "parts is gone", run="a")
    found = place.status()
    assert [(source.state, source.error) for source in found.sources] == [("failed", "parts is gone"), ("never", None)]
    assert [(table.state, table.reason) for table in found.tables] == [("published", None), ("failed", "parts is gone")]
    place.step("parts", run="b")
    found = place.status()
    assert found.sources[0].state == "ok"
    assert [table.state for table in found.tables] == ["published", "published"]


def test_a_hold_is_told_with_its_reason(place: Place) -> None:
    place.release(1, orders=replace(entry(), state="held", reason="20 % toxic"), parts=entry())
    with open_state(place.url).begin() as connection:
        values = {"table_name": "parts", "kind": "rollback", "reason": "taken back", "at": NOW}
        connection.execute(sa.insert(state.holds).values(values))
    assert [(table.state, table.reason) for table in place.status().tables] == [
        ("held", "20 % toxic"),
        ("held", "taken back"),
    ]


def test_a_balance_that_does_not_add_up_is_told(place: Place) -> None:
    place.release(1, orders=entry(pulled=6), parts=entry())
    found = place.status()
    assert not found.conserved
    assert found.tables[0].unproved[0][0] == "flow"
    assert not found.tables[1].unproved


def test_a_run_under_way_is_told_and_does_not_stand_in_the_way(place: Place) -> None:
    values = {
        "name": "writer", "holder": "tilth run", "host": "here", "pid": 7, "process_start": 0.0, "token": "t",
        "taken_at": NOW - timedelta(minutes=3), "beat_at": NOW - timedelta(seconds=5),
    }  # fmt: skip
    with open_state(place.url).begin() as connection:
        connection.execute(sa.insert(state.leases).values(values))
    with open_state(place.url).begin() as connection:
        connection.execute(sa.update(state.leases).values(pid=8))
        assert "process 7" in (place.status().running or "")
    assert "process 8" in (place.status().running or "")


def test_a_damaged_state_is_told_as_a_run_would(place: Place) -> None:
    path = Path(place.url.removeprefix("sqlite:///"))
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(LakeError, match="state database"):
        place.status()
    path.unlink()
    sqlite3.connect(path).close()  # an empty file: made into a state
    assert place.status().release == 0


def test_what_was_pulled_and_not_published_is_told_as_pending(tmp_path: Path) -> None:
    house = House(lake_in(tmp_path))
    house.tables["parents"] = (plain("parents"), Parent)
    columns = {"id": pa.int64(), "content": pa.int64()}

    def told(*names: str) -> tuple[int, ...]:
        found = status(
            [plain("parents")], [], house.lake.curated, f"sqlite:///{house.lake.state.where}", time_zone="UTC", now=NOW
        )
        assert found.conserved
        return tuple(found.tables[0].counts.get(name, 0) for name in names)

    now = ("pulled", "quarantined", "pending_before", "pending_after", "open_after", "inserted")
    house.ingest("parents", Scripted([{"id": 1, "content": 1}, {"id": 2, "content": -1}], columns))
    assert told(*now) == (2, 1, 0, 1, 1, 0)
    house.publish()
    assert told(*now) == (2, 1, 0, 0, 1, 1)
    house.ingest("parents", Scripted([{"id": 2, "content": -2}, {"id": 3, "content": 3}], columns))
    house.ingest("parents", Scripted([{"id": 4, "content": 4}], columns))
    assert told(*now) == (3, 1, 0, 2, 1, 0)
    house.publish()
    assert told(*now) == (3, 1, 0, 0, 1, 2)
    rollback(house.lake, Releases(house.lake.curated), run_of(9))
    assert told(*now) == (3, 1, 0, 2, 1, 0)
