"""A night in this process: what it publishes, how it ends, what it leaves in dagster's history."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import duckdb
import pytest
import sqlalchemy as sa

from tilth.assets.lake import Lake
from tilth.assets.lease import holder_of, lease
from tilth.assets.process import is_gone, process_tags
from tilth.assets.publishing.history import accept
from tilth.assets.publishing.release import Releases
from tilth.assets.resources import workbench
from tilth.assets.state import leases
from tilth.errors import DeclarationError, ReleaseError
from tilth.pipelines.accepting import accept_held
from tilth.pipelines.definitions import compose
from tilth.pipelines.instance import close_gone_runs, instance
from tilth.pipelines.night import run_night
from tilth.pipelines.progress import Progress
from tilth.pipelines.project import open_project


def published(company: Any, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(company.folder / "data/curated.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def history(company: Any) -> list[tuple[str, str]]:
    with instance(open_project(company.folder)) as dagster:
        return [(run.job_name, run.status.value) for run in reversed(dagster.get_runs())]


def test_nights_first_quiet_and_with_a_source_down(company: Any, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[Progress] = []
    first = run_night(open_project(company.folder), progress=seen.append)
    assert (first.exit, first.release, first.problems) == (0, 1, ())
    assert published(company, "SELECT customer_id, name FROM customers ORDER BY 1") == [(1, "Ada"), (2, "Bo")]
    assert published(company, "SELECT * EXCLUDE (_source, _batch, _ordinal, _updated_at) FROM turnover ORDER BY 1") == [
        (1, 7.5),
        (2, 1.0),
    ]
    assert [p.state for p in seen if p.table == "customers" and p.step == "ingest"] == ["running", "done"]
    assert seen[-1] == Progress("", "publish", "done", "release 1")

    company.tell("shop", "INSERT INTO customers VALUES (4, 'Di', 1.5)")
    company.down("books")
    second = run_night(open_project(company.folder))
    company.back("books")
    assert (second.exit, second.release) == (3, 2)
    (problem,) = second.problems
    assert problem.startswith("source books, object sales: ")
    assert problem.endswith("next: tilth sources check books")
    assert published(company, "SELECT count(*) FROM customers") == [(3,)]
    assert published(company, "SELECT count(*) FROM sales") == [(3,)]  # its last good content
    assert history(company) == [
        ("ingest", "SUCCESS"),
        ("publish", "SUCCESS"),
        ("ingest", "FAILURE"),
        ("publish", "SUCCESS"),
    ]
    with instance(
        open_project(company.folder)
    ) as dagster:  # made from what could not be pulled: seen, not as new as can be
        made = dagster.get_latest_materialization_event(dg.AssetKey(["curated", "turnover"]))
        assert made is not None and made.run_id == first.run_id
        seen_in = dagster.fetch_observations(dg.AssetKey(["curated", "turnover"]), limit=5).records
        assert [record.run_id for record in seen_in] == [second.run_id]
    rows = published(company, "SELECT kind, exit FROM _catalog.runs ORDER BY started_at")
    assert rows[:3] == [("ingest", 0), ("publish", 0), ("ingest", 3)]
    assert capfd.readouterr() == ("", "")  # dagster tells its event log, not the terminal


def test_a_selection_publishes_that_and_what_is_made_from_it(company: Any) -> None:
    project = open_project(company.folder)
    run_night(project)
    company.tell("shop", "INSERT INTO customers VALUES (4, 'Di', 1.5)")
    company.tell("books", "INSERT INTO sales VALUES (5, 2, 4.0)")
    night = run_night(project, select=["sales"])
    assert (night.exit, night.release) == (0, 2)
    assert published(company, "SELECT amount FROM turnover WHERE customer_id = 2") == [(5.0,)]
    assert published(company, "SELECT count(*) FROM customers") == [(2,)]
    with instance(project) as dagster:
        made = dagster.get_latest_materialization_event(dg.AssetKey(["curated", "turnover"]))
        assert made is not None
        assert made.run_id == night.run_id
    with pytest.raises(DeclarationError, match="did you mean sales"):
        run_night(project, select=["sale"])


@pytest.mark.long
def test_without_publishing_everything_waits_for_the_next_night(company: Any) -> None:
    project = open_project(company.folder)
    waiting = run_night(project, publish=False)
    assert (waiting.exit, waiting.release) == (0, None)
    assert run_night(project, select=["customers", "sales"]).release == 1
    assert published(company, "SELECT count(*) FROM customers") == [(2,)]


def test_a_night_in_which_nothing_works_says_so(company: Any) -> None:
    company.down("books")
    company.down("shop")
    night = run_night(open_project(company.folder))
    assert (night.exit, night.release, len(night.problems)) == (1, None, 2)


def test_a_second_run_is_turned_away_while_one_is_active(company: Any) -> None:
    project = open_project(company.folder)
    with lease(project.lake().state, holder="tilth run"):
        night = run_night(project)
    assert night.exit == 4
    assert f"process {os.getpid()}" in night.problems[0]


@pytest.mark.long
def test_a_run_of_the_ui_takes_the_lease_for_itself_and_says_who_holds_it(company: Any) -> None:
    project = open_project(company.folder)
    ingest = compose(project, workbench(project)).resolve_job_def("ingest")
    with instance(project) as dagster:
        with lease(project.lake().state, holder="tilth run"):
            refused = ingest.execute_in_process(instance=dagster, raise_on_error=False)
        told = [e.step_failure_data.user_failure_data for e in refused.get_step_failure_events()]
        assert all(t and (t.description or "").startswith("another run is active (got tilth run") for t in told)
        assert len(told) == 2
        done = ingest.execute_in_process(instance=dagster, raise_on_error=False)
        assert done.success
    assert holder_of(project.lake().state) is None
    assert run_night(project).release == 1


@pytest.mark.long
def test_an_interrupted_night_stops_and_the_next_one_goes_on(company: Any) -> None:
    project = open_project(company.folder)

    def interrupt(progress: Progress) -> None:
        if (progress.step, progress.state) == ("ingest", "running"):
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_night(project, progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert history(company) == [("ingest", "FAILURE")]
    assert holder_of(project.lake().state) is None
    assert run_night(project).release == 1


@pytest.mark.long
def test_a_killed_night_is_closed_and_its_pool_slots_are_freed(company: Any) -> None:
    program = f"""
import os, signal
from pathlib import Path
from tilth.pipelines.night import run_night
from tilth.pipelines.project import open_project

def die(progress):
    if progress.step == "publish":
        os.kill(os.getpid(), signal.SIGKILL)

run_night(open_project(Path({str(company.folder)!r})), progress=die)
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    project = open_project(company.folder)
    with dg.DagsterInstance.from_config(str(project.settings.dagster_home)) as dagster:
        (dead,) = dagster.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        assert dagster.event_log_storage.get_concurrency_run_ids() == {dead.run_id}
        assert is_gone(dead.tags)
        assert close_gone_runs(dagster) == [dead.run_id]
        assert not dagster.event_log_storage.get_concurrency_run_ids()
    night = run_night(project)
    assert (night.exit, night.release) == (0, 1)
    assert published(company, "SELECT count(*) FROM sales") == [(3,)]


def test_a_living_process_is_not_gone() -> None:
    tags = process_tags()
    assert is_gone(tags) is False
    assert is_gone({**tags, "tilth/process_start": "1.0"})  # its number has come round again
    assert is_gone({**tags, "tilth/host": "elsewhere"}) is None
    assert is_gone({}) is None


@pytest.mark.long
def test_no_credential_reaches_dagsters_history(company: Any) -> None:
    company.write("secret.txt", "hunter2-not-to-be-seen")
    company.write("connections.yaml", "shop: {kind: sqlite, path: shop.db}\nbooks: {kind: sql, url: file:secret.txt}\n")
    night = run_night(open_project(company.folder))
    assert night.exit in (1, 3)
    for path in (company.folder / "data").rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes(), path


def test_what_is_accepted_is_what_is_held_now_and_nothing_later(company: Any) -> None:
    declared = (company.folder / "defs/customers/defs.yaml").read_text("utf-8")
    company.write("defs/customers/defs.yaml", declared + "  toxic: {max_share: 0.2, min_rows: 2}\n")
    project = open_project(company.folder)
    held = run_night(project)  # one of three has a credit below zero
    assert (held.exit, held.release) == (3, 1)
    with pytest.raises(ReleaseError, match="a reason"):
        accept_held(project, "customers", why=" ")
    with pytest.raises(ReleaseError, match="table sales is not held"):
        accept_held(project, "sales", why="x")
    found, night = accept_held(project, "customers", why="known to the till")
    assert found is not None
    assert (found.pulls, found.records, found.good, found.toxic) == ((1,), 3, 2, 1)
    assert "1 of 3 records are toxic" in found.words()
    assert (night.exit, night.release) == (0, 2)
    assert published(company, "SELECT count(*) FROM customers") == [(2,)]
    company.tell("shop", "INSERT INTO customers VALUES (4, 'Di', -1)")
    again = run_night(project)
    assert (again.exit, len(again.problems)) == (3, 1)
    assert "1 of 4 records are toxic" in again.problems[0]
    assert published(company, "SELECT count(*) FROM customers") == [(2,)]
    company.tell("shop", "UPDATE customers SET credit = -2")
    assert run_night(project, publish=False).exit == 0
    with pytest.raises(ReleaseError, match="held by more than was told") as refused:  # four more than was told
        accept_held(project, "customers", why="Di pays tomorrow")
    assert "5 of 8 records are toxic" in (refused.value.got or "")
    assert accept_held(project, "customers", why="they all do")[1].exit == 0


@pytest.mark.long
def test_what_a_rule_of_the_whole_table_holds_can_be_accepted(company: Any) -> None:
    text = (company.folder / "contracts.py").read_text("utf-8").replace("Contract, field", "Contract, field, row_count")
    rule = "    rules = (row_count(at_least=5),)\n"
    text = text.replace(
        '    credit: float = field(ge=0, unit="EUR")\n', '    credit: float = field(ge=0, unit="EUR")\n' + rule
    )
    company.write("contracts.py", text.rstrip() + "\n" + rule)
    project = open_project(company.folder)
    held = run_night(project)
    assert (held.exit, len(held.problems)) == (3, 2)
    assert "row_count: number of rows is 2, expected at least 5\n  next: mend it and tilth run, or" in held.problems[0]
    with pytest.raises(ReleaseError, match="table sales is not held"):
        accept_held(project, "sales", why="x")
    for name, rows in (("customers", 2), ("turnover", 0)):  # sales wait for customers, who are not there yet
        found, _ = accept_held(project, name, why="it is a small shop")
        assert found is not None
        assert found.held == f"row_count: number of rows is {rows}, expected at least 5"
        assert published(company, f"SELECT count(*) FROM {name}") == [(rows,)]
    company.tell("shop", "INSERT INTO customers VALUES (4, 'Di', 1)")
    assert run_night(project, select=["customers"]).exit == 3


@pytest.mark.long
def test_an_acceptance_that_could_not_be_used_counts_for_nothing_that_came_later(company: Any) -> None:
    declared = (company.folder / "defs/customers/defs.yaml").read_text("utf-8")
    company.write("defs/customers/defs.yaml", declared + "  toxic: {max_share: 0.2, min_rows: 2}\n")
    project = open_project(company.folder)
    run_night(project)
    current = Releases(project.settings.curated).current()
    assert current is not None
    told = current.tables["customers"].causes
    accept(project.lake().state, "customers", causes=told, why="the process died after this", at=datetime.now(UTC))
    company.tell("shop", "INSERT INTO customers VALUES (4, 'Di', -1)")
    assert run_night(project).exit == 3
    assert published(company, "SELECT count(*) FROM customers") == [(0,)]


def test_a_derived_table_that_is_asked_for_before_its_inputs_waits_and_says_for_what(company: Any) -> None:
    project = open_project(company.folder)
    night = run_night(project, select=["turnover"])
    assert (night.exit, night.release) == (1, None)
    (problem,) = night.problems
    assert problem.startswith("table turnover is new: waits for sales")
    assert problem.endswith("next: tilth run --select sales")
    both = run_night(project, select=["customers", "sales", "turnover"])
    assert (both.exit, both.release) == (0, 1)
    assert published(company, "SELECT count(*) FROM turnover") == [(2,)]


def test_what_is_declared_to_fail_ends_with_1_and_publishes_the_rest(company: Any) -> None:
    declared = (company.folder / "defs/customers/defs.yaml").read_text("utf-8")
    limit = "  toxic: {max_rows: 0, beyond: fail}\n"
    company.write("defs/customers/defs.yaml", declared.replace("replace", "merge") + limit)
    company.tell("shop", "DELETE FROM customers WHERE id = 3")
    project = open_project(company.folder)
    assert run_night(project).exit == 0
    company.tell("shop", "INSERT INTO customers VALUES (4, 'Di', -1)")
    company.tell("books", "INSERT INTO sales VALUES (5, 2, 1.0)")
    failed = run_night(project)
    assert (failed.exit, failed.release) == (1, 2)
    (problem,) = failed.problems
    assert problem.startswith("table customers: held, and declared to fail the run then")
    assert "1 of 3 records are toxic (33.3%, at most 0 records may be)" in problem
    assert "1 by greater_than_or_equal_to of credit; the run before: 0.0%" in problem
    assert published(company, "SELECT count(*) FROM customers, sales") == [(2 * 4,)]
    assert run_night(project, ingest=False).exit == 1  # as long as it is held
    found, night = accept_held(project, "customers", why="Di pays tomorrow")
    assert found is not None
    assert (night.exit, night.release) == (0, 3)


def test_what_is_done_first_says_what_is_published_under_the_same_lease(company: Any) -> None:
    project = open_project(company.folder)
    run_night(project, publish=False)
    holders: list[str] = []

    def first(lake: Lake) -> tuple[str, ...]:
        with lake.state.read() as connection:
            holders.extend(connection.execute(sa.select(leases.c.token)).scalars())
        return ("customers",) if len(holders) > 1 else ()

    nothing = run_night(project, ingest=False, first=first)
    assert (nothing.exit, nothing.release, nothing.run_id) == (0, None, "")
    told: list[str] = []

    def watch(_: Progress) -> None:
        with project.lake().state.read() as connection:
            told.extend(connection.execute(sa.select(leases.c.token)).scalars())

    some = run_night(project, ingest=False, first=first, progress=watch)
    assert (some.exit, some.release) == (0, 1)
    assert set(told) == {holders[1]}
    assert published(company, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'") == [("customers",)]
