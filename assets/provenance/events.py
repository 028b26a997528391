"""OpenLineage run events: a step begins, completes or fails.

A START names inputs; a COMPLETE describes inputs and outputs; a FAIL is the START with what went wrong, so that it can
be told of a run that was killed, too. Pure: times are arguments. `encode` is strict: what JSON cannot say is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from tilth.assets.lake import Run
from tilth.assets.provenance import facets, naming
from tilth.assets.provenance.facets import Json
from tilth.connectors.protocol import Dataset

__all__ = ["Begun", "Described", "Outcome", "Step", "Type", "completed", "encode", "failed", "instant", "started"]

Type = Literal["START", "COMPLETE", "FAIL"]
_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of work that runs again and again: its job, and what it reads."""

    job: str  # ingest.customers
    does: str  # in a sentence
    inputs: Sequence[Dataset]
    table: str | None = None  # None: it is over all tables
    owner: str | None = None
    engine: tuple[str, str] = ("Tilth", "tilth")  # what does the work, and the package whose version that is
    sql: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """One run of a step that has begun."""

    step: Step
    run_id: str
    attempt: int  # how often it began in this run of Dagster's before
    at: datetime


@dataclass(frozen=True, slots=True)
class Described:
    """A dataset as an event tells of it."""

    dataset: Dataset
    facets: Mapping[str, Json] = field(default_factory=dict[str, Json])
    how: Mapping[str, Json] = field(default_factory=dict[str, Json])  # facets of reading, or writing, it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step that completed read and made."""

    inputs: Sequence[Described]
    outputs: Sequence[Described]
    facts: Mapping[str, object] = field(default_factory=dict[str, object])  # of the facet `tilth_step`


def started(begun: Begun, run: Run, project: str) -> Json:
    """The event that a step begins."""
    return {
        "eventType": "START",
        "eventTime": instant(begun.at),
        "producer": facets.PRODUCER,
        "schemaURL": _SCHEMA,
        "run": {"runId": begun.run_id, "facets": _of_run(begun, run, project)},
        "job": _job(begun.step, project),
        "inputs": [_dataset(Described(dataset), "inputFacets") for dataset in begun.step.inputs],
        "outputs": [],
    }


def completed(start: Json, outcome: Outcome, at: datetime) -> Json:
    """The event that the run which `start` began made what it should."""
    known = start["run"]["facets"]
    own = {**known["tilth_step"], **{name: value for name, value in outcome.facts.items() if value is not None}}
    return {
        **start,
        "eventType": "COMPLETE",
        "eventTime": max(instant(at), str(start["eventTime"])),
        "run": {**start["run"], "facets": {**known, "tilth_step": own}},
        "inputs": [_dataset(one, "inputFacets") for one in outcome.inputs],
        "outputs": [_dataset(one, "outputFacets") for one in outcome.outputs],
    }


def failed(start: Json, message: str, at: datetime) -> Json:
    """The event that ends the run which `start` began, without having made anything."""
    time = max(instant(at), str(start["eventTime"]))
    run: Json = {**start["run"], "facets": {**start["run"]["facets"], "errorMessage": facets.error(message)}}
    return {**start, "eventType": "FAIL", "eventTime": time, "run": run}


def encode(event: Json) -> str:
    """One line of JSON: keys sorted, no NaN, nothing that is not text, number, truth, list or mapping."""
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode("utf-8")  # a file name may hold what is no text


def instant(moment: datetime) -> str:
    """A moment in UTC, to the microsecond: such texts sort as the moments do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _of_run(begun: Begun, run: Run, project: str) -> Json:
    space = naming.namespace(project)
    name, package = begun.step.engine
    return {
        "parent": facets.parent(
            naming.dagster_run(run), f"dagster.{run.job}", naming.night_run(run), "nightly", namespace=space
        ),
        "processing_engine": facets.engine(name, _version(package), _version("tilth")),
        "tilth_step": facets.tilth_step(
            dagsterRun=run.id, night=run.night, attempt=begun.attempt, table=begun.step.table
        ),
    }


def _job(step: Step, project: str) -> Json:
    told = {"jobType": facets.job_type("STEP"), "documentation": facets.documentation(step.does, of="Job")}
    told |= {"ownership": facets.ownership(step.owner, of="Job")} if step.owner else {}
    told |= {"sql": facets.sql(step.sql)} if step.sql else {}
    return {"namespace": naming.namespace(project), "name": step.job, "facets": told}


def _dataset(one: Described, kind: str) -> Json:
    how = {kind: dict(one.how)} if one.how else {}
    known = {"facets": dict(one.facets)} if one.facets else {}
    return {"namespace": one.dataset.namespace, "name": one.dataset.name, **known, **how}


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
