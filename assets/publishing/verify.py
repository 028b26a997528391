"""Whether what is published is what it says it is: asked of a candidate before it is sealed, and by `tilth verify`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Lake
from tilth.assets.publishing import audit, shelf
from tilth.assets.publishing.checks import Problem, data_problems, file_problems, folder_problems
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.publishing.reconcile import chain_of
from tilth.assets.publishing.records import record_problems
from tilth.assets.publishing.release import Releases
from tilth.errors import ReleaseError, TilthError

__all__ = ["Problem", "Verification", "check_file", "verify"]

Checks = Iterator[tuple[str, Iterable[Problem]]]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and what is not as it should be."""

    checked: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, object]:
        """As `tilth verify --json` prints it."""
        return {"ok": self.ok, "checked": self.checked, "problems": [asdict(problem) for problem in self.problems]}


def check_file(path: Path, manifest: Manifest) -> None:
    """Raise ReleaseError with the first thing in the closed file that is not what the manifest says."""
    for problem in file_problems(path, manifest):
        kept = "the release that readers see stays as it is"
        facts = {"where": problem.where, "expected": problem.expected, "got": problem.got}
        raise ReleaseError(problem.what, **facts, kept=kept, next="tilth verify")


def verify(lake: Lake) -> Verification:
    """Look at every release, balance, landed file and record again; nothing is changed."""
    checked = 0
    problems: list[Problem] = []
    for where, check in _checks(lake):
        checked += 1
        try:
            problems += check
        except TilthError as error:
            problems.append(Problem(error.what, error.where or where, error.expected, error.got))
    return Verification(checked, tuple(dict.fromkeys(problems)))


def _checks(lake: Lake) -> Checks:
    """Each thing to look at, and what is found wrong with it."""
    yield "the current release", _current(lake)
    for number, folder in shelf.folders(lake.curated).items():
        yield f"release {number}", folder_problems(folder, lake.curated.name)
    try:
        current = Releases(lake.curated).current()
    except ReleaseError:
        current = None  # told by the first check
    with lake.state.read() as connection:
        for manifest in Releases(lake.curated).all():
            yield f"release {manifest.release}", audit.manifest_problems(connection, lake, manifest)
        for release in connection.execute(sa.select(state.books.c.release).distinct()).scalars().all():
            yield f"books of release {release}", audit.book_problems(connection, release)
        for table in connection.execute(sa.select(state.pulls.c.table_name).distinct()).scalars().all():
            yield f"pulls of {table}", audit.pull_problems(connection, lake, table)
            yield f"mends of {table}", audit.mended_problems(connection, lake, table)
            yield f"quarantine of {table}", audit.quarantine_problems(connection, table)
        chain = chain_of(connection, lake, current)
    if current is not None:
        yield "the data", data_problems(lake.curated, current)
        if chain[-1].previous is None:  # else nobody knows any more what became of the oldest records
            yield "records", record_problems(lake, chain)


def _current(lake: Lake) -> Iterator[Problem]:
    current = Releases(lake.curated).current()
    with lake.state.read() as connection:
        of = state.releases.c
        newest = connection.execute(sa.select(sa.func.max(of.release)).where(of.state == "published")).scalar()
    if newest != (current.release if current else None):
        got = f"release {current.release}" if current else "nothing"
        yield Problem("readers see another release than the state says", str(lake.curated), f"release {newest}", got)
