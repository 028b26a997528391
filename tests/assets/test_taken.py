"""A record that returns never takes the place of another one of its key: of its own pull, or by a corrected key."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from company import Scripted, lake_in
from houses import House, plain
from test_mends import Bill, Loose, night, published

from tilth.assets.mends import Mender, discard, keep_mends
from tilth.assets.quarantine import open_entries
from tilth.assets.replay import judge_again
from tilth.schemas.contract import Contract, spec_of
from tilth.schemas.contract import field as column

pytestmark = pytest.mark.long


class Dated(Contract):
    """Says which of two is newer."""

    id: int = column(key=True)
    ref: str = column(unique=True)
    amount: int = column(ge=0)
    version: int = column(nullable=True)


DATED = {"id": pa.int64(), "ref": pa.string(), "amount": pa.int64(), "version": pa.int64()}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


def correct(house: House, nth: int, **changes: str) -> list[str]:
    """Correct one open entry; the rules by which it stays."""
    (table, contract), run = house.tables["bills"], house.run()
    with house.lake.state.read() as connection:
        open = open_entries(connection, "bills")[nth : nth + 1]
    again = judge_again(open, table, contract, house.lake, now=run.at, changes={open["id"][0]: changes})
    told = {open["id"][0]: {name: ("?", text) for name, text in changes.items()}}
    version, kim = spec_of(contract).version, Mender("corrected", "Kim")
    keep_mends(house.lake, "bills", run, again.good, kim, contract_version=version, changes=told)
    return [reason["rule"] for reasons in again.still["reasons"] for reason in reasons]


def dated(house: House, *rows: tuple[int | None, str, int, int | None]) -> None:
    house.tables = {"bills": (plain("bills", version="version"), Dated)}
    house.ingest("bills", Scripted([dict(zip(DATED, row, strict=True)) for row in rows], DATED))
    house.publish()


@pytest.mark.parametrize("before", [False, True])
def test_a_good_record_of_its_pull_is_not_overwritten(house: House, before: bool) -> None:
    night(house, Bill, (1, "a", 1), (1, "b", -1), publish=before)
    assert correct(house, 0, amount="2") == ["unique"]
    house.publish()
    assert published(house) == [(1, 1)]


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_that_are_mended_one_by_one_the_first_stays(house: House, first: int) -> None:
    night(house, Bill, (1, "a", -7), (1, "b", -8))
    assert correct(house, first, amount="5") == []
    assert correct(house, 1 - first, amount="6") == ["unique"]
    assert correct(house, first, amount="7") == []  # itself it may be, as often as one likes
    house.publish()
    assert published(house) == [(1, 7)]
    assert correct(house, 0, amount="6") == ["unique"]  # back by now


def test_a_contract_that_accepts_it_does_not_let_it_replace_another(house: House) -> None:
    night(house, Bill, (1, "a", 1), (1, "b", -1), (2, "c", -1))
    house.tables = {"bills": (plain("bills"), Loose)}
    house.publish()
    assert published(house, "id, ref") == [(1, "a"), (2, "c")]


def test_the_same_again_is_no_other(house: House) -> None:
    night(house, Bill, (1, "a", 1), (1, "a", -1))
    assert correct(house, 0, amount="1") == []
    house.publish()
    assert published(house) == [(1, 1)]


def test_who_was_discarded_is_no_more_in_the_way(house: House) -> None:
    night(house, Bill, (9, "a", 9))
    night(house, Bill, (1, "a", 1), (1, "b", -1))  # the first is good by itself, and refused for its ref
    toxic, refused = (0, 1)
    assert correct(house, toxic, amount="2") == ["unique"]
    with house.lake.state.read() as connection:
        gone = open_entries(connection, "bills")[refused : refused + 1]
    discard(house.lake, "bills", house.run(), gone, who="Kim", why="not ours")
    assert correct(house, toxic, amount="2") == []
    house.publish()
    assert published(house) == [(1, 2), (9, 9)]


@pytest.mark.parametrize(("version", "expected"), [(5, (1, 2)), (1, (1, 1)), (3, (1, 1)), (None, (1, 1))])
def test_of_two_versions_the_newer_counts(house: House, version: int | None, expected: object) -> None:
    dated(house, (1, "a", 1, 3), (1, "b", -1, version))
    assert correct(house, 0, amount="2") == (["unique"] if version == 3 else [])
    house.publish()
    assert published(house) == [expected]


@pytest.mark.parametrize("nights", [1, 2])
def test_a_corrected_key_that_another_record_has_is_refused(house: House, nights: int) -> None:
    """Whether that one came before or with it, and is published, waits or is mended itself."""
    if nights == 2:
        night(house, Bill, (1, "a", 1))
        night(house, Bill, (4, "d", -4))
    else:
        night(house, Bill, (1, "a", 1), (4, "d", -4))
    assert correct(house, 0, id="1", amount="4") == ["unique"]
    night(house, Bill, (2, "b", 2), publish=False)
    assert correct(house, 0, id="2", amount="4") == ["unique"]
    night(house, Bill, (None, "c", 3), publish=False)
    assert correct(house, 1, id="3") == []
    assert correct(house, 0, id="3", amount="4") == ["unique"]
    assert correct(house, 0, id="4", amount="4") == []
    house.publish()
    assert published(house) == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_corrected_key_may_be_that_of_an_older_version(house: House) -> None:
    dated(house, (1, "a", 1, 1))
    dated(house, (4, "d", -4, 2))
    assert correct(house, 0, id="1", amount="4") == []
    house.publish()
    assert published(house) == [(1, 4)]


def test_a_record_whose_key_was_corrected_may_come_again(house: House) -> None:
    night(house, Bill, (4, "d", -4))
    assert correct(house, 0, id="1", amount="4") == []
    house.publish()
    night(house, Bill, (4, "d", -4), publish=False)
    assert correct(house, 0, id="1", amount="5") == []  # it is its own row that has the key
    house.publish()
    assert published(house) == [(1, 5)]
