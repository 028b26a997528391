"""A table's books at the end of its turn: the balances, proved, and what the manifest says of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from tilth.assets.declared import DerivedDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.places import events_path, settled_path, toxic_path
from tilth.assets.publishing.books import COUNTS, proved
from tilth.assets.publishing.holds import Hold
from tilth.assets.publishing.manifest import TableRelease, as_ranges
from tilth.assets.publishing.merged import Merged
from tilth.assets.publishing.turns import Turn
from tilth.errors import LakeError, ReleaseError

__all__ = ["Clerk", "carried", "freed", "held_back", "oldest"]

_NEW = TableRelease("new", 0)
_JUDGED = ("pulled", "duplicate", "superseded", "quarantined", "superseded_open", "discarded")


@dataclass(frozen=True, slots=True)
class Clerk:
    """Closes books for one release."""

    lake: Lake
    run: Run
    number: int  # of the release
    last_event: int  # the last quarantine event this publish knows of

    def pulled(self, turn: Turn, merged: Merged, *, changed: bool) -> TableRelease:
        """A table whose turn was taken."""
        counts = self._counts(turn, merged.counts, waiting=0)
        state = "failed" if turn.failed else "published" if turn.previous or turn.books.last_pull else "new"
        entry = replace(freed(turn.previous or _NEW, turn.failed), state=state, **_contents(turn))
        return self._written(self._dated(entry, changed=changed), turn, counts, merged)

    def held(self, turn: Turn, rows: int, hold: Hold, *, changed: bool) -> TableRelease:
        """A table that keeps its last good content."""
        waiting = sum(pull.pending for pull in turn.pulls)
        counts = self._counts(turn, Counter(rows_before=rows, rows_after=rows), waiting=waiting)
        entry = held_back(turn.previous or _NEW, hold)
        return self._written(self._dated(entry, changed=changed), turn, counts, Merged.nothing())

    def derived(
        self, declaration: DerivedDeclaration, merged: Merged, entry: TableRelease, *, changed: bool
    ) -> TableRelease:
        """A derived table that was built, or left as it was."""
        name, counts = declaration.name, {count: merged.counts[count] for count in COUNTS}
        proved(name, counts)
        entry = replace(
            entry,
            counts=counts,
            rows=counts["rows_after"],
            last_event=self.last_event,
            settled=None,
            events=self._keep(events_path(name, self.run.id), merged.events),
            toxic=self._keep(toxic_path(name, self.run.id), merged.toxic),
        )
        return self._dated(entry, changed=changed)

    def _counts(self, turn: Turn, merged: Mapping[str, int], *, waiting: int) -> dict[str, int]:
        """What was judged since the books were last closed, and what this turn did: proved to balance."""
        books = turn.books
        counts: Counter[str] = Counter(merged)
        opened = counts["quarantined"] - counts["replayed"] - counts["superseded_open"]
        for name in _JUDGED:
            counts[name] += books.flow[name]
        counts.update(pending_before=books.pending_before, pending_after=waiting)
        counts.update(open_before=books.open_before, open_after=books.open_now + opened)
        numbers = {name: counts[name] for name in COUNTS}
        proved(turn.name, numbers)
        return numbers

    def _dated(self, entry: TableRelease, *, changed: bool) -> TableRelease:
        return replace(entry, changed_in=self.number) if changed else entry

    def _written(self, entry: TableRelease, turn: Turn, counts: dict[str, int], merged: Merged) -> TableRelease:
        name = turn.name
        return replace(
            entry,
            counts=counts,
            rows=counts["rows_after"],
            last_pull=turn.books.last_pull,
            last_event=self.last_event,
            settled=self._keep(settled_path(name, self.run.id), merged.settled),
            events=self._keep(events_path(name, self.run.id), merged.events),
            toxic=self._keep(toxic_path(name, self.run.id), merged.toxic),
        )

    def _keep(self, path: str, frame: pl.DataFrame) -> str | None:
        """Write a frame into the lake; nothing for an empty one. A full disk is no table's fault."""
        if frame.is_empty():
            return None
        try:
            with self.lake.storage.create(path) as file:
                frame.write_parquet(file)
        except LakeError as error:
            kept = "the last release stays published"
            raise ReleaseError(error.what, where=error.where, got=error.got, kept=kept, next=error.next) from error
        return path


def carried(entry: TableRelease) -> TableRelease:
    """A table that takes no part in this release: its content as it was, no events of its own."""
    return replace(entry, state="carried", settled=None, events=None, toxic=None)


def held_back(entry: TableRelease, hold: Hold) -> TableRelease:
    """A table that keeps its last good content."""
    return replace(entry, state="held", reason=hold.reason, too_toxic=hold.toxic, causes=hold.causes)


def freed(entry: TableRelease, reason: str | None) -> TableRelease:
    """A table that nothing holds any more; `reason`: what is to be said of it nevertheless."""
    return replace(entry, state="published", reason=reason, too_toxic=False, causes=())


def oldest(tables: Mapping[str, TableRelease], inputs: tuple[str, ...]) -> tuple[datetime | None, str | None]:
    """As of when a derived table's data is, and the pulled table that it is so through.

    It is as old as its oldest input, and unknown when one is.
    """
    found: list[tuple[datetime, str]] = []
    for name in inputs:
        entry = tables.get(name)
        through = (entry.through if entry else None) or name
        if entry is None or entry.data_as_of is None:
            return None, through
        found.append((entry.data_as_of, through))
    return min(found) if found else (None, None)


def _contents(turn: Turn) -> dict[str, object]:
    """Which pulls the table now contains, and as of when its data is."""
    old = turn.previous or _NEW
    numbers = [n for low, high in old.pulls for n in range(low, high + 1)] + [pull.number for pull in turn.pulls]
    facts: dict[str, object] = {"contract": turn.judge.spec.version, "pulls": as_ranges(numbers)}
    times: list[datetime] = [pull.source_time for pull in turn.pulls if pull.source_time]
    if times:
        facts["data_as_of"] = max(times)
    if turn.whole is not None:
        facts["whole"] = turn.whole.number
    if turn.keys is not None:
        facts["keys"] = turn.keys.number
    return facts
