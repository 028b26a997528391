"""References that cannot be followed as they stand: types that differ, parents that nobody has published."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from company import Child, Parent, Scripted, declaration, lake_in
from houses import House, plain

from tilth.assets.orphans import orphans
from tilth.schemas.contract import Contract, spec_of
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()
PARENTS = {"id": INT, "content": INT, "version": INT}
Row = dict[str, object]


class Note(Contract):
    """Says in text which parent it is about."""

    id: int = column(key=True)
    parent: str = column(references="parents.id")


class Branch(Contract):
    """Refers to itself in text, and to a parent."""

    id: int = column(key=True)
    above: str = column(nullable=True, references="branches.id")
    parent: int = column(nullable=True, references="parents.id")


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(lake_in(tmp_path))
    house.tables["notes"] = (plain("notes"), Note)
    notes: list[Row] = [{"id": id, "parent": parent} for id, parent in ((1, "7"), (2, "8"), (3, "the boss"))]
    house.ingest("notes", Scripted(notes, {"id": INT, "parent": TEXT}))
    return house


def parents(house: House, *ids: int) -> None:
    house.tables["parents"] = (plain("parents"), Parent)
    house.ingest("parents", Scripted([{"id": id, "content": 1} for id in ids], PARENTS))


def test_a_value_of_another_type_is_read_as_its_parents(house: House) -> None:
    parents(house, 7)
    assert house.publish().tables["notes"].counts["quarantined"] == 2
    assert house.rows("SELECT id FROM notes ORDER BY id") == [(1,)]
    parents(house, 8)
    house.publish()
    assert house.rows("SELECT id FROM notes ORDER BY id") == [(1,), (2,)]
    assert not house.problems()


def test_what_refers_to_nobody_is_known_before_a_publish(house: House) -> None:
    mended = pl.DataFrame(
        {"_entry": ["a", "b", "c"], "above": [None, "9", None], "parent": [7, 8, None], "_deleted": False}
    )
    assert orphans(house.lake, spec_of(Branch), mended)["id"].to_list() == ["b", "a"]  # there is no release yet
    parents(house, 7)
    house.publish()
    ((id, reasons),) = orphans(house.lake, spec_of(Branch), mended).iter_rows()
    told = [(why["rule"], why["column"], why["value"], why["expected"]) for why in reasons]
    assert (id, told) == (
        "b",
        [("reference", "above", "9", "a id in branches"), ("reference", "parent", "8", "a id in parents")],
    )


def test_a_table_waits_for_a_parent_that_was_never_published(house: House) -> None:
    house.tables["others"] = (plain("others"), Parent)
    house.ingest("others", Scripted([{"id": 1, "content": 1}], PARENTS))
    published = house.publish()
    assert published.held == ("notes",)
    assert "its parent refers to parents.id, which is not published" in (published.tables["notes"].reason or "")
    parents(house, 7, 8)
    assert house.publish(["notes"]).held == ("notes",)
    house.publish()
    assert house.rows("SELECT id FROM notes ORDER BY id") == [(1,), (2,)]


def test_a_table_that_refers_to_itself_waits_too_and_keeps_no_other_from_being_published(house: House) -> None:
    house.tables = {"branches": (plain("branches"), Branch)}
    rows: list[Row] = [{"id": id, "above": above, "parent": None} for id, above in ((1, None), (2, "1"), (3, "x"))]
    house.ingest("branches", Scripted(rows, {"id": INT, "above": TEXT, "parent": INT}))
    assert house.publish().held == ("branches",)
    parents(house, 7)
    house.publish()
    assert house.rows("SELECT id FROM branches ORDER BY id") == [(1,), (2,)]


class Head(Contract):
    """Refers to its first tail."""

    id: int = column(key=True)
    tail: int = column(references="tails.id")


class Tail(Contract):
    """Refers to its head."""

    id: int = column(key=True)
    head: int = column(references="heads.id")


def test_those_who_wait_for_each_other_come_back_together(house: House) -> None:
    house.tables = {"heads": (plain("heads"), Head), "tails": (plain("tails"), Tail)}
    house.ingest("heads", Scripted([{"id": 1, "tail": 5}, {"id": 2, "tail": 9}], {"id": INT, "tail": INT}))
    house.publish()
    assert house.rows("SELECT id FROM heads") == []
    house.ingest("tails", Scripted([{"id": 5, "head": 1}], {"id": INT, "head": INT}))
    house.publish()
    assert house.rows("SELECT heads.id, tails.id FROM heads, tails") == [(1, 5)]
    assert not house.problems()


def test_an_orphan_that_its_source_deleted_does_not_come_back_with_its_parent(tmp_path: Path) -> None:
    house = House(lake_in(tmp_path))
    columns = {**PARENTS, "gone": pa.bool_()}
    house.tables |= {"parents": (declaration("parents"), Parent), "children": (declaration("children"), Child)}
    one: Row = {"id": 1, "content": 1, "version": 1, "gone": False}
    house.ingest("parents", Scripted([one], columns))
    house.ingest(
        "children", Scripted([{**one, "parent": 2}, {**one, "id": 2, "content": -1}], {**columns, "parent": INT})
    )
    assert house.publish().tables["children"].counts["open_after"] == 2
    dead = [{**one, "id": id, "version": 2, "gone": True} for id in (1, 2)]
    house.ingest("children", Scripted(dead, {**columns, "parent": INT}))
    counts = house.publish().tables["children"].counts
    assert (counts["deleted"], counts["superseded_open"], counts["open_after"]) == (2, 2, 0)
    house.ingest("parents", Scripted([{**one, "id": 2}], columns))
    house.ingest("children", Scripted([], {**columns, "parent": INT}))
    house.publish()
    assert house.rows("SELECT id FROM children") == []
    assert house.problems() == []


class Post(Contract):
    """Refers to its boss, and no two have a name."""

    id: int = column(key=True)
    boss: int = column(nullable=True, references="posts.id")
    name: str = column(unique=True)


def test_who_refers_to_a_refused_record_of_its_own_table_waits(house: House) -> None:
    house.tables = {"posts": (plain("posts"), Post)}
    kinds = {"id": INT, "boss": INT, "name": pa.string()}
    told: list[Row] = [
        {"id": 1, "boss": None, "name": "a"},
        {"id": 2, "boss": None, "name": "a"},
        {"id": 3, "boss": 1, "name": "b"},
        {"id": 4, "boss": 3, "name": "c"},
        {"id": 5, "boss": None, "name": "d"},
    ]
    house.ingest("posts", Scripted(told, kinds))
    house.publish()
    assert house.rows("SELECT id FROM posts") == [(5,)]
    house.ingest("posts", Scripted([{"id": 1, "boss": None, "name": "e"}], kinds))
    house.publish()
    assert house.rows("SELECT id FROM posts ORDER BY id") == [(1,), (3,), (4,), (5,)]
    assert not house.problems()


class Bare(Contract):
    """Has a key alone."""

    id: int = column(key=True)


class Coded(Contract):
    """Refers in numbers to codes, which are text."""

    id: int = column(key=True)
    code: str = column()
    above: int = column(nullable=True, references="bare.code")


class Astray(Contract):
    """Refers to what its own table does not have."""

    id: int = column(key=True)
    above: int = column(nullable=True, references="bare.nothing")


@pytest.mark.parametrize("contract", [Coded, Astray])
def test_a_column_that_is_referred_to_from_now_on_keeps_no_other_table_from_being_published(
    tmp_path: Path, contract: type[Contract]
) -> None:
    """What is referred to is compared as what the contract says it will be: no number is read in a code."""
    house = House(lake_in(tmp_path), {"bare": (plain("bare"), Bare), "others": (plain("others"), Bare)})
    house.ingest("bare", Scripted([{"id": 1}], {"id": INT}))
    house.publish()
    house.tables["bare"] = (plain("bare"), contract)
    told: list[Row] = [
        {"id": id, "code": code, "above": above} for id, code, above in ((1, "01", None), (2, "2", 1), (3, "x", 4))
    ]
    told += [{"id": 4, "code": "4", "above": None}, {"id": 5, "code": "5", "above": 4}]
    kinds = {"id": INT, "code": pa.string(), "above": INT}
    house.ingest("bare", Scripted(told, kinds, whole=True), whole=True)
    house.ingest("others", Scripted([{"id": 7}], {"id": INT}))
    held = house.publish().tables["bare"].reason
    assert house.rows("SELECT id FROM others") == [(7,)]
    assert not house.problems()
    if contract is Coded:
        assert house.rows("SELECT id FROM bare ORDER BY id") == [(1,), (3,), (4,), (5,)]
    else:
        assert "its above refers to bare.nothing, which is not published" in (held or "")
