"""Dagster's own home inside the project: its settings, its history, and the runs in it whose process is gone.

Dagster is imported inside the functions, so that commands which do not run anything never pay for it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tilth.assets.process import is_gone, names_process
from tilth.errors import LakeError, MissingExtra
from tilth.pipelines.jobs import INGEST, PUBLISH

if TYPE_CHECKING:
    import dagster as dg

    from tilth.pipelines.project import Project

__all__ = ["PROJECT_VARIABLE", "close_gone_runs", "home", "instance", "ui_command"]

PROJECT_VARIABLE = "TILTH_PROJECT"  # which project `tilth.pipelines.definitions` serves
_TAGGED_WITHIN_S = 300.0  # a run of ours says which process it is long before
_ROOMS = ("raw", "ready", "toxic", "curated")
_LOCATION: Mapping[str, Any] = {"attribute": "defs", "location_name": "tilth"}
_SETTINGS: Mapping[str, Any] = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    # steps print nothing, and what they log is in the event log
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    },
    # one writer a project: runs wait for each other in the queue, nights of the command line count
    "concurrency": {"pools": {"default_limit": 1}, "runs": {"max_concurrent_runs": 1}},
    "run_monitoring": {"enabled": True, "start_timeout_seconds": 180, "free_slots_after_run_end_seconds": 30},
}


def home(project: Project) -> Path:
    """The project's DAGSTER_HOME, made with our settings where there are none: SQLite below it, no telemetry."""
    folder = project.settings.dagster_home
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(yaml.safe_dump(dict(_SETTINGS), sort_keys=False), encoding="utf-8")
    return folder


@contextmanager
def instance(project: Project) -> Generator[dg.DagsterInstance]:
    """The project's dagster instance, with the runs closed whose process is gone; LakeError when it cannot be kept."""
    import dagster as dg

    folder = project.settings.dagster_home
    with _told(folder), dg.DagsterInstance.from_config(str(home(project))) as opened:
        close_gone_runs(opened)
        yield opened


@contextmanager
def _told(folder: Path) -> Generator[None]:
    """Within it, a database or disk that fails dagster is told as ours are."""
    from sqlalchemy.exc import DatabaseError

    try:
        yield
    except (DatabaseError, OSError) as error:
        got = error.strerror if isinstance(error, OSError) else str(error.orig)
        space = isinstance(error, OSError) or any(word in str(got) for word in ("full", "I/O", "unable to open"))
        what = "dagster's history cannot be written" if space else "dagster's history is damaged"
        step = (
            f"free space below {folder}, then tilth run"
            if space
            else f"move {folder / 'history'} aside, then tilth run"
        )
        kept = "what was landed and judged is kept; nothing that is published depends on this history"
        raise LakeError(what, where=str(folder), got=str(got), kept=kept, next=step) from error


def close_gone_runs(instance: dg.DagsterInstance) -> list[str]:
    """Close the runs whose process is gone and free their pool slots; the ids of the runs closed."""
    from dagster import DagsterRunStatus as Status
    from dagster import RunsFilter

    closed: list[str] = []
    under_way = [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]
    for record in instance.get_run_records(RunsFilter(statuses=under_way)):
        run = record.dagster_run
        if not _is_gone(run, time.time() - record.update_timestamp.timestamp()):
            continue
        if run.status == Status.CANCELING:
            instance.report_run_canceled(run, "the process of this run is gone")
        else:
            instance.report_run_failed(run, "the process of this run is gone; the next run goes on where it stopped")
        closed.append(run.run_id)
    _free_slots(instance)
    return closed


def _is_gone(run: dg.DagsterRun, silent_s: float) -> bool:
    """Whether the process of `run` has ended; a run of ours that never said which process it is died at its start."""
    gone = is_gone(run.tags)
    if gone is not None:
        return gone
    ours = run.job_name in (INGEST, PUBLISH) or any(key.path[0] in _ROOMS for key in run.asset_selection or ())
    return ours and not names_process(run.tags) and silent_s > _TAGGED_WITHIN_S


def _free_slots(instance: dg.DagsterInstance) -> None:
    """Free the pool slots of runs that have ended."""
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids() if storage.supports_global_concurrency_limits else ():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)


def ui_command(project: Project, port: int | None = None) -> tuple[list[str], dict[str, str]]:
    """The command that serves the Dagster UI of `project`, and its environment."""
    if not find_spec("dagster_webserver"):
        raise MissingExtra.of("dagster-webserver", "ui")
    workspace = home(project) / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [_location(project)]}, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "dagster", "dev", "--workspace", str(workspace)]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home(project)),
        PROJECT_VARIABLE: str(project.settings.folder),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    return [*command, *(["--port", str(port)] if port else [])], environment


def _location(project: Project) -> dict[str, Any]:
    """The project's own `definitions.py` if it has one, else ours."""
    own = project.settings.folder / "definitions.py"
    if own.exists():
        return {"python_file": {"relative_path": str(own), "working_directory": str(own.parent), **_LOCATION}}
    return {"python_module": {"module_name": "tilth.pipelines.definitions", **_LOCATION}}
