"""One night over the two scripted tables and a derived one, in a process of its own, that may be killed at a point.

`python one_night.py FOLDER NIGHT [MODULE:FUNCTION:call|return [N]]`: at the N-th call of, or return from, that
function the process kills itself with SIGKILL. Nothing of the project is changed for it: the interpreter's profile
hook watches.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import pyarrow as pa
from company import Child, Parent, Scripted, declaration, lake_in, run_of

from tilth.assets.declared import DerivedDeclaration
from tilth.assets.lease import lease
from tilth.assets.night import Publishable, Published, ingest_table, publish_night, set_right
from tilth.assets.provenance.delivery import deliver
from tilth.assets.provenance.file import Lines
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

COLUMNS = {"id": pa.int64(), "content": pa.int64(), "version": pa.int64(), "gone": pa.bool_()}
SQL = "SELECT parent AS id, sum(content)::BIGINT AS total FROM children WHERE parent IS NOT NULL GROUP BY parent"


class Total(Contract):
    """What the children of a parent hold together."""

    id: int = column(key=True)
    total: int = column(ge=0)


def row(key: int | None, content: int, version: int = 1, *, gone: bool = False, **more: object) -> dict[str, object]:
    return {"id": key, "content": content, "version": version, "gone": gone, **more}


PARENTS = {
    1: [row(key, key % 3, 1) for key in range(1, 30)] + [row(40, -1), row(None, 1)],
    2: [row(1, 9, 2), row(2, 0, 2, gone=True), row(40, 5, 2), row(60, 1), row(3, 3 % 3, 1), row(5, 7, 0)],
}
CHILDREN = {
    1: [row(key, key % 5, 1, parent=key % 28 + 1) for key in range(1, 60)]
    + [row(70, 1, parent=60), row(71, -3, parent=1)],
    2: [row(1, 8, 2, parent=1), row(71, 3, 2, parent=1), row(72, 1, parent=99), row(4, 0, 2, gone=True)],
}


def night(folder: Path, number: int) -> Published:
    """Set right, pull both tables, publish all, deliver the lineage."""
    lake, run = lake_in(folder), run_of(number)
    tables = {"parents": (Parent, PARENTS, COLUMNS), "children": (Child, CHILDREN, {**COLUMNS, "parent": pa.int64()})}
    with lease(lake.state, holder="a test"):
        set_right(lake)
        for name, (contract, nights, columns) in tables.items():
            rows = [one for night in range(1, number + 1) for one in nights[night]]
            source = Scripted(rows, columns, size=20, follows=True)
            ingest_table(declaration(name), contract, lambda source=source: source, lake, run)
        derived = DerivedDeclaration("totals", "one_night.Total", SQL, ("children",))
        publishables = [Publishable(declaration(name), contract) for name, (contract, _, _) in tables.items()]
        published = publish_night([*publishables, Publishable(derived, Total)], lake, run)
    assert deliver(lake.state, Lines(folder / "events.jsonl")).problem is None
    return published


def kill_at(point: str, hit: int) -> None:
    """Kill this process when the point is reached for the `hit`-th time."""
    module, function, when = point.split(":")
    left = [hit]

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == when and frame.f_code.co_name == function and frame.f_globals.get("__name__") == module:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        kill_at(sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    night(Path(sys.argv[1]), int(sys.argv[2]))
