"""Values that no other row may have: judged against the release, whoever comes, and however it is known."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from company import Scripted, lake_in
from houses import House, plain

from tilth.assets.listing import details
from tilth.assets.night import Published
from tilth.assets.publishing.history import rollback
from tilth.assets.publishing.release import Releases
from tilth.assets.quarantine import open_entries
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()
Row = dict[str, object]


class Contact(Contract):
    """Two values that come once."""

    id: int = column(key=True)
    email: str = column(unique=True)
    phone: str = column(unique=True)


class Turned(Contract):
    """The same, declared the other way round."""

    id: int = column(key=True)
    phone: str = column(unique=True)
    email: str = column(unique=True)


class Team(Contract):
    """What members refer to."""

    id: int = column(key=True)


class Member(Contract):
    """Refers to a team, and has a badge of its own."""

    id: int = column(key=True)
    team: int = column(references="teams.id")
    badge: str = column(unique=True)


class Ticket(Contract):
    """Has no key, and a number that comes once."""

    number: int = column(unique=True, nullable=True)
    text: str = column()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


@pytest.fixture
def club(house: House) -> House:
    """A member whose team is missing, and then another one with the same badge."""
    house.tables["teams"] = (plain("teams"), Team)
    house.tables["members"] = (plain("members"), Member)
    teams(house, 1)
    members(house, (1, 1, "a"), (2, 9, "b"))
    members(house, (3, 1, "b"))
    return house


def teams(house: House, *ids: int) -> Published:
    rows: list[Row] = [{"id": id} for id in ids]
    house.ingest("teams", Scripted(rows, {"id": INT}))
    return house.publish()


def members(house: House, *known: tuple[int, int, str]) -> None:
    rows: list[Row] = [{"id": id, "team": team, "badge": badge} for id, team, badge in known]
    house.ingest("members", Scripted(rows, {"id": INT, "team": INT, "badge": TEXT}))
    house.publish()


def rules(house: House) -> list[str]:
    """The rules of open entries."""
    return [rule for (rule,) in house.rows("SELECT rule FROM _catalog.quarantine WHERE \"table\" = 'members'")]


def test_a_record_that_its_parent_brings_back_may_not_take_what_another_row_has(club: House) -> None:
    assert rules(club) == ["reference"]
    counts = teams(club, 9).tables["members"].counts
    assert club.rows("SELECT id FROM members ORDER BY id") == [(1,), (3,)]
    assert rules(club) == ["unique"]
    assert (counts["replayed"], counts["quarantined"], counts["open_after"]) == (1, 1, 1)
    members(club, (3, 1, "c"))
    members(club, (2, 9, "b"))
    assert club.rows("SELECT id, badge FROM members ORDER BY id") == [(1, "a"), (2, "b"), (3, "c")]
    assert rules(club) == []
    assert not club.problems()


def test_a_rollback_gives_the_record_back_to_its_parent(club: House) -> None:
    teams(club, 9)
    rollback(club.lake, Releases(club.lake.curated), club.run())
    assert not club.problems()
    for name in club.tables:
        club.accept(name)
    club.publish()
    assert club.rows("SELECT id FROM members ORDER BY id") == [(1,), (3,)]
    assert rules(club) == ["unique"]
    assert not club.problems()


@pytest.mark.parametrize("load", ["append", "replace"])
def test_values_are_unique_without_a_key_too(house: House, load: str) -> None:
    house.tables["tickets"] = (plain("tickets", load=load), Ticket)
    columns = {"number": INT, "text": TEXT}
    first: list[Row] = [{"number": n, "text": text} for n, text in ((1, "a"), (2, "b"), (None, "c"), (None, "c"))]
    for _ in range(2):  # the same file again is no news
        house.ingest("tickets", Scripted(first, columns, file="a" * 64, whole=True), whole=True)
        assert house.publish().tables["tickets"].counts["quarantined"] == 0
    second: list[Row] = [{"number": n, "text": text} for n, text in ((2, "d"), (3, "e"), (4, "f"), (4, "g"))]
    house.ingest("tickets", Scripted(second, columns, file="b" * 64, whole=load == "replace"))
    house.publish()
    found = [text for (text,) in house.rows("SELECT text FROM tickets ORDER BY text")]
    assert found == (["a", "b", "c", "c", "e"] if load == "append" else ["d", "e"])
    assert not house.problems()


@pytest.mark.parametrize("contract", [Contact, Turned])
def test_no_unique_group_hides_what_another_finds(house: House, contract: type[Contract]) -> None:
    house.tables["contacts"] = (plain("contacts"), contract)
    rows: list[Row] = [{"id": n, "email": e, "phone": p} for n, e, p in ((1, "a", "1"), (2, "a", "2"), (3, "c", "2"))]
    house.ingest("contacts", Scripted(rows, {"id": INT, "email": TEXT, "phone": TEXT}))
    assert house.publish().tables["contacts"].counts["quarantined"] == 3
    with house.lake.state.begin() as connection:
        ids = open_entries(connection, "contacts")["id"]
    reasons = list[tuple[str | None, list[str]]]()
    for id in ids:
        found = details(house.lake.state, house.lake.storage, id)
        assert found is not None
        reasons.append((found[0].key, sorted(str(reason["column"]) for reason in found[0].reasons)))
    assert sorted(reasons) == [("1", ["email"]), ("2", ["email", "phone"]), ("3", ["phone"])]
    assert not house.problems()
