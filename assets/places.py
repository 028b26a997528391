"""Where each file of the lake lies, below the storage root. One place decides; nothing is opened here."""

from __future__ import annotations

import re

__all__ = [
    "aside_path",
    "elements_path",
    "events_path",
    "folder_of",
    "mended_path",
    "raw_folder",
    "raw_path",
    "ready_path",
    "settled_path",
]
__all__ += ["toxic_path"]


def raw_folder(source: str, object: str, table: str) -> str:
    """All that was landed for a table from one object."""
    slug = re.sub(r"[^a-z0-9_]+", "-", object.lower()).strip("-") or "object"
    return f"raw/{source}/{slug}/{table}"


def raw_path(source: str, object: str, table: str, pull_id: int, number: int) -> str:
    """One landed batch, exactly as pulled."""
    return f"{raw_folder(source, object, table)}/p{pull_id}/b{number}.parquet"


def folder_of(room: str, table: str) -> str:
    """All files of a table in `ready` or `toxic`."""
    return f"{room}/{table}"


def ready_path(table: str, pull_id: int) -> str:
    """The good rows of a pull, at most one per key; of a pull of keys: its key columns."""
    return f"ready/{table}/p{pull_id}.parquet"


def aside_path(table: str, pull_id: int) -> str:
    """The records of a pull that stand for nothing of their own: duplicate or superseded."""
    return f"ready/{table}/p{pull_id}.aside.parquet"


def elements_path(table: str, pull_id: int) -> str:
    """What the good documents of a pull were taken apart into."""
    return f"ready/{table}/p{pull_id}.elements.parquet"


def mended_path(table: str, token: str) -> str:
    """The good rows of quarantined records that were mended together."""
    return f"ready/{table}/mended-{token}.parquet"


def toxic_path(table: str, of: int | str, again: int = 0) -> str:
    """What a pull (its id; judged `again` so often) or the settling of a run (its run id) quarantined."""
    name = f"p{of}" + (f".{again}" if again else "") if isinstance(of, int) else of
    return f"toxic/{table}/{name}.parquet"


def settled_path(table: str, run_id: str) -> str:
    """What became of records that a publish did not simply insert."""
    return f"settled/{table}/{run_id}.parquet"


def events_path(table: str, run_id: str) -> str:
    """The quarantine events that a release causes."""
    return f"settled/{table}/{run_id}.events.parquet"
