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

import polars as pl
import pyarrow as pa
import pytest
from company import Scripted, declaration, frame_of, lake_in, run_of

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


def test_the_zone_of_the_machine_does_not_count() -> None:
    code = "from tilth.assets.publishing.engine import connect, row_of; "
    code += "print(row_of(connect(None), 'SELECT current_setting($$TimeZone$$)')[0])"
    env = {**os.environ, "TZ": "America/New_York"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "UTC"
