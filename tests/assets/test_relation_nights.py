"""Random nights of tables whose rows are judged by each other: every night publishes what an oracle says."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from company import Scripted, lake_in
from houses import House, plain
from oracles.relations import contradictions, disorder, families, gaps, refused
from test_among_rows import INT, TEXT, Bill, Place, Slip, Voted
from test_totals import MONEY, Invoice, Line

from tilth.schemas.contract import Contract, ascending, functional_dependency
from tilth.schemas.contract import field as column

Row = dict[str, Any]
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8))]


class Loose(Contract):
    """Numbers ascend with the days, and some may be missing."""

    id: int = column(key=True)
    book: str = column()
    number: int = column()
    day: int = column()
    rules = (ascending("number", within="book", by="day", strict=False),)


def place(rnd: random.Random, id: int) -> Row:
    return {"id": id, "zip": rnd.choice(["1", "1", "2", None]), "city": rnd.choice(["a", "a", "b", "c", None])}


def slip(rnd: random.Random, id: int) -> Row:
    return {"id": id, "book": rnd.choice("AAB"), "number": rnd.randint(1, 12), "day": rnd.randint(1, 8)}


RULES: dict[str, tuple[type, Callable[[random.Random, int], Row], Callable[..., set[int]]]] = {
    "dependency": (Place, place, partial(contradictions, vote=False)),
    "vote": (Voted, place, partial(contradictions, vote=True)),
    "sequence": (Loose, slip, partial(disorder, strict=False)),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", RULES)
def test_each_night_publishes_what_the_oracle_lets_stand(kind: str, seed: int) -> None:
    contract, row_of, rule = RULES[kind]
    rnd = random.Random(seed)
    published: dict[int, Row] = {}
    with tempfile.TemporaryDirectory() as folder:
        house = House(lake_in(Path(folder)), {"t": (plain("t"), contract)})
        for _ in range(4):
            came = {id: row_of(rnd, id) for id in rnd.sample(range(12), rnd.randint(0, 6))}
            came |= {id: published[id] for id in list(published)[:2] if rnd.random() < 0.3}  # the same again
            fallen = refused(published, came, rule)
            published |= {id: row for id, row in came.items() if id not in fallen}
            ingest(house, "t", list(came.values()), row_of(rnd, 0))
            house.publish()
            names = ", ".join(row_of(rnd, 0))
            found = {row[0]: row for row in house.rows(f"SELECT {names} FROM t")}
            assert found == {id: tuple(row.values()) for id, row in published.items()}
            assert not house.problems()


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_come_in_any_order_and_all_are_there_in_the_end(seed: int) -> None:
    rnd = random.Random(seed)
    slips = [{"id": n + 100 * b, "book": "AB"[b], "number": n, "day": n} for n in range(1, 9) for b in range(2)]
    rnd.shuffle(slips)
    published: list[Row] = []
    waits: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        house = House(lake_in(Path(folder)), {"t": (plain("t"), Slip)})
        while slips:
            came, slips = slips[:4], slips[4:]
            waits, published = settled(waits, came, published)
            ingest(house, "t", came, {"id": 1, "book": "A", "number": 1, "day": 1})
            house.publish()
            assert {id for (id,) in house.rows("SELECT id FROM t")} == {row["id"] for row in published}
            assert not house.problems()
        assert len(published) == 16 and not waits


def settled(waits: list[Row], came: list[Row], published: list[Row]) -> tuple[list[Row], list[Row]]:
    """What waits and what is published after a night: whoever misses nobody comes in, until nobody does."""
    todo = [*waits, *came]
    while True:
        late = gaps(published, todo)
        if len(late) == len(todo):
            return todo, published
        published = published + [row for at, row in enumerate(todo) if at not in late]
        todo = [row for at, row in enumerate(todo) if at in late]


def ingest(house: House, name: str, rows: list[Row], like: Row) -> None:
    kinds = {column: INT if column in ("id", "number", "day") else TEXT for column in like}
    house.ingest(name, Scripted(rows, kinds))


@pytest.mark.parametrize("seed", SEEDS)
def test_invoices_and_lines_come_in_any_order_and_all_are_there_in_the_end(seed: int) -> None:
    """Each night publishes what the oracle says, the last one the last version of everything, whatever the order."""
    rnd = random.Random(seed)
    lines = {id: [(id % 4, rnd.randint(0, 5)) for _ in range(rnd.randint(1, 2))] for id in range(8)}
    nets = {no: [sum(versions[-1][1] for versions in lines.values() if versions[-1][0] == no)] for no in range(4)}
    for no in nets:
        nets[no] = [*([rnd.randint(0, 9)] if rnd.random() < 0.4 else []), *nets[no]]
    todo = [("line", id) for id, versions in lines.items() for _ in versions]
    todo += [("invoice", no) for no, versions in nets.items() for _ in versions]
    rnd.shuffle(todo)
    last = {id: versions[-1] for id, versions in lines.items()}, {no: versions[-1] for no, versions in nets.items()}
    published: tuple[dict[int, int], dict[int, tuple[int, int]]] = ({}, {})
    waits: tuple[dict[int, int], dict[int, tuple[int, int]]] = ({}, {})
    with tempfile.TemporaryDirectory() as folder:
        house = House(lake_in(Path(folder)))
        house.tables = {"invoices": (plain("invoices"), Invoice), "lines": (plain("lines"), Line)}
        while todo:
            for _ in range(rnd.randint(1, 2)):  # pulls before the next publish
                came, todo = todo[:5], todo[5:]
                pull = {no: nets[no].pop(0) for kind, no in came if kind == "invoice" and once(came, kind, no, nets)}
                part = {id: lines[id].pop(0) for kind, id in came if kind == "line" and once(came, kind, id, lines)}
                todo += [("invoice", no) for no, left in nets.items() if left and ("invoice", no) not in todo]
                todo += [("line", id) for id, left in lines.items() if left and ("line", id) not in todo]
                bring(house, pull, part)
                waits = ({**waits[0], **pull}, {**waits[1], **part})
            published = families(published, waits)
            house.publish()
            heads, rows = shown(house)
            assert (heads, rows) == published
            waits = (
                {no: net for no, net in waits[0].items() if published[0].get(no) != net},
                {id: line for id, line in waits[1].items() if published[1].get(id) != line},
            )
            assert not house.problems()
        assert (published[1], published[0]) == last
        assert house.rows("SELECT * FROM _catalog.quarantine") == []


class Everything(Contract):
    """All rules among rows at once."""

    id: int = column(key=True)
    book: str = column()
    number: int = column()
    day: int = column()
    zip: str = column(nullable=True)
    city: str = column(nullable=True)
    rules = (
        functional_dependency("zip", "city"),
        ascending("number", within="book", by="day", gapless=True),
        functional_dependency("city", "book", vote=True, severity="warn"),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_that_meet_lose_nobody_and_let_nothing_through(seed: int) -> None:
    rnd = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        house = House(lake_in(Path(folder)), {"t": (plain("t"), Everything)})
        for _ in range(8):
            came = [slip(rnd, id) | place(rnd, id) for id in rnd.sample(range(14), rnd.randint(0, 6))]
            ingest(house, "t", came, slip(rnd, 0) | place(rnd, 0))
            if rnd.random() < 0.7:
                house.publish()
                assert not house.problems()
        house.publish()
        names = ("id", "book", "number", "day", "zip", "city")
        found = [dict(zip(names, row, strict=True)) for row in house.rows(f"SELECT {', '.join(names)} FROM t")]
        for at, row in enumerate(found):
            others = found[:at] + found[at + 1 :]
            assert not contradictions(others, [row], vote=False)
            assert not disorder(others, [row], strict=True)


STEPS = {"open": ["paid", "cancelled"], "paid": ["refunded"], "cancelled": []}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_status_walks_where_it_may(seed: int) -> None:
    rnd = random.Random(seed)
    published: dict[int, str | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        house = House(lake_in(Path(folder)), {"t": (plain("t"), Bill)})
        for _ in range(5):
            for _ in range(rnd.randint(1, 3)):  # pulls before the next publish
                states = ["open", "paid", "cancelled", "refunded", None]
                came = {id: rnd.choice(states) for id in rnd.sample(range(8), rnd.randint(0, 5))}
                ingest(
                    house, "t", [{"id": id, "status": status} for id, status in came.items()], {"id": 0, "status": ""}
                )
                for id, status in came.items():
                    now = published.get(id)
                    begins = id not in published and status in ("open", "paid", None)
                    goes = id in published and (now in (status, None) or status is None or status in STEPS.get(now, []))
                    if begins or goes:
                        published[id] = status
            house.publish()
            assert dict(house.rows("SELECT id, status FROM t")) == published  # type: ignore[arg-type]
            assert not house.problems()


def once(came: list[tuple[str, int]], kind: str, id: int, left: dict[int, Any]) -> bool:
    """Whether a version is left for this pull: it has one of each record at most."""
    return bool(left[id]) and came.count((kind, id)) >= 1


def bring(house: House, pull: dict[int, int], part: dict[int, tuple[int, int]]) -> None:
    heads = [{"no": no, "net": Decimal(net)} for no, net in pull.items()]
    rows = [{"id": id, "invoice": invoice, "amount": Decimal(amount)} for id, (invoice, amount) in part.items()]
    house.ingest("invoices", Scripted(heads, {"no": INT, "net": MONEY}))
    house.ingest("lines", Scripted(rows, {"id": INT, "invoice": INT, "amount": MONEY}))


def shown(house: House) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
    heads = {no: int(net) for no, net in house.rows("SELECT no, net FROM invoices")}  # type: ignore[call-overload]
    rows = house.rows("SELECT id, invoice, amount FROM lines")
    return heads, {id: (invoice, int(amount)) for id, invoice, amount in rows}  # type: ignore[call-overload,misc]
