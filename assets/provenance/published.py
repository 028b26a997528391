"""What a publish tells: `settle.NAME` of pulled tables, `derive.NAME` of derived ones that were built, and `publish`.

A publish begins with a START of its own. What its parts did becomes true only when readers see the release, so their
events are kept with it and go into the outbox in the transaction that confirms it. A table that is held failed; a
publish that fails tells of itself alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.provenance import events, facets, naming, outbox
from tilth.assets.provenance.columns import PROVENANCE, Edge, Lineage
from tilth.assets.provenance.events import Begun, Described, Outcome, Step
from tilth.assets.provenance.facets import Json
from tilth.assets.provenance.outbox import Prepared
from tilth.assets.provenance.tracing import derived_lineage
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.connectors.protocol import Dataset
from tilth.errors import LakeError, TilthError
from tilth.schemas.relations import Total
from tilth.schemas.rules import Quality
from tilth.schemas.spec import Spec

__all__ = ["Built", "Publishing"]

Declared = TableDeclaration | DerivedDeclaration
_DUCKDB = ("DuckDB", "duckdb")


@dataclass(frozen=True, slots=True)
class Built:
    """What the candidate of a release brought, as far as lineage asks."""

    manifest: Manifest
    specs: Mapping[str, Spec]  # every declared table
    declared: Mapping[str, Declared]
    times: Mapping[str, tuple[datetime, datetime]]  # table → when its turn began and ended; in order
    pending: Mapping[str, int]  # pulled table → good records that its turn read
    quality: Mapping[str, Sequence[Quality]]  # derived tables that were built → what was checked
    before: frozenset[str]  # the tables of the release that this one was made from


@dataclass(slots=True)
class Publishing:
    """One publish, told from its beginning to its end; nothing is written where no lineage is kept."""

    lake: Lake
    run: Run
    begun: Begun | None = None
    _attempts: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def begin(cls, lake: Lake, run: Run, names: Sequence[str]) -> Publishing:
        """Tell that a publish of these tables begins."""
        if not lake.lineage:
            return cls(lake, run)
        with lake.state.begin() as connection:
            begun = outbox.begin(connection, lake, run, _publish_step(lake, names))
            return cls(lake, run, begun, outbox.attempts(connection, run))

    def nothing(self, current: Manifest | None) -> None:
        """Tell that nothing was pending: the current release is as new as can be."""
        if self.begun is None:
            return
        tables = [Described(naming.curated(self.lake, name)) for name in current.tables] if current else []
        facts = {"release": current.release if current else None, "nothing_pending": True}
        with self.lake.state.begin() as connection:
            outbox.complete(connection, self.lake, self.run, self.begun, Outcome(tables, tables, facts))

    def failed(self, error: Exception) -> None:
        """Tell that the publish failed; where even that cannot be written, the next start tells it."""
        said = "\n".join(error.lines()) if isinstance(error, TilthError) else f"unexpected {type(error).__name__}"
        with suppress(LakeError), self.lake.state.begin() as connection:
            outbox.fail(connection, self.run, said, table=None)

    def prepared(self, built: Built) -> str | None:
        """The events of a release, as text that is kept until it is current."""
        if self.begun is None:
            return None
        parts = [*self._parts(built), self._whole(built, self.begun)]
        return outbox.prepare(parts, run=self.run, release=built.manifest.release)

    def _parts(self, built: Built) -> Iterator[Prepared]:
        for name, (start, end) in built.times.items():
            declared, entry = built.declared[name], built.manifest.tables[name]
            derived = isinstance(declared, DerivedDeclaration)
            if derived and entry.state != "held" and name not in built.quality:
                continue  # it was not due
            step = _derive_step(self.lake, declared) if derived else _settle_step(self.lake, declared, built)
            attempt = self._attempts.get(step.job, 0)
            begun = Begun(step, naming.run_id(self.run, step.job, attempt), attempt, start)
            first = events.started(begun, self.run, self.lake.project)
            if entry.state == "held":
                last = events.failed(first, f"table {name} is held: {entry.reason}", end)
            else:
                told = _derived(self.lake, declared, built) if derived else _settled(self.lake, declared, built)
                last = events.completed(first, told, end)
            yield Prepared(begun, [first, last])

    def _whole(self, built: Built, begun: Begun) -> Prepared:
        """The publish itself: every table of the release, visible together."""
        release, lake = built.manifest.release, self.lake
        version = {"version": facets.version(str(release))}
        there = {name: entry for name, entry in built.manifest.tables.items() if _exists(entry, built.declared[name])}
        inputs = [Described(naming.curated(lake, name)) for name in there]
        outputs = [
            Described(
                naming.curated(lake, name), version, {"outputStatistics": facets.statistics(entry.rows, of="Output")}
            )
            for name, entry in there.items()
        ]
        states = {name: entry.state for name, entry in built.manifest.tables.items()}
        outcome = Outcome(inputs, outputs, {"release": release, "previous": built.manifest.previous, "states": states})
        first = events.started(begun, self.run, lake.project)
        return Prepared(begun, [first, events.completed(first, outcome, datetime.now(UTC))])


def _exists(entry: TableRelease, declared: Declared) -> bool:
    """Whether the table is in the file: a derived one that waits for its inputs is not."""
    return entry.state != "new" or isinstance(declared, TableDeclaration)


def _publish_step(lake: Lake, names: Sequence[str]) -> Step:
    tables = [naming.curated(lake, name) for name in names]
    return Step("publish", "Make all tables of a release visible together, by one switch.", tables, engine=_DUCKDB)


def _settle_step(lake: Lake, declared: Declared, built: Built) -> Step:
    name = declared.name
    inputs = [naming.ready(lake, name), *(naming.curated(lake, table) for table in _read_too(name, built))]
    does = f"Merge the pending records of {name}, against what is published and what they refer to."
    return Step(f"settle.{name}", does, inputs, name, declared.owner, _DUCKDB)


def _read_too(name: str, built: Built) -> list[str]:
    """The published tables that settling reads beside the pending records: those referred to, and its own."""
    parents = [table for table, _ in _references(built.specs[name]) if table in built.manifest.tables]
    own = [name] if name in built.before else []
    return list(dict.fromkeys([*parents, *own]))


def _references(spec: Spec) -> list[tuple[str, str]]:
    totals = [(rule.table, rule.amount) for rule in spec.rules if isinstance(rule, Total)]
    return [*(column.references for column in spec.columns if column.references), *totals]


def _derive_step(lake: Lake, declared: Declared) -> Step:
    assert isinstance(declared, DerivedDeclaration)
    inputs = [naming.curated(lake, table) for table in declared.inputs]
    does = f"Build {declared.name} from {', '.join(declared.inputs)} and judge it."
    return Step(
        f"derive.{declared.name}", does, inputs, declared.name, declared.owner, _DUCKDB, sql=declared.sql or None
    )


def _settled(lake: Lake, declared: Declared, built: Built) -> Outcome:
    name, entry, spec = declared.name, built.manifest.tables[declared.name], built.specs[declared.name]
    places = {table: naming.curated(lake, table) for table in _read_too(name, built)}
    ready = naming.ready(lake, name)
    read = {"inputStatistics": facets.statistics(built.pending.get(name, 0), of="Input")}
    inputs = [Described(ready, {"schema": facets.schema(spec.columns)}, read), *_published(places, built.specs)]
    told = "a record is refused until this holds its value, or adds up to it"
    rows = [Edge(table, column, "FILTER", told) for table, column in _references(spec) if table in places]
    same = {column.name: (Edge("ready", column.name, "IDENTITY"),) for column in spec.columns}
    lineage = facets.column_lineage(Lineage(same, tuple(dict.fromkeys(rows))), {**places, "ready": ready})
    facts = {**_facts(entry, built), "pulls": [list(numbers) for numbers in entry.pulls]}
    return Outcome(inputs, [_output(lake, declared, built, lineage, {})], facts)


def _derived(lake: Lake, declared: Declared, built: Built) -> Outcome:
    assert isinstance(declared, DerivedDeclaration)
    places = {table: naming.curated(lake, table) for table in declared.inputs}
    spec = built.specs[declared.name]
    lineage = derived_lineage(declared, spec, built.specs)
    checked = facets.assertions(built.quality[declared.name], {name: name for name in spec.schema})
    output = _output(lake, declared, built, facets.column_lineage(lineage, places), {"dataQualityAssertions": checked})
    facts = {**_facts(built.manifest.tables[declared.name], built), "unknown_lineage": lineage.unknown}
    return Outcome([*_published(places, built.specs)], [output], facts)


def _published(places: Mapping[str, Dataset], specs: Mapping[str, Spec]) -> Iterator[Described]:
    for table, place in places.items():
        known = {"schema": facets.schema([*specs[table].columns, *PROVENANCE.items()])} if table in specs else {}
        yield Described(place, known)


def _output(lake: Lake, declared: Declared, built: Built, lineage: Json, more: Mapping[str, Json]) -> Described:
    """A published table, as its release leaves it."""
    name, spec = declared.name, built.specs[declared.name]
    counts = built.manifest.tables[name].counts
    known = {"schema": facets.schema([*spec.columns, *PROVENANCE.items()]), "columnLineage": lineage, **more}
    words = (declared.description or spec.description or "").strip()
    known |= {"documentation": facets.documentation(words, of="Dataset")} if words else {}
    known |= {"ownership": facets.ownership(declared.owner, of="Dataset")} if declared.owner else {}
    known |= {"version": facets.version(str(built.manifest.release))}
    rows = counts.get("inserted", 0) + counts.get("updated", 0)
    written = {"outputStatistics": facets.statistics(rows, of="Output")}
    return Described(naming.curated(lake, name), known, written)


def _facts(entry: TableRelease, built: Built) -> dict[str, object]:
    counts = {"rows": entry.rows, **entry.counts}
    return {"release": built.manifest.release, "contract": entry.contract, "counts": counts, "state": entry.state}
