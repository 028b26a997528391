"""What starts `publish`: any run, a failed one too, that left something pending.

Dagster abandons a step whose upstream failed, so publishing cannot wait inside the run that ingests. Left alone are
publish runs themselves, nights of the command line (they publish by themselves), and runs that have just published
what they selected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg

from tilth.assets.resources import NIGHT
from tilth.pipelines.jobs import PUBLISH

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["follow_up", "publish_after"]

_INTERVAL_S = 5
_ENDS = {"success": dg.DagsterRunStatus.SUCCESS, "failure": dg.DagsterRunStatus.FAILURE}


def publish_after(
    ending: str, job: UnresolvedAssetJobDefinition, is_pending: Callable[[], bool]
) -> dg.SensorDefinition:
    """The sensor `publish_after_<ending>`; `is_pending` asks the lake."""

    @dg.run_status_sensor(
        run_status=_ENDS[ending],
        name=f"publish_after_{ending}",
        request_job=job,
        minimum_interval_seconds=_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts `publish` after a run that ended in {ending} and left something pending.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        return follow_up(context.dagster_run, is_pending)

    return sensor


def follow_up(run: dg.DagsterRun, is_pending: Callable[[], bool]) -> dg.RunRequest | dg.SkipReason:
    """The publish run that `run` calls for, or why there is none."""
    if run.job_name == PUBLISH:
        return dg.SkipReason("a publish run is not followed by another")
    if NIGHT in run.tags:
        return dg.SkipReason(f"night {run.tags[NIGHT]} publishes by itself")
    curated = sorted(key for key in run.asset_selection or () if key.path[0] == "curated")
    if curated and run.is_success:
        return dg.SkipReason("the run has published what it selected")
    if not is_pending():
        return dg.SkipReason("nothing is pending")
    return dg.RunRequest(run_key=run.run_id, asset_selection=curated or None, tags={NIGHT: run.run_id})
