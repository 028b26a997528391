"""Circles of tables, and several pulls of one: who refers to a record that is refused in the end waits with it."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from company import Scripted, lake_in
from houses import House, plain
from oracles.circles import Rows, Told, after

from tilth.assets.declared import Deletes
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()
Row = dict[str, object]
STATES = {"initial": ["good"], "transitions": {"good": []}}


class One(Contract):
    """Refers to itself."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="ones.id")
    status: str = column(**STATES)  # type: ignore[arg-type]


class Left(Contract):
    """Refers to the right, in text."""

    id: int = column(key=True)
    refers: str = column(nullable=True, references="rights.id")
    status: str = column(**STATES)  # type: ignore[arg-type]


class Right(Contract):
    """Refers to the left."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="lefts.id")
    status: str = column(**STATES)  # type: ignore[arg-type]


class First(Contract):
    """Refers to the second, and to itself."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="seconds.id")
    above: int = column(nullable=True, references="firsts.id")
    status: str = column(**STATES)  # type: ignore[arg-type]


class Second(Contract):
    """Refers to the third."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="thirds.id")
    status: str = column(**STATES)  # type: ignore[arg-type]


class Third(Contract):
    """Refers to the first."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="firsts.id")
    status: str = column(**STATES)  # type: ignore[arg-type]


CIRCLES: dict[str, dict[str, tuple[type, dict[str, str]]]] = {
    "of one": {"ones": (One, {"refers": "ones"})},
    "of two": {"lefts": (Left, {"refers": "rights"}), "rights": (Right, {"refers": "lefts"})},
    "of three": {
        "firsts": (First, {"refers": "seconds", "above": "firsts"}),
        "seconds": (Second, {"refers": "thirds"}),
        "thirds": (Third, {"refers": "firsts"}),
    },
}


def bring(house: House, table: str, rows: Sequence[Row], *, text: bool = False) -> None:
    names = list(rows[0]) if rows else ["id", "refers", "status"]
    kinds = {name: TEXT if name in ("status", "name") or (text and name == "refers") else INT for name in names}
    if "gone" in names:
        kinds["gone"] = pa.bool_()
    house.ingest(table, Scripted(rows, kinds))


LONG = [pytest.param(kind, seed, marks=pytest.mark.long) for kind in CIRCLES for seed in (*range(10), 13, 20)]


@pytest.mark.parametrize(
    ("kind", "seed"), [("of one", 23), pytest.param("of three", 23, marks=pytest.mark.long), *LONG]
)
def test_each_night_publishes_who_refers_to_somebody_in_the_end(kind: str, seed: int) -> None:
    rnd, circle = random.Random(seed), CIRCLES[kind]
    rows: Rows = {}
    waits: Sequence[Told] = []
    pulls = 0
    with tempfile.TemporaryDirectory() as folder:
        house = House(lake_in(Path(folder)))
        house.tables = {name: (plain(name), contract) for name, (contract, _) in circle.items()}
        for _ in range(3):
            came: list[Told] = []
            for _ in range(rnd.randint(1, 3)):
                pulls += 1
                for name, (_, columns) in circle.items():
                    told = [record(rnd, name, pulls, key, columns) for key in rnd.sample(range(9), rnd.randint(0, 6))]
                    bring(house, name, [as_row(one, columns) for one in told], text=name == "lefts")
                    came += told
            rows, waits = after(rows, waits, came)
            house.publish()
            for name, (_, columns) in circle.items():
                found = house.rows(f"SELECT id, {', '.join(columns)} FROM {name} ORDER BY id")
                assert found == [shown(row, columns) for (of, _), row in sorted(rows.items()) if of == name]
            assert not house.problems()


def record(rnd: random.Random, table: str, pull: int, key: int, columns: dict[str, str]) -> Told:
    refers = tuple((of, rnd.randrange(9)) for of in columns.values() if rnd.random() < 0.6)
    return Told(table, pull, key, refers, wrong=rnd.random() < 0.25)


def as_row(one: Told, columns: dict[str, str]) -> Row:
    row = shown(one, columns)
    return {"id": one.key, **dict(zip(columns, row[1:], strict=True)), "status": "bad" if one.wrong else "good"}


def shown(one: Told, columns: dict[str, str]) -> tuple[object, ...]:
    refers = dict(one.refers)
    values = [refers.get(of) for of in columns.values()]
    return one.key, *(str(value) if one.table == "lefts" and value is not None else value for value in values)


class Named(Contract):
    """Refers to a badge; no two have a name."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="badges.id")
    name: str = column(unique=True)


class Badge(Contract):
    """Refers to who wears it."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="named.id")


def test_a_published_row_stays_and_a_newcomer_waits_for_a_parent_that_leaves_meanwhile(tmp_path: Path) -> None:
    house = House(lake_in(tmp_path))
    deletes = Deletes("column", "gone")
    house.tables = {"named": (plain("named"), Named), "badges": (plain("badges", deletes=deletes), Badge)}
    bring(house, "named", [{"id": 1, "refers": 5, "name": "a"}])
    bring(house, "badges", [{"id": id, "refers": None, "gone": False} for id in (5, 6)])
    house.publish()
    bring(house, "named", [{"id": 2, "refers": 5, "name": "b"}, {"id": 3, "refers": 6, "name": "c"}])
    bring(house, "badges", [{"id": 5, "refers": None, "gone": True}])
    house.publish()
    assert house.rows("SELECT id FROM named ORDER BY id") == [(1,), (3,)]
    assert house.rows("SELECT rule, open FROM _catalog.quarantine") == [("reference", 1)]
    bring(house, "badges", [{"id": 5, "refers": 2, "gone": False}])
    house.publish()
    assert house.rows("SELECT id FROM named ORDER BY id") == [(1,), (2,), (3,)]
    assert not house.problems()


def test_a_refused_update_leaves_the_row_that_others_refer_to(tmp_path: Path) -> None:
    house = House(lake_in(tmp_path))
    house.tables = {"named": (plain("named"), Named), "badges": (plain("badges"), Badge)}
    bring(house, "named", [{"id": 1, "refers": None, "name": "a"}, {"id": 2, "refers": None, "name": "b"}])
    bring(house, "badges", [])
    house.publish()
    bring(house, "named", [{"id": 2, "refers": 7, "name": "b"}, {"id": 3, "refers": 8, "name": "c"}])  # the badges wait
    bring(house, "badges", [{"id": 7, "refers": 4}, {"id": 8, "refers": 2}])
    bring(house, "named", [{"id": 4, "refers": None, "name": "a"}])
    house.publish()
    assert house.rows("SELECT id, refers FROM named ORDER BY id") == [(1, None), (2, None), (3, 8)]
    assert house.rows("SELECT id FROM badges") == [(8,)]
    assert not house.problems()


def test_a_table_that_is_held_in_the_first_night_holds_no_other_of_its_circle(tmp_path: Path) -> None:
    """The next publish, with nothing new, tells the same of all of them."""
    house = House(lake_in(tmp_path))
    house.tables = {name: (plain(name), contract) for name, (contract, _) in CIRCLES["of two"].items()}
    bring(house, "lefts", [{"id": 1, "refers": "1", "status": "good"}], text=True)
    bring(house, "rights", [{"id": 1, "refers": 1, "status": "good"}])
    (file,) = house.lake.storage.list("ready/rights")
    path = Path(house.lake.storage.url(file))
    data = path.read_bytes()
    path.unlink()
    assert [house.publish().held for _ in range(2)] == [("rights",), ("rights",)]
    assert house.rows('SELECT "table", rule, open FROM _catalog.quarantine') == [("lefts", "reference", 1)]
    path.write_bytes(data)
    assert house.publish().held == ()
    assert [house.rows(f"SELECT id FROM {name}") for name in house.tables] == [[(1,)], [(1,)]]
    assert not house.problems()
