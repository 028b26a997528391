"""Thresholds: when too much is toxic, which rules found it, how it was before, and what each `beyond` does."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from company import Parent, Scripted, lake_in
from houses import House, plain
from hypothesis import given
from hypothesis import strategies as st

from tilth.assets.declared import DerivedDeclaration, Toxic
from tilth.assets.night import Publishable
from tilth.assets.publishing.holds import excess
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

INT = pa.int64()
COLUMNS = {"id": INT, "content": INT, "version": pa.string()}


def night(house: House, first: int, good: int, below: int, unread: int = 0, *, publish: bool = True) -> str | None:
    """A pull with so many good records, some whose content is below zero, some whose version is no number."""
    rows: list[dict[str, object]] = [{"id": first + at, "content": 1, "version": "1"} for at in range(good)]
    rows += [{"id": first + 1_000 + at, "content": -1, "version": "1"} for at in range(below)]
    rows += [{"id": first + 2_000 + at, "content": 1, "version": "x"} for at in range(unread)]
    house.ingest("parents", Scripted(rows, COLUMNS, size=7))
    return house.publish().tables["parents"].reason if publish else None


class Total(Contract):
    """Made from parents."""

    id: int = column(key=True)
    doubled: int = column(le=2)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1), st.integers(0, 100), st.integers(0, 10**6))
def test_a_share_counts_from_enough_records_on_and_a_number_always(
    pulled: int, toxic: int, share: float, least: int, most: int
) -> None:
    toxic = min(pulled, toxic)
    by_share = pulled >= least and toxic > share * pulled
    assert (excess(Toxic(share, least), pulled, toxic) is not None) == by_share
    assert (excess(Toxic(share, least, max_rows=most), pulled, toxic) is not None) == (by_share or toxic > most)


def test_a_hold_names_the_rules_the_runs_before_and_the_way_out(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version", toxic=Toxic(0.1, 5)), Parent)
    assert night(house, 10_000, 4, 0, 0) is None
    assert night(house, 20_000, 99, 1) is None
    assert night(house, 30_000, 96, 3, 1) is None
    reason = night(house, 40_000, 4, 4, 2)
    assert reason is not None
    first, last = reason.splitlines()
    assert first == (
        "6 of 10 records are toxic (60.0%, at most 10.0% may be): 4 by greater_than_or_equal_to of content, "
        "2 by parse of version; the last 3 runs: 0.0% to 4.0%"
    )
    assert last == '  next: tilth quarantine list --table parents, or: tilth publish accept parents --why "…"'
    again = night(house, 50_000, 10, 0)  # what waits is taken together, and compared with what was before it
    assert again is not None
    assert again.startswith("6 of 20 records are toxic (30.0%")
    assert "the last 3 runs: 0.0% to 4.0%" in again


def test_seven_runs_are_compared_and_the_first_has_none(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version", toxic=Toxic(max_rows=2)), Parent)
    reason = night(house, 0, 7, 3)
    assert reason is not None
    assert "3 of 10 records are toxic (30.0%, at most 2 records may be)" in reason
    assert "no run before to compare with" in reason
    house.tables["parents"] = (plain("parents", version="version"), Parent)
    for number in range(1, 10):
        assert night(house, 10_000 * number, 10 - number % 2, number % 2) is None
    house.tables["parents"] = (plain("parents", version="version", toxic=Toxic(max_rows=2)), Parent)
    assert "the last 7 runs: 0.0% to 10.0%" in (night(house, 500_000, 0, 3) or "")


def test_publish_lets_everything_through_and_a_missing_file_stops_nobody_else(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version", toxic=Toxic(0.1, 1, "publish")), Parent)
    assert night(house, 0, 1, 9) is None
    house.tables["parents"] = (plain("parents", version="version", toxic=Toxic(0.1, 1)), Parent)
    night(house, 10_000, 1, 9, publish=False)
    (newest,) = (path for path in house.lake.storage.list("toxic/parents") if path.endswith("p2.parquet"))
    house.lake.storage.delete(newest)
    assert "9 of 10 records are toxic" in (house.publish().tables["parents"].reason or "")


def test_a_derived_table_is_held_by_its_own_limit_and_accepted_once(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version"), Parent)
    sql, limit = "SELECT id, content AS doubled FROM parents", Toxic(0.5, 2)
    totals = DerivedDeclaration("totals", "x.Total", sql, ("parents",), toxic=limit)
    house.derived.append(Publishable(totals, Total))
    house.ingest("parents", Scripted([{"id": 1, "content": 1}, {"id": 2, "content": 9}], COLUMNS))
    assert house.publish().tables["totals"].rows == 1
    house.ingest("parents", Scripted([{"id": 3, "content": 9}, {"id": 4, "content": 9}], COLUMNS))
    held = house.publish()
    assert (held.held, held.tables["parents"].rows, held.tables["totals"].rows) == (("totals",), 4, 1)
    first, last = (held.tables["totals"].reason or "").splitlines()
    assert first == (
        "3 of 4 records are toxic (75.0%, at most 50.0% may be): 3 by less_than_or_equal_to of doubled; "
        "the run before: 50.0%"
    )
    assert "tilth publish accept totals" in last
    house.accept("totals")
    accepted = house.publish().tables["totals"]
    assert (accepted.state, accepted.too_toxic, accepted.counts["open_after"]) == ("published", False, 3)
    house.ingest("parents", Scripted([{"id": 5, "content": 9}], COLUMNS))
    assert house.publish().held == ("totals",)
