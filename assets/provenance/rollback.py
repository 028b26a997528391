"""What a rollback tells: an earlier release is current again, and with it the earlier content of every table."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tilth.assets.lake import Lake, Run
from tilth.assets.provenance import facets, naming, outbox
from tilth.assets.provenance.events import Described, Outcome, Step
from tilth.assets.publishing.manifest import Manifest

__all__ = ["rolled_back", "rolling_back"]

_JOB = "rollback"


def rolling_back(connection: sa.Connection, lake: Lake, run: Run, to: Manifest) -> None:
    """Tell that a rollback begins, in the transaction that writes it down before the switch."""
    outbox.begin(connection, lake, run, _step(lake, to))


def rolled_back(connection: sa.Connection, lake: Lake, run: Run, current: Manifest, taken: Sequence[int]) -> None:
    """Tell that readers see `current` again and no longer what was taken back, whoever moved them there."""
    if not taken or not lake.lineage:
        return
    version = {"version": facets.version(str(current.release))}
    step = _step(lake, current)
    outputs = [
        Described(naming.curated(lake, name), version, {"outputStatistics": facets.statistics(table.rows, of="Output")})
        for name, table in current.tables.items()
    ]
    facts = {"release": current.release, "taken_back": sorted(taken)}
    outcome = Outcome([Described(place) for place in step.inputs], outputs, facts)
    if not outbox.complete_open(connection, _JOB, outcome):
        begun = outbox.begin(connection, lake, run, step)
        if begun is not None:
            outbox.complete(connection, lake, run, begun, outcome)


def _step(lake: Lake, release: Manifest) -> Step:
    tables = [naming.curated(lake, name) for name in release.tables]
    return Step(_JOB, "Make an earlier release current again.", tables)
