"""A contract that changes while pulls wait: all is as if they had been judged by the new one in the first place.

Random nights, twice: once with the contract changed after the pulls that wait, once before them. Records, rows, open
entries and the counts of the publish that follows are the same; also where people mended some of what waits, in the
one by the contract as it was, in the other as it is.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa
from company import Child, Parent, Scripted, frame_of, lake_in, run_of
from houses import House, plain
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_states import record_states
from test_states import LAST, Answer, History, Line, Night, family, ingest, lines

from tilth.assets import parquet, state
from tilth.assets.declared import TableDeclaration, Toxic
from tilth.assets.lake import Lake
from tilth.assets.listing import details
from tilth.assets.mends import ENTRY, Mender, discard, keep_mends
from tilth.assets.night import Publishable, publish_night, set_right
from tilth.assets.publishing.history import rollback
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.verify import verify
from tilth.assets.pulls import batches_of
from tilth.assets.quarantine import open_entries
from tilth.assets.ready import judge_changed
from tilth.assets.replay import judge_again
from tilth.assets.toxic import read_batch
from tilth.schemas.contract import Contract, spec_of
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()


class LooseParent(Contract):
    """Takes some of what `Parent` refuses."""

    id: int = column(key=True)
    content: int = column(ge=-1)
    version: int = column(nullable=True)


class StrictParent(Contract):
    """Refuses some of what `Parent` takes."""

    id: int = column(key=True)
    content: int = column(ge=0, le=0)
    version: int = column(nullable=True)


class OtherChild(Contract):
    """Both, of `Child`."""

    id: int = column(key=True)
    content: int = column(ge=-1, le=0)
    version: int = column(nullable=True)
    parent: int = column(nullable=True, references="parents.id")


class OtherLine(Contract):
    """Both, of `Line`."""

    content: int = column(ge=-2, le=1)


OLD: dict[str, type] = {"parents": Parent, "children": Child, "lines": Line}


@dataclass(frozen=True)
class Change:
    """When the contracts change, and what happens to the pulls that wait by then."""

    history: History
    first: int  # the first night whose pulls wait
    held: bool  # whether the tables are published meanwhile, and held: their books are closed
    contracts: dict[str, type]
    late: bool  # whether the publish comes without a new night
    mended: bool  # whether people correct or waive some of what is open


def change(seed: int) -> Change:
    rnd = random.Random(seed)
    history = lines(seed) if rnd.random() < 0.3 else family(seed)
    parent = rnd.choice([LooseParent, StrictParent, Parent])
    new: dict[str, type] = {"parents": parent, "children": rnd.choice([OtherChild, Child]), "lines": OtherLine}
    first = rnd.randint(0, len(history.nights) - 2)
    return Change(history, first, rnd.random() < 0.5, new, rnd.random() < 0.5, rnd.random() < 0.7)


@pytest.mark.parametrize("seed", [169])  # a complete pull that was judged twice
def test_what_waits_is_judged_by_the_contract_of_its_publish(seed: int) -> None:
    compare(change(seed))


@pytest.mark.long
@given(st.integers(0, 2**32))
@settings(max_examples=17, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_waits_is_judged_by_the_contract_of_its_publish_in_many_histories(seed: int) -> None:
    compare(change(seed))


def compare(case: Change) -> None:
    with tempfile.TemporaryDirectory() as after, tempfile.TemporaryDirectory() as before:
        late, early = (lake_in(Path(folder)) for folder in (after, before))
        try:
            nights(late, case, OLD)
            nights(early, case, case.contracts)
            for table in case.history.tables:
                assert told(late, table.name) == told(early, table.name), table.name
            assert not verify(late).problems
            assert not verify(early).problems
        finally:
            late.state.engine.dispose()
            early.state.engine.dispose()


def nights(lake: Lake, case: Change, waiting: dict[str, type]) -> None:
    """All nights; `waiting` are the contracts that those are judged by at first that wait."""
    unfinished: dict[str, Answer] = {}
    *past, last = case.history.nights
    for number, night in enumerate(past, start=1):
        waits = number > case.first
        contracts = waiting if waits else OLD
        pull(lake, case, night, number, contracts, unfinished)
        if waits and case.held:
            hold(lake, case)
        if night.publish and (case.held or not waits):
            publish(lake, case.history.tables, number, contracts)
    with lake.state.begin() as connection:
        connection.execute(sa.delete(state.holds))
    number = len(past) + 1
    early = waiting == case.contracts
    before = people(lake, case, waiting, number, but=frozenset()) if case.mended and not early else frozenset()
    pull(lake, case, LAST if case.late else last, number, case.contracts, unfinished)
    if case.mended:
        for table in case.history.tables:
            judge_changed(table, case.contracts[table.name], lake, run_of(number))
        people(lake, case, case.contracts, number, but=before)
    free = tuple(replace(table, toxic=Toxic()) for table in case.history.tables)
    publish(lake, free, number, case.contracts)


def pull(
    lake: Lake, case: Change, night: Night, number: int, contracts: dict[str, type], unfinished: dict[str, Answer]
) -> None:
    set_right(lake)
    for table, answer in zip(case.history.tables, night.answers, strict=False):
        ingest(lake, table, answer, number, unfinished, contracts)


def people(lake: Lake, case: Change, contracts: dict[str, type], number: int, *, but: frozenset[str]) -> frozenset[str]:
    """A third of what is open is corrected, a third waived; which records were, or `but` were before."""
    done: set[str] = set()
    for table in case.history.tables:
        with lake.state.read() as connection:
            open = open_entries(connection, table.name)
        told = {id: known(lake, table.name, id) for id in lone(lake, open)}
        for turn, kind in enumerate(("corrected", "waived")):
            ids = [id for id, names in told.items() if crc32(names[0].encode()) % 3 == turn and not but & {*names}]
            changes = {id: {"content": "0"} for id in ids if kind == "corrected"}
            some, contract = open.filter(pl.col("id").is_in(ids)), contracts[table.name]
            now, waived = run_of(number).at, ids if kind == "waived" else []
            good = judge_again(some, table, contract, lake, now=now, changes=changes, waived=waived).good
            made = {id: {"content": ("?", "0")} for id in changes}
            version = spec_of(contract).version
            mender = Mender(kind, "Ada", "a test")
            keep_mends(lake, table.name, run_of(number), good, mender, contract_version=version, changes=made)
            done.update(*(told[id] for id in good[ENTRY]))
    return frozenset(done)


def lone(lake: Lake, open: pl.DataFrame) -> list[str]:
    """The entries whose key no other record of their pull has: of two that are good, neither is let go."""
    found: list[str] = []
    with lake.state.read() as connection:
        for id, key, pull in open.select("id", "key", "pull_id").iter_rows():
            landed = [read_batch(lake.storage, batch) for batch in batches_of(connection, pull)]
            keys = [str(value) for frame in landed if "id" in frame for value in frame["id"]]
            found += [id] if key is None or keys.count(key) == 1 else []
    return found


def known(lake: Lake, table: str, id: str) -> tuple[str, str]:
    """What makes an entry's record the same one under another id: its values and key, or its place."""
    found = details(lake.state, lake.storage, id)
    assert found is not None
    entry = found[0]
    place = f"{table} {entry.batch} {entry.ordinal}"
    return (f"{table} {entry.key} {entry.raw}" if entry.key else place, place)


def hold(lake: Lake, case: Change) -> None:
    with lake.state.begin() as connection:
        connection.execute(sa.delete(state.holds))
        shared = {"kind": "rollback", "reason": "a test", "at": run_of(0).at}
        connection.execute(
            sa.insert(state.holds), [shared | {"table_name": table.name} for table in case.history.tables]
        )


def publish(lake: Lake, tables: Sequence[TableDeclaration], number: int, contracts: dict[str, type]) -> None:
    publish_night([Publishable(table, contracts[table.name]) for table in tables], lake, run_of(number))


def told(lake: Lake, table: str) -> dict[str, Any]:
    """All that is to be the same: records, rows, open entries, counts."""
    current = Releases(lake.curated).current()
    states = record_states(lake, table, current)
    assert states.select("_batch", "_ordinal").is_unique().all()
    with lake.state.read() as connection:
        opened = open_entries(connection, table).select("id", "key", "rules", "pull", "_batch", "_ordinal")
    if current is None or table not in current.tables:
        return {"states": states.rows(), "open": opened.sort("id").rows()}
    rows = frame_of(lake.curated, f"SELECT * EXCLUDE (_updated_at) FROM {table} ORDER BY ALL").rows()
    counts = {name: count for name, count in current.tables[table].counts.items() if count}
    return {"states": states.rows(), "open": opened.sort("id").rows(), "rows": rows, "counts": counts}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(lake_in(tmp_path))


def test_what_was_discarded_stays_so_and_what_was_told_is_kept(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    table = plain("parents", toxic=Toxic(0.1, 1))
    house.tables["parents"] = (table, Parent)
    rows = [{"id": 1, "content": 1}, {"id": 2, "content": -1}, {"id": 3, "content": -1}, {"id": 4, "content": -9}]
    house.ingest("parents", Scripted(rows, columns))
    assert house.publish().held == ("parents",)
    with house.lake.state.read() as connection:
        before = open_entries(connection, "parents")
    chosen = before.filter(pl.col("key") == "3")
    discard(house.lake, "parents", house.run(), chosen, who="Ada", why="a test order")
    house.tables["parents"] = (table, LooseParent)
    held = house.publish().tables["parents"]
    assert (held.state, held.counts["discarded"], held.counts["open_after"]) == ("held", 1, 1)
    assert "2 of 4 records are toxic" in (held.reason or "")  # the discarded one was, and stays
    house.accept("parents")
    house.publish()
    assert house.rows("SELECT id, content FROM parents ORDER BY id") == [(1, 1), (2, -1)]
    assert house.problems() == []
    with house.lake.state.read() as connection:
        (still,) = open_entries(connection, "parents").rows(named=True)
    assert (still["key"], still["contract_version"] != before["contract_version"][0]) == ("4", True)
    told = details(house.lake.state, house.lake.storage, chosen["id"][0])
    assert told is not None
    assert (told[0].status, told[0].reasons[0]["rule"]) == ("discarded", "greater_than_or_equal_to")
    for path, entry in before.select("path", "id").iter_rows():  # what the old contract said of them is kept
        assert entry in parquet.read(house.lake.storage, path)["id"]


def test_a_held_complete_pull_is_enough_for_a_contract_with_other_columns(house: House) -> None:
    class Renamed(Contract):
        """`Parent` by another name for its content."""

        id: int = column(key=True)
        amount: int = column(ge=-1, source="content")
        version: int = column(nullable=True)

    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents"), Parent)
    house.ingest(
        "parents", Scripted([{"id": 1, "content": 1}, {"id": 2, "content": 2}], columns, whole=True), whole=True
    )
    house.publish()
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.1, 1)), Parent)
    house.ingest(
        "parents", Scripted([{"id": 1, "content": -1}, {"id": 3, "content": 2}], columns, whole=True), whole=True
    )
    assert house.publish().held == ("parents",)
    house.tables["parents"] = (plain("parents", toxic=Toxic(0.1, 1)), Renamed)
    published = house.publish().tables["parents"]
    assert (published.state, published.counts["removed"], published.rows) == ("published", 2, 2)
    assert house.rows("SELECT id, amount FROM parents ORDER BY id") == [(1, -1), (3, 2)]
    assert house.problems() == []


def test_after_a_rollback_what_it_took_back_is_judged_by_the_contract_of_the_day(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    house.tables["parents"] = (plain("parents"), Parent)
    for key in (1, 2):
        house.ingest("parents", Scripted([{"id": key, "content": 1}, {"id": 10 * key, "content": -1}], columns))
        house.publish()
    rollback(house.lake, Releases(house.lake.curated), house.run())
    house.tables["parents"] = (plain("parents"), LooseParent)
    house.ingest("parents", Scripted([{"id": 3, "content": 1}], columns))
    assert house.publish().held == ("parents",)
    house.accept("parents")
    house.publish()
    assert house.rows("SELECT id FROM parents ORDER BY id") == [(1,), (2,), (3,), (10,), (20,)]
    assert house.problems() == []


def test_a_table_that_cannot_be_judged_again_is_held_alone(house: House) -> None:
    columns = {"id": INT, "content": INT, "version": INT}
    for name in ("parents", "others"):
        house.tables[name] = (plain(name), Parent)
        house.ingest(name, Scripted([{"id": 1, "content": -1}], columns))
    for path in house.lake.storage.list("raw/script/parents"):
        house.lake.storage.delete(path)
    house.tables = {name: (table, LooseParent) for name, (table, _) in house.tables.items()}
    published = house.publish()
    assert published.held == ("parents",)
    assert "a file of the lake is missing" in (published.tables["parents"].reason or "")
    assert published.tables["others"].rows == 1
