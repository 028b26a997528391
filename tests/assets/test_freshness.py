"""How fresh data is, through derived tables: the status and the catalogue say the same, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from company import Child, Parent, Scripted, declaration, frame_of, lake_in
from one_night import CHILDREN, COLUMNS, PARENTS, SQL, Total

from tilth.assets.declared import DerivedDeclaration, Freshness
from tilth.assets.lake import Run
from tilth.assets.night import Publishable, ingest_table, publish_night
from tilth.assets.status import status

NOW = datetime.now(UTC).replace(microsecond=0)
JOINED = "SELECT p.id, t.total FROM parents p JOIN totals t USING (id)"
ZONE = "Europe/Berlin"


def test_a_derived_table_is_as_old_as_its_oldest_source(tmp_path: Path) -> None:
    lake = replace(lake_in(tmp_path), time_zone=ZONE)
    run = Run("run", "night", NOW)
    parents = declaration("parents", freshness=Freshness(max_age=timedelta(hours=26)))
    children = declaration("children", freshness=Freshness(max_age=timedelta(days=9)))
    totals = DerivedDeclaration("totals", "x.T", SQL, ("children",), freshness=Freshness(max_age=timedelta(days=1)))
    joined = DerivedDeclaration("joined", "x.T", JOINED, ("parents", "totals"), freshness=Freshness("0 6 * * *"))
    apart = DerivedDeclaration("apart", "x.T", "SELECT id, content AS total FROM parents", ("parents",))
    old = Scripted(CHILDREN[1], {**COLUMNS, "parent": pa.int64()}, time=NOW - timedelta(days=3))
    ingest_table(parents, Parent, lambda: Scripted(PARENTS[1], COLUMNS, time=NOW), lake, run)
    ingest_table(children, Child, lambda: old, lake, run)
    contracts = {"parents": Parent, "children": Child}
    declared = [parents, children, totals, joined, apart]
    publish_night([Publishable(one, contracts.get(one.name, Total)) for one in declared], lake, run)

    url = f"sqlite:///{tmp_path / 'state.db'}"
    found = status(declared, ["script"], lake.curated, url, time_zone=ZONE, now=datetime.now(UTC))
    told = {table.name: (table.freshness, table.why) for table in found.tables}
    shown = frame_of(lake.curated, 'SELECT "table", state, reason FROM _catalog.freshness').rows()
    assert told == {name: (state, reason) for name, state, reason in shown}
    assert {name: state for name, (state, _) in told.items()} == {
        "parents": "fresh", "children": "fresh", "totals": "late", "joined": "late", "apart": "no promise",
    }  # fmt: skip
    assert "(that of children), it was good until" in told["totals"][1]
    assert "(that of children), it was good until" in told["joined"][1]
    assert told["apart"][1].startswith("nothing is promised; data is as of ") and told["apart"][1].endswith(
        "(that of parents)"
    )
    zones = {"CET", "CEST"}
    assert all(zones & {*reason.replace(",", "").split()} for _, reason in told.values())
