"""How jobs, runs and datasets are called: the same names every night, so that whoever collects events can join them.

A dataset is where data physically stands, as OpenLineage names it. A run's id follows from Dagster's run, the job and
how often that job began in it, so that the same event told twice is the same event.
"""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID, uuid5

from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.places import folder_of, raw_folder
from tilth.connectors.protocol import Dataset

__all__ = ["curated", "curated_database", "dagster_run", "namespace", "night_run", "raw", "ready", "run_id", "toxic"]
__all__ += ["words"]

_OURS = UUID("6f1ad9c0-6f5d-5c0e-9d0f-1c6c1a7e5b21")


def namespace(project: str) -> str:
    """The namespace of a project's jobs: its name, percent-quoted but for letters, digits and `_.-@+:`."""
    return quote(project, safe="@+:")


def run_id(run: Run, job: str, attempt: int) -> str:
    """The id of one run of a job; `attempt` counts how often it began in this run of Dagster's before."""
    return str(uuid5(_OURS, f"{run.id}/{job}/{attempt}"))


def dagster_run(run: Run) -> str:
    """Dagster's run as a UUID; what is none (a run without Dagster) gets one of ours."""
    try:
        return str(UUID(run.id))
    except ValueError:
        return str(uuid5(_OURS, f"run/{run.id}"))


def night_run(run: Run) -> str:
    """The night that a run belongs to, as a run of its own."""
    return str(uuid5(_OURS, f"night/{run.night}"))


def raw(lake: Lake, table: TableDeclaration) -> Dataset:
    """The landed batches of a table."""
    return Dataset("file", lake.storage.url(raw_folder(table.source, table.object, table.name)))


def ready(lake: Lake, table: str) -> Dataset:
    """The good records of a table that were judged."""
    return Dataset("file", lake.storage.url(folder_of("ready", table)))


def toxic(lake: Lake, table: str) -> Dataset:
    """The quarantined records of a table."""
    return Dataset("file", lake.storage.url(folder_of("toxic", table)))


def curated(lake: Lake, table: str) -> Dataset:
    """A published table, by the path that analysts open: releases come and go behind it."""
    return Dataset(f"duckdb://{lake.curated.absolute()}", f"{curated_database(lake)}.main.{table}")


def curated_database(lake: Lake) -> str:
    """The name of the curated file's database inside DuckDB."""
    return lake.curated.name.split(".")[0]


def words(place: Dataset) -> str:
    """A dataset in one text, for people."""
    return place.name if place.namespace == "file" else f"{place.namespace}/{place.name.removeprefix('/')}"
