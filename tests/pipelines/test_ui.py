"""A real `dagster dev`, asked over GraphQL: what a person sees and does in the UI."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.conftest import default_signals
from tilth.pipelines.instance import ui_command
from tilth.pipelines.night import NightResult, run_night
from tilth.pipelines.project import open_project

ASSETS = """{ assetNodes {
  assetKey { path } groupName description kinds opNames
  owners { ... on TeamAssetOwner { team } ... on UserAssetOwner { email } }
  pools
  metadataEntries { ... on TableSchemaMetadataEntry {
    schema { columns { name type description constraints { nullable unique } } } } }
  internalFreshnessPolicy { __typename }
  assetChecksOrError { ... on AssetChecks { checks { name } } }
} }"""
AUTOMATIC = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  location { name } jobs { name }
  schedules { name executionTimezone cronSchedule scheduleState { status } }
  sensors { name sensorState { status } }
} } } }"""
RUNS = """{ runsOrError { ... on Runs { results {
  id jobName status tags { key value } assetSelection { path }
} } } }"""
EVENTS = """query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { __typename
  ... on ExecutionStepFailureEvent { stepKey error { message } failureMetadata {
    description metadataEntries { label ... on TextMetadataEntry { text } } } }
  ... on MaterializationEvent { assetKey { path } metadataEntries { label ... on IntMetadataEntry { intValue } } }
  ... on AssetCheckEvaluationEvent { evaluation { checkName success description assetKey { path } } }
} } } }"""
LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message }
} }"""
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
pytestmark = pytest.mark.xdist_group("ui")  # one server for all
Path_ = tuple[str, ...]


@dataclass
class Ui:
    """A running `dagster dev`."""

    port: int
    log: Path

    def ask(self, query: str, **variables: object) -> Any:
        """One GraphQL answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        url = f"http://127.0.0.1:{self.port}/graphql"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.load(answer)
        assert "errors" not in told, told["errors"]
        return told["data"]

    def assets(self) -> dict[Path_, dict[str, Any]]:
        """All assets by their path."""
        return {tuple(node["assetKey"]["path"]): node for node in self.ask(ASSETS)["assetNodes"]}

    def materialise(self, *paths: Path_) -> str:
        """What the button does; the run's id."""
        selector = {
            "repositoryLocationName": "tilth",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": path} for path in paths],
        }
        told = self.ask(LAUNCH, p={"selector": selector, "mode": "default", "runConfigData": {}})
        return told["launchPipelineExecution"]["run"]["id"]

    def runs(self) -> list[dict[str, Any]]:
        """The history, newest first."""
        return self.ask(RUNS)["runsOrError"]["results"]

    def ended(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first run wanted, once it has ended."""
        for run in self._until(lambda: [r for r in self.runs() if wanted(r) and r["status"] in ENDED]):
            return run
        raise AssertionError(self.log.read_text()[-4000:])

    def events(self, run: str) -> list[dict[str, Any]]:
        """All that a run told."""
        return self.ask(EVENTS, run=run)["logsForRun"]["events"]

    def up(self) -> None:
        """Wait until the definitions are loaded."""
        assert self._until(lambda: self.assets()), self.log.read_text()[-4000:]

    def _until(self, answer: Callable[[], Any], patience_s: float = 240) -> Any:
        over = time.monotonic() + patience_s
        while time.monotonic() < over:
            with suppress(OSError):
                if told := answer():
                    return told
            time.sleep(0.5)
        return []


@pytest.fixture(scope="module")
def first_night(standing: Any) -> NightResult:
    """A night of the command line, before the UI is started."""
    return run_night(open_project(standing.folder))


@pytest.fixture(scope="module")
def ui(standing: Any, first_night: NightResult) -> Iterator[Ui]:
    """`tilth ui` over the company: killed with all its processes at the end."""
    assert first_night.exit == 0, first_night
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command, environment = ui_command(open_project(standing.folder), port)
    log = standing.folder / "dagster-dev.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, start_new_session=True, preexec_fn=default_signals
        )
    try:
        running = Ui(port, log)
        running.up()
        yield running
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask first, then kill the whole group."""
    os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


def test_assets_stand_by_room_with_owners_kinds_columns_and_promises(ui: Ui) -> None:
    assets = ui.assets()
    groups = {path: node["groupName"] for path, node in assets.items()}
    assert groups == {
        ("raw", "shop", "customers"): "raw",
        ("ready", "customers"): "ready",
        ("toxic", "customers"): "toxic",
        ("curated", "customers"): "curated",
        ("raw", "books", "sales"): "raw",
        ("ready", "sales"): "ready",
        ("toxic", "sales"): "toxic",
        ("curated", "sales"): "curated",
        ("curated", "turnover"): "derived",
    }
    customers = assets["curated", "customers"]
    assert customers["owners"] == [{"team": "front-desk"}]
    assert assets["ready", "sales"]["owners"] == [{"email": "ledger@example.com"}]
    assert customers["description"] == "People who buy at the corner shop."
    assert customers["internalFreshnessPolicy"]["__typename"] == "TimeWindowFreshnessPolicy"
    assert set(assets["raw", "shop", "customers"]["kinds"]) == {"sqlite", "parquet"}
    assert assets["raw", "shop", "customers"]["pools"] == ["source_shop"]
    columns = {c["name"]: c for c in schema_of(customers)}
    assert [*columns] == ["customer_id", "name", "credit"]
    assert columns["customer_id"]["constraints"] == {"nullable": False, "unique": True}
    assert columns["customer_id"]["description"] == "The till's number of the customer."
    assert [c["name"] for c in schema_of(assets["ready", "customers"])] == [*columns]
    checks = {path: {c["name"] for c in node["assetChecksOrError"].get("checks", [])} for path, node in assets.items()}
    assert checks["ready", "sales"] == {"conserved", "toxic_share"}
    assert checks["curated", "turnover"] == {"published"}


def schema_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    return next(entry["schema"]["columns"] for entry in node["metadataEntries"] if "schema" in entry)


def test_jobs_schedule_and_sensors_are_on_by_declaration(ui: Ui) -> None:
    (repository,) = ui.ask(AUTOMATIC)["repositoriesOrError"]["nodes"]
    assert repository["location"]["name"] == "tilth"
    assert {"ingest", "publish"} <= {job["name"] for job in repository["jobs"]}
    (schedule,) = repository["schedules"]
    assert (schedule["name"], schedule["cronSchedule"]) == ("nightly", "0 2 * * *")
    assert (schedule["executionTimezone"], schedule["scheduleState"]["status"]) == ("Europe/Berlin", "RUNNING")
    assert {s["sensorState"]["status"] for s in repository["sensors"]} == {"RUNNING"}


def test_a_night_of_the_command_line_stands_in_the_history(ui: Ui, first_night: NightResult) -> None:
    nights = {run["jobName"]: run for run in ui.runs() if has_tag(run, "tilth/night", first_night.night)}
    assert {job: run["status"] for job, run in nights.items()} == {"ingest": "SUCCESS", "publish": "SUCCESS"}
    assert nights["publish"]["id"] == first_night.run_id
    assert len(ui.runs()) == 2  # and no sensor started another publish


def has_tag(run: dict[str, Any], key: str, value: str) -> bool:
    return {"key": key, "value": value} in run["tags"]


def materialised(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["__typename"] == "MaterializationEvent"]


def test_all_materialised_with_one_source_down_publishes_the_others(ui: Ui, standing: Any) -> None:
    standing.tell("shop", "INSERT INTO customers VALUES (4, 'Di', 1.5)")
    standing.down("books")
    try:
        run = ui.materialise(*ui.assets())
        assert ui.ended(lambda r: r["id"] == run)["status"] == "FAILURE"
        (failure,) = [e for e in ui.events(run) if "failureMetadata" in e]
        assert failure["stepKey"] == "ingest_sales"
        assert failure["failureMetadata"]["description"].startswith("source books, object sales: ")
        assert {"label": "next", "text": "tilth sources check books"} in failure["failureMetadata"]["metadataEntries"]
        follower = ui.ended(lambda r: r["jobName"] == "publish" and has_tag(r, "tilth/night", run))
    finally:
        standing.back("books")
    assert follower["status"] == "SUCCESS"
    events = ui.events(follower["id"])
    made = {
        tuple(e["assetKey"]["path"]): e["metadataEntries"] for e in events if e["__typename"] == "MaterializationEvent"
    }
    assert {"label": "dagster/row_count", "intValue": 3} in made["curated", "customers"]
    assert ("curated", "sales") not in made
    checks = {tuple(c["assetKey"]["path"]): c for e in events if (c := e.get("evaluation"))}
    assert checks["curated", "customers"]["success"]
    assert not checks["curated", "sales"]["success"]
    assert "source books, object sales" in checks["curated", "sales"]["description"]


@pytest.mark.long
def test_one_table_and_one_derived_table_publish_in_their_own_run(ui: Ui, standing: Any) -> None:
    standing.tell("books", "INSERT INTO sales VALUES (5, 2, 4.0)")
    run = ui.materialise(("raw", "books", "sales"), ("ready", "sales"), ("toxic", "sales"), ("curated", "sales"))
    assert ui.ended(lambda r: r["id"] == run)["status"] == "SUCCESS"
    made = {tuple(e["assetKey"]["path"]) for e in materialised(ui.events(run))}
    assert {("curated", "sales"), ("curated", "turnover")} <= made  # what is made from it comes along
    run = ui.materialise(("curated", "turnover"))
    assert ui.ended(lambda r: r["id"] == run)["status"] == "SUCCESS"
    assert not [r for r in ui.runs() if has_tag(r, "tilth/night", run)]  # nothing was left to publish


def test_the_server_told_of_no_traceback(ui: Ui) -> None:
    assert "Traceback" not in ui.log.read_text()
