"""What an acceptance forgives: what was told, as bad as it was, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from company import Parent, Scripted, lake_in, run_of
from houses import House, plain
from hypothesis import assume, given
from hypothesis import strategies as st

from tilth.assets import state
from tilth.assets.declared import DerivedDeclaration, Toxic
from tilth.assets.night import Publishable
from tilth.assets.publishing.causes import Cause, degree
from tilth.assets.publishing.history import rollback
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.publishing.reconcile import reconcile
from tilth.assets.publishing.release import Releases
from tilth.schemas.contract import Contract, aggregate, null_share, row_count
from tilth.schemas.contract import field as column
from tilth.schemas.relations import TableRule
from tilth.schemas.table_rules import bound

INT = pa.int64()
COLUMNS = {"id": INT, "content": INT, "version": pa.string()}
NUMBERS = st.integers(-50, 50) | st.decimals(-50, 50, places=3) | st.floats(-50, 50)


class Strict(Contract):
    """A parent, with rules of the whole table."""

    id: int = column(key=True)
    content: int = column(ge=0)
    version: int = column(nullable=True)
    rules = (
        row_count(at_least=2),
        aggregate("max", "content", at_most=10),
        null_share("version", at_most=0.5, over="pull"),
    )


class Stricter(Parent):
    """More is toxic."""

    content: int = column(ge=5)


class Double(Contract):
    """Made from parents."""

    id: int = column(key=True)
    doubled: int = column(le=2)
    rules = (row_count(at_least=2),)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(lake_in(tmp_path))
    yield house
    assert not house.problems()
    house.lake.state.close()


def pull(house: House, *contents: int, first: int = 1, version: str | None = "1") -> None:
    rows = [{"id": first + at, "content": content, "version": version} for at, content in enumerate(contents)]
    house.ingest("parents", Scripted(rows, COLUMNS))


def held(house: House, table: str = "parents") -> list[str]:
    """What holds the table now, in words; of toxic records, how many."""
    entry = house.publish().tables[table]
    assert (entry.state == "held") == bool(entry.causes)
    said = (entry.reason or "").partition("\n")[0]
    assert said == "; ".join(cause.told for cause in entry.causes)
    return [cause.told.partition(" records are toxic")[0].partition(", expected")[0] for cause in entry.causes]


ROWS, MAX = "row_count: number of rows is 1", "aggregate: max of content is {}"


@given(NUMBERS, NUMBERS, st.integers(-20, 0), st.integers(0, 20))
def test_a_number_is_forgiven_when_it_is_no_further_out_of_the_same_bound(
    told: float, now: float, low: int, high: int
) -> None:
    rule = TableRule("mean", "x", at_least=low, at_most=high)
    assume(not rule.holds(told) and not rule.holds(now))
    first, second = (Cause(bound(rule, one)[0], "", degree(bound(rule, one)[1])) for one in (told, now))
    same_side = (Decimal(told) < low) == (Decimal(now) < low)
    no_further = abs(Decimal(now)) <= abs(Decimal(told)) * (1 + Decimal("1e-9"))
    assert second.forgiven_by(first) == (same_side and no_further)
    assert Cause.from_json(second.to_json()) == second


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), Decimal(10) ** 37])
def test_what_is_no_number_is_as_bad_as_can_be(number: float | Decimal) -> None:
    assert Cause("x", "").forgiven_by(Cause("x", "", degree(number))) == (number != float("-inf"))


def test_what_was_not_told_holds_it_again_and_then_all_is_told(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version"), Strict)
    pull(house, 5)
    assert held(house) == [ROWS]
    pull(house, 50)  # the same row, worse: nobody was told
    house.accept("parents")
    assert held(house) == [MAX.format(50), ROWS]
    house.accept("parents")
    assert held(house) == []
    assert house.rows("SELECT id, content FROM parents") == [(1, 50)]
    pull(house, 60)
    assert held(house) == [ROWS, MAX.format(60)]  # once accepted is not for ever


def test_all_rules_that_do_not_hold_are_accepted_at_once(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version"), Strict)
    pull(house, 50, version=None)
    assert len(held(house)) == 3
    house.accept("parents")
    assert held(house) == []


@pytest.mark.long
def test_what_got_worse_since_it_was_told_is_not_accepted(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version"), Strict)
    pull(house, 20, 1)
    assert held(house) == [MAX.format(20)]
    pull(house, 19, first=5)
    house.accept("parents")
    assert held(house) == []
    pull(house, 30)
    assert held(house) == [MAX.format(30)]
    pull(house, 31)
    house.accept("parents")
    assert held(house) == [MAX.format(31)]


def test_toxic_records_are_accepted_of_the_pulls_that_were_told_of(house: House) -> None:
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.2, 2)), Parent)
    pull(house, -1, -1, 1)
    assert held(house) == ["2 of 3"]
    pull(house, *[1] * 9, -1, first=100)  # within the limit by itself
    house.accept("parents")
    assert held(house) == []
    pull(house, -1, 1, first=200)
    assert held(house) == ["1 of 2"]
    pull(house, -1, *[1] * 2, first=300)  # a smaller share than was told, but nobody was told of it
    house.accept("parents")
    assert held(house) == ["2 of 5"]
    house.accept("parents")
    assert held(house) == []


def test_toxic_records_and_rules_of_the_whole_table_are_told_together_in_the_end(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version", toxic=Toxic(0.2, 2)), Strict)
    pull(house, -1, 50)
    assert held(house) == ["1 of 2"]
    house.accept("parents")
    assert held(house) == [ROWS, MAX.format(50), "1 of 2"]
    house.accept("parents")
    assert held(house) == []


def test_more_that_a_changed_contract_finds_toxic_is_not_accepted(house: House) -> None:
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.2, 2)), Parent)
    pull(house, -1, 1, 9)
    assert held(house) == ["1 of 3"]
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.2, 2)), Stricter)
    house.accept("parents")  # of what the contract before it found
    assert held(house) == ["2 of 3"]
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.2, 2)), Parent)
    assert held(house) == ["1 of 3"]  # judged again, it is told anew, though nothing was pulled
    assert house.publish().release is None
    house.accept("parents")
    assert held(house) == []


def test_a_derived_table_is_held_by_all_at_once_and_by_no_more_than_was_told(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version"), Parent)
    sql = "SELECT id, content AS doubled FROM parents"
    doubles = DerivedDeclaration("doubles", "x.Double", sql, ("parents",), toxic=Toxic(0.5, 2))
    house.derived.append(Publishable(doubles, Double))
    pull(house, 1, 9, 9)
    assert held(house, "doubles") == ["2 of 3", ROWS]
    pull(house, 9, first=9)
    house.accept("doubles")
    assert held(house, "doubles") == ["3 of 4", ROWS]
    house.accept("doubles")
    assert held(house, "doubles") == []
    assert house.rows("SELECT id, doubled FROM doubles") == [(1, 1)]


@pytest.mark.long
def test_a_rollback_is_accepted_and_not_what_nobody_told_of(house: House) -> None:
    house.tables["parents"] = (plain("parents", load="replace"), Parent)
    for contents in ((1, 2), (3,), ()):
        rows = [{"id": at, "content": content} for at, content in enumerate(contents)]
        house.ingest("parents", Scripted(rows, COLUMNS, whole=True), whole=True)
        told = held(house)
    assert told == ["a complete pull brought no record, the table has 1"]
    rollback(house.lake, Releases(house.lake.curated), replace(house.run(), job="rollback"), to=1)
    house.accept("parents")  # of the rollback: that the table would be empty is said of no release before
    again = held(house)
    assert again[0] == "a complete pull brought no record, the table has 2" and "was taken back" in again[1]
    house.accept("parents")
    assert held(house) == []
    assert house.rows("SELECT count(*) FROM parents") == [(0,)]


def test_an_acceptance_that_was_not_enough_is_gone_whatever_dies_after_the_switch(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version"), Strict)
    pull(house, 5)
    held(house)
    pull(house, 50)
    id = house.accept("parents")
    with house.lake.state.read() as connection:
        (row,) = connection.execute(sa.select(state.acceptances)).mappings()
    held(house)
    current = Releases(house.lake.curated).current()
    assert current is not None and (current.accepted, current.void) == ((), (id,))
    assert _unused(house) == []
    with house.lake.state.begin() as connection:  # as it was right after the switch
        connection.execute(sa.update(state.releases).where(state.releases.c.release == 2).values(state="intended"))
        connection.execute(sa.insert(state.acceptances).values(row))
    assert _unused(house) == [id]
    for confirmed in ((2,), ()):
        assert reconcile(house.lake).confirmed == confirmed
        assert _unused(house) == []
    assert len(held(house)) == 2


@pytest.mark.parametrize("name", ["parents", "doubles"])
def test_an_acceptance_whose_process_died_before_the_publish_waves_no_later_night_through(
    house: House, name: str
) -> None:
    house.tables["parents"] = (plain("parents", version="version", toxic=Toxic(0.2, 2)), Parent)
    sql = "SELECT id, content AS doubled FROM parents"
    doubles = DerivedDeclaration("doubles", "x.Double", sql, ("parents",), toxic=Toxic(0.5, 2))
    house.derived.append(Publishable(doubles, Double))
    pull(house, *((-1, 1, 1) if name == "parents" else (1, 9, 9)))
    told = held(house, name)
    house.accept(name)
    house.died()
    if name == "doubles":
        pull(house, 1, 8, 8)  # nobody has looked at it
    assert held(house, name) == told
    assert _unused(house) == []
    house.accept(name)  # and once more
    assert held(house, name) == []


def test_an_acceptance_of_before_says_nothing_of_what_it_accepts(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version"), Strict)
    pull(house, 5)
    held(house)
    values = {"table_name": "parents", "why": "it is small", "at": run_of(99).at}
    with house.lake.state.begin() as connection:
        connection.execute(sa.insert(state.acceptances).values(values))  # as a migration leaves it
    house.accepting = True
    assert held(house) == [ROWS]


def test_a_manifest_says_what_was_told_and_an_older_one_nothing(house: House) -> None:
    house.tables["parents"] = (plain("parents", version="version"), Strict)
    pull(house, 5)
    held(house)
    current = Releases(house.lake.curated).current()
    assert current is not None and Manifest.from_json(current.to_json()) == current
    older = json.loads(current.to_json())
    del older["void"], older["tables"]["parents"]["causes"]
    entry = replace(current.tables["parents"], causes=())
    assert Manifest.from_json(json.dumps(older)) == replace(current, tables={"parents": entry})


def test_an_acceptance_that_is_not_enough_makes_one_release_and_no_more(house: House) -> None:
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.2, 2)), Parent)
    pull(house, -1, 1)
    assert held(house) == ["1 of 2"]
    pull(house, -1, -1, first=9)
    assert held(house) == ["3 of 4"]
    assert house.publish().release is None


def _unused(house: House) -> list[int]:
    of = state.acceptances.c
    with house.lake.state.read() as connection:
        return list(connection.execute(sa.select(of.id).where(of.release.is_(None))).scalars())
