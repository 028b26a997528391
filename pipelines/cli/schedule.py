"""`tilth schedule`: when nights run, and the line that makes cron run them."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import typer

from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.settings import find_project, read_settings
from tilth.schemas.freshness import Cron

__all__ = ["schedule"]


def schedule(context: typer.Context) -> Answer:
    """Print the nightly schedule of tilth.yaml, its next times, and a crontab line for machines without Dagster.

    While `tilth ui` runs, Dagster keeps this schedule by itself.

    Example: tilth schedule
    """
    settings = read_settings(find_project(here(context).project))
    if settings.schedule is None:
        document = {"schedule": None, "time_zone": settings.time_zone, "next": [], "crontab": None}
        return Answer(document, 'no schedule is declared\n  next: add schedule: "0 2 * * *" to tilth.yaml')
    zone = ZoneInfo(settings.time_zone)
    moments = Cron.parse(settings.schedule).after(datetime.now(UTC), settings.time_zone)
    upcoming = [moment.astimezone(zone) for moment in islice(moments, 3)]
    command = f"{shlex.quote(sys.executable)} -m tilth.pipelines.cli --project {shlex.quote(str(settings.folder))} run"
    crontab = f"CRON_TZ={settings.time_zone}\n{settings.schedule} {command}"
    times = "\n".join(f"  {moment:%a %Y-%m-%d %H:%M %Z}" for moment in upcoming)
    document = {"schedule": settings.schedule, "time_zone": settings.time_zone, "next": upcoming, "crontab": crontab}
    return Answer(document, f"{settings.schedule} ({settings.time_zone}); next:\n{times}\n\nfor crontab -e:\n{crontab}")
