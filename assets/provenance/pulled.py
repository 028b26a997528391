"""What the two steps of a pulled table tell: `ingest` (source → raw) and `judge` (raw → ready and toxic).

One run a pull: it completes in the transaction that lands, or judges, that pull. A comparison of keys is a pull of its
own, `ingest.NAME.keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from urllib.parse import quote

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.provenance import facets, naming, outbox
from tilth.assets.provenance.columns import Edge, Lineage
from tilth.assets.provenance.events import Begun, Described, Outcome, Step
from tilth.assets.provenance.facets import Json
from tilth.assets.provenance.taken import PULLED
from tilth.assets.provenance.tracing import pulled_lineage
from tilth.assets.publishing.manifest import as_ranges
from tilth.assets.pulls import BatchRow, PullRow
from tilth.connectors.protocol import Connector, Dataset
from tilth.errors import TilthError
from tilth.schemas.rules import Quality
from tilth.schemas.spec import Column, Spec

__all__ = [
    "Judging",
    "Pulling",
    "Telling",
    "asked_columns",
    "begin_judging",
    "dataset_of",
    "ingest_step",
    "source_places",
]

_TOXIC = ("id", "key", "_batch", "_ordinal", "raw", "reasons", "contract_version", "version")


def dataset_of(connector: Connector, table: TableDeclaration) -> Dataset:
    """Where a table's object stands; a connector that cannot say so spoils no pull."""
    try:
        return connector.dataset(table.object)
    except TilthError:
        return Dataset(table.source, table.object)


def source_places(connection: sa.Connection, tables: Iterable[TableDeclaration]) -> dict[str, Dataset]:
    """Where the objects of tables stood when they were pulled last; before that, source and object by name."""
    of = state.pulls.c
    last = sa.select(sa.func.max(of.id)).where(of.dataset.is_not(None)).group_by(of.table_name)
    found = connection.execute(sa.select(of.table_name, of.dataset).where(of.id.in_(last)))
    known = {name: Dataset(**place) for name, place in found}
    return {table.name: known.get(table.name) or Dataset(table.source, table.object) for table in tables}


def asked_columns(table: TableDeclaration, spec: Spec) -> list[str]:
    """The source columns that a table's pulls ask for: the contract's, and the flag of deleted records."""
    if table.parsing is not None:
        return [*PULLED]
    flag = [table.deletes.column] if table.deletes.column else []
    return list(dict.fromkeys([*(column.source for column in spec.columns), *flag]))


def ingest_step(table: TableDeclaration, place: Dataset, *, kind: str = "rows") -> Step:
    """The step that pulls and lands a table, or the keys it compares."""
    what = f"Pull {table.object} from {table.source}" + (", its keys only" if kind == "keys" else "")
    job = f"ingest.{table.name}" + (".keys" if kind == "keys" else "")
    return Step(job, f"{what}, and land it as it is.", [place], table.name, table.owner)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of a table's pulls, whichever pull it is."""

    table: TableDeclaration
    place: Dataset  # of its object
    columns: Sequence[str] | None  # the source columns it has; None: whatever there is
    asked: Sequence[str] | None = None  # those that one pull asks for; None: all of them


@dataclass(frozen=True, slots=True)
class Pulling:
    """One pull, from its beginning until all of it is landed."""

    lake: Lake
    run: Run
    pull: PullRow
    told: Telling
    begun: Begun | None

    @classmethod
    def begin(cls, connection: sa.Connection, lake: Lake, run: Run, pull: PullRow, told: Telling) -> Pulling:
        """Tell that a pull begins, or is gone on with, in the transaction that opens it."""
        begun = outbox.begin(connection, lake, run, ingest_step(told.table, told.place, kind=pull.kind))
        return cls(lake, run, pull, told, begun)

    def landed(self, connection: sa.Connection) -> None:
        """Tell that the pull is complete, in the transaction that lands its last batch."""
        if self.begun is None:
            return
        of = state.batches.c
        query = sa.select(of.id, of.rows, of.bytes).where(of.pull_id == self.pull.id)
        found = connection.execute(query.order_by(of.id)).all()
        rows, size = sum(row.rows for row in found), sum(row.bytes for row in found)
        facts = {"pull": self.pull.number, "batches": as_ranges(row.id for row in found)}
        described = [self._source(rows)], [self._raw(rows, size, len(found))]
        outbox.complete(connection, self.lake, self.run, self.begun, Outcome(*described, facts))

    def _source(self, rows: int) -> Described:
        known = {"dataSource": facets.data_source(self.told.table.source, _uri(self.told.place)), **self._schema()}
        return Described(self.told.place, known, {"inputStatistics": facets.statistics(rows, of="Input")})

    def _raw(self, rows: int, size: int, files: int) -> Described:
        columns = self.told.asked if self.told.asked is not None else self.told.columns or ()
        same = Lineage({name: (Edge("source", name, "IDENTITY"),) for name in columns})
        known = {**self._schema(), **_words(self.told.table, "as pulled: nothing is judged yet")}
        known |= {"columnLineage": facets.column_lineage(same, {"source": self.told.place})} if columns else {}
        written = {"outputStatistics": facets.statistics(rows, size, files, of="Output")}
        return Described(naming.raw(self.lake, self.told.table), known, written)

    def _schema(self) -> Mapping[str, Json]:
        return {} if self.told.columns is None else {"schema": facets.schema(self.told.columns)}


def begin_judging(lake: Lake, run: Run, table: TableDeclaration, pulls: Sequence[PullRow]) -> Mapping[int, Begun]:
    """Tell that pulls (by their id) are going to be judged."""
    if not lake.lineage:
        return {}
    with lake.state.begin() as connection:
        begun = {pull.id: outbox.begin(connection, lake, run, _judge_step(lake, table, pull)) for pull in pulls}
    return {pull_id: one for pull_id, one in begun.items() if one}


def _judge_step(lake: Lake, table: TableDeclaration, pull: PullRow) -> Step:
    if table.parsing is not None:
        what = f"Take each document of {table.name} apart, in processes with limits, and judge it."
        return Step(f"documents.{table.name}", what, [naming.raw(lake, table)], table.name, table.owner)
    keys = pull.kind == "keys"
    job = f"judge.{table.name}" + (".keys" if keys else "")
    what = f"Judge {'the keys' if keys else 'each record'} of {table.name} by its contract."
    return Step(job, what, [naming.raw(lake, table)], table.name, table.owner, ("Polars", "polars"))


@dataclass(frozen=True, slots=True)
class Judging:
    """The judging of one pull, until its transaction."""

    lake: Lake
    run: Run
    table: TableDeclaration
    spec: Spec
    begun: Begun | None

    def done(
        self,
        connection: sa.Connection,
        pull: PullRow,
        batches: Sequence[BatchRow],
        counts: Mapping[str, int],
        quality: Sequence[Quality],
    ) -> None:
        """Tell that the pull was judged, in the transaction that says so."""
        if self.begun is None:
            return
        keys, raw = pull.kind == "keys", naming.raw(self.lake, self.table)
        columns = [column for column in self.spec.columns if column.key or not keys]
        read = _read(columns, batches, counts["pulled"], quality)
        inputs = [Described(raw, {"schema": facets.schema(asked_columns(self.table, self.spec))}, read)]
        outputs = [self._ready(columns, counts["pending"], raw)]
        outputs += [] if keys else [self._toxic(columns, counts["quarantined"], raw)]
        facts: dict[str, object] = {"pull": pull.number, "batches": as_ranges(batch.id for batch in batches)}
        facts |= {"contract": self.spec.version, "counts": dict(counts)}
        outbox.complete(connection, self.lake, self.run, self.begun, Outcome(inputs, outputs, facts))

    def _ready(self, columns: Sequence[Column], rows: int, raw: Dataset) -> Described:
        whole = pulled_lineage(self.table, self.spec)
        made = replace(whole, columns={column.name: whole.columns[column.name] for column in columns})
        lineage = facets.column_lineage(made, {self.table.name: raw})
        known = {"schema": facets.schema(self.spec.columns), "columnLineage": lineage}
        known |= _words(self.table, "good records, waiting to be published")
        return Described(naming.ready(self.lake, self.table.name), known, _written(rows))

    def _toxic(self, columns: Sequence[Column], rows: int, raw: Dataset) -> Described:
        """The quarantined records hold every pulled value, as JSON text; of documents, what is known of the file."""
        sources = PULLED[:4] if self.table.parsing else dict.fromkeys(column.source for column in columns)
        whole = Lineage({"raw": tuple(Edge("raw", source, "TRANSFORMATION", "as JSON text") for source in sources)})
        known = {"schema": facets.schema(_TOXIC), "columnLineage": facets.column_lineage(whole, {"raw": raw})}
        known |= _words(self.table, "records that broke a rule, with every reason")
        return Described(naming.toxic(self.lake, self.table.name), known, _written(rows))


def _read(
    columns: Sequence[Column], batches: Sequence[BatchRow], rows: int, quality: Sequence[Quality]
) -> Mapping[str, Json]:
    """How the landed batches were read: how many records, and what each rule found."""
    names = {column.name: column.source for column in columns}
    size, files = sum(batch.bytes for batch in batches), len(batches)
    read = {"inputStatistics": facets.statistics(rows, size, files, of="Input")}
    if quality:
        read["dataQualityMetrics"] = facets.metrics(rows, quality, names)
        read["dataQualityAssertions"] = facets.assertions(quality, names)
    return read


def _written(rows: int) -> Mapping[str, Json]:
    return {"outputStatistics": facets.statistics(rows, of="Output")}


def _words(table: TableDeclaration, text: str) -> Mapping[str, Json]:
    told = {"documentation": facets.documentation(f"{table.name}, {text}", of="Dataset")}
    return {**told, "ownership": facets.ownership(table.owner, of="Dataset")} if table.owner else told


def _uri(place: Dataset) -> str:
    """The address behind a dataset's namespace."""
    if "://" in place.namespace:
        return quote(place.namespace, safe=":/@+")
    if place.namespace == "file":
        return f"file://{quote(str(PurePath(place.name).parent))}"
    return f"{quote(place.namespace, safe='')}:{quote(place.name)}"
