"""Circles beside gapless numbers, totals, mends and lost files: no order of declaration tells who comes in."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from company import Scripted, lake_in
from houses import House, plain
from oracles.circles import Rows, Told, after

from tilth.assets.pulls import judged_pulls
from tilth.schemas.contract import Contract, ascending, spec_of, total
from tilth.schemas.contract import field as column

pytestmark = pytest.mark.long

TEXT, INT = pa.string(), pa.int64()
STATES = {"initial": ["good"], "transitions": {"good": []}}


class Slip(Contract):
    """Refers to a note; no number is missing."""

    id: int = column(key=True)
    number: int = column(nullable=True)
    day: int = column(nullable=True)
    refers: int = column(nullable=True, references="notes.id")
    size: int = column(nullable=True, ge=0)
    status: str = column(**STATES)  # type: ignore[arg-type]
    rules = (ascending("number", by="day", gapless=True),)


class LooseSlip(Slip):
    """Takes what was too small."""

    size: int = column(nullable=True)


class Note(Contract):
    """Refers to a slip; a bill sums notes."""

    id: int = column(key=True)
    refers: int = column(nullable=True, references="slips.id")
    bill: int = column(nullable=True)
    amount: int = column(nullable=True)
    status: str = column(**STATES)  # type: ignore[arg-type]
    name: str = column(nullable=True, unique=True)


class Bill(Contract):
    """Says a sum."""

    no: int = column(key=True)
    net: int = column()
    rules = (total("net", of="notes.amount", by={"no": "bill"}),)


CONTRACTS: dict[str, type] = {"slips": Slip, "notes": Note, "bills": Bill}
ORDERS = [("slips", "notes", "bills"), ("bills", "notes", "slips")]
THERE, BACK = ORDERS
in_both_orders = pytest.mark.parametrize("order", [THERE, pytest.param(BACK, marks=pytest.mark.long)])


def house_of(folder: Path, order: Sequence[str]) -> House:
    return House(lake_in(folder), {name: (plain(name), CONTRACTS[name]) for name in order})


def bring(house: House, table: str, *rows: Mapping[str, object]) -> None:
    """One pull; what a row does not say is null, or good."""
    names = [column.name for column in spec_of(CONTRACTS[table]).columns]
    kinds = {name: TEXT if name in ("status", "name") else INT for name in names}
    told = [
        {
            name: row.get(name, "good" if name == "status" else row.get("number") if name == "day" else None)
            for name in names
        }
        for row in rows
    ]
    house.ingest(table, Scripted(told, kinds))


def ids(house: House, table: str) -> list[object]:
    assert not house.problems()
    return [id for (id,) in house.rows(f"SELECT id FROM {table} ORDER BY id")]


def waiting(house: House) -> list[tuple[object, ...]]:
    return house.rows('SELECT "table", rule, open FROM _catalog.quarantine WHERE open > 0 ORDER BY ALL')


@in_both_orders
def test_who_refers_to_a_number_that_came_too_early_does_not_wait(tmp_path: Path, order: Sequence[str]) -> None:
    house = house_of(tmp_path, order)
    bring(house, "notes", {"id": 1, "refers": 3})
    for id, note in ((1, None), (3, None), (2, None), (4, 1)):
        bring(house, "slips", {"id": id, "number": id, "refers": note})
    house.publish()
    assert (ids(house, "slips"), ids(house, "notes"), waiting(house)) == ([1, 2, 3, 4], [1], [])


def test_of_two_of_one_number_the_first_is_there_for_others(tmp_path: Path) -> None:
    """All that wait are let in at once first, which blames both of them: neither is lost by that."""
    house = house_of(tmp_path, ORDERS[0])
    bring(house, "notes", {"id": 1, "refers": 3})
    for id, number, note in ((1, 1, None), (3, 3, None), (33, 3, None), (2, 2, None), (4, 4, 1)):
        bring(house, "slips", {"id": id, "number": number, "refers": note})
    house.publish()
    assert (ids(house, "slips"), ids(house, "notes"), waiting(house)) == ([1, 2, 3, 4], [1], [("slips", "sequence", 1)])


def test_who_refers_to_a_number_that_does_not_come_waits(tmp_path: Path) -> None:
    house = house_of(tmp_path, ORDERS[0])
    bring(house, "notes", {"id": 1, "refers": 3}, {"id": 2, "refers": 1})
    for id, note in ((1, 2), (3, None), (9, None)):
        bring(house, "slips", {"id": id, "number": None if id == 9 else id, "refers": note})
    house.publish()
    assert (ids(house, "slips"), ids(house, "notes")) == ([1, 9], [2])
    assert waiting(house) == [("notes", "reference", 1), ("slips", "gap", 1)]


def test_who_refers_to_whom_a_blocked_sum_makes_room_for_does_not_wait(tmp_path: Path) -> None:
    house = house_of(tmp_path, ORDERS[0])
    bring(house, "bills", {"no": 1, "net": 0})
    bring(house, "slips")
    bring(house, "notes", {"id": 2, "bill": 1, "amount": 1, "name": "x"})
    bring(house, "notes", {"id": 3, "name": "x"})
    bring(house, "slips", {"id": 7, "refers": 3})
    house.publish()
    assert (ids(house, "notes"), ids(house, "slips")) == ([3], [7])
    assert waiting(house) == [("bills", "total", 1), ("notes", "total", 1)]


@in_both_orders
def test_who_refers_to_what_was_mended_does_not_wait(tmp_path: Path, order: Sequence[str]) -> None:
    house = house_of(tmp_path, order)
    bring(house, "slips", {"id": 2, "size": -1})
    bring(house, "notes", {"id": 1, "refers": 2})
    house.publish()
    assert (ids(house, "slips"), ids(house, "notes")) == ([], [])
    house.tables["slips"] = (plain("slips"), LooseSlip)
    bring(house, "slips")
    house.publish()
    assert (ids(house, "slips"), ids(house, "notes"), waiting(house)) == ([2], [1], [])


def test_a_mended_number_comes_after_one_of_a_later_pull(tmp_path: Path) -> None:
    """A changed contract judges all that waits again: who waits for a number has to wait no longer for that."""
    house = house_of(tmp_path, ORDERS[0])
    bring(house, "notes")
    bring(house, "slips", {"id": 1, "number": 1})
    bring(house, "slips", {"id": 4, "number": 4}, {"id": 3, "number": 3, "size": -1})
    house.publish()
    house.tables["slips"] = (plain("slips"), LooseSlip)
    bring(house, "slips", {"id": 2, "number": 2})
    house.publish()
    assert (ids(house, "slips"), waiting(house)) == ([1, 2, 3, 4], [])


def test_a_lost_file_holds_its_table_alone(tmp_path: Path) -> None:
    house = house_of(tmp_path, ORDERS[0])
    for table, row in (("slips", {"id": 1}), ("notes", {"id": 1}), ("bills", {"no": 1, "net": 0})):
        bring(house, table, row)
    house.publish()
    bring(house, "slips", {"id": 2})
    bring(house, "notes", {"id": 2}, {"id": 3, "refers": 2})
    with house.lake.state.read() as connection:
        lost = judged_pulls(connection, "slips")[-1].ready
    Path(house.lake.storage.url(lost)).unlink()
    assert house.publish().held == ("slips",)
    assert house.rows("SELECT id FROM notes ORDER BY id") == [(1,), (2,)]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 24))
def test_each_night_publishes_who_stands_in_the_end(seed: int) -> None:
    nights = list(of_nights(random.Random(seed)))
    for order in ORDERS:
        rows: Rows = {}
        waits: Sequence[Told] = []
        with tempfile.TemporaryDirectory() as folder:
            house = house_of(Path(folder), order)
            for number, pulls in enumerate(nights):
                if loose := number == len(nights) - 1:
                    house.tables["slips"] = (plain("slips"), LooseSlip)
                    waits = [replace(one, mended=True) for one in waits]
                for pull in pulls:
                    for table in CONTRACTS:
                        bring(house, table, *(as_row(one) for one in pull if one.table == table))
                came = [replace(one, mended=loose or one.mended) for pull in pulls for one in pull]
                rows, waits = after(rows, waits, came)
                house.publish()
                told = {table: sorted(key for of, key in rows if of == table) for table in CONTRACTS}
                assert (ids(house, "slips"), ids(house, "notes")) == (told["slips"], told["notes"])
                assert house.rows("SELECT id, refers FROM notes ORDER BY id") == refers_of(rows, "notes")
                nets = [(row.key, row.says) for (of, _), row in sorted(rows.items()) if of == "bills"]
                assert house.rows("SELECT no, net FROM bills ORDER BY no") == nets


def refers_of(rows: Rows, table: str) -> list[tuple[int, int | None]]:
    return [(row.key, row.refers[0][1] if row.refers else None) for (of, _), row in sorted(rows.items()) if of == table]


def as_row(one: Told) -> dict[str, object]:
    if one.table == "bills":
        return {"no": one.key, "net": one.says}
    row = {"id": one.key, "refers": one.refers[0][1] if one.refers else None, "status": "bad" if one.wrong else "good"}
    if one.table == "notes":
        return {**row, "bill": one.family, "amount": None if one.family is None else 1}
    return {**row, "number": one.number, "size": 1 if one.mended else -1}


def of_nights(rnd: random.Random) -> list[list[list[Told]]]:
    """Nights of pulls. A slip is told until it is told right, then never again; notes change whom they refer to."""
    first = [Told("slips", 1, 0, (), wrong=False, number=0), *(bill(1, no, 0) for no in range(2))]
    nights, pulls = [[first]], 1
    slips, notes = [*range(1, 12)], set[int]()
    for _ in range(3):
        night: list[list[Told]] = []
        for _ in range(rnd.randint(1, 3)):
            pulls += 1
            chosen = rnd.sample(slips[:6], min(len(slips), rnd.randint(0, 4)))
            told = [slip(rnd, pulls, id) for id in chosen]
            slips = [id for id in slips if id not in {one.key for one in told if not one.wrong}]
            told += [note(rnd, pulls, id) for id in rnd.sample(range(10), rnd.randint(0, 4))]
            notes |= {one.key for one in told if one.table == "notes" and not one.wrong}
            sums = {no: sum(id % 3 == no for id in notes) for no in range(2)}
            told += [bill(pulls, no, net - (rnd.random() < 0.2)) for no, net in sums.items()]
            night.append(told)
        nights.append(night)
    return nights


def slip(rnd: random.Random, pull: int, id: int) -> Told:
    wrong = rnd.random() < 0.15
    refers = (("notes", rnd.randrange(10)),) if rnd.random() < 0.4 else ()
    return Told("slips", pull, id, refers, wrong, wrong or rnd.random() < 0.85, number=id if id < 8 else None)


def note(rnd: random.Random, pull: int, id: int) -> Told:
    refers = (("slips", rnd.randrange(12)),) if rnd.random() < 0.6 else ()
    return Told("notes", pull, id, refers, rnd.random() < 0.1, family=id % 3 if id % 3 < 2 else None)


def bill(pull: int, no: int, net: int) -> Told:
    return Told("bills", pull, no, (), wrong=False, family=no, says=net)
