"""Toxic files stay: what an older version wrote is read, what was only discarded before is named, lives are told."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from company import Parent, Scripted, lake_in
from houses import House, plain

from tilth.assets import parquet
from tilth.assets.declared import Toxic
from tilth.assets.listing import counts, details, listing
from tilth.assets.mends import Mender, discard, keep_mends
from tilth.assets.quarantine import open_entries
from tilth.assets.replay import judge_again
from tilth.schemas.contract import Contract, spec_of
from tilth.schemas.contract import field as column

COLUMNS = {"id": pa.int64(), "content": pa.int64(), "version": pa.int64()}


class Loose(Contract):
    """Takes some of what `Parent` refuses."""

    id: int = column(key=True)
    content: int = column(ge=-1)
    version: int = column(nullable=True)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(lake_in(tmp_path))
    house.tables = {"parents": (plain("parents", toxic=Toxic(0.1, 1)), Parent), "others": (plain("others"), Parent)}
    return house


def ingest(house: House, *rows: tuple[int, int], table: str = "parents") -> None:
    house.ingest(table, Scripted([{"id": id, "content": content} for id, content in rows], COLUMNS))


def opened(house: House) -> pl.DataFrame:
    with house.lake.state.read() as connection:
        return open_entries(connection, "parents")


def as_it_was_written_before(house: House) -> None:
    """Every toxic file without what this version keeps beside."""
    names = ("rule", "column", "value", "expected")
    for path in house.lake.storage.list("toxic"):
        frame = parquet.read(house.lake.storage, path)
        each = pl.struct(*(pl.element().struct.field(name) for name in names))
        frame = frame.drop("read").with_columns(pl.col("reasons").list.eval(each))
        house.lake.storage.delete(path)
        with house.lake.storage.create(path) as file:
            frame.write_parquet(file)


def test_a_file_of_an_older_version_is_read_wherever_it_is_asked_for(house: House) -> None:
    ingest(house, (1, 1), (2, -1), (3, -9))
    ingest(house, (1, 1), table="others")
    as_it_was_written_before(house)
    published = house.publish()  # tells which rules hold the one, and publishes the other
    assert published.held == ("parents",)
    assert "by greater_than_or_equal_to" in (published.tables["parents"].reason or "")
    entry = listing(house.lake.state, house.lake.storage)[0]
    assert (entry.reasons[0]["rule"], entry.reasons[0]["severity"]) == ("greater_than_or_equal_to", "error")
    found = details(house.lake.state, house.lake.storage, entry.id)
    assert found is not None
    assert (found[0].read, found[0].raw is None) == (None, False)
    discard(house.lake, "parents", house.run(), opened(house).filter(key="3"), who="Ada", why="a test")
    house.tables["parents"] = (house.tables["parents"][0], Loose)
    ingest(house, (4, 1))
    house.publish()
    assert house.problems() == []


def test_a_file_of_nothing_but_what_was_discarded_before_is_not_swept_up(house: House) -> None:
    ingest(house, (1, 1), (2, -9))
    discard(house.lake, "parents", house.run(), opened(house), who="Ada", why="a test")
    house.tables["parents"] = (house.tables["parents"][0], Loose)
    ingest(house, (3, 1))
    for _ in range(2):
        house.publish()
        assert house.problems() == []


def test_what_became_of_an_entry_before_is_told_when_it_was_opened_again_and_that_was_taken_back(house: House) -> None:
    house.tables["parents"] = (plain("parents"), Parent)
    ingest(house, (2, -1))
    entries = opened(house)
    table, run = house.tables["parents"][0], house.run()
    changes = {entries["id"][0]: {"content": "5"}}
    good = judge_again(entries, table, Parent, house.lake, now=run.at, changes=changes).good
    mender = Mender("corrected", "Ada", "a test")
    keep_mends(house.lake, "parents", run, good, mender, contract_version=spec_of(Parent).version)
    house.publish()
    ingest(house, (2, -1))  # opened again, and waits
    house.tables["parents"] = (table, Loose)
    house.publish()
    found = details(house.lake.state, house.lake.storage, entries["id"][0])
    assert found is not None
    assert (found[0].status, found[1][-1].event) == ("corrected", "withdrawn")
    asked = listing(house.lake.state, house.lake.storage, status="corrected")
    (counted,) = counts(house.lake.state, now=run.at, status="corrected")
    assert ([one.id for one in asked], counted.entries) == ([entries["id"][0]], 1)
    assert (asked[0].path, asked[0].opened_at) == (entries["path"][0], found[1][0].at)  # where it was that opening
