"""A publish leaves nothing to the next one: whoever may come in has come, and whoever waits has to."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from company import Scripted, lake_in
from houses import House, plain
from test_rounds import calls

from tilth.assets.declared import Deletes
from tilth.assets.publishing.circles import Circle
from tilth.schemas.contract import Contract, ascending, spec_of
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()
Row = Mapping[str, object]


class Post(Contract):
    """Refers to another post; no two have a name, and no number of a book is missing."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="posts.id")
    name: str = column(nullable=True, unique=True)
    book: int = column(nullable=True)
    number: int = column(nullable=True)
    day: int = column(nullable=True)
    rules = (ascending("number", within="book", by="day", gapless=True),)


class Left(Contract):
    """Refers to the right."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="rights.id")
    name: str = column(nullable=True, unique=True)


class Right(Contract):
    """Refers to the left."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="lefts.id")
    name: str = column(nullable=True, unique=True)


class Reply(Contract):
    """Refers to a post, which refers to no reply."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="posts.id")
    name: str = column(nullable=True, unique=True)


KINDS: dict[str, dict[str, type[Contract]]] = {
    "of one": {"posts": Post},
    "of two": {"lefts": Left, "rights": Right},
    "children": {"posts": Post, "replies": Reply},
}


def house_of(folder: Path, kind: str) -> House:
    return House(lake_in(folder), {name: (plain(name), contract) for name, contract in KINDS[kind].items()})


def bring(house: House, table: str, *rows: Row) -> None:
    """One pull; what a row does not say is null."""
    declared, contract = house.tables[table]
    names = [column.name for column in spec_of(contract).columns]
    kinds = {name: TEXT if name == "name" else INT for name in names}
    told = [{name: row.get(name, row.get("number") if name == "day" else None) for name in names} for row in rows]
    if declared.deletes.kind == "column":
        kinds["gone"] = pa.bool_()
        told = [one | {"gone": row.get("gone", False)} for one, row in zip(told, rows, strict=True)]
    house.ingest(table, Scripted(told, kinds, size=100))


def shown(house: House) -> dict[str, list[tuple[object, ...]]]:
    """All that is published and all that waits."""
    found = {table: house.rows(f"SELECT * EXCLUDE (_updated_at) FROM {table} ORDER BY ALL") for table in house.tables}
    waits = house.rows('SELECT "table", rule, open FROM _catalog.quarantine WHERE open > 0 ORDER BY ALL')
    return found | {"waits": waits}


def settled(house: House) -> dict[str, list[object]]:
    """The ids of each table and the rules of what waits, which another publish does not change."""
    before = shown(house)
    for table in house.tables:
        bring(house, table)
    tables = house.publish().tables
    assert shown(house) == before
    assert not house.problems()
    assert all(not of.counts[moved] for of in tables.values() for moved in ("replayed", "quarantined"))
    waits = before.pop("waits")
    return {table: [row[0] for row in rows] for table, rows in before.items()} | {"waits": [row[1] for row in waits]}


def test_who_refers_to_somebody_that_its_own_refusal_lets_in_is_asked_again(tmp_path: Path) -> None:
    """The first has what the second wants, and refers to it: the second comes in once the first waits."""
    house = house_of(tmp_path, "of one")
    bring(house, "posts", {"id": 1, "refers": 2, "name": "a"})
    bring(house, "posts", {"id": 2, "name": "a"})
    house.publish()
    assert settled(house) == {"posts": [2], "waits": ["unique"]}


@pytest.mark.long
def test_who_waits_in_vain_comes_after_those_whom_others_made_room_for(tmp_path: Path) -> None:
    house = house_of(tmp_path, "of two")
    bring(house, "lefts", {"id": 3, "refers": 2})
    bring(house, "rights", {"id": 0, "refers": 3, "name": "b"})
    bring(house, "rights", {"id": 2, "name": "b"})
    house.publish()
    assert settled(house) == {"lefts": [3], "rights": [2], "waits": ["unique"]}


def test_a_number_follows_the_row_that_a_refused_record_leaves(tmp_path: Path) -> None:
    house = house_of(tmp_path, "of one")
    bring(house, "posts", *({"id": id, "book": 1, "number": id} for id in (1, 2)))
    for id, number in ((4, 4), (3, 3), (3, 6)):
        bring(house, "posts", {"id": id, "book": 1, "number": number})
    house.publish()
    assert settled(house) == {"posts": [1, 2, 3, 4], "waits": ["gap"]}


def test_who_refers_to_a_number_that_does_not_come_falls_with_it_in_one_candidate(tmp_path: Path) -> None:
    """In each book the second refers to the third of the book before, which waits for its own second."""
    house, many = house_of(tmp_path, "of one"), 12
    rows: list[Row] = []
    for book in range(many):
        refers = {1: None, 2: 10 * book - 7 if book else 999, 3: None}
        rows += [{"id": 10 * book + n, "book": book, "number": n, "refers": refers[n]} for n in refers]
    bring(house, "posts", *rows)
    assert calls(Circle.check, house.publish) == 1
    assert settled(house) == {"posts": [10 * book + 1 for book in range(many)], "waits": ["gap", "reference"]}
    bring(house, "posts", {"id": 999})
    assert calls(Circle.check, house.publish) == 1
    assert len(settled(house)["posts"]) == 3 * many + 1


@pytest.mark.long
def test_a_number_is_the_first_once_those_before_it_are_gone(tmp_path: Path) -> None:
    """As long as there are lower ones it would wait; who refers to it waits for nothing."""
    house = house_of(tmp_path, "of one")
    house.tables["posts"] = (plain("posts", deletes=Deletes("column", "gone")), Post)
    bring(house, "posts", {"id": 1, "book": 1, "number": 1})
    house.publish()
    bring(house, "posts", {"id": 1, "gone": True}, {"id": 2, "refers": 5})
    bring(house, "posts", {"id": 5, "book": 1, "number": 5}, {"id": 6, "book": 1, "number": 6, "refers": 6})
    house.publish()
    assert settled(house) == {"posts": [2, 5, 6], "waits": []}


@pytest.mark.long
def test_those_who_need_each_other_come_when_the_one_below_them_falls(tmp_path: Path) -> None:
    """The third falls, so the fourth is the first: the fifth needs the sixth as its parent, which comes after it."""
    house = house_of(tmp_path, "of one")
    told = ((4, 5, 0), (0, 6, 1), (1, 4, None), (3, 3, 9))
    bring(house, "posts", *({"id": id, "book": 1, "number": number, "refers": refers} for id, number, refers in told))
    house.publish()
    assert settled(house) == {"posts": [0, 1, 4], "waits": ["reference"]}


LONG = [pytest.param(kind, seed, marks=pytest.mark.long) for kind in KINDS for seed in range(8)]


@pytest.mark.parametrize(("kind", "seed"), [("of one", 100), *LONG])
def test_another_publish_with_nothing_new_changes_nothing(kind: str, seed: int) -> None:
    rnd = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        house = house_of(Path(folder), kind)
        for _ in range(2):
            for _ in range(rnd.randint(1, 3)):
                for table in house.tables:
                    bring(house, table, *(some(rnd, id) for id in rnd.sample(range(6), rnd.randint(0, 4))))
            house.publish()
            settled(house)


def some(rnd: random.Random, id: int) -> Row:
    """What a record may say; its table has some of the columns."""
    number = rnd.choice([None, 1, 2, 3, 4, 5, 6])
    refers = rnd.randrange(6) if rnd.random() < 0.6 else None
    name = rnd.choice("abcdef") if rnd.random() < 0.6 else None
    return {"id": id, "refers": refers, "name": name, "book": 1, "number": number}
