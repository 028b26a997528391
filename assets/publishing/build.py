"""The candidate, table by table: turns and derived tables on one clone, in one transaction, with proof.

A table that cannot be merged, built or proved is reported as refused; whoever publishes holds it and builds again
from a fresh clone, so that one broken table never keeps the others from being published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.publishing.blaming import Blame, Refused
from tilth.assets.publishing.blocking import Blocked
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.causes import Cause
from tilth.assets.publishing.chunks import chunks_of
from tilth.assets.publishing.circles import Circle, coming
from tilth.assets.publishing.closing import Clerk, carried, freed, held_back, oldest
from tilth.assets.publishing.derive import Derived, Recipe, derive, derived_version, query_recipe
from tilth.assets.publishing.engine import connect, parquet
from tilth.assets.publishing.holds import Hold, built_shares, built_toxic
from tilth.assets.publishing.lost import lost_files
from tilth.assets.publishing.manifest import TableRelease
from tilth.assets.publishing.merged import Merged
from tilth.assets.publishing.pictures import pictures_of
from tilth.assets.publishing.planning import Plan
from tilth.assets.publishing.release import Draft
from tilth.assets.publishing.rounds import take_turn
from tilth.assets.publishing.settle import unpublished
from tilth.assets.publishing.table_verdicts import verdicts_on
from tilth.assets.publishing.totals import Totals, unsummed
from tilth.assets.publishing.turns import Turn, belonging
from tilth.assets.quarantine import open_entries
from tilth.schemas.judging import Judge, Quality
from tilth.schemas.rules import summed

__all__ = ["Build", "build"]


@dataclass(slots=True)
class Build:
    """The candidate as built: what the manifest says of each table, and what was checked of derived ones."""

    candidate: Candidate
    tables: dict[str, TableRelease] = field(default_factory=dict[str, TableRelease])
    quality: dict[str, tuple[Quality, ...]] = field(default_factory=dict[str, tuple[Quality, ...]])
    times: dict[str, tuple[datetime, datetime]] = field(default_factory=dict[str, tuple[datetime, datetime]])


@contextmanager
def build(
    draft: Draft, plan: Plan, held: Mapping[str, Hold], lake: Lake, run: Run, *, number: int, blocked: Blocked
) -> Generator[Build]:
    """The candidate of release `number`, its transaction open; committed when the block ends well.

    Raises Refused for a table that must be held, Premature for newcomers that must be `blocked`, too.
    """
    con = connect(draft.path, time_zone=lake.time_zone)
    try:
        con.begin()
        result = Build(Candidate(con, run.at))
        clerk = Clerk(lake, run, number, plan.events)
        totals = Totals(result.candidate, {name: plan.specs[name] for name in plan.pulled}, blocked.families)
        turns = [turn for name, turn in plan.turns.items() if name not in held]
        blame = Blame(lambda: lost_files(turns, lake))
        _Builder(result, plan, held, lake, clerk, draft.folder, totals, blocked, blame).all()
        yield result
        con.commit()
        con.execute("CHECKPOINT").fetchall()
    finally:
        con.close()


@dataclass(frozen=True, slots=True)
class _Builder:
    result: Build
    plan: Plan
    held: Mapping[str, Hold]
    lake: Lake
    clerk: Clerk
    folder: Path
    totals: Totals
    blocked: Blocked
    blame: Blame

    def all(self) -> None:
        """Every table of the plan; tables outside it are carried over."""
        if self.plan.current:
            kept = self.plan.current.tables.items()
            self.result.tables.update({name: carried(entry) for name, entry in kept if name in self.plan.specs})
        for undeclared in sorted(self.result.candidate.tables() - self.plan.specs.keys()):
            self.result.candidate.drop(undeclared)
        for group in self.plan.groups:
            self._refuse_unpublished(group)
            circle = self._circle([self.plan.turns[name] for name in group if name not in self.held])
            for name in group:
                with self.blame.on(name), self._timed(name):
                    self.result.tables[name] = self._turn(self.plan.turns[name], circle)
            circle.check()
        sums = self.totals.check(self.blame.on)
        for name, counted in sums.quality.items():
            self.result.quality[name] = summed((*self.result.quality.get(name, ()), *counted))
        for name in (name for group in self.plan.groups for name in group if name not in self.held):
            turn = self.plan.turns[name]
            with self.blame.on(name):  # as the tables would be published: without those who wait for a total
                self._whole(turn.declaration, turn.judge, pulled=self._pulled(turn), also=sums.torn[name])
        for declaration, judge in self.plan.derived:
            with self.blame.on(declaration.name), self._timed(declaration.name):
                self.result.tables[declaration.name] = self._derived(declaration, judge)

    @contextmanager
    def _timed(self, name: str) -> Generator[None]:
        start = datetime.now(UTC)
        yield
        self.result.times[name] = (start, datetime.now(UTC))

    def _refuse_unpublished(self, group: Sequence[str]) -> None:
        """A table waits for what it refers to: without it, all its records would be toxic."""
        for name in (name for name in group if name in self.held):
            self.result.candidate.create(name, self.plan.specs[name])  # there, as it will be for the next publish
        together = {name: self.plan.specs[name] for name in group if name not in self.held}
        for name, spec in together.items():
            coming = self.plan.turns.keys() - self.held.keys()
            candidate = self.result.candidate
            if missing := unpublished(candidate, spec, together) or unsummed(candidate, spec, coming):
                raise Refused(name, Hold(f"{missing}\n  next: tilth check, then tilth run"))

    def _circle(self, turns: Sequence[Turn]) -> Circle:
        """The group, told what arrives together."""
        candidate = self.result.candidate
        circle = Circle(candidate, {turn.name: turn.judge.spec for turn in turns}, self.blocked)
        files: dict[str, str] = {}
        for turn in turns if circle else ():
            with self.blame.on(turn.name):
                candidate.create(turn.name, turn.judge.spec)
                if rows := coming(candidate, turn, self.lake.storage):
                    files[turn.name] = self.totals.unblocked(turn.name, rows)
        with self.blame.on():
            circle.arrive(files)
        return circle

    def _turn(self, turn: Turn, circle: Circle) -> TableRelease:
        candidate, spec = self.result.candidate, turn.judge.spec
        if turn.name in self.held:
            hold, rows = self.held[turn.name], candidate.rows(turn.name)
            return self.clerk.held(turn, rows, hold, changed=turn.name in candidate.changed)
        if not candidate.fits(turn.name, spec) and turn.whole is None:
            what = "its contract's columns changed, and no complete pull is waiting"
            raise Refused(turn.name, Hold(f"{what}\n  next: tilth run --full --select {turn.name}"))
        with self.lake.state.read() as connection:
            places, pictures = belonging(connection, turn), pictures_of(connection, turn)
        merged = take_turn(candidate, turn, self.lake, places, pictures=pictures, totals=self.totals, circle=circle)
        self.result.quality[turn.name] = merged.quality
        return self.clerk.pulled(turn, merged, changed=turn.name in candidate.changed)

    def _pulled(self, turn: Turn) -> str | None:
        """The relation of all good records that this turn merges."""
        files = [self.lake.storage.url(pull.ready) for pull in turn.pulls if pull.pending]
        return f"(SELECT * FROM {parquet(*files)} WHERE NOT _deleted)" if files else None

    def _whole(
        self,
        declaration: TableDeclaration | DerivedDeclaration,
        judge: Judge,
        *,
        pulled: str | None = None,
        also: Iterable[Cause] = (),
    ) -> None:
        """Ask the rules of the whole table; it is held by those that do not hold, but for what was accepted."""
        name = declaration.name
        verdicts, wrong = verdicts_on(self.result.candidate, name, judge.spec, pulled)
        self.result.quality[name] = (*self.result.quality.get(name, ()), *verdicts)
        if hold := self.plan.refusal(declaration, [*also, *wrong]):
            raise Refused(name, replace(hold, quality=self.result.quality[name]))

    def _derived(self, declaration: DerivedDeclaration, judge: Judge) -> TableRelease:
        name, candidate = declaration.name, self.result.candidate
        old = self.plan.current.tables.get(name) if self.plan.current else None
        entry = old or TableRelease("new", 0)
        missing = [table for table in declaration.inputs if table not in candidate.tables()]
        if missing:
            return replace(carried(entry), state="new", reason=f"waits for {', '.join(missing)}")
        with self.lake.state.read() as connection:
            opened = open_entries(connection, name)
        if name in self.held:
            entry, merged = held_back(entry, self.held[name]), self._as_it_was(entry, opened.height)
            return self.clerk.derived(declaration, merged, entry, changed=name in candidate.changed)
        version = derived_version(declaration, judge.spec, self.lake.time_zone)
        anew = old is None or old.contract != version or name not in candidate.tables()
        asked = name in self.plan.wanted or bool(self.plan.accepted[name].ids)
        if anew or asked or self._behind(declaration, entry, self.result.tables):
            missed = self.plan.current is not None and self._behind(declaration, entry, self.plan.current.tables)
            recipe = self._recipe(declaration, judge, everything=anew or missed or bool(opened.height))
            made = derive(candidate, declaration, judge, recipe, opened, self.folder)
            self.result.quality[name] = made.quality
            self._whole(declaration, judge, also=self._too_toxic(declaration, made))
            merged = made.merged
            entry = replace(entry, built_in=self.clerk.number)
        else:
            merged = self._as_it_was(entry, opened.height)
        as_of, through = oldest(self.result.tables, declaration.inputs)
        entry = replace(freed(entry, None), contract=version, data_as_of=as_of, through=through)
        return self.clerk.derived(declaration, merged, entry, changed=name in candidate.changed)

    def _too_toxic(self, declaration: DerivedDeclaration, made: Derived) -> Iterable[Cause]:
        """Rows of a held build open no entries: they are mended where they come from."""
        with self.lake.state.read() as connection:
            shares = built_shares(connection, declaration.name)
        return built_toxic(declaration.toxic, made.built, made.toxic["reasons"], shares)

    @staticmethod
    def _behind(declaration: DerivedDeclaration, entry: TableRelease, tables: Mapping[str, TableRelease]) -> bool:
        """Whether an input has changed since the table was made."""
        changed = [tables[name].changed_in or 0 for name in declaration.inputs if name in tables]
        return max(changed, default=0) > (entry.built_in or 0)

    def _recipe(self, declaration: DerivedDeclaration, judge: Judge, *, everything: bool) -> Recipe:
        """How the table is made; chunks are cut from documents that changed, or from `everything`."""
        candidate = self.result.candidate
        if declaration.chunking is None:
            return query_recipe(candidate, declaration, judge.spec)
        return chunks_of(candidate, declaration, judge.spec, self.lake, everything=everything)

    @staticmethod
    def _as_it_was(entry: TableRelease, opened: int) -> Merged:
        counts = {"rows_before": entry.rows, "rows_after": entry.rows, "open_before": opened, "open_after": opened}
        return replace(Merged.nothing(), counts=Counter(counts))
