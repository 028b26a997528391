"""What a run works on: storage for Parquet, state for what must be transactional, the curated file, the clock.

Values only: each piece of work lives in its own module and takes a Lake and a Run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tilth.assets.database import State
from tilth.assets.storage import Storage

__all__ = ["Lake", "Run"]


@dataclass(frozen=True, slots=True)
class Lake:
    """The places of one project."""

    storage: Storage
    state: State
    curated: Path  # the symlink analysts open; releases/ stands beside it
    time_zone: str = "UTC"
    keep_releases: int = 5
    project: str = "tilth"  # its name: the namespace of its jobs in lineage
    lineage: bool = True  # whether steps tell what they read and made


@dataclass(frozen=True, slots=True)
class Run:
    """One run: Dagster's id, the night it belongs to, and when it began (aware, UTC)."""

    id: str
    night: str
    at: datetime
    command: str = field(default="tilth run")
    job: str = "nightly"  # Dagster's job, where it is one
