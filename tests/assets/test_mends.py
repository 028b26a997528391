"""What people said of a record stands by it: pulled again, by a changed contract, and until a publish refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from company import Scripted, lake_in, run_of
from houses import House, plain

from tilth.assets import state
from tilth.assets.listing import details
from tilth.assets.mends import Mender, discard, keep_mends
from tilth.assets.quarantine import open_entries
from tilth.assets.replay import judge_again
from tilth.assets.same_record import same_records
from tilth.schemas.contract import Contract, spec_of
from tilth.schemas.contract import field as column

COLUMNS = {"id": pa.int64(), "ref": pa.string(), "amount": pa.int64()}
Row = tuple[int | None, str, int]


class Bill(Contract):
    """As it was at first."""

    id: int = column(key=True)
    ref: str = column(unique=True)
    amount: int = column(ge=0)


class Capped(Bill):
    """Refuses more."""

    amount: int = column(ge=0, le=100)


class Loose(Bill):
    """Refuses less."""

    amount: int = column(ge=-1)


class ByRef(Contract):
    """By another key."""

    id: int = column()
    ref: str = column(key=True)
    amount: int = column(ge=0, le=100)


class Listed(Contract):
    """Has no key."""

    amount: int = column(ge=0)


class ListedCapped(Contract):
    """Neither, and refuses more."""

    amount: int = column(ge=0, le=100)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


def night(house: House, contract: type, *rows: Row, file: str | None = None, publish: bool = True) -> None:
    house.tables = {"bills": (plain("bills", load="append" if file else "merge"), contract)}
    told = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    house.ingest("bills", Scripted(told, COLUMNS, file=file))
    if publish:
        house.publish()


def mend(house: House, mender: Mender, changes: Mapping[str, str]) -> list[str]:
    """Let a person mend all that is open; the ids."""
    (table, contract), run = house.tables["bills"], house.run()
    with house.lake.state.read() as connection:
        open = open_entries(connection, "bills")
    new = dict.fromkeys(open["id"], changes)
    waived = [*new] if mender.kind == "waived" else []
    again = judge_again(open, table, contract, house.lake, now=run.at, changes=new, waived=waived)
    told = {id: {name: ("?", text) for name, text in own.items()} for id, own in new.items()}
    version = spec_of(contract).version
    keep_mends(house.lake, "bills", run, again.good, mender, contract_version=version, changes=told)
    return open["id"].to_list()


def correct(house: House, **changes: str) -> list[str]:
    return mend(house, Mender("corrected", "Kim", "asked the till"), changes)


def published(house: House, what: str = "id, amount") -> list[tuple[object, ...]]:
    assert house.problems() == []
    return house.rows(f"SELECT {what} FROM bills ORDER BY ALL")


def still_open(house: House) -> list[str]:
    with house.lake.state.read() as connection:
        return open_entries(connection, "bills")["id"].to_list()


@pytest.mark.parametrize("contract", [Bill, Capped])
def test_a_corrected_record_that_comes_again_is_corrected_again(house: House, contract: type) -> None:
    night(house, Bill, (1, "a", -7), (2, "b", 1))
    correct(house, amount="5")
    house.publish()
    for _ in range(2):
        night(house, contract, (1, "a", -7))
        assert published(house) == [(1, 5), (2, 1)]
        assert still_open(house) == []


def test_it_says_who_did_it_and_by_which_contract(house: House) -> None:
    night(house, Bill, (1, "a", -7))
    (first,) = correct(house, amount="5")
    house.publish()
    for contract in (Capped, Loose):
        night(house, contract, (1, "a", -7))
    (told,) = list(_mends_of(house, spec_of(Loose).version))
    assert told["entry_id"] != first
    assert (told["kind"], told["who"], told["changes"]) == ("corrected", "Kim", {"amount": ["?", "5"]})
    assert str(told["why"]).startswith(f"asked the till; carried over from contract {spec_of(Bill).version}, said 2026")
    assert str(told["why"]).count("carried over") == 1


def _mends_of(house: House, version: str) -> list[sa.RowMapping]:
    query = sa.select(state.mends).where(state.mends.c.contract_version == version)
    with house.lake.state.read() as connection:
        return list(connection.execute(query).mappings())


@pytest.mark.parametrize(("contract", "before"), [(Capped, False), (Capped, True), (ByRef, False)])
def test_a_correction_that_waits_outlives_the_contract(house: House, contract: type, before: bool) -> None:
    """Of a pull that waits, which is judged again under another id or key; and of one that was published."""
    night(house, Bill, (1, "a", -7), publish=before)
    correct(house, amount="5")
    house.tables["bills"] = (plain("bills"), contract)
    house.publish()
    assert published(house) == [(1, 5)]
    assert still_open(house) == []


def test_a_correction_that_the_contract_refuses_now_leaves_the_record_open(house: House) -> None:
    night(house, Bill, (1, "a", -7))
    correct(house, amount="500")
    house.publish()
    night(house, Capped, (1, "a", -7))
    assert published(house) == [(1, 500)]  # the last good version stays
    assert len(still_open(house)) == 1


def test_what_the_source_says_anew_counts(house: House) -> None:
    night(house, Bill, (1, "a", -7))
    correct(house, amount="5")
    house.publish()
    night(house, Capped, (1, "a", -8))
    assert published(house) == [(1, 5)]
    assert len(still_open(house)) == 1
    night(house, Capped, (1, "a", 8))
    assert published(house) == [(1, 8)]


def test_a_record_without_a_key_is_known_by_its_file(house: House) -> None:
    night(house, Listed, (1, "a", -7), (2, "b", -7), file="f1")
    correct(house, amount="5")
    house.publish()
    night(house, ListedCapped, (1, "a", -7), (2, "b", -7), file="f1")
    assert still_open(house) == []
    night(house, ListedCapped, (1, "a", -7), file="f2")
    assert len(still_open(house)) == 1
    assert len(published(house, "amount")) >= 2


@pytest.mark.parametrize(("days", "expected"), [(1, []), (365_000, [(1, -7)])])
def test_a_waiver_is_carried_over_until_it_expires(house: House, days: int, expected: list[object]) -> None:
    night(house, Bill, (1, "a", -7), publish=False)
    mend(house, Mender("waived", "Kim", "agreed", run_of(1).at + timedelta(days=days)), {})
    house.tables["bills"] = (plain("bills"), Capped)
    house.publish()
    assert published(house) == expected


def test_what_a_person_discarded_is_not_mended_by_what_was_said_before(house: House) -> None:
    night(house, Bill, (1, "a", -7), publish=False)
    correct(house, amount="5")
    with house.lake.state.read() as connection:
        open = open_entries(connection, "bills")
    discard(house.lake, "bills", house.run(), open, who="Kim", why="a test")
    house.tables["bills"] = (plain("bills"), Capped)
    house.publish()
    assert published(house) == []
    assert still_open(house) == []


def test_a_mended_record_that_a_publish_refused_is_not_tried_every_night(house: House) -> None:
    night(house, Bill, (1, "a", 1))
    night(house, Bill, (2, "b", -7))
    (id,) = correct(house, amount="5", ref="a")
    for _ in range(3):
        house.publish()
    found = details(house.lake.state, house.lake.storage, id)
    assert found is not None
    entry, history, _ = found
    assert [event.event for event in history] == ["opened", "corrected", "opened"]
    assert (entry.status, [reason["rule"] for reason in entry.reasons]) == ("open", ["unique"])
    correct(house, amount="5", ref="c")
    house.publish()
    assert published(house, "id, ref") == [(1, "a"), (2, "c")]
    night(house, Bill, (2, "b", -7))
    assert published(house, "id, ref") == [(1, "a"), (2, "c")]
    assert still_open(house) == []


def test_an_id_from_before_names_the_record_by_its_id_of_today(house: House) -> None:
    night(house, Bill, (1, "a", -7), (2, "b", -7), (None, "c", 1))
    before = still_open(house)
    night(house, Capped, (1, "a", -7), (2, "b", -8))
    with house.lake.state.read() as connection:
        open = open_entries(connection, "bills")
        pairs = same_records(connection, house.lake.storage, "bills", [*before, "none"], open)
        assert same_records(connection, house.lake.storage, "others", before, open).is_empty()
    by_key = dict(open.select("key", "id").iter_rows())
    known = {details(house.lake.state, house.lake.storage, id)[0].key: id for id in before}  # type: ignore[index]
    assert dict(pairs.iter_rows()) == {known["1"]: by_key["1"], known[None]: by_key[None]}
