"""A night whose contracts changed while pulls wait, in a process of its own that may be killed: see `one_night.py`.

`python one_change.py FOLDER NIGHT [POINT [N]]`: night 1 publishes, and leaves a pull of each table that
waits, judged by the old contracts; night 2 has the new ones.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from company import Child, Parent, Scripted, declaration, lake_in, run_of
from one_night import CHILDREN, COLUMNS, PARENTS, kill_at

from tilth.assets.lake import Lake
from tilth.assets.lease import lease
from tilth.assets.night import Publishable, ingest_table, publish_night, set_right
from tilth.assets.provenance.delivery import deliver
from tilth.assets.provenance.file import Lines
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column


class OtherParent(Contract):
    """Takes -1, which `Parent` refuses, and refuses 9, which it takes."""

    id: int = column(key=True)
    content: int = column(ge=-1, lt=9)
    version: int = column(nullable=True)


class OtherChild(Contract):
    """Refuses 8 and takes -3."""

    id: int = column(key=True)
    content: int = column(ge=-3, lt=8)
    version: int = column(nullable=True)
    parent: int = column(nullable=True, references="parents.id")


Declared = Sequence[tuple[str, type, dict[int, list[dict[str, object]]], dict[str, pa.DataType]]]
WIDE = {**COLUMNS, "parent": pa.int64()}
OLD: Declared = [("parents", Parent, PARENTS, COLUMNS), ("children", Child, CHILDREN, WIDE)]
NEW: Declared = [("parents", OtherParent, PARENTS, COLUMNS), ("children", OtherChild, CHILDREN, WIDE)]


def ingest(lake: Lake, tables: Declared, upto: int, run: int) -> None:
    """Pull what the sources have by then."""
    for name, contract, nights, columns in tables:
        rows = [one for night in range(1, upto + 1) for one in nights[night]]
        source = Scripted(rows, columns, size=20, follows=True)
        ingest_table(declaration(name), contract, lambda source=source: source, lake, run_of(run))


def publish(lake: Lake, tables: Declared, run: int) -> None:
    """Publish what waits."""
    publish_night([Publishable(declaration(name), contract) for name, contract, *_ in tables], lake, run_of(run))


def night(folder: Path, number: int) -> None:
    """One of the two."""
    lake = lake_in(folder)
    with lease(lake.state, holder="a test"):
        set_right(lake)
        if number == 1:
            ingest(lake, OLD, 1, 1)
            publish(lake, OLD, 1)
            ingest(lake, OLD, 2, 2)
        else:
            ingest(lake, NEW, 2, 3)
            publish(lake, NEW, 3)
    assert deliver(lake.state, Lines(folder / "events.jsonl")).problem is None


if __name__ == "__main__":
    if len(sys.argv) > 3:
        kill_at(sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    night(Path(sys.argv[1]), int(sys.argv[2]))
