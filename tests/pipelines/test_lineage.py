"""Lineage of whole nights: delivered to the file or the backend that tilth.yaml names, told where it is not."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import duckdb
import pytest
from bookkeeping import events_of, everything_wrong
from validity import parsed

from tilth.assets.resources import workbench
from tilth.pipelines.cli.status import asked_status
from tilth.pipelines.definitions import build, compose
from tilth.pipelines.instance import instance
from tilth.pipelines.lineage import deliver_after_a_run
from tilth.pipelines.night import run_night
from tilth.pipelines.project import open_project


def told(company: Any) -> list[tuple[str, str]]:
    """(type, job) of the events in the file."""
    events = parsed((company.folder / "data/lineage/events.jsonl").read_text("utf-8").splitlines())
    return [(event["eventType"], event["job"]["name"]) for event in events]


@pytest.mark.long
def test_nights_of_the_command_line_and_of_the_ui_tell_where_everything_comes_from(company: Any) -> None:
    project = open_project(company.folder)
    company.down("books")
    first = run_night(project)
    company.back("books")
    assert (first.exit, first.remarks) == (3, ())
    assert told(company)[:5] == [
        ("START", "ingest.customers"),
        ("COMPLETE", "ingest.customers"),
        ("START", "judge.customers"),
        ("COMPLETE", "judge.customers"),
        ("START", "ingest.sales"),
    ]
    assert ("FAIL", "ingest.sales") in told(company)
    with instance(project) as history:
        for job in ("ingest", "publish"):  # as the UI runs them: each delivers by itself
            done = compose(project, workbench(project)).resolve_job_def(job).execute_in_process(instance=history)
            assert done.success
    assert {("COMPLETE", "settle.sales"), ("COMPLETE", "derive.turnover")} <= {*told(company)}
    assert told(company)[-1] == ("COMPLETE", "publish")
    assert everything_wrong(project.lake()) == []
    event = parsed((company.folder / "data/lineage/events.jsonl").read_text("utf-8").splitlines())[1]
    assert event["inputs"][0]["namespace"] == f"sqlite://{company.folder}/shop.db"
    assert event["run"]["facets"]["parent"]["run"]["runId"] == first.night  # the ingest run's id is the night's
    in_the_catalogue(company)
    in_dagster(company)


def in_the_catalogue(company: Any) -> None:
    source, told_of = f"sqlite://{company.folder}/books.db/sales", "SUM(sales.amount)"
    with duckdb.connect(str(company.folder / "data/curated.duckdb"), read_only=True) as con:
        query = """SELECT input, input_column, transformation FROM _catalog.lineage
                   WHERE "table" = 'turnover' AND "column" = 'amount' ORDER BY origin"""
        assert con.execute(query).fetchall() == [
            (source, "amount", f"AGGREGATION: read as DOUBLE, then {told_of}"),
            ("sales", "amount", f"AGGREGATION: {told_of}"),
        ]


def in_dagster(company: Any) -> None:
    specs = {spec.key.to_user_string(): spec for spec in build(company.folder).resolve_all_asset_specs()}
    expected = {
        "ready/customers": {"customer_id": "raw/shop/customers.id", "name": "raw/shop/customers.name"},
        "curated/customers": {"customer_id": "ready/customers.customer_id", "name": "ready/customers.name"},
        "curated/turnover": {"customer_id": "curated/sales.customer_id", "amount": "curated/sales.amount"},
    }
    with instance(open_project(company.folder)) as history:
        for asset, columns in expected.items():
            event = history.get_latest_materialization_event(dg.AssetKey(asset.split("/")))
            made = event.asset_materialization if event else None
            assert made is not None
            both = (specs[asset].metadata["dagster/column_lineage"], made.metadata["dagster/column_lineage"].value)
            assert all(columns.items() <= shown(lineage).items() for lineage in both)


def shown(lineage: dg.TableColumnLineage) -> dict[str, str]:
    return {
        column: ", ".join(f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in deps)
        for column, deps in lineage.deps_by_column.items()
    }


@pytest.fixture
def backend() -> Iterator[tuple[str, list[Any]]]:
    """An OpenLineage backend on loopback: its address, and what it has taken."""
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(201)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()


@pytest.mark.long
def test_a_backend_that_is_dead_or_slow_holds_up_no_night_and_gets_everything_later(
    company: Any, backend: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, taken = backend
    settings = (company.folder / "tilth.yaml").read_text("utf-8")
    with socket.socket() as listener:  # takes connections, and never answers
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        dead = f"http://127.0.0.1:{listener.getsockname()[1]}"
        company.write("tilth.yaml", settings + f"lineage: {{url: '{dead}', timeout: 1s}}\n")
        began = time.monotonic()
        first = run_night(open_project(company.folder))
        took = time.monotonic() - began
    assert (first.exit, first.release) == (0, 1)
    assert took - first.seconds < 10  # what the delivery took
    (remark,) = first.remarks
    assert remark == f"lineage: 16 events wait, {dead} does not answer in time"
    status = asked_status(open_project(company.folder))
    assert status.to_dict()["lineage"] == {"waiting": 16, "place": dead, "problem": "does not answer in time"}

    company.write("tilth.yaml", settings + f"lineage: {{url: '{url}', api_key: env:LINEAGE_KEY, timeout: 60s}}\n")
    project = open_project(company.folder)
    monkeypatch.delenv("LINEAGE_KEY", raising=False)
    unset = "the environment variable LINEAGE_KEY is not set (got env:LINEAGE_KEY)"
    told_of = f"lineage: not delivered: tilth.yaml, lineage: api_key: {unset}"
    assert deliver_after_a_run(project.settings, project.lake()) == told_of
    monkeypatch.setenv("LINEAGE_KEY", "hunter2-of-lineage")
    assert deliver_after_a_run(project.settings, project.lake()) is None
    assert {(path, key) for path, key, _ in taken} == {("/api/v1/lineage", "Bearer hunter2-of-lineage")}
    assert [event for _, _, event in taken] == events_of(project.lake())
    assert everything_wrong(project.lake()) == []
    assert asked_status(open_project(company.folder)).lineage.waiting == 0
    found = [p for p in (company.folder / "data").rglob("*") if p.is_file() and b"hunter2-of" in p.read_bytes()]
    assert found == []


@pytest.mark.long
def test_lineage_can_be_switched_off(company: Any) -> None:
    text = (company.folder / "tilth.yaml").read_text("utf-8")
    company.write("tilth.yaml", text + "lineage: off\n")
    night = run_night(open_project(company.folder))
    assert (night.exit, night.remarks) == (0, ())
    assert not (company.folder / "data/lineage").exists()
    assert asked_status(open_project(company.folder)).lineage.waiting == 0
    with duckdb.connect(str(company.folder / "data/curated.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) > 0 FROM _catalog.lineage").fetchone() == (True,)


@pytest.mark.long
def test_a_file_that_cannot_be_written_is_told_and_harms_nothing(company: Any) -> None:
    company.write("data/lineage", "in the way")
    night = run_night(open_project(company.folder))
    assert night.exit == 0
    (remark,) = night.remarks
    assert remark.startswith("lineage: 16 events wait, ")
    assert "cannot be written" in remark
    (company.folder / "data/lineage").unlink()
    assert run_night(open_project(company.folder)).remarks == ()
    assert everything_wrong(open_project(company.folder).lake()) == []
