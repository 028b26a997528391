"""A toxic record that comes again every night: one entry, one event a night, and nothing else that grows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from company import Child, Parent, Scripted, lake_in
from houses import House, plain

from tilth.assets import state
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()
PEOPLE = {"id": INT, "content": INT, "version": INT, "parent": INT}
NIGHTS = 4


class Line(Contract):
    """Has no key."""

    text: str = column()
    amount: int = column(ge=0)


@pytest.mark.parametrize("load", ["merge", "replace"])
def test_a_toxic_record_is_one_entry_however_often_it_comes(tmp_path: Path, load: str) -> None:
    house = House(lake_in(tmp_path))
    house.tables["parents"] = (plain("parents", load=load), Parent)
    house.tables["children"] = (plain("children", load=load), Child)
    house.tables["lines"] = (plain("lines", load="append" if load == "merge" else load), Line)
    for _ in range(NIGHTS):
        house.ingest("parents", Scripted([{"id": 1, "content": 1}, {"id": 2, "content": -1}], PEOPLE, whole=True))
        house.ingest("children", Scripted([{"id": 1, "content": 1, "parent": 9}], PEOPLE, whole=True))
        lines = [{"text": "a", "amount": 1}, {"text": "b", "amount": -1}]
        house.ingest("lines", Scripted(lines, {"text": TEXT, "amount": INT}, whole=True, file="a" * 64), whole=True)
        tables = house.publish().tables
        assert {name: table.counts["open_after"] for name, table in tables.items()} == dict.fromkeys(tables, 1)
    with house.lake.state.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(state.entries)).scalar() == 3
        found = connection.execute(sa.select(state.events.c.table_name, state.events.c.event))
        events = Counter((table, event) for table, event in found)
    assert events == {(name, event): n for name in tables for event, n in (("opened", 1), ("seen", NIGHTS - 1))}
    assert not house.problems()
