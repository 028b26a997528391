"""Of all that people said of a record the last word counts, under whatever id and contract it was said."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from company import Child, Parent, Scripted, lake_in
from houses import House, plain
from test_mends import Bill, Capped, correct, night, published, still_open

from tilth.assets.mends import discard
from tilth.assets.quarantine import open_entries
from tilth.assets.ready import judge_changed
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

pytestmark = pytest.mark.long


class High(Bill):
    """Accepts just what `Bill` refuses."""

    amount: int = column(le=-1)


class Child1000(Child):
    """Refuses more."""

    content: int = column(ge=0, le=1000)


class Child9000(Child):
    """Refuses more, but nothing that is there."""

    content: int = column(ge=0, le=9000)


class ListedBy(Contract):
    """Has no key."""

    amount: int = column(ge=0)


class ListedCapped(Contract):
    """Neither, and refuses more."""

    amount: int = column(ge=0, le=100)


PARENTS = {"id": pa.int64(), "content": pa.int64(), "version": pa.int64()}
CHILDREN = PARENTS | {"parent": pa.int64()}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


def drop(house: House) -> None:
    with house.lake.state.read() as connection:
        open = open_entries(connection, "bills")
    discard(house.lake, "bills", house.run(), open, who="Kim", why="a test")


def change(house: House, contract: type) -> None:
    """A contract that no publish sees."""
    house.tables = {"bills": (plain("bills"), contract)}
    judge_changed(*house.tables["bills"], house.lake, house.run())


@pytest.mark.parametrize(("contract", "before"), [(Bill, False), (Capped, True)])
def test_what_was_discarded_comes_again_as_it_is(house: House, contract: type, before: bool) -> None:
    night(house, Bill, (1, "a", -7), publish=before)
    correct(house, amount="5")
    drop(house)
    night(house, contract, (1, "a", -7))
    assert len(still_open(house)) == 1
    assert published(house) == []
    correct(house, amount="6")  # a later decision
    house.publish()
    assert published(house) == [(1, 6)]


def test_what_tilth_replayed_hides_no_correction(house: House) -> None:
    night(house, Bill, (1, "a", -7))
    correct(house, amount="5")
    change(house, High)  # refuses 5, and accepts it as it was pulled
    house.tables = {"bills": (plain("bills"), Bill)}
    house.publish()
    assert published(house) == [(1, 5)]
    house.tables = {"bills": (plain("bills"), High)}
    night(house, High, (1, "a", -7))
    assert published(house) == [(1, -7)]
    night(house, Bill, (1, "a", -7))
    assert published(house) == [(1, 5)]


@pytest.mark.parametrize(("file", "one", "other"), [(None, Bill, Capped), ("f1", ListedBy, ListedCapped)])
def test_the_last_correction_counts_under_the_contract_before_too(
    house: House, file: str | None, one: type, other: type
) -> None:
    night(house, one, (1, "a", -7), file=file)
    correct(house, amount="5")
    house.publish()
    night(house, other, (1, "a", -7), file=file, publish=False)
    correct(house, amount="7")
    house.publish()
    assert published(house, "amount") == [(7,)]
    night(house, one, (1, "a", -7), file=file)
    assert published(house, "amount") == [(7,)]
    assert still_open(house) == []


def test_the_last_correction_counts_even_where_it_is_refused(house: House) -> None:
    night(house, Capped, (1, "a", -7), publish=False)
    correct(house, amount="5")
    change(house, Bill)
    correct(house, amount="500")
    night(house, Capped, (1, "a", -7))
    assert published(house) == []
    assert len(still_open(house)) == 1
    house.publish()
    assert len(still_open(house)) == 1
    night(house, Bill, (1, "a", -7))
    assert published(house) == [(1, 500)]


def test_a_discard_counts_under_the_contract_before_too(house: House) -> None:
    night(house, Bill, (1, "a", -7))
    correct(house, amount="500")
    house.publish()
    night(house, Capped, (1, "a", -7))  # refuses that
    drop(house)
    night(house, Bill, (1, "a", -7))
    assert len(still_open(house)) == 1
    assert published(house) == [(1, 500)]  # the last good version stays


@pytest.mark.parametrize(("contract", "expected"), [(Child1000, []), (Child9000, [(1, 5000)])])
def test_a_late_parent_brings_back_what_the_contract_accepts_by_now(
    house: House, contract: type, expected: list[object]
) -> None:
    family = {"parents": (plain("parents"), Parent), "bills": (plain("bills"), Child)}
    house.tables = dict(family)
    house.ingest("parents", Scripted([{"id": 1, "content": 1, "version": 1}], PARENTS))
    house.ingest("bills", Scripted([{"id": 1, "content": 5000, "version": 1, "parent": 9}], CHILDREN))
    house.publish()
    house.tables["bills"] = (plain("bills"), contract)
    house.publish()
    house.ingest("bills", Scripted([{"id": 2, "content": 2, "version": 1, "parent": 1}], CHILDREN))
    house.ingest("parents", Scripted([{"id": 9, "content": 1, "version": 1}], PARENTS))
    house.publish()
    assert published(house, "id, content") == [*expected, (2, 2)]
    house.tables["bills"] = family["bills"]
    house.publish()
    assert published(house, "id, content") == [(1, 5000), (2, 2)]
