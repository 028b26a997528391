"""Accepting what holds a table: just the candidate that is held now, published at once under the same lease.

What is pulled later is another candidate: an acceptance kept for it would wave it through unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from tilth.assets.lake import Run
from tilth.assets.night import Publishable
from tilth.assets.publishing.history import accept, withdraw
from tilth.assets.publishing.planning import Plan, plan
from tilth.assets.publishing.release import Releases
from tilth.assets.ready import judge_changed
from tilth.errors import ReleaseError
from tilth.pipelines.night import NightResult, run_night
from tilth.pipelines.progress import Progress
from tilth.schemas.table_rules import holds_it

if TYPE_CHECKING:
    from tilth.assets.lake import Lake
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
        if not self.pulls:
            return f"as it would be built now; held because: {self.held}"
        many = f"pull{'s' * (len(self.pulls) > 1)} {', '.join(map(str, self.pulls))}"
        return f"{many}: {self.records:,} records, {self.good:,} good, {self.toxic:,} toxic; held because: {self.held}"


def accept_held(
    project: Project, table: str, *, why: str, progress: Callable[[Progress], None] | None = None
) -> tuple[Accepted | None, NightResult]:
    """Accept what is held of `table` and publish it; None when another run is active (exit 4).

    Raises ReleaseError when nothing is held, or something holds it that nobody can accept.
    """
    done: list[tuple[Accepted, int]] = []

    def first(lake: Lake) -> None:
        if table in project.tables:  # what is accepted is what the contract says of it now
            run_id = str(uuid4())
            run = Run(run_id, run_id, datetime.now(UTC), command="tilth publish accept")
            judge_changed(project.tables[table], project.contract(project.tables[table]), lake, run)
        found = _held(_plan(project, lake), table)
        if progress:
            progress(Progress(table, "publish", "held", found.words()))
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
    kept = "nothing was accepted"
    if table in todo.held:
        return _accepted(todo, table, todo.held[table].reason)
    entry = todo.current.tables.get(table) if todo.current else None
    if entry is not None and entry.state == "held" and entry.too_toxic:  # a derived table: told by its build
        return Accepted(table, (entry.reason or "").partition("\n")[0], (), 0, 0, 0)
    reason = entry.reason if entry and entry.state in ("held", "carried") else None  # carried: others were published
    if reason and holds_it(reason, todo.specs[table].rules):
        return _accepted(todo, table, reason)
    if entry is not None and entry.state == "held":
        what, got = f"table {table} is held by what nobody can accept", (entry.reason or "").partition("\n")[0]
        raise ReleaseError(what, got=got, kept=kept, next=f"tilth run --select {table}")
    raise ReleaseError(f"table {table} is not held", kept=kept, next="tilth status")


def _accepted(todo: Plan, table: str, reason: str) -> Accepted:
    """What waits of a table that is held."""
    turn = todo.turns.get(table)
    pulls = turn.pulls if turn else ()
    counts = (sum(getattr(pull, of) for pull in pulls) for of in ("pulled", "pending", "quarantined"))
    return Accepted(table, reason.partition("\n")[0], tuple(pull.number for pull in pulls), *counts)


def _refuse(table: str, reason: str | None, night: NightResult) -> None:
    got = (reason or "").partition("\n")[0] or "; ".join(problem.splitlines()[0] for problem in night.problems)
    kept = "the acceptance is taken back; what was published stays published"
    raise ReleaseError(f"table {table} cannot be published", got=got, kept=kept, next="tilth status")
