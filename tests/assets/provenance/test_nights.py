"""The events of real nights: valid, complete, and saying what the state and the file say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from bookkeeping import events_of, everything_wrong, rows
from company import Child, Parent, Scripted, declaration, lake_in, run_of
from one_night import COLUMNS, SQL, Total, night, row

from tilth.assets import state
from tilth.assets.declared import Deletes, DerivedDeclaration, TableDeclaration, Toxic
from tilth.assets.lake import Lake
from tilth.assets.night import Publishable, ingest_table, publish_night, set_right
from tilth.assets.provenance.outbox import close_killed
from tilth.assets.publishing.history import rollback
from tilth.assets.publishing.release import Releases
from tilth.errors import ContractError, MissingExtra, ReleaseError, SourceError
from tilth.schemas.contract import field as column

CHILD = {**COLUMNS, "parent": pa.int64()}


def told(lake: Lake, *, since: int = 0) -> list[tuple[str, str]]:
    """(type, job) of each event."""
    return [(event["eventType"], event["job"]["name"]) for event in events_of(lake)[since:]]


def pull(lake: Lake, number: int, source: Any, table: TableDeclaration, contract: type = Parent) -> None:
    ingest_table(table, contract, lambda: source, lake, run_of(number))


def publish(lake: Lake, number: int, *tables: TableDeclaration, derived: Sequence[Publishable] = ()) -> Any:
    contracts = {"parents": Parent, "children": Child}
    pulled = [Publishable(table, contracts[table.name]) for table in tables]
    return publish_night([*pulled, *derived], lake, run_of(number))


@pytest.fixture(scope="module")
def after_two(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two nights: toxic rows, duplicates, late parents, tombstones, a derived table."""
    folder = tmp_path_factory.mktemp("nights")
    night(folder, 1)
    night(folder, 2)
    return lake_in(folder)


def test_two_nights_are_told_as_they_were(after_two: Lake) -> None:
    assert everything_wrong(after_two) == []
    steps = ["ingest.parents", "judge.parents", "ingest.children", "judge.children"]
    parts = ["settle.parents", "settle.children", "derive.totals"]
    first = [(kind, job) for job in steps for kind in ("START", "COMPLETE")]
    first += [("START", "publish"), *((kind, job) for job in parts for kind in ("START", "COMPLETE"))]
    first.append(("COMPLETE", "publish"))
    assert told(after_two) == first * 2


def test_each_event_names_where_data_physically_stands(after_two: Lake) -> None:
    events = {(e["eventType"], e["job"]["name"]): e for e in events_of(after_two)}  # of the second night
    lake, curated = after_two.storage.url(""), f"duckdb://{after_two.curated}"
    places = {
        job: ([(i["namespace"], i["name"]) for i in e["inputs"]], [(o["namespace"], o["name"]) for o in e["outputs"]])
        for (kind, job), e in events.items()
        if kind == "COMPLETE"
    }
    raw = ("file", f"{lake}/raw/script/children/children")
    ready, toxic = ("file", f"{lake}/ready/children"), ("file", f"{lake}/toxic/children")
    own, parents, totals = ((curated, f"curated.main.{name}") for name in ("children", "parents", "totals"))
    assert places["ingest.children"] == ([("memory", "children")], [raw])
    assert places["judge.children"] == ([raw], [ready, toxic])
    assert places["settle.children"] == ([ready, parents, own], [own])
    assert places["derive.totals"] == ([own], [totals])
    assert {*places["publish"][0]} == {*places["publish"][1]} == {own, parents, totals}
    for path in (raw, ready, toxic):
        assert Path(path[1]).is_dir()


def test_a_derived_tables_event_has_its_query_checks_and_columns(after_two: Lake) -> None:
    event = next(e for e in events_of(after_two) if (e["eventType"], e["job"]["name"]) == ("COMPLETE", "derive.totals"))
    assert event["job"]["facets"]["sql"]["query"] == SQL
    facets = event["outputs"][0]["facets"]
    fields = {
        name: [(i["field"], [t["subtype"] for t in i["transformations"]]) for i in field["inputFields"]]
        for name, field in facets["columnLineage"]["fields"].items()
    }
    assert fields == {"id": [("parent", ["IDENTITY"])], "total": [("content", ["AGGREGATION"])]}
    assert {i["field"] for i in facets["columnLineage"]["dataset"]} == {"parent"}
    checked = {a["assertion"]: a["success"] for a in facets["dataQualityAssertions"]["assertions"]}
    assert checked["greater_than_or_equal_to"] is True


def test_judging_says_what_each_rule_found(after_two: Lake) -> None:
    found = {
        (row["run_id"], row["table_name"], row["rule"], row["column"]): row for row in rows(after_two, state.quality)
    }
    for event in events_of(after_two):
        facts = event["run"]["facets"]["tilth_step"]
        if event["eventType"] == "COMPLETE" and event["job"]["name"].startswith("judge."):
            told = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
            for one in told:
                row = found[facts["dagsterRun"], facts["table"], one["assertion"], one.get("column")]
                assert one["actual"] == f"{row['failed']} of {row['checked']} failed"
                assert one["success"] == (row["failed"] == 0)
            assert len(told) == sum(key[:2] == (facts["dagsterRun"], facts["table"]) for key in found)


def test_a_source_that_dies_fails_its_pull_and_no_more(tmp_path: Path) -> None:
    lake, table = lake_in(tmp_path), declaration("parents")
    source = Scripted([row(n, n) for n in range(1, 9)], COLUMNS, breaks_after=2)
    with pytest.raises(SourceError):
        pull(lake, 1, source, table)
    assert told(lake) == [("START", "ingest.parents"), ("FAIL", "ingest.parents")]
    message = events_of(lake)[1]["run"]["facets"]["errorMessage"]["message"]
    assert message.startswith("source script: the line went dead")
    assert message.endswith("next: tilth sources check script")
    source.breaks_after = None
    pull(lake, 2, source, table)  # goes on where it stopped: the whole pull is told
    publish(lake, 2, table)
    assert everything_wrong(lake) == []
    assert told(lake, since=2)[:4] == [(k, f"{j}.parents") for j in ("ingest", "judge") for k in ("START", "COMPLETE")]


def test_a_pull_that_completed_is_judged_and_told_though_its_keys_cannot_be_compared(tmp_path: Path) -> None:
    class NoKeys(Scripted):
        def pull(self, request: Any) -> Any:
            if request.keys_only:
                raise SourceError("the line went dead")
            return super().pull(request)

    lake, table = lake_in(tmp_path), declaration("parents", deletes=Deletes("compare_keys"))
    with pytest.raises(SourceError):
        pull(lake, 1, NoKeys([row(1, 1)], COLUMNS), table)
    jobs = ["ingest.parents", "ingest.parents.keys", "judge.parents"]
    assert [job for kind, job in told(lake) if kind == "START"] == jobs
    assert dict(zip(jobs, ["COMPLETE", "FAIL", "COMPLETE"], strict=True)).items() <= {(j, k) for k, j in told(lake)}
    pull(lake, 2, Scripted([row(1, 1)], COLUMNS), table)
    publish(lake, 2, table)
    assert everything_wrong(lake) == []
    assert ("COMPLETE", "judge.parents.keys") in told(lake)


def test_what_fails_before_it_begins_has_a_beginning_too(tmp_path: Path) -> None:
    lake, table = lake_in(tmp_path), declaration("parents")

    def missing() -> Any:
        raise MissingExtra.of("psycopg", "postgres")

    def broken() -> Any:
        raise ValueError("password=hunter2")

    for number, connector in enumerate((missing, broken)):
        with pytest.raises((MissingExtra, ValueError)):
            ingest_table(table, Parent, connector, lake, run_of(number))
    assert told(lake) == [("START", "ingest.parents"), ("FAIL", "ingest.parents")] * 2
    assert everything_wrong(lake) == []
    assert "hunter2" not in str(events_of(lake))
    assert "unexpected ValueError" in str(events_of(lake)[3])


def test_a_contract_that_cannot_be_used_fails_the_judge(tmp_path: Path) -> None:
    class Ours(Parent):
        """Takes a name that is ours."""

        batch: int = column(source="_batch")

    lake, table = lake_in(tmp_path), declaration("parents", version=None, deletes=Deletes())
    pull_columns = {**COLUMNS, "_batch": pa.int64()}
    with pytest.raises(ContractError, match="_batch"):
        pull(lake, 1, Scripted([{**row(1, 1), "_batch": 1}], pull_columns), table, Ours)
    assert told(lake)[-1] == ("FAIL", "judge.parents")
    assert everything_wrong(lake) == []


def test_a_table_that_is_held_failed_and_the_others_did_not(tmp_path: Path) -> None:
    lake = lake_in(tmp_path)
    held = declaration("parents", toxic=Toxic(0.1, 1))
    other, derived = declaration("children"), DerivedDeclaration("totals", "c.Total", SQL, ("children",))
    pull(lake, 1, Scripted([row(1, 1), row(2, -1)], COLUMNS), held)
    pull(lake, 1, Scripted([row(1, 1, parent=None)], CHILD), other, Child)
    published = publish(lake, 1, held, other, derived=[Publishable(derived, Total)])
    assert published.held == ("parents",)
    ends = {job: kind for kind, job in told(lake) if kind != "START"}
    assert (ends["settle.parents"], ends["settle.children"], ends["publish"]) == ("FAIL", "COMPLETE", "COMPLETE")
    failed = next(e for e in events_of(lake) if e["eventType"] == "FAIL")
    assert "1 of 2 records are toxic" in failed["run"]["facets"]["errorMessage"]["message"]
    assert everything_wrong(lake) == []


def test_nothing_to_publish_is_told_and_a_derived_table_that_is_not_due_is_not(tmp_path: Path) -> None:
    lake = lake_in(tmp_path)
    tables = [declaration("parents"), declaration("children")]
    derived = [Publishable(DerivedDeclaration("totals", "c.Total", SQL, ("children",)), Total)]
    publish(lake, 1, *tables, derived=derived)
    assert told(lake) == [("START", "publish"), ("COMPLETE", "publish")]
    pull(lake, 2, Scripted([row(1, 1, parent=None)], CHILD, follows=True), tables[1], Child)
    publish(lake, 2, *tables, derived=derived)
    before = len(told(lake))
    pull(lake, 3, Scripted([row(1, 1)], COLUMNS), tables[0])
    publish(lake, 3, *tables, derived=derived)
    assert "derive.totals" not in {job for _, job in told(lake, since=before)}
    before = len(told(lake))
    publish(lake, 4, *tables, derived=derived)
    assert told(lake, since=before) == [("START", "publish"), ("COMPLETE", "publish")]
    assert everything_wrong(lake) == []


def test_a_query_that_cannot_be_read_says_so_and_names_every_column(tmp_path: Path) -> None:
    lake, table = lake_in(tmp_path), declaration("children")
    sql = "SELECT id, content AS total FROM (SELECT COLUMNS('id|content') FROM children)"
    derived = [Publishable(DerivedDeclaration("totals", "c.Total", sql, ("children",)), Total)]
    pull(lake, 1, Scripted([row(1, 1, parent=None)], CHILD), table, Child)
    publish(lake, 1, table, derived=derived)
    event = next(e for e in events_of(lake) if (e["eventType"], e["job"]["name"]) == ("COMPLETE", "derive.totals"))
    assert "could not be read" in event["run"]["facets"]["tilth_step"]["unknown_lineage"]
    fields = event["outputs"][0]["facets"]["columnLineage"]["fields"]["total"]["inputFields"]
    assert [field["field"] for field in fields] == ["id", "content", "version", "parent"]
    assert everything_wrong(lake) == []
    with duckdb.connect(str(lake.curated), read_only=True) as con:
        query = "SELECT count(*) FROM _catalog.lineage WHERE \"table\" = 'totals' AND transformation LIKE 'UNKNOWN: %'"
        assert con.execute(query).fetchone() == (16,)  # four columns, one step and all the way back, of two


def test_a_publish_that_fails_tells_of_itself_alone(tmp_path: Path) -> None:
    lake, table = lake_in(tmp_path), declaration("parents")
    pull(lake, 1, Scripted([row(1, 1)], COLUMNS), table)
    lake.curated.write_text("somebody's")
    with pytest.raises(ReleaseError, match="taken by something"):
        publish(lake, 1, table)
    assert told(lake, since=4) == [("START", "publish"), ("FAIL", "publish")]
    assert everything_wrong(lake) == []
    lake.curated.unlink()
    publish(lake, 2, table)
    assert everything_wrong(lake) == []


def test_a_rollback_is_told_whoever_made_it(tmp_path: Path) -> None:
    lake, table = lake_in(tmp_path), declaration("parents")
    for number in (1, 2):
        pull(lake, number, Scripted([row(n, n) for n in range(1, 2 + number)], COLUMNS, follows=True), table)
        publish(lake, number, table)
    releases = Releases(lake.curated)
    before = len(told(lake))
    rollback(lake, releases, replace(run_of(3), job="rollback"))
    assert told(lake, since=before) == [("START", "rollback"), ("COMPLETE", "rollback")]
    facts = events_of(lake)[-1]["run"]["facets"]["tilth_step"]
    assert (facts["release"], facts["taken_back"]) == (1, [2])
    publish(lake, 4, table)  # held: nothing of it
    releases.switch(releases.release(2))  # forwards again, by hand
    set_right(lake)
    releases.switch(releases.release(1))
    set_right(lake)
    assert told(lake)[-2:] == [("START", "rollback"), ("COMPLETE", "rollback")]
    assert everything_wrong(lake) == []


def test_where_no_lineage_is_kept_none_is_written(tmp_path: Path) -> None:
    lake, table = replace(lake_in(tmp_path), lineage=False), declaration("parents")
    with pytest.raises(SourceError):
        pull(lake, 1, Scripted([row(1, 1)], COLUMNS, breaks_after=0), table)
    pull(lake, 2, Scripted([row(1, 1)], COLUMNS), table)
    publish(lake, 2, table)
    publish(lake, 3, table)
    close_killed(lake)
    assert events_of(lake) == []
    assert all(one["lineage"] is None for one in rows(lake, state.releases))


def test_the_same_run_started_again_has_other_run_ids(tmp_path: Path) -> None:
    lake, table = lake_in(tmp_path), declaration("parents")
    for _ in range(2):
        pull(lake, 1, Scripted([row(1, 1)], COLUMNS), table)
        publish(lake, 1, table)
    assert everything_wrong(lake) == []
    with lake.state.read() as connection:
        query = sa.select(sa.func.count(sa.distinct(state.outbox.c.run_id)))
        assert connection.execute(query).scalar() == len(told(lake)) / 2
