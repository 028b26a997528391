"""What a publish does beyond the plain merge: circles, keys that left, unique values, derived tables, ways out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from company import Child, Parent, Scripted, declaration, frame_of, lake_in
from houses import House, plain

from tilth.assets.declared import Deletes, DerivedDeclaration, Toxic
from tilth.assets.lease import lease
from tilth.assets.night import Publishable, publish_night
from tilth.assets.publishing.history import rollback
from tilth.assets.publishing.release import Releases
from tilth.assets.state import leases
from tilth.errors import Busy
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column
from tilth.schemas.match import Match, MatchRule, query_of

INT, TEXT = pa.int64(), pa.string()


class Employee(Contract):
    """Refers to itself."""

    id: int = column(key=True)
    manager: int = column(nullable=True, references="employees.id")


class Account(Contract):
    """Has a unique value beside its key."""

    id: int = column(key=True)
    email: str = column(unique=True)


class Entry(Contract):
    """Has no key: a record is known by its place in its file."""

    text: str = column()
    amount: int = column(ge=0)


class Wide(Contract):
    """`Parent`, with a column more."""

    id: int = column(key=True)
    content: int = column(ge=0)
    version: int = column(nullable=True)
    extra: str = column(nullable=True)


class Total(Contract):
    """Made from parents."""

    id: int = column(key=True)
    doubled: int = column(le=10)


class Pair(Contract):
    """Which account an employee has."""

    employees_id: int = column(key=True)
    accounts_id: int = column()
    rule: str = column()
    value: str = column()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


def test_rows_that_refer_to_each_other_arrive_together(house: House) -> None:
    house.tables["employees"] = (plain("employees"), Employee)
    staff = [{"id": 1, "manager": 2}, {"id": 2, "manager": 1}, {"id": 3, "manager": 9}, {"id": 4, "manager": 3}]
    house.ingest("employees", Scripted(staff, {"id": INT, "manager": INT}))
    assert house.publish().tables["employees"].counts["quarantined"] == 2
    assert house.rows("SELECT id FROM employees ORDER BY id") == [(1,), (2,)]
    house.ingest("employees", Scripted([{"id": 9, "manager": None}], {"id": INT, "manager": INT}))
    house.publish()
    house.ingest("employees", Scripted([], {"id": INT, "manager": INT}))
    house.publish()
    assert house.rows("SELECT id FROM employees ORDER BY id") == [(1,), (2,), (3,), (4,), (9,)]


def test_rows_whose_key_left_are_removed_and_an_empty_comparison_is_not_believed(house: House) -> None:
    deletes = Deletes("compare_keys", every=timedelta(0))
    house.tables["parents"] = (plain("parents", deletes=deletes), Parent)
    columns = {"id": INT, "content": INT, "version": INT}
    rows = [{"id": key, "content": 1, "version": 1} for key in (1, 2, 3)]
    house.ingest("parents", Scripted(rows, columns))
    house.publish()
    house.ingest("parents", Scripted([], columns, keys=rows[:2]))
    table = house.publish().tables["parents"]
    assert (table.counts["removed"], table.rows) == (1, 2)
    house.ingest("parents", Scripted([], columns, keys=[]))
    published = house.publish()
    assert published.held == ("parents",)
    assert "no key" in (published.tables["parents"].reason or "")
    assert house.rows("SELECT count(*) FROM parents") == [(2,)]


def test_a_complete_pull_replaces_but_a_toxic_row_keeps_its_last_good_version(house: House) -> None:
    house.tables["parents"] = (plain("parents", load="replace"), Parent)
    columns = {"id": INT, "content": INT, "version": INT}
    rows = [{"id": key, "content": key, "version": 1} for key in (1, 2, 3)]
    house.ingest("parents", Scripted(rows, columns, whole=True))
    house.publish()
    again = [{"id": 1, "content": -5, "version": 1}, {"id": 2, "content": 2, "version": 1}]
    house.ingest("parents", Scripted(again, columns, whole=True))
    table = house.publish().tables["parents"]
    assert house.rows("SELECT id, content FROM parents ORDER BY id") == [(1, 1), (2, 2)]
    assert (table.counts["removed"], table.counts["unchanged"], table.counts["quarantined"]) == (1, 1, 1)
    house.ingest("parents", Scripted([], columns, whole=True))
    assert house.publish().held == ("parents",)
    house.accept("parents")
    house.publish()
    assert house.rows("SELECT count(*) FROM parents") == [(0,)]


def test_an_entry_ends_when_its_source_has_the_published_value_again(house: House) -> None:
    house.tables["parents"] = (plain("parents"), Parent)
    columns = {"id": INT, "content": INT, "version": INT}
    for content, still_open in ((1, 0), (-5, 1), (-5, 1), (1, 0)):
        house.ingest("parents", Scripted([{"id": 1, "content": content}, {"id": 2, "content": 2}], columns))
        counts = house.publish().tables["parents"].counts
        assert counts["open_after"] == still_open
    assert (counts["unchanged"], counts["superseded_open"]) == (2, 1)
    assert house.rows("SELECT id, content FROM parents ORDER BY id") == [(1, 1), (2, 2)]
    assert not house.problems()


def test_of_equal_unique_values_the_newcomer_is_blamed_and_values_may_be_swapped(house: House) -> None:
    house.tables["accounts"] = (plain("accounts"), Account)
    columns = {"id": INT, "email": TEXT}
    first = [{"id": 1, "email": "a"}, {"id": 2, "email": "b"}]
    house.ingest("accounts", Scripted(first, columns))
    house.publish()
    swapped = [{"id": 1, "email": "b"}, {"id": 2, "email": "a"}, {"id": 3, "email": "a"}]
    house.ingest("accounts", Scripted(swapped, columns))
    assert house.publish().tables["accounts"].counts["quarantined"] == 3  # 2 stays "b", so 1 may not take it
    assert house.rows("SELECT id, email FROM accounts ORDER BY id") == [(1, "a"), (2, "b")]
    house.ingest("accounts", Scripted(swapped[:2], columns))
    house.publish()
    assert house.rows("SELECT id, email FROM accounts ORDER BY id") == [(1, "b"), (2, "a")]


def test_records_without_a_key_are_known_by_their_place_in_the_file(house: House) -> None:
    house.tables["entries"] = (plain("entries", load="append"), Entry)
    rows = [{"text": "a", "amount": 1}, {"text": "a", "amount": 1}, {"text": "b", "amount": -1}]
    for _ in range(2):  # the second time asked for in full: the same file is read again
        house.ingest("entries", Scripted(rows, {"text": TEXT, "amount": INT}, file="ab" * 32), whole=True)
        table = house.publish().tables["entries"]
        assert house.rows("SELECT text, amount FROM entries") == [("a", 1), ("a", 1)]
    assert (table.counts["unchanged"], table.counts["duplicate"]) == (2, 1)


def test_a_derived_table_is_judged_and_mended_upstream(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents"), Parent)
    sql = "SELECT id, content * 2 AS doubled FROM parents"
    house.derived.append(Publishable(DerivedDeclaration("totals", "x.Total", sql, ("parents",)), Total))
    house.ingest("parents", Scripted([{"id": 1, "content": 4}, {"id": 2, "content": 9}], columns))
    counts = house.publish().tables["totals"].counts
    assert (counts["pulled"], counts["inserted"], counts["quarantined"]) == (2, 1, 1)
    house.ingest("parents", Scripted([{"id": 2, "content": 5}], columns))
    counts = house.publish().tables["totals"].counts
    assert (counts["unchanged"], counts["inserted"], counts["superseded_open"], counts["open_after"]) == (1, 1, 1, 0)
    assert house.rows("SELECT id, doubled FROM totals ORDER BY id") == [(1, 8), (2, 10)]


def test_a_query_that_breaks_holds_its_table_alone(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents"), Parent)
    sql = "SELECT id, (content / (content - 1))::INTEGER::VARCHAR::DATE AS doubled FROM parents"
    house.derived.append(Publishable(DerivedDeclaration("totals", "x.Total", sql, ("parents",)), Total))
    house.ingest("parents", Scripted([{"id": 1, "content": 4}], columns))
    published = house.publish()
    assert published.held == ("totals",)
    assert house.rows("SELECT id FROM parents") == [(1,)]


def test_a_changed_contract_waits_for_a_complete_pull(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    table = plain("parents")
    house.tables["parents"] = (table, Parent)
    house.ingest("parents", Scripted([{"id": 1, "content": 1}], columns))
    house.publish()
    house.tables["parents"] = (table, Wide)
    wider = {**columns, "extra": TEXT}
    house.ingest("parents", Scripted([{"id": 2, "content": 2, "extra": "x"}], wider))
    published = house.publish()
    assert published.held == ("parents",)
    assert "--full" in (published.tables["parents"].reason or "")
    rows = [{"id": 1, "content": 1, "extra": "y"}, {"id": 2, "content": 2, "extra": "x"}]
    house.ingest("parents", Scripted(rows, wider, whole=True), whole=True)
    house.publish()
    assert house.rows("SELECT id, extra FROM parents ORDER BY id") == [(1, "y"), (2, "x")]


def test_too_many_toxic_rows_hold_the_table_until_they_are_accepted(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.2, 2)), Parent)
    rows = [{"id": key, "content": 1 - key % 2 * 2} for key in range(10)]
    house.ingest("parents", Scripted(rows, columns))
    published = house.publish()
    assert published.held == ("parents",)
    assert published.tables["parents"].counts["pending_after"] == 5
    house.ingest("parents", Scripted([{"id": 20, "content": 1}], columns))
    assert house.publish().held == ("parents",)  # a good pull does not wave a bad one through
    house.accept("parents")
    assert house.publish().tables["parents"].rows == 6
    assert house.publish().release is None


def test_a_rollback_holds_what_it_took_back_and_nothing_is_lost(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT, "gone": pa.bool_()}
    house.tables["parents"] = (declaration("parents"), Parent)
    house.tables["children"] = (declaration("children"), Child)
    wide = {**columns, "parent": INT}
    house.ingest("parents", Scripted([{"id": 1, "content": 1, "version": 1, "gone": False}], columns))
    orphan = {"id": 1, "content": 1, "version": 1, "gone": False, "parent": 2}
    house.ingest("children", Scripted([orphan], wide))
    house.publish()
    house.ingest("parents", Scripted([{"id": 2, "content": 1, "version": 1, "gone": False}], columns))
    house.ingest("children", Scripted([{**orphan, "id": 5, "parent": 7}], wide))
    house.publish()
    assert house.rows("SELECT id FROM children") == [(1,)]
    rollback(house.lake, Releases(house.lake.curated), house.run())
    assert house.rows("SELECT count(*) FROM children") == [(0,)]
    house.ingest("parents", Scripted([{"id": 3, "content": 1, "version": 1, "gone": False}], columns))
    assert set(house.publish().held) == {"parents", "children"}
    for name in house.tables:
        house.accept(name)
    house.publish()
    assert house.rows("SELECT id FROM parents ORDER BY id") == [(1,), (2,), (3,)]
    assert house.rows("SELECT id FROM children") == [(1,)]


def test_only_what_is_selected_moves_and_derived_tables_come_along(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents"), Parent)
    house.tables["others"] = (plain("others"), Parent)
    sql = "SELECT id, content AS doubled FROM parents"
    house.derived.append(Publishable(DerivedDeclaration("totals", "x.Total", sql, ("parents",)), Total))
    for name in ("parents", "others"):
        house.ingest(name, Scripted([{"id": 1, "content": 1}], columns))
    tables = house.publish(["parents"]).tables
    assert tables["parents"].rows == tables["totals"].rows == 1
    assert "others" not in tables
    assert house.publish(["others"]).tables["others"].rows == 1
    assert house.rows("SELECT count(*) FROM totals") == [(1,)]


def test_a_table_that_is_no_longer_declared_leaves_the_next_release(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents"), Parent)
    house.tables["others"] = (plain("others"), Parent)
    for name in ("parents", "others"):
        house.ingest(name, Scripted([{"id": 1, "content": 1}], columns))
    house.publish()
    del house.tables["others"]
    house.ingest("parents", Scripted([{"id": 2, "content": 1}], columns))
    assert set(house.publish().tables) == {"parents"}


def test_a_rolled_back_derived_table_waits_to_be_accepted_too(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents"), Parent)
    sql = "SELECT id, content AS doubled FROM parents"
    house.derived.append(Publishable(DerivedDeclaration("totals", "x.Total", sql, ("parents",)), Total))
    for key in (1, 2):
        house.ingest("parents", Scripted([{"id": key, "content": 1}], columns))
        house.publish()
    rollback(house.lake, Releases(house.lake.curated), house.run())
    house.ingest("parents", Scripted([{"id": 3, "content": 1}], columns))
    assert set(house.publish().held) == {"parents", "totals"}
    for name in ("parents", "totals"):
        house.accept(name)
    assert not house.publish().held
    assert house.rows("SELECT count(*) FROM totals") == [(3,)]


def test_a_run_that_lost_its_lease_does_not_switch(house: House) -> None:
    house.tables["parents"] = (plain("parents"), Parent)
    house.ingest("parents", Scripted([{"id": 1, "content": 1}], {"id": INT, "content": INT, "version": INT}))
    run = house.run()
    with lease(house.lake.state, holder="a test"):
        with house.lake.state.begin() as connection:  # as another host does after a minute without a beat
            connection.execute(leases.update().values(host="elsewhere"))
        with pytest.raises(Busy, match="lost its lease"):
            publish_night([Publishable(*house.tables["parents"])], house.lake, run)
    assert Releases(house.lake.curated).current() is None
    with house.lake.state.begin() as connection:
        connection.execute(leases.delete())
    assert house.publish().tables["parents"].rows == 1


def test_a_release_that_the_state_cannot_take_in_is_published_and_entered_by_the_next_run(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents"), Parent)
    house.ingest("parents", Scripted([{"id": 1, "content": 1}], columns))
    with house.lake.state.begin() as connection:  # what no disk has room for
        connection.exec_driver_sql(
            "CREATE TRIGGER full AFTER UPDATE ON releases WHEN NEW.state = 'published' "
            "BEGIN INSERT INTO holds VALUES ('x', zeroblob(2000000000), 'x', 'x'); END"
        )
    published = house.publish()
    assert published.release == 1
    (problem,) = published.problems
    assert "release 1 is published; the next run enters it in the state" in problem
    assert house.rows("SELECT id FROM parents") == [(1,)]
    with house.lake.state.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    house.ingest("parents", Scripted([{"id": 2, "content": 1}], columns))
    second = house.publish()
    assert (second.release, second.problems) == (2, ())
    assert house.rows("SELECT id FROM parents ORDER BY id") == [(1,), (2,)]


def test_a_match_joins_rows_and_counts_those_without_a_partner(house: House) -> None:
    house.tables["employees"] = plain("employees"), Employee
    house.tables["accounts"] = plain("accounts"), Account
    match = Match(("employees", "id"), ("accounts", "id"), (MatchRule("number", "id", "email", "digits"),))
    pairs = DerivedDeclaration("pairs", "x.Pair", query_of(match), ("employees", "accounts"), match)
    house.derived.append(Publishable(pairs, Pair))
    house.ingest("employees", Scripted([{"id": n} for n in (1, 2, 3)], {"id": INT, "manager": INT}))
    accounts = [{"id": 7, "email": "no 1"}, {"id": 8, "email": "2@x"}]
    house.ingest("accounts", Scripted(accounts, {"id": INT, "email": TEXT}))
    house.publish()
    found = frame_of(house.lake.curated, "SELECT employees_id, accounts_id, rule, value FROM pairs ORDER BY 1").rows()
    assert found == [(1, 7, "number", "1"), (2, 8, "number", "2")]
    counted = "SELECT \"column\", checked, failed, severity FROM _catalog.quality WHERE rule = 'partner' ORDER BY 1"
    assert frame_of(house.lake.curated, counted).rows() == [("accounts", 2, 0, "warn"), ("employees", 3, 1, "warn")]
