"""Derived tables whatever their SQL looks like and gives: exact values, the project's days, one table's fault alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pandera.polars as pa_polars
import polars as pl
import pyarrow as pa
import pytest
from company import Scripted, declaration, frame_of, lake_in, run_of
from pandera.api.polars.types import PolarsData

from tilth.assets.declared import Deletes, DerivedDeclaration
from tilth.assets.night import Publishable, Published, ingest_table, publish_night, set_right
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column


class Event(Contract):
    """Something that happened."""

    id: int = column(key=True)
    at: Annotated[pl.Datetime, "us", "UTC"] = column(nullable=True)
    amount: int = column(nullable=True)


COLUMNS = {"id": pa.int64(), "at": pa.string(), "amount": pa.int64()}


def made(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    *derived: tuple[str, str, type],
    time_zone: str = "UTC",
    night: int = 1,
) -> Published:
    """One night over the table `events`, and what is made from it: name, sql, contract."""
    lake, run = replace(lake_in(folder), time_zone=time_zone), run_of(night)
    set_right(lake)
    events = declaration("events", deletes=Deletes(), version=None)
    ingest_table(events, Event, lambda: Scripted(rows, COLUMNS, size=50_000), lake, run)
    built = [Publishable(DerivedDeclaration(name, "x.X", sql, ("events",)), made) for name, sql, made in derived]
    return publish_night([Publishable(events, Event), *built], lake, run)


def seen(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return frame_of(folder / "curated.duckdb", sql).rows()


class Day(Contract):
    """What happened on a day."""

    day: date = column(key=True)
    events: int = column()
    first: str = column()


DAYS = 'SELECT "at"::DATE AS day, count(*) AS events, min("at")::VARCHAR AS first FROM events GROUP BY 1'


@pytest.mark.parametrize(("zone", "day"), [("UTC", 1), ("Pacific/Auckland", 2), ("America/New_York", 1)])
def test_the_days_of_a_query_are_those_of_the_project(tmp_path: Path, zone: str, day: int) -> None:
    rows = [{"id": 1, "at": "2026-05-01T13:30:00Z"}]
    published = made(tmp_path, rows, ("days", DAYS, Day), time_zone=zone)
    assert published.problems == ()
    ((found, first),) = seen(tmp_path, "SELECT day, first FROM days")
    assert (found, first[:10]) == (date(2026, 5, day), f"2026-05-0{day}")


def test_a_table_is_made_anew_when_the_project_moves(tmp_path: Path) -> None:
    rows = [{"id": 1, "at": "2026-05-01T13:30:00Z"}]
    made(tmp_path, rows, ("days", DAYS, Day))
    made(tmp_path, [], ("days", DAYS, Day), time_zone="Pacific/Auckland", night=2)
    assert seen(tmp_path, "SELECT day FROM days") == [(date(2026, 5, 2),)]
    for zone, release in (("Pacific/Auckland", 2), ("UTC", 3)):  # without any pull
        lake, run = replace(lake_in(tmp_path), time_zone=zone), run_of(release + 1)
        days = DerivedDeclaration("days", "x.X", DAYS, ("events",))
        events = declaration("events", deletes=Deletes(), version=None)
        published = publish_night([Publishable(events, Event), Publishable(days, Day)], lake, run)
        assert published.current is not None and published.current.release == release
    assert seen(tmp_path, "SELECT day FROM days") == [(date(2026, 5, 1),)]


def test_the_zone_of_the_machine_does_not_count() -> None:
    code = "from tilth.assets.publishing.engine import connect, row_of; "
    code += "print(row_of(connect(None), 'SELECT current_setting($$TimeZone$$)')[0])"
    env = {**os.environ, "TZ": "America/New_York"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "UTC"


class Sum(Contract):
    """What happened, added up."""

    id: int = column(key=True)
    amount: int = column()
    exact: Annotated[pl.Decimal, 38, 0] = column()


BIG = 9_007_199_254_740_993  # no double holds it


def test_sums_are_exact(tmp_path: Path) -> None:
    sql = "SELECT id, sum(amount) AS amount, sum(amount) * 10**20::HUGEINT AS exact FROM events GROUP BY id"
    sql = sql.replace("10**20::HUGEINT", f"{10**20}::HUGEINT")
    published = made(tmp_path, [{"id": 1, "amount": BIG}, {"id": 2, "amount": -BIG}], ("sums", sql, Sum))
    assert published.problems == ()
    found = seen(tmp_path, "SELECT amount, exact::VARCHAR FROM sums ORDER BY id")
    assert found == [(BIG, f"{BIG}{'0' * 20}"), (-BIG, f"-{BIG}{'0' * 20}")]


def test_a_sum_that_its_column_cannot_hold_is_toxic_and_shown_exactly(tmp_path: Path) -> None:
    rows = [{"id": 1, "amount": 2**63 - 1}, {"id": 2, "amount": 1}]
    sql = "SELECT 1 AS id, sum(amount) AS amount, 0 AS exact FROM events"
    published = made(tmp_path, rows, ("sums", sql, Sum))
    assert published.tables["sums"].counts["quarantined"] == 1
    assert seen(tmp_path, "SELECT rule, open FROM _catalog.quarantine WHERE \"table\" = 'sums'") == [("parse", 1)]


@pytest.mark.parametrize("end", ["", ";", " ; ; ", " -- all", "; -- all;", "\n/* all */ ;"])
def test_a_query_ends_as_people_end_it(tmp_path: Path, end: str) -> None:
    sql = (
        f"SELECT id, amount, ';' AS x, amount AS exact FROM events -- of events{'' if end[:1] == ' ' else chr(10)}{end}"
    )
    assert made(tmp_path, [{"id": 1, "amount": 3}], ("sums", sql, Sum)).problems == ()
    assert seen(tmp_path, "SELECT amount FROM sums") == [(3,)]


class Same(Contract):
    """An event once more."""

    id: int = column(key=True)
    amount: int = column(nullable=True)
    batch: int = column(nullable=True, source="_of_batch")


def test_everything_of_a_table_can_be_selected(tmp_path: Path) -> None:
    rows = [{"id": n, "amount": 1} for n in range(3)]
    sql = "SELECT *, _batch AS _of_batch FROM events"
    assert made(tmp_path, rows, ("same", sql, Same)).problems == ()
    found = seen(
        tmp_path, "SELECT id, s._source, s._batch IS NULL, s.batch = e._batch FROM same s JOIN events e USING (id)"
    )
    assert sorted(found) == [(n, "derived", True, True) for n in range(3)]


def test_a_query_that_fails_holds_its_table_alone(tmp_path: Path) -> None:
    wrong = "SELECT id, nothing AS amount FROM events", "SELECT id, 'x'::INT AS amount FROM events"
    derived = [(f"wrong{n}", sql, Same) for n, sql in enumerate(wrong)]
    good = "SELECT *, 1 AS exact FROM events"
    published = made(tmp_path, [{"id": 1, "amount": 3}], *derived, ("sums", good, Sum))
    assert published.release == 1
    assert {"wrong0", "wrong1"} <= set(published.held)
    assert seen(tmp_path, "SELECT amount FROM sums") == [(3,)]


class Texts(Contract):
    """What came out, as text."""

    id: int = column(key=True)
    it: str = column()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("MAP {1: amount}", '{"1":3}'),
        ("{'a': [amount]}", '{"a":[3]}'),
        ("[amount]", "[3]"),
        ("INTERVAL 1 DAY", "1 day"),
        ("'0190c3d5-0000-7000-8000-000000000000'::UUID", "0190c3d5-0000-7000-8000-000000000000"),
        ("'{}'::JSON", "{}"),
        ("amount::HUGEINT", "3"),
        ("amount::BIGNUM", "3"),
        ("TIME '10:30:00'", "10:30:00"),
        ("TIME '24:00:00'", "24:00:00"),
        ("'ab'::BIT", None),
    ],
)
def test_any_type_that_comes_out_is_text_where_text_is_asked_for(tmp_path: Path, value: str, text: str | None) -> None:
    published = made(tmp_path, [{"id": 1, "amount": 3}], ("texts", f"SELECT id, {value} AS it FROM events", Texts))
    assert bool(published.problems) == (text is None)
    if text is not None:
        assert seen(tmp_path, "SELECT it FROM texts") == [(text,)]


class Fine(Contract):
    """To the billionth of a second."""

    id: int = column(key=True)
    clock: pl.Time = column(nullable=True)
    instant: Annotated[pl.Datetime, "ns", "UTC"] = column()


def test_billionths_of_a_second_come_through_and_no_hour_gets_lost(tmp_path: Path) -> None:
    instant = "TIMESTAMPTZ_NS '2024-01-01 00:00:00.123456789+02' AS instant"
    sql = f"SELECT id, TIME_NS '23:59:59.123456789' AS clock, {instant} FROM events WHERE id = 1 UNION ALL "
    late = f"SELECT id, TIME_NS '24:00:00', {instant} FROM events WHERE id = 2"
    published = made(tmp_path, [{"id": 1}, {"id": 2}], ("fine", sql + late, Fine))
    assert published.tables["fine"].counts["quarantined"] == 1
    told = [("23:59:59.123456789", "2023-12-31 22:00:00.123456789+00")]
    assert seen(tmp_path, "SELECT clock::VARCHAR, instant::VARCHAR FROM fine") == told


class Only(Contract):
    """One beside its key."""

    id: int = column(key=True)
    amount: int = column(unique=True, nullable=True)


def _all_different(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).is_unique())


class Distinct(Contract):
    """A check of one's own that looks at all rows."""

    id: int = column(key=True)
    amount: int = column()

    @pa_polars.check("amount")
    @classmethod
    def all_different(cls, data: PolarsData) -> pl.LazyFrame:
        return _all_different(data)


@pytest.mark.parametrize(("contract", "rule"), [(Only, "unique"), (Distinct, "all_different")])
def test_values_are_compared_over_the_whole_table(tmp_path: Path, contract: type, rule: str) -> None:
    count, sql = 120_000, "SELECT id, amount FROM events ORDER BY id"
    rows = [{"id": n, "amount": n % (count - 1)} for n in range(count)]  # the first and the last row have the same
    made(tmp_path, rows, ("ones", sql, contract))
    assert seen(tmp_path, "SELECT rule, open FROM _catalog.quarantine") == [(rule, 2)]
    assert seen(tmp_path, "SELECT count(*), min(id), max(id) FROM ones") == [(count - 2, 1, count - 2)]
    made(
        tmp_path,
        [{"id": count, "amount": count}],
        ("ones", sql, contract),
        night=2,
    )
    assert seen(tmp_path, "SELECT rule, open FROM _catalog.quarantine") == [(rule, 2)]


def test_values_that_are_missing_are_not_the_same(tmp_path: Path) -> None:
    rows = [{"id": 1}, {"id": 2}, {"id": 3, "amount": 5}]
    assert made(tmp_path, rows, ("ones", "SELECT id, amount FROM events", Only)).tables["ones"].rows == 3
