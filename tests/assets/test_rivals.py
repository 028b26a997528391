"""Records of one key that were mended in pulls of their own, and then come in one pull: as of pulled records, none
counts unless their versions tell which is newer.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from company import lake_in
from houses import House
from test_mends import Bill, Capped, mend, night, published, still_open
from test_taken import correct, dated

from tilth.assets.listing import listing
from tilth.assets.mends import Mender, discard
from tilth.assets.quarantine import open_entries

FIRST, SECOND = (1, "a", -7), (1, "b", -8)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


def contested(house: House) -> list[tuple[str | None, str | None]]:
    """The values of open entries that are open because another record has their key."""
    told = [entry.reasons for entry in listing(house.lake.state, house.lake.storage, status="open")]
    assert all([reason["rule"] for reason in reasons] == ["unique"] for reasons in told)
    return [(reason["column"], reason["value"]) for reasons in told for reason in reasons]


@pytest.mark.long
def test_two_that_were_mended_apart_and_come_together_stay(house: House) -> None:
    for row, amount in ((FIRST, "5"), (SECOND, "6")):
        night(house, Bill, row)
        assert correct(house, 0, amount=amount) == []
        house.publish()
    for _ in range(2):  # from then on what was said of them counts no more
        night(house, Bill, FIRST, SECOND)
        assert contested(house) == [("id", "1")] * 2
        assert published(house) == [(1, 6)]
    assert correct(house, 0, amount="9") == []
    house.publish()
    assert published(house) == [(1, 9)]


@pytest.mark.parametrize("good", [(1, "b", 8), pytest.param((1, "a", 5), marks=pytest.mark.long)])
def test_one_that_was_mended_does_not_replace_a_good_one_that_comes_with_it(house: House, good: object) -> None:
    night(house, Bill, FIRST)
    assert correct(house, 0, amount="5") == []
    house.publish()
    night(house, Bill, FIRST, good)
    assert contested(house) == ([("id", "1")] if good == (1, "b", 8) else [])
    assert published(house, "id, ref, amount") == [good]


@pytest.mark.long
def test_one_whose_key_was_corrected_meets_who_has_that_key_by_now(house: House) -> None:
    night(house, Bill, (4, "d", -4))
    assert correct(house, 0, id="1", amount="4") == []
    house.publish()
    night(house, Bill, (1, "b", 8))
    night(house, Bill, (4, "d", -4))
    assert contested(house) == [("id", "1")]
    assert published(house) == [(1, 8)]


@pytest.mark.long
def test_waived_ones_too(house: House) -> None:
    for row in (FIRST, SECOND):
        night(house, Bill, row)
        mend(house, Mender("waived", "Kim", "agreed"), {})
        house.publish()
    night(house, Bill, FIRST, SECOND)
    assert contested(house) == [("id", "1")] * 2
    with house.lake.state.read() as connection:
        gone = open_entries(connection, "bills")[:1]
    discard(house.lake, "bills", house.run(), gone, who="Kim", why="not ours")
    mend(house, Mender("waived", "Kim", "agreed"), {})
    house.publish()
    assert published(house) == [(1, -8)]


@pytest.mark.long
@pytest.mark.parametrize("turned", [False, True])
def test_of_two_versions_the_newer_counts(house: House, turned: bool) -> None:
    rows = [(1, "a", -1, 1), (1, "b", -2, 2)]
    for row, amount in zip(rows, ("5", "6"), strict=True):
        dated(house, row)
        assert correct(house, 0, amount=amount) == []
        house.publish()
    dated(house, *(reversed(rows) if turned else rows))
    assert contested(house) == []
    assert published(house) == [(1, 6)]


@pytest.mark.long
def test_two_that_say_the_same_once_they_are_mended_both_return(house: House) -> None:
    for row in ((1, "a", -7), (1, "a", -8)):
        night(house, Bill, row)
        assert correct(house, 0, amount="5") == []
        house.publish()
    night(house, Bill, (1, "a", -7), (1, "a", -8))
    assert contested(house) == []
    assert published(house) == [(1, 5)]


@pytest.mark.long
@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_one_that_was_corrected_and_one_that_was_waived_are_alike_by_another_contract(
    house: House, order: tuple[tuple[int, str, int], ...]
) -> None:
    night(house, Bill, FIRST)
    assert correct(house, 0, amount="5") == []
    house.publish()
    night(house, Bill, SECOND)
    mend(house, Mender("waived", "Kim", "agreed"), {})
    house.publish()
    night(house, Capped, *order)
    assert len(still_open(house)) == 2
    assert published(house) == [(1, -8)]
