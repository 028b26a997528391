"""Rules of a whole table: one that does not hold holds the table, blames no row, and can be accepted. Derived tables,
too, have rules among their rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from company import Scripted, lake_in
from houses import House, plain

from tilth.assets.declared import DerivedDeclaration
from tilth.assets.night import Publishable
from tilth.assets.state import outbox
from tilth.schemas.contract import (
    Contract,
    aggregate,
    ascending,
    functional_dependency,
    null_share,
    row_count,
    value_share,
)
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()


class Reading(Contract):
    """Measured somewhere."""

    id: int = column(key=True)
    value: int = column(nullable=True)
    state: str = column()
    rules = (
        row_count(at_least=2, at_most=5),
        null_share("value", at_most=0.5, over="pull"),
        value_share("state", "ok", at_least=0.5),
        aggregate("mean", "value", at_most=10),
        aggregate("min", "value", at_least=0),
        aggregate("max", "value", at_most=50, severity="warn"),
    )


class Summary(Contract):
    """Made from readings."""

    state: str = column(key=True)
    readings: int = column()
    rules = (row_count(at_most=1),)


class Copy(Contract):
    """Readings, with rules among rows."""

    id: int = column(key=True)
    value: int = column(nullable=True)
    state: str = column()
    rules = (
        functional_dependency("state", "value", severity="warn"),
        functional_dependency("value", "state"),
        ascending("value", by="id", within="state"),
    )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(lake_in(tmp_path))
    house.tables["readings"] = (plain("readings"), Reading)
    yield house
    assert not house.problems()


def night(house: House, *rows: tuple[int, int | None, str]) -> str:
    """Why the table is held, if it is."""
    told = [{"id": id, "value": value, "state": state} for id, value, state in rows]
    house.ingest("readings", Scripted(told, {"id": INT, "value": INT, "state": TEXT}))
    published = house.publish().tables["readings"]
    return (published.reason or "").split("\n  next:")[0] if published.state == "held" else ""


def test_a_table_is_held_as_it_would_be_published_and_published_when_it_is_right(house: House) -> None:
    assert night(house, (1, 1, "ok")) == "row_count: number of rows is 1, expected at least 2 and at most 5"
    assert house.rows("SELECT count(*) FROM readings") == [(0,)]
    assert night(house, (2, 60, "ok")) == "aggregate: mean of value is 30.5, expected at most 10"
    assert night(house, (2, 6, "ok")) == ""
    assert house.rows("SELECT id, value FROM readings ORDER BY id") == [(1, 1), (2, 6)]
    assert house.rows("SELECT count(*) FROM _catalog.quarantine") == [(0,)]
    rules = [*["aggregate"] * 3, "null_share", "row_count", "value_share"]
    assert verdicts(house, "readings") == [(rule, 1, 0) for rule in rules]


def test_the_verdicts_that_hold_a_table_are_in_the_catalogue_and_those_of_the_next_night_are_others(
    house: House,
) -> None:
    sql = "SELECT state, count(*) AS readings FROM readings GROUP BY state"
    house.derived = [Publishable(DerivedDeclaration("summary", "x.X", sql, ("readings",)), Summary)]
    assert night(house, (1, 1, "ok"), (2, 20, "ok"), (3, 3, "bad")) == ""
    assert verdicts(house, "summary") == [("row_count", 1, 1)]  # and nothing else was asked that is declared
    assert night(house, (4, 90, "bad"), (5, 91, "bad"), (6, 1, "bad")).startswith("row_count: number of rows is 6")
    assert verdicts(house, "readings") == [
        ("aggregate", 1, 0),
        ("aggregate", 1, 1),
        ("aggregate", 1, 1),
        ("null_share", 1, 0),
        ("row_count", 1, 1),
        ("value_share", 1, 1),
    ]
    assert verdicts(house, "summary") == [("row_count", 1, 1)]  # asked again: it is still not as its input is
    measured = "SELECT measured FROM _catalog.quality WHERE rule = 'aggregate' AND failed = 1 ORDER BY ALL"
    assert house.rows(measured) == [("max of value: at most 50",), ("mean of value: at most 10",)]
    failed = [event for event in told(house) if event["eventType"] != "START" and "settle" in event["job"]["name"]][-1]
    assert failed["eventType"] == "FAIL" and not failed["outputs"]
    built = [event for event in told(house) if "derive" in event["job"]["name"]]
    assert all("dataQualityAssertions" not in output["facets"] for event in built for output in event["outputs"])


def verdicts(house: House, table: str) -> list[tuple[object, ...]]:
    """What rules of the whole table said in the last publish: how many were asked and failed."""
    rules = "'aggregate', 'row_count', 'null_share', 'value_share'"
    return house.rows(
        f"SELECT rule, checked, failed FROM _catalog.quality WHERE \"table\" = '{table}' "
        f"AND run = 'run-{house.nights}' AND rule IN ({rules}) ORDER BY ALL"
    )


def told(house: House) -> list[dict[str, Any]]:
    """The lineage of all nights."""
    with house.lake.state.read() as connection:
        texts = connection.execute(sa.select(outbox.c.event).order_by(outbox.c.id)).scalars()
        return [json.loads(text) for text in texts]


def test_what_is_pulled_is_measured_by_itself(house: House) -> None:
    assert night(house, (1, 1, "ok"), (2, 2, "ok"), (3, 3, "ok")) == ""
    expected = "null_share: share of nulls in value of what was pulled is 1, expected at most 0.5"
    assert night(house, (4, None, "ok")) == expected
    assert night(house, (3, None, "bad")) == expected
    assert night(house, (3, 3, "bad"), (5, 5, "bad")) == ""


def test_a_person_may_accept_it(house: House) -> None:
    assert (
        night(house, (1, 1, "bad"), (2, 2, "bad")) == "value_share: share of 'ok' in state is 0, expected at least 0.5"
    )
    house.accept("readings")
    house.publish()
    assert house.rows("SELECT count(*) FROM readings") == [(2,)]


def test_a_derived_table_is_held_too_and_keeps_its_last_good_content(house: House) -> None:
    sql = "SELECT state, count(*) AS readings FROM readings GROUP BY state"
    house.derived = [Publishable(DerivedDeclaration("summary", "x.X", sql, ("readings",)), Summary)]
    night(house, (1, 1, "ok"), (2, 2, "ok"))
    assert house.rows("SELECT * EXCLUDE (_source, _batch, _ordinal, _updated_at) FROM summary") == [("ok", 2)]
    night(house, (3, 3, "bad"))
    reason = house.publish().tables["summary"].reason or ""
    assert reason.startswith("row_count: number of rows is 2, expected at most 1\n  next: ")
    assert house.rows("SELECT readings FROM summary") == [(2,)]
    house.accept("summary")
    house.publish()
    assert house.rows("SELECT count(*) FROM summary") == [(2,)]


def test_rules_among_the_rows_of_a_derived_table(house: House) -> None:
    sql = "SELECT id, value, state FROM readings"
    house.derived = [Publishable(DerivedDeclaration("copies", "x.X", sql, ("readings",)), Copy)]
    night(house, (1, 1, "ok"), (2, 5, "ok"), (3, 3, "ok"), (4, 7, "ok"), (5, 7, "bad"))
    assert house.rows("SELECT id FROM copies ORDER BY id") == [(1,), (3,)]
    found = house.rows("SELECT rule, open FROM _catalog.quarantine WHERE \"table\" = 'copies' ORDER BY rule")
    assert found == [("functional_dependency", 2), ("sequence", 1)]
    assert house.rows(
        'SELECT rule, "column", severity, checked, failed FROM _catalog.quality WHERE "table" = \'copies\' '
        "AND rule IN ('functional_dependency', 'sequence') ORDER BY ALL"
    ) == [
        ("functional_dependency", "state,value", "warn", 5, 2),
        ("functional_dependency", "value,state", "error", 5, 2),
        ("sequence", "value", "error", 5, 1),
    ]
