"""When nights run: the schedule `nightly`, on as soon as it is declared in `tilth.yaml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["nightly"]


def nightly(job: UnresolvedAssetJobDefinition, cron: str, time_zone: str) -> dg.ScheduleDefinition:
    """Runs the job `ingest`; publishing follows through the sensors."""
    return dg.ScheduleDefinition(
        name="nightly",
        job=job,
        cron_schedule=cron,
        execution_timezone=time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The night: ingest every table, then publish what is pending (started by the sensors).",
    )
