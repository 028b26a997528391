"""What a publish costs where records wait for each other: rounds of one table, and candidates of all."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

from company import lake_in
from houses import House, plain
from test_among_rows import Slip
from test_relation_nights import ingest

from tilth.assets.publishing.refusing import Settling


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
