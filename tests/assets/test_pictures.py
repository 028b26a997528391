"""Complete pulls of `load: replace`, and comparisons of keys: what they take away, and what they leave alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from company import Child, Parent, Scripted, lake_in
from houses import House, plain

from tilth.assets.declared import Deletes
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()
LINES = {"text": TEXT, "amount": INT}
PEOPLE = {"id": INT, "content": INT, "version": INT, "parent": INT}


class Line(Contract):
    """Has no key: a record is known by its place in its file."""

    text: str = column()
    amount: int = column(ge=0)


class Account(Contract):
    """Has a unique value beside its key."""

    id: int = column(key=True)
    email: str = column(unique=True)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


def lines(*texts: str) -> list[dict[str, object]]:
    """Rows without a key; a text that ends with ! is toxic."""
    return [{"text": text, "amount": -1 if text.endswith("!") else 1} for text in texts]


def picture(rows: list[dict[str, object]], file: str | None = None) -> Scripted:
    return Scripted(rows, LINES, whole=True, file=file * 64 if file else None)


def texts(house: House) -> list[object]:
    return [text for (text,) in house.rows("SELECT text FROM lines ORDER BY text")]


@pytest.mark.parametrize("file", ["a", None])
def test_a_table_without_a_key_keeps_the_rows_that_come_again_every_night(house: House, file: str | None) -> None:
    house.tables["lines"] = (plain("lines", load="replace"), Line)
    for _ in range(4):
        house.ingest("lines", picture(lines("a", "a", "b", "c", "bad!"), file))
        counts = house.publish().tables["lines"].counts
        assert texts(house) == ["a", "a", "b", "c"]
        assert counts["open_after"] == 1
    assert not house.problems()
    assert (counts["removed"], counts["unchanged"]) == ((0, 4) if file else (4, 0))


def test_another_file_takes_the_place_of_the_first_and_the_first_may_come_back(house: House) -> None:
    house.tables["lines"] = (plain("lines", load="replace"), Line)
    for file, rows, held in (("a", ("a", "b", "x!"), 1), ("b", ("b",), 0), ("a", ("a", "b", "x!"), 1)):
        house.ingest("lines", picture(lines(*rows), file))
        counts = house.publish().tables["lines"].counts
        assert texts(house) == [row for row in rows if not row.endswith("!")]
        assert counts["open_after"] == held
    assert not house.problems()


def test_of_two_pictures_that_wait_the_older_one_brings_nothing_back(house: House) -> None:
    house.tables["lines"] = (plain("lines", load="replace"), Line)
    house.ingest("lines", picture(lines("a", "b", "x!"), "a"))
    house.ingest("lines", picture(lines("b", "c", "y!"), "b"))
    counts = house.publish().tables["lines"].counts
    assert texts(house) == ["b", "c"]
    assert (counts["quarantined"], counts["superseded_open"], counts["open_after"]) == (2, 1, 1)
    assert not house.problems()


def people(*rows: tuple[int, int | None]) -> Scripted:
    named: list[dict[str, object]] = [
        {"id": id, "content": 1, "version": None, "parent": parent} for id, parent in rows
    ]
    return Scripted(named, PEOPLE, whole=True)


@pytest.fixture
def family(house: House) -> House:
    """One child whose parent is missing, and one whose parent is there."""
    house.tables["parents"] = (plain("parents"), Parent)
    house.tables["children"] = (plain("children", load="replace"), Child)
    house.ingest("parents", people((1, None)))
    house.ingest("children", people((1, 1), (2, 9)))
    return house


def children(house: House) -> list[object]:
    return [id for (id,) in house.rows("SELECT id FROM children ORDER BY id")]


def test_a_record_that_waits_for_its_parent_goes_with_the_picture_it_stood_in(family: House) -> None:
    family.publish()
    family.ingest("children", people((1, 1)))
    assert family.publish().tables["children"].counts["superseded_open"] == 1
    family.ingest("parents", people((9, None)))
    family.publish()
    assert children(family) == [1]
    assert not family.problems()


def test_a_record_that_stands_in_the_next_picture_too_goes_on_waiting(family: House) -> None:
    for _ in range(2):
        assert family.publish().tables["children"].counts["open_after"] == 1
        family.ingest("children", people((1, 1), (2, 9)))
    family.ingest("parents", people((9, None)))
    family.publish()
    assert children(family) == [1, 2]
    assert not family.problems()


def test_a_late_parent_releases_nothing_that_a_waiting_picture_has_lost(family: House) -> None:
    family.publish()
    family.ingest("children", people((1, 1)))
    family.ingest("parents", people((9, None)))
    family.publish()
    assert children(family) == [1]
    assert not family.problems()


def test_a_row_that_was_read_after_the_comparison_of_keys_stays(house: House) -> None:
    deletes = Deletes("compare_keys", every=timedelta(0))
    house.tables["parents"] = (plain("parents", deletes=deletes), Parent)
    house.ingest("parents", people((1, None), (2, None), (3, None)))
    house.publish()
    gone = Scripted([], PEOPLE, keys=[{"id": 1}])
    house.ingest("parents", gone)  # while 2 was away
    house.tables["parents"] = (plain("parents"), Parent)  # no other comparison for now
    house.ingest("parents", people((2, None)))
    house.publish()
    assert [id for (id,) in house.rows("SELECT id FROM parents ORDER BY id")] == [1, 2]
    assert not house.problems()


def test_a_record_that_waits_is_gone_when_its_key_is(house: House) -> None:
    house.tables["parents"] = (plain("parents"), Parent)
    deletes = Deletes("compare_keys", every=timedelta(0))
    house.tables["children"] = (plain("children", deletes=deletes), Child)
    house.ingest("parents", people((1, None)))
    house.ingest("children", people((1, 1), (2, 9), (3, 9)))
    house.publish()
    house.ingest("children", Scripted([], PEOPLE, keys=[{"id": 1}, {"id": 3}]))
    assert house.publish().tables["children"].counts["superseded_open"] == 1
    house.ingest("parents", people((9, None)))
    house.publish()
    assert children(house) == [1, 3]
    assert not house.problems()


def test_a_value_is_free_once_its_row_has_left_the_picture(house: House) -> None:
    house.tables["accounts"] = (plain("accounts", load="replace"), Account)
    for rows in ([(1, "a"), (2, "b")], [(3, "a"), (2, "b")]):
        named: list[dict[str, object]] = [{"id": id, "email": email} for id, email in rows]
        house.ingest("accounts", Scripted(named, {"id": INT, "email": TEXT}, whole=True))
        assert house.publish().tables["accounts"].counts["quarantined"] == 0
    assert house.rows("SELECT id, email FROM accounts ORDER BY id") == [(2, "b"), (3, "a")]
    assert not house.problems()
