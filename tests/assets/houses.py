"""A project of a few tables in one process: what a test ingests, publishes and reads night by night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from company import Scripted, declaration, frame_of, run_of

from tilth.assets.declared import Deletes, TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.night import Publishable, Published, ingest_table, publish_night, set_right
from tilth.assets.publishing.history import accept
from tilth.assets.publishing.planning import Plan, plan
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.verify import verify

__all__ = ["House", "plain"]


@dataclass
class House:
    """A project under test."""

    lake: Lake
    tables: dict[str, tuple[TableDeclaration, type]] = field(default_factory=dict)
    derived: list[Publishable] = field(default_factory=list)
    nights: int = 0
    accepting: bool = False  # then the next publish is the acceptance's own, under the same lease

    def ingest(self, name: str, source: Scripted, *, whole: bool = False) -> None:
        table, contract = self.tables[name]
        ingest_table(table, contract, lambda: source, self.lake, self.run(), whole=whole)

    def publish(self, select: Sequence[str] | None = None) -> Published:
        pulled = [Publishable(*declared) for declared in self.tables.values()]
        chosen = frozenset(select) if select is not None else None
        return publish_night([*pulled, *self.derived], self.lake, self.run(), select=chosen)

    def accept(self, name: str) -> int:
        """A person accepts what holds the table, as it was told; the acceptance's id."""
        if not self.accepting:
            set_right(self.lake)
        self.accepting = True
        return accept(self.lake.state, name, causes=self.plan().told(name), why="it is so", at=run_of(99).at)

    def died(self) -> None:
        """Whoever accepted died before the publish: what comes next begins like any other command."""
        self.accepting = False

    def plan(self) -> Plan:
        pulled = [Publishable(*declared) for declared in self.tables.values()]
        return plan([*pulled, *self.derived], self.lake, Releases(self.lake.curated).current(), None)

    def run(self) -> Run:
        self.nights += 1
        if not self.accepting:
            set_right(self.lake)
        self.accepting = False
        return run_of(self.nights)

    def problems(self) -> list[str]:
        """What `tilth verify` finds: nothing, as long as every record is in one state."""
        return [f"{problem.what} ({problem.where}): {problem.got}" for problem in verify(self.lake).problems]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return frame_of(self.lake.curated, sql).rows()


def plain(name: str, **more: object) -> TableDeclaration:
    return declaration(name, **({"deletes": Deletes(), "version": None} | more))
