"""Dependencies, sequences and transitions against what is published: the newcomer is blamed, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from company import Scripted, lake_in
from houses import House, plain

from tilth.assets.mends import Mender, keep_mends
from tilth.assets.quarantine import open_entries
from tilth.assets.replay import judge_again
from tilth.schemas.contract import Contract, ascending, functional_dependency, spec_of
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()
Row = dict[str, object]


class Place(Contract):
    """One city for each zip."""

    id: int = column(key=True)
    zip: str = column(nullable=True)
    city: str = column(nullable=True)
    rules = (functional_dependency("zip", "city"),)


class Voted(Contract):
    """One city for each zip, by majority."""

    id: int = column(key=True)
    zip: str = column(nullable=True)
    city: str = column(nullable=True)
    rules = (functional_dependency("zip", "city", vote=True),)


class Watched(Contract):
    """Several cities for a zip are only counted."""

    id: int = column(key=True)
    zip: str = column(nullable=True)
    city: str = column(nullable=True)
    rules = (functional_dependency("zip", "city", severity="warn"),)


class Slip(Contract):
    """Numbers ascend with the days, book by book, and none is missing."""

    id: int = column(key=True)
    book: str = column()
    number: int = column()
    day: int = column()
    rules = (ascending("number", within="book", by="day", gapless=True),)


class Bill(Contract):
    """Has a status."""

    id: int = column(key=True)
    status: str = column(
        nullable=True,
        transitions={"open": ["paid", "cancelled"], "paid": ["refunded"], "cancelled": []},
        initial=["open", "paid"],
    )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(lake_in(tmp_path))
    yield house
    assert not house.problems()


def night(house: House, contract: type, *rows: tuple[object, ...], publish: bool = True) -> None:
    house.tables["t"] = (plain("t"), contract)
    names = list(contract.to_schema().columns)  # type: ignore[attr-defined]
    types = {name: INT if name in ("id", "number", "day") else TEXT for name in names}
    house.ingest("t", Scripted([dict(zip(names, row, strict=True)) for row in rows], types))
    if publish:
        house.publish()


def published(house: House, columns: str = "*") -> list[tuple[object, ...]]:
    names = "id, zip, city" if columns == "*" else columns
    return house.rows(f"SELECT {names} FROM t ORDER BY id")


def open_rules(house: House) -> dict[str, int]:
    return dict(house.rows("SELECT rule, open FROM _catalog.quarantine ORDER BY rule"))  # type: ignore[arg-type]


def quality(house: House, rule: str) -> list[tuple[object, ...]]:
    return house.rows(
        f"SELECT \"column\", severity, checked, failed FROM _catalog.quality WHERE rule = '{rule}' AND run = "
        "(SELECT run_id FROM _catalog.releases ORDER BY release DESC LIMIT 1)"
    )


def test_rows_that_contradict_each_other_are_all_blamed_and_nulls_take_no_part(house: House) -> None:
    night(house, Place, (1, "1", "a"), (2, "1", "b"), (3, "2", "c"), (4, "2", None), (5, None, "d"), (6, None, "e"))
    assert published(house) == [(3, "2", "c"), (4, "2", None), (5, None, "d"), (6, None, "e")]
    assert open_rules(house) == {"functional_dependency": 2}
    assert quality(house, "functional_dependency") == [("zip,city", "error", 6, 2)]


def test_a_newcomer_that_contradicts_what_is_published_is_blamed_and_those_who_agree_are_not(house: House) -> None:
    night(house, Place, (1, "1", "a"))
    night(house, Place, (2, "1", "b"), (3, "1", "a"))
    assert published(house) == [(1, "1", "a"), (3, "1", "a")]


def test_rows_are_not_contradicted_by_what_they_replace(house: House) -> None:
    night(house, Place, (1, "1", "a"), (2, "1", "a"), (3, "1", "a"))
    night(house, Place, (1, "1", "b"), (2, "1", "b"), (3, "1", "b"))
    assert published(house) == [(1, "1", "b"), (2, "1", "b"), (3, "1", "b")]


def test_a_refused_update_leaves_its_last_good_version_which_then_counts_again(house: House) -> None:
    """2 is refused for zip 2; so its old version, zip 1 with a, stays, and contradicts 3."""
    night(house, Place, (1, "2", "x"), (2, "1", "a"))
    night(house, Place, (2, "2", "y"), (3, "1", "b"))
    assert published(house) == [(1, "2", "x"), (2, "1", "a")]
    assert open_rules(house) == {"functional_dependency": 2}


def test_the_same_again_is_no_news_even_where_the_rule_came_later(house: House) -> None:
    night(house, Watched, (1, "1", "a"), (2, "1", "b"))
    assert quality(house, "functional_dependency") == [("zip,city", "warn", 2, 2)]
    night(house, Place, (1, "1", "a"), (2, "1", "b"), (3, "1", "a"), (4, "1", "c"))
    assert published(house) == [(1, "1", "a"), (2, "1", "b"), (3, "1", "a")]


def test_by_vote_the_outvoted_are_blamed_and_published_rows_vote_too(house: House) -> None:
    night(house, Voted, (1, "1", "a"), (2, "1", "a"), (3, "1", "b"), (4, "2", "x"), (5, "2", "y"))
    assert published(house) == [(1, "1", "a"), (2, "1", "a")]
    night(house, Voted, (6, "1", "b"), (7, "1", "a"))
    assert published(house) == [(1, "1", "a"), (2, "1", "a"), (7, "1", "a")]
    night(house, Voted, *((id, "1", "b") for id in range(10, 14)))
    assert [id for id, *_ in published(house)] == [1, 2, 7, 10, 11, 12, 13]


def test_a_corrected_row_takes_the_place_of_its_entry(house: House) -> None:
    night(house, Place, (1, "1", "a"), (2, "1", "b"))
    night(house, Place, (2, "1", "c"))
    assert published(house) == [(2, "1", "c")]
    night(house, Place, (1, "1", "c"))
    assert published(house) == [(1, "1", "c"), (2, "1", "c")]
    assert open_rules(house) == {}


def test_pulls_that_wait_together_are_settled_one_after_the_other(house: House) -> None:
    night(house, Place, (1, "1", "a"), publish=False)
    night(house, Place, (2, "1", "b"), publish=False)
    night(house, Place, (1, "1", "b"))
    assert published(house) == [(1, "1", "b")]


def test_numbers_that_do_not_fit_between_published_ones_are_blamed(house: House) -> None:
    night(house, Slip, (1, "A", 1, 10), (2, "A", 2, 20), (3, "A", 3, 30), (9, "B", 7, 1))
    night(house, Slip, (4, "A", 3, 40), (5, "A", 4, 15), (6, "A", 4, 40), (7, "B", 8, 2))
    assert published(house, "id") == [(1,), (2,), (3,), (6,), (7,), (9,)]
    assert open_rules(house) == {"sequence": 2}
    assert quality(house, "sequence") == [("number", "error", 4, 2)]


def test_a_spike_among_newcomers_is_blamed_not_all_that_come_after(house: House) -> None:
    class Loose(Slip):
        rules = (ascending("number", within="book", by="day"),)

    night(house, Loose, (1, "A", 1, 1), (2, "A", 2, 2), (3, "A", 100, 3), (4, "A", 3, 4), (5, "A", 5, 5))
    assert published(house, "number") == [(1,), (2,), (3,), (5,)]
    night(house, Loose, (11, "B", 1, 10), (12, "B", 5, 20), (13, "B", 9, 30))
    night(house, Loose, (14, "B", 7, 15), (15, "B", 4, 25), (16, "B", 3, 15), (17, "B", 7, 25), (18, "B", 5, 20))
    assert [id for (id,) in published(house, "id") if id > 10] == [11, 12, 13, 16, 17]


def test_after_a_gap_numbers_wait_and_come_back_by_themselves(house: House) -> None:
    night(house, Slip, (1, "A", 1, 1), (3, "A", 3, 3), (4, "A", 4, 4), (9, "B", 50, 1))
    assert published(house, "id") == [(1,), (9,)]
    assert open_rules(house) == {"gap": 2}
    night(house, Slip, (5, "A", 5, 5))
    assert published(house, "id") == [(1,), (9,)]
    night(house, Slip, (2, "A", 2, 2))
    assert published(house, "id") == [(1,), (2,), (3,), (4,), (5,), (9,)]
    assert open_rules(house) == {}


def test_a_number_after_a_published_one_needs_no_other_whatever_is_missing_before_that(house: House) -> None:
    night(house, Slip, (1, "A", 50, 50))
    night(house, Slip, (2, "A", 10, 10))  # the least now: it needs none before it
    night(house, Slip, (3, "A", 51, 51), (4, "A", 12, 12), (5, "A", 49, 49))
    assert published(house, "number") == [(50,), (10,), (51,)]
    assert open_rules(house) == {"gap": 2}


def test_a_status_only_becomes_what_it_may(house: House) -> None:
    night(house, Bill, (1, "open"), (2, "paid"), (3, "cancelled"), (4, None))
    assert published(house, "id, status") == [(1, "open"), (2, "paid"), (4, None)]
    night(house, Bill, (2, "cancelled"))  # which may follow open, not paid
    assert published(house, "id, status") == [(1, "open"), (2, "paid"), (4, None)]
    night(house, Bill, (1, "paid"), (2, "open"), (4, "cancelled"))
    assert published(house, "id, status") == [(1, "paid"), (2, "paid"), (4, "cancelled")]
    night(house, Bill, (1, "paid"), (2, None), (4, "open"))
    assert published(house, "id, status") == [(1, "paid"), (2, None), (4, "cancelled")]
    assert open_rules(house) == {"transition": 2}  # 3, and 4; that of 2 is superseded


def test_each_waiting_pull_is_judged_against_the_one_before(house: House) -> None:
    night(house, Bill, (1, "open"), publish=False)
    night(house, Bill, (1, "paid"), publish=False)
    night(house, Bill, (1, "open"), publish=False)
    night(house, Bill, (1, "refunded"))
    assert published(house, "id, status") == [(1, "refunded")]
    assert open_rules(house) == {}


def test_what_somebody_waived_is_published_and_speaks_for_itself_from_then_on(house: House) -> None:
    night(house, Place, (1, "1", "a"))
    night(house, Place, (2, "1", "b"), (3, "1", "c"))
    table, run = house.tables["t"][0], house.run()
    with house.lake.state.read() as connection:
        entries = open_entries(connection, "t").filter(pl.col("key") == "2")
    again = judge_again(entries, table, Place, house.lake, now=run.at, waived=entries["id"].to_list())
    version = spec_of(Place).version
    keep_mends(house.lake, "t", run, again.good, Mender("waived", "Kim", "two towns"), contract_version=version)
    house.publish()
    assert published(house) == [(1, "1", "a"), (2, "1", "b")]
    night(house, Place, (2, "1", "b"), (3, "1", "c"), (4, "1", "b"))
    assert published(house) == [(1, "1", "a"), (2, "1", "b"), (4, "1", "b")]
    assert open_rules(house) == {"functional_dependency": 1}


class Short(Contract):
    """Columns of any name may depend on each other."""

    id: int = column(key=True)
    n: int = column()
    s: str = column()
    rules = (functional_dependency("n", "s"),)


def test_columns_of_any_name_depend_on_each_other(house: House) -> None:
    house.tables = {"shorts": (plain("shorts"), Short)}
    told: list[Row] = [{"id": 1, "n": 1, "s": "a"}, {"id": 2, "n": 1, "s": "b"}, {"id": 3, "n": -4, "s": "a"}]
    house.ingest("shorts", Scripted(told, {"id": INT, "n": INT, "s": TEXT}))
    house.publish()
    assert house.rows("SELECT id FROM shorts") == [(3,)]
