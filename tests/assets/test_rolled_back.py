"""A rollback where an entry that the release had closed was opened again since: as if that release had never been."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from company import lake_in
from houses import House
from test_mends import Bill, correct, night, published

from tilth.assets.listing import listing
from tilth.assets.mends import discard
from tilth.assets.publishing.history import rollback
from tilth.assets.publishing.release import Releases
from tilth.assets.quarantine import open_entries
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

TOXIC, GOOD = (1, "a", -7), (1, "a", 5)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


def back(house: House, to: int) -> list[str]:
    """What the one entry is once release `to` is current again; nothing is lost by it."""
    rollback(house.lake, Releases(house.lake.curated), house.run(), to=to)
    assert house.problems() == []
    return statuses(house)


def statuses(house: House) -> list[str]:
    return [entry.status for entry in listing(house.lake.state, house.lake.storage)]


def accepted(house: House) -> list[tuple[object, ...]]:
    """What is published once somebody accepted what waits."""
    before = house.rows("SELECT * FROM bills")
    house.publish()
    assert house.rows("SELECT * FROM bills") == before  # the rollback holds the table
    house.accept("bills")
    assert house.publish().tables["bills"].state == "published"
    return published(house)


def test_a_record_that_was_overtaken_and_came_again(house: House) -> None:
    night(house, Bill, TOXIC)
    night(house, Bill, GOOD)
    night(house, Bill, TOXIC, publish=False)
    assert back(house, 1) == ["open"]
    assert accepted(house) == [(1, 5)]
    assert statuses(house) == ["superseded"]


@pytest.mark.long
@pytest.mark.parametrize("steps", [[1], [2, 1]])
def test_a_record_that_was_mended_and_came_again(house: House, steps: Sequence[int]) -> None:
    night(house, Bill, TOXIC, (9, "z", 9))
    correct(house, amount="5")
    house.publish()
    night(house, Bill, TOXIC)
    assert published(house) == [(1, 5), (9, 9)]
    for to in steps:
        assert back(house, to) == ["open"]
    assert accepted(house) == [(1, 5), (9, 9)]
    assert statuses(house) == ["corrected"]
    night(house, Bill, (2, "b", 2))
    assert published(house) == [(1, 5), (2, 2), (9, 9)]


@pytest.mark.long
def test_what_was_discarded_since_stays_discarded(house: House) -> None:
    night(house, Bill, TOXIC)
    night(house, Bill, GOOD)
    night(house, Bill, TOXIC)
    with house.lake.state.read() as connection:
        open = open_entries(connection, "bills")
    discard(house.lake, "bills", house.run(), open, who="Kim", why="a test")
    house.publish()
    assert back(house, 1) == ["discarded"]
    assert accepted(house) == [(1, 5)]
    assert statuses(house) == ["discarded"]


class Alike(Contract):
    """Lets bills have the same ref."""

    id: int = column(key=True)
    ref: str = column()
    amount: int = column(ge=0)


@pytest.mark.parametrize(("contract", "rows"), [(Bill, [(1, 1)]), (Alike, [(1, 1), (2, 5)])])
def test_what_a_release_refused_is_pending_again_though_it_was_discarded(
    house: House, contract: type, rows: list[tuple[int, int]]
) -> None:
    night(house, Bill, (1, "a", 1))
    night(house, Bill, (2, "a", 5))
    with house.lake.state.read() as connection:
        open = open_entries(connection, "bills")
    discard(house.lake, "bills", house.run(), open, who="Kim", why="a test")
    house.publish()
    assert back(house, 1) == []
    night(house, contract)
    assert published(house) == rows
    assert statuses(house) == (["open"] if contract is Bill else [])
    assert house.publish().release is None
