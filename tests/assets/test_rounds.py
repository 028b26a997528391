"""What a publish costs where records wait for each other: rounds of one table, and candidates of all."""

from __future__ import annotations

import cProfile
import pstats
import random
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from company import lake_in
from houses import House, plain
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.relations import Came, chained
from test_among_rows import Slip
from test_relation_nights import bring, ingest, shown
from test_totals import Invoice, Line

from tilth.assets.publishing.chains import Family, Part, falling
from tilth.assets.publishing.refusing import Settling
from tilth.assets.publishing.totals import Totals
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column


def calls(function: Callable[..., object], of: Callable[[], object]) -> int:
    """How often a function is called meanwhile."""
    profile = cProfile.Profile()
    profile.runcall(of)
    code = function.__code__  # type: ignore[attr-defined]
    found = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return sum(made[1] for (file, line, _), made in found.items() if (file, line) == _place(code))


def _place(code: object) -> tuple[str, int]:
    return code.co_filename, code.co_firstlineno  # type: ignore[attr-defined]


def slip(number: int, *, id: int | None = None) -> dict[str, object]:
    return {"id": id or number, "book": "A", "number": number, "day": number}


def test_numbers_that_come_highest_first_cost_a_round_a_pull(tmp_path: Path) -> None:
    house = House(lake_in(tmp_path), {"t": (plain("t"), Slip)})
    ingest(house, "t", [slip(1)], slip(0))
    house.publish()
    pulls = 9
    for number in range(pulls + 1, 1, -1):
        ingest(house, "t", [slip(number)], slip(0))
    assert calls(Settling.refuse, house.publish) <= pulls + 3
    assert house.rows("SELECT id FROM t ORDER BY id") == [(id,) for id in range(1, pulls + 2)]
    assert not house.problems()


def test_of_two_that_come_back_and_contradict_each_other_the_later_one_is_blamed(tmp_path: Path) -> None:
    house = House(lake_in(tmp_path), {"t": (plain("t"), Slip)})
    ingest(house, "t", [slip(1)], slip(0))
    house.publish()
    for one in (slip(4), slip(3), slip(3, id=33), slip(2)):
        ingest(house, "t", [one], slip(0))
    house.publish()
    assert house.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,), (3,), (4,)]
    assert house.rows("SELECT rule, open FROM _catalog.quarantine") == [("sequence", 1)]
    assert not house.problems()


class Payment(Contract):
    """Refers to its invoice."""

    id: int = column(key=True)
    invoice: int = column(references="invoices.no")


class Note(Contract):
    """Refers to its payment."""

    id: int = column(key=True)
    payment: int = column(references="payments.id")


@pytest.fixture
def billing(tmp_path: Path) -> House:
    house = House(lake_in(tmp_path))
    house.tables = {"invoices": (plain("invoices"), Invoice), "lines": (plain("lines"), Line)}
    return house


@pytest.mark.long
def test_invoices_that_fall_in_a_row_cost_three_candidates(billing: House) -> None:
    """Every line moves to the next invoice, and the first one knows nothing of it: so all wait."""
    billing.tables |= {"payments": (plain("payments"), Payment), "notes": (plain("notes"), Note)}  # never published
    chosen, many = ["invoices", "lines"], 14
    bring(billing, dict.fromkeys(range(many), 5), {id: (id, 5) for id in range(many)})
    billing.publish(chosen)
    before = shown(billing)
    before[0][99] = 0
    bring(billing, {0: 1, 99: 0}, {id: ((id + 1) % many, 5) for id in range(many)})
    assert calls(Totals.check, lambda: billing.publish(chosen)) <= 3
    assert shown(billing) == before
    bring(billing, {many: 0}, {})
    assert calls(Totals.check, billing.publish) <= 3
    assert shown(billing) == ({**before[0], many: 0}, before[1])
    bring(billing, {0: 5}, {})
    assert calls(Totals.check, billing.publish) == 1
    assert shown(billing)[1] == {id: ((id + 1) % many, 5) for id in range(many)}
    assert not billing.problems()


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, *range(20, 26)])
def test_lines_that_move_leave_waiting_whom_candidate_after_candidate_would(seed: int) -> None:
    rnd = random.Random(seed)
    heads: dict[int, int] = {}
    rows: dict[int, tuple[int, int]] = {}
    waits: list[Came] = []
    pulls = 0
    with tempfile.TemporaryDirectory() as folder:
        house = House(lake_in(Path(folder)))
        house.tables = {"invoices": (plain("invoices"), Invoice), "lines": (plain("lines"), Line)}
        for night in range(3):
            came: list[Came] = []
            for _ in range(rnd.choice([1, 1, 2])):
                pulls += 1
                moved = {
                    id: (rnd.randrange(6), rnd.choice([0, 1, 1, 2])) for id in rnd.sample(range(12), 7 if night else 12)
                }
                known = rows | moved
                sums = {no: sum(amount for of, amount in known.values() if of == no) for no in range(6)}
                told = {no: net + (rnd.random() < 0.1) for no, net in sums.items() if not night or rnd.random() < 0.8}
                bring(house, told, moved)
                came += [(pulls, "invoice", no, (net,)) for no, net in told.items()]
                came += [(pulls, "line", id, says) for id, says in moved.items()]
            heads, rows, waits = chained(heads, rows, [*waits, *came])
            assert calls(Totals.check, house.publish) <= 6
            assert shown(house) == (heads, rows)
            assert not house.problems()


Newcomers = st.dictionaries(
    st.integers(0, 9),
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(-2, 2)), min_size=2, max_size=3),
    max_size=10,
)


@settings(max_examples=50)
@given(Newcomers, st.sets(st.integers(0, 5), min_size=1), st.dictionaries(st.integers(0, 5), st.integers(-2, 2)))
def test_falling_is_what_trying_again_and_again_tells(
    newcomers: dict[int, list[tuple[int, bool, int]]], first: set[int], said: dict[int, int]
) -> None:
    """Newcomers say lines, new or old; a family whose sum is not what is said falls, if it has newcomers."""

    def summed(family: int, gone: set[int]) -> int:
        of = [(who, old, n) for who, parts in newcomers.items() for f, old, n in parts if f == family]
        return sum(n if not old else 0 for who, old, n in of if who not in gone) + sum(
            n for who, old, n in of if old and who in gone
        )

    count = {f: sum(any(of == f for of, _, _ in parts) for parts in newcomers.values()) for f in range(6)}
    first = first | {f for f in said if count[f] and summed(f, set()) != said[f]}
    fallen = set(first)
    while True:
        gone = {who for who, parts in newcomers.items() if any(f in fallen for f, _, _ in parts)}
        asked = {f for who, parts in newcomers.items() if who not in gone for f, _, _ in parts}
        more = {f for f in asked - fallen if f in said and summed(f, gone) != said[f]}
        if not more:
            break
        fallen |= more
    parts = [
        Part(("t", who, 0), str(f), line=True, old=old, amount=Fraction(n))
        for who, of in newcomers.items()
        for f, old, n in of
    ]
    families = {
        str(f): Family(count[f], True, summed=Fraction(summed(f, set())), said=[Fraction(said[f])] if f in said else [])
        for f in range(6)
    }
    assert falling({str(f) for f in first}, parts, families) == {str(f) for f in fallen}
