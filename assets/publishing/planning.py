"""What one publish will do: a turn for each pulled table, an order for the derived ones, and who is held before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.lake import Lake
from tilth.assets.publishing.causes import BEFORE_BUILT, TAKEN_BACK, Acceptances, Cause
from tilth.assets.publishing.derive import derived_version
from tilth.assets.publishing.holds import Hold, causes_of, held_by, hold_on, taken_back
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.publishing.settle import reference_order
from tilth.assets.publishing.turns import Turn, accepted_of, hold_of, read_turn
from tilth.assets.quarantine import last_event
from tilth.assets.versions import version_column
from tilth.schemas.contract import Spec, spec_of
from tilth.schemas.judging import Judge
from tilth.schemas.relations import Total

__all__ = ["Plan", "Publishable", "downstream", "plan"]


@dataclass(frozen=True, slots=True)
class Publishable:
    """A declared table and its contract, a pandera polars model."""

    declaration: TableDeclaration | DerivedDeclaration
    contract: type

    @property
    def name(self) -> str:
        """The table's name."""
        return self.declaration.name


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of one publish, as the state stands."""

    current: Manifest | None
    specs: Mapping[str, Spec]  # every declared table
    groups: Sequence[tuple[str, ...]]  # pulled tables that take a turn, parents first
    turns: Mapping[str, Turn]
    derived: Sequence[tuple[DerivedDeclaration, Judge]]  # selected or downstream, inputs first
    held: Mapping[str, Hold]
    causes: Mapping[str, tuple[Cause, ...]]  # table → what holds it before it is built; accepted, where it is not held
    accepted: Mapping[str, Acceptances]  # table → the acceptances that this publish uses
    wanted: frozenset[str]  # derived tables asked for by name
    events: int  # the last quarantine event the plan knows of
    built: frozenset[str]  # the declared tables that are made from others
    time_zone: str  # whose days and hours derived SQL counts in

    @property
    def pulled(self) -> tuple[str, ...]:
        """The declared tables that are not made from others."""
        return tuple(name for name in self.specs if name not in self.built)

    @property
    def anything(self) -> bool:
        """Whether a release has anything to say that the current one does not."""
        return any(self._due(turn) for turn in self.turns.values()) or any(
            (declaration.name in self.wanted and not self.missing(declaration))
            or bool(self.accepted[declaration.name].ids)
            or self.stale(declaration)
            or (declaration.name not in self.held and self._broken(declaration.name))
            for declaration, _ in self.derived
        )

    def told(self, table: str) -> tuple[Cause, ...]:
        """What holds a table as a person was told: by the release that readers see, or by a rollback since."""
        entry = self.current.tables.get(table) if self.current else None
        told = entry.causes if entry and entry.state in ("held", "carried") else ()  # carried: others were published
        known = {cause.name for cause in told}
        back = (one for one in self.causes.get(table, ()) if one.name == TAKEN_BACK and one.name not in known)
        return (*told, *back)

    def together(self, table: str) -> tuple[str, ...]:
        """The tables whose candidates say something only beside each other: in one circle, or joined by a total."""
        named = ((name, rule) for name, spec in self.specs.items() for rule in spec.rules)
        bonds = [*self.groups, *((name, rule.table) for name, rule in named if isinstance(rule, Total))]
        found = {table}
        while more := {name for bond in bonds if found & {*bond} for name in bond} - found:
            found |= more
        return tuple(sorted(found))

    def refusal(self, declaration: TableDeclaration | DerivedDeclaration, found: Sequence[Cause]) -> Hold | None:
        """Why a table that was built is not to be published after all; None when all that was `found` is accepted."""
        before, accepted = self.causes[declaration.name], self.accepted[declaration.name]
        return held_by(declaration, [*before, *found], lambda cause: cause in before or accepted.forgive(cause))

    def missing(self, declaration: DerivedDeclaration) -> tuple[str, ...]:
        """The inputs of a derived table that were never published and are not made now."""
        published = self.current.tables.items() if self.current else ()
        there = {name for name, table in published if table.state != "new"}
        there |= self.turns.keys() | {other.name for other, _ in self.derived}
        return tuple(name for name in declaration.inputs if name not in there)

    def waiting(self) -> tuple[str, ...]:
        """A line for each derived table that was asked for by name and cannot be made yet."""
        waits = [(d.name, self.missing(d)) for d, _ in self.derived if d.name in self.wanted]
        return tuple(
            f"table {name} is new: waits for {', '.join(inputs)}, never published so far\n"
            f"  next: tilth run --select {' '.join(inputs)}"
            for name, inputs in waits
            if inputs
        )

    def _due(self, turn: Turn) -> bool:
        hold, mended = self.held.get(turn.name), turn.books.mended and turn.mends.height
        if hold is not None:
            return turn.books.news or _untold(turn, hold)
        again = self._broken(turn.name, turn.failed)
        return turn.books.news or bool(turn.pulls or turn.keys or turn.accepted.ids or turn.hold or mended or again)

    def _broken(self, name: str, failed: str | None = None) -> bool:
        """Whether a table is held by what nobody can accept, a lost file: it is tried again. `failed`: its source."""
        entry = self.current.tables.get(name) if self.current else None
        if entry is None or entry.causes or entry.state not in ("held", "carried"):
            return False
        return entry.reason not in (None, failed)

    def stale(self, declaration: DerivedDeclaration) -> bool:
        """Whether a derived table was never built, or its query or contract changed since."""
        entry = self.current.tables.get(declaration.name) if self.current else None
        version = derived_version(declaration, self.specs[declaration.name], self.time_zone)
        built = entry is not None and entry.contract == version
        inputs = self.current.tables if self.current else {}
        return not built and all(name in inputs for name in declaration.inputs)


def plan(
    publishables: Sequence[Publishable],
    lake: Lake,
    current: Manifest | None,
    select: frozenset[str] | None,
    *,
    held: Mapping[str, Hold] | None = None,
) -> Plan:
    """Read the state once and decide what this publish does; `select` None means everything.

    `held`: what is known to hold tables already.
    """
    specs = {p.name: spec_of(p.contract) for p in publishables}
    tables = {p.name: p for p in publishables if isinstance(p.declaration, TableDeclaration)}
    with lake.state.read() as connection:
        turns = {
            name: read_turn(connection, versioned(p.declaration, specs[name]), Judge.of(p.contract), current)
            for name, p in tables.items()
            if isinstance(p.declaration, TableDeclaration) and (select is None or name in select)
        }
        derived = downstream(publishables, select)
        accepted = {d.name: accepted_of(connection, d.name) for d in derived}
        causes = {name: causes_of(connection, turn, lake.storage) for name, turn in turns.items()}
        causes |= {d.name: tuple(taken_back(hold_of(connection, d.name))) for d in derived}
        events = last_event(connection)
    found = {name: hold_on(turn, causes[name]) for name, turn in turns.items()}
    found |= {d.name: held_by(d, causes[d.name], accepted[d.name].forgive) for d in derived}
    order = reference_order({name: specs[name] for name in tables})
    groups = [chosen for group in order if (chosen := tuple(name for name in group if name in turns))]
    judges = {p.name: p.contract for p in publishables}
    return Plan(
        current,
        specs,
        groups,
        turns,
        [(declaration, Judge.of(judges[declaration.name])) for declaration in derived],
        {name: hold for name, hold in found.items() if hold} | dict(held or {}),
        causes,
        accepted | {name: turn.accepted for name, turn in turns.items()},
        frozenset(d.name for d in derived if select is not None and d.name in select),
        events,
        frozenset(specs.keys() - tables.keys()),
        lake.time_zone,
    )


def _untold(turn: Turn, hold: Hold) -> bool:
    """Whether readers are told of another hold than this one; beside it, rules may have been told that were asked then.

    An acceptance of less than holds it is to be told, too.
    """
    before = turn.previous
    if before is None or not hold.causes or turn.accepted.ids:
        return before is None or (before.reason, before.causes) != (hold.reason, hold.causes)
    return {cause for cause in before.causes if cause.name in BEFORE_BUILT} != set(hold.causes)


def downstream(publishables: Sequence[Publishable], select: frozenset[str] | None) -> list[DerivedDeclaration]:
    """The derived tables that are selected or made from selected tables, inputs before what is made from them."""
    derived = {p.name: p.declaration for p in publishables if isinstance(p.declaration, DerivedDeclaration)}
    ordered: list[DerivedDeclaration] = []
    while len(ordered) < len(derived):
        done = {declaration.name for declaration in ordered}
        ready = [d for n, d in derived.items() if n not in done and not (set(d.inputs) & set(derived)) - done]
        if not ready:
            break  # a circle: `tilth check` names it, nothing is built from it
        ordered += ready
    if select is None:
        return ordered
    reached = set(select)
    for declaration in ordered:
        if reached & set(declaration.inputs):
            reached.add(declaration.name)
    return [declaration for declaration in ordered if declaration.name in reached]


def versioned(declaration: TableDeclaration, spec: Spec) -> TableDeclaration:
    """The declaration with its version column named."""
    return replace(declaration, version=version_column(declaration, spec))
