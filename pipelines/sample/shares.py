"""The drop folders as they stand in one night: what is there, how old it looks, and what cannot be reached.

Files appear whole, by renaming. A finished file looks as if it had been left alone for long; one that is still being
written looks as if that happened just now.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tilth.pipelines.sample.ledger import Drop
from tilth.pipelines.sample.plan import Night

__all__ = ["show"]

_LONG_AGO = datetime(2025, 11, 1, 22, tzinfo=UTC)


def show(systems: Path, night: Night, number: int) -> None:
    """Put the shares of `night` below `systems`; a file that is there as it should be is left alone."""
    when = _LONG_AGO + timedelta(days=number)
    for name, drops in (("legacy", night.legacy), ("pricing", night.pricing)):
        root = systems / name
        if drops is None:
            shutil.rmtree(root, ignore_errors=True)
        else:
            _fill(root, drops, when)
    mark, told = systems / "library.night", repr(night.library)
    if not mark.exists() or mark.read_text("utf-8") != told or not (systems / "library").is_dir():
        mark.unlink(missing_ok=True)
        _fill(systems / "library", night.library.files(), when)
        mark.write_text(told, "utf-8")


def _fill(root: Path, drops: Sequence[Drop], left_alone: datetime) -> None:
    root.mkdir(parents=True, exist_ok=True)
    wanted = {root / drop.name for drop in drops}
    for old in root.rglob("*"):
        if old.is_file() and old not in wanted:
            old.unlink()
    for minute, drop in enumerate(drops):
        path = root / drop.name
        path.parent.mkdir(parents=True, exist_ok=True)
        there = path.is_file() and path.read_bytes() == drop.content
        if not there:
            hidden = path.with_name(f".{path.name}")
            hidden.write_bytes(drop.content)
            when = (left_alone + timedelta(minutes=minute)).timestamp()
            os.utime(hidden, (when, when))
            hidden.replace(path)
        if drop.growing:
            os.utime(path)
