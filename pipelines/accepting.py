"""Accepting what holds a table: just the candidate that is held now, published at once under the same lease.

What is pulled later is another candidate: an acceptance kept for it would wave it through unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tilth.assets.night import Publishable
from tilth.assets.publishing.history import accept, withdraw
from tilth.assets.publishing.planning import Plan, plan
from tilth.assets.publishing.release import Releases
from tilth.errors import ReleaseError
from tilth.pipelines.night import NightResult, run_night
from tilth.schemas.table_rules import holds_it

if TYPE_CHECKING:
    from tilth.assets.lake import Lake
    from tilth.pipelines.progress import Progress
    from tilth.pipelines.project import Project

__all__ = ["Accepted", "accept_held"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was accepted: why it was held, and the pulls that wait."""

    table: str
    held: str  # why
    pulls: tuple[int, ...]  # their numbers, oldest first
    records: int
    good: int
    toxic: int

    def words(self) -> str:
        """In one line."""
        many = "no pull" if not self.pulls else f"pull{'s' * (len(self.pulls) > 1)} {', '.join(map(str, self.pulls))}"
        return f"{many}: {self.records:,} records, {self.good:,} good, {self.toxic:,} toxic; held because: {self.held}"


def accept_held(
    project: Project, table: str, *, why: str, progress: Callable[[Progress], None] | None = None
) -> tuple[Accepted | None, NightResult]:
    """Accept what is held of `table` and publish it; None when another run is active (exit 4).

    Raises ReleaseError when nothing is held, or something holds it that nobody can accept.
    """
    done: list[tuple[Accepted, int]] = []

    def first(lake: Lake) -> None:
        found = _held(_plan(project, lake), table)
        done.append((found, accept(lake.state, table, why=why, at=datetime.now(UTC))))

    night = run_night(project, select=[table], ingest=False, progress=progress, first=first)
    if not done:
        return None, night
    found, acceptance = done[0]
    current = Releases(project.settings.curated).current()
    if current is None or acceptance not in current.accepted:
        withdraw(project.lake().state, acceptance)
        _refuse(table, current.tables[table].reason if current and table in current.tables else None, night)
    return found, night


def _plan(project: Project, lake: Lake) -> Plan:
    declared = [*project.tables.values(), *project.derived.values()]
    tables = [Publishable(one, project.contract(one)) for one in declared]
    return plan(tables, lake, Releases(lake.curated).current(), None)


def _held(todo: Plan, table: str) -> Accepted:
    """What is held of the table, as the state stands."""
    entry = todo.current.tables.get(table) if todo.current else None
    reason = entry.reason if entry and entry.state in ("held", "carried") else None  # carried: others were published
    if held := todo.held.get(table) or (reason if reason and holds_it(reason, todo.specs[table].rules) else None):
        turn = todo.turns.get(table)
        pulls = turn.pulls if turn else ()
        counts = (sum(getattr(pull, of) for pull in pulls) for of in ("pulled", "pending", "quarantined"))
        return Accepted(table, held.partition("; next:")[0], tuple(pull.number for pull in pulls), *counts)
    kept = "nothing was accepted"
    if entry is not None and entry.state == "held":
        what = f"table {table} is held by what nobody can accept"
        raise ReleaseError(what, got=entry.reason or "", kept=kept, next=f"tilth run --select {table}")
    raise ReleaseError(f"table {table} is not held", kept=kept, next="tilth status")


def _refuse(table: str, reason: str | None, night: NightResult) -> None:
    got = reason or "; ".join(problem.splitlines()[0] for problem in night.problems)
    kept = "the acceptance is taken back; what was published stays published"
    raise ReleaseError(f"table {table} cannot be published", got=got, kept=kept, next="tilth status")
