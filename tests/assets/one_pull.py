"""One pull of an HTTP API landed, in a process of its own, that may be killed at a point: see `one_night.py`.

`python one_pull.py FOLDER URL [MODULE:FUNCTION:call|return [N]]`
"""

from __future__ import annotations

import sys
from pathlib import Path

from company import lake_in, run_of
from one_night import kill_at

from tilth.assets.declared import TableDeclaration
from tilth.assets.landing import land
from tilth.assets.lease import lease
from tilth.assets.night import set_right
from tilth.connectors.registry import connector

SETTINGS = {
    "records": "data",
    "paging": {"kind": "cursor", "next": "next", "parameter": "cursor"},
    "total": "total",
    "changes": {"parameter": "updated_after"},
}


def pull(folder: Path, url: str) -> None:
    """Land what the API has."""
    table = TableDeclaration("contacts", "contracts.Contact", "crm", "contacts", cursor="updated_at")
    made, lake = connector("rest", "crm", {"url": url, **SETTINGS}, base=folder), lake_in(folder)
    with lease(lake.state, holder="a test"):
        set_right(lake)
        land(made, table, lake, run_of(1), key=["id"], columns=["id", "updated_at"])


if __name__ == "__main__":
    if len(sys.argv) > 3:
        kill_at(sys.argv[3], int(sys.argv[4]))
    pull(Path(sys.argv[1]), sys.argv[2])
