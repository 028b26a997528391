"""The state's list of runs: each dagster run of ours, when it began and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Lake, Run

__all__ = ["Kind", "begin_run", "end_run"]

Kind = Literal["ingest", "publish"]


def begin_run(lake: Lake, run: Run, kind: Kind) -> None:
    """Enter `run`; `kind` is what it does first."""
    values = {"run_id": run.id, "night": run.night, "kind": kind, "started_at": run.at}
    with lake.state.begin() as connection:
        connection.execute(sa.delete(state.runs).where(state.runs.c.run_id == run.id))  # the same run, started again
        connection.execute(sa.insert(state.runs).values(values))


def end_run(lake: Lake, run: Run, exit: int) -> None:
    """Enter how `run` ended."""
    ended = sa.update(state.runs).where(state.runs.c.run_id == run.id)
    with lake.state.begin() as connection:
        connection.execute(ended.values(finished_at=datetime.now(UTC), exit=exit))
