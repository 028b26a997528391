"""Accepting what holds a table: just the candidate that is held now, published at once under the same lease.

Just what was told is accepted: by the release that holds the table, or by a rollback. Where more holds it by now, it
stays held, that is told, and can be accepted then. What is pulled later is another candidate: an acceptance kept for it
would wave it through unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from tilth.assets.lake import Run
from tilth.assets.night import Publishable
from tilth.assets.publishing.causes import Cause
from tilth.assets.publishing.history import accept, withdraw
from tilth.assets.publishing.planning import Plan, plan
from tilth.assets.publishing.release import Releases
from tilth.assets.ready import judge_changed
from tilth.errors import ReleaseError
from tilth.pipelines.night import NightResult, run_night
from tilth.pipelines.progress import Progress

if TYPE_CHECKING:
    from tilth.assets.lake import Lake
    from tilth.assets.publishing.manifest import TableRelease
    from tilth.pipelines.project import Project

__all__ = ["Accepted", "accept_held"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was accepted: why it was held, and the pulls that wait."""

    table: str
    causes: tuple[Cause, ...]  # as they were told
    pulls: tuple[int, ...]  # their numbers, oldest first
    records: int
    good: int
    toxic: int

    @property
    def held(self) -> str:
        """Why it was held."""
        return "; ".join(cause.told for cause in self.causes)

    def words(self) -> str:
        """In one line."""
        why = f"held because: {self.held or 'of what was not told yet'}"
        if not self.pulls:
            return f"as it would be built now; {why}"
        many = f"pull{'s' * (len(self.pulls) > 1)} {', '.join(map(str, self.pulls))}"
        return f"{many}: {self.records:,} records, {self.good:,} good, {self.toxic:,} toxic; {why}"


def accept_held(
    project: Project, table: str, *, why: str, progress: Callable[[Progress], None] | None = None
) -> tuple[Accepted | None, NightResult]:
    """Accept what is held of `table` and publish it; None when another run is active (exit 4).

    Raises ReleaseError when nothing is held, when something holds it that nobody can accept, or more than was told.
    """
    done: list[tuple[Accepted, int]] = []

    def first(lake: Lake) -> Sequence[str]:
        if table in project.tables:  # what is accepted is what the contract says of it now
            run_id = str(uuid4())
            run = Run(run_id, run_id, datetime.now(UTC), command="tilth publish accept")
            judge_changed(project.tables[table], project.contract(project.tables[table]), lake, run)
        todo = _plan(project, lake)
        found = _held(todo, table)
        if progress:
            progress(Progress(table, "publish", "held", found.words()))
        done.append((found, accept(lake.state, table, causes=found.causes, why=why, at=datetime.now(UTC))))
        return todo.together(table)  # the candidate that was told was built beside them

    night = run_night(project, select=[table], ingest=False, progress=progress, first=first)
    if not done:
        return None, night
    found, acceptance = done[0]
    current = Releases(project.settings.curated).current()
    if current is None or acceptance not in current.accepted:
        withdraw(project.lake().state, acceptance)
        _refuse(table, current.tables.get(table) if current else None, night)
    return found, night


def _plan(project: Project, lake: Lake) -> Plan:
    declared = [*project.tables.values(), *project.derived.values()]
    tables = [Publishable(one, project.contract(one)) for one in declared]
    return plan(tables, lake, Releases(lake.curated).current(), None)


def _held(todo: Plan, table: str) -> Accepted:
    """What is held of the table, as it was told and as the state stands."""
    kept = "nothing was accepted"
    told, entry = todo.told(table), todo.current.tables.get(table) if todo.current else None
    if told or table in todo.held:
        turn = todo.turns.get(table)
        pulls = turn.pulls if turn else ()
        counts = (sum(getattr(pull, of) for pull in pulls) for of in ("pulled", "pending", "quarantined"))
        return Accepted(table, told, tuple(pull.number for pull in pulls), *counts)
    if entry is not None and entry.state == "held":
        what, got = f"table {table} is held by what nobody can accept", (entry.reason or "").partition("\n")[0]
        raise ReleaseError(what, got=got, kept=kept, next=f"tilth run --select {table}")
    raise ReleaseError(f"table {table} is not held", kept=kept, next="tilth status")


def _refuse(table: str, entry: TableRelease | None, night: NightResult) -> None:
    reason, more = (entry.reason, bool(entry.causes)) if entry else (None, False)
    got = (reason or "").partition("\n")[0] or "; ".join(problem.splitlines()[0] for problem in night.problems)
    kept = "the acceptance is taken back; what was published stays published"
    what = f"table {table} is held by more than was told" if more else f"table {table} cannot be published"
    step = f'tilth publish accept {table} --why "…"' if more else "tilth status"
    raise ReleaseError(what, got=got, kept=kept, next=step)
