"""What the catalogue of a release is written from, as values.

`gathering.py` reads most of it from the state database; whoever publishes adds what only the publish knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.publishing.manifest import Manifest
from tilth.schemas.spec import Spec

__all__ = ["BatchFact", "CatalogFacts", "LineageFact", "QualityFact", "QuarantineFact", "RunFact", "TableFacts"]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One declared table; its TableRelease is looked up in the manifest by the declaration's name."""

    spec: Spec
    declaration: TableDeclaration | DerivedDeclaration
    changed: bool  # its content, or its contract, is not what the clone came with
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class RunFact:
    """One run, a row of state.runs."""

    run_id: str
    night: str
    kind: str
    started_at: datetime
    finished_at: datetime | None
    exit: int | None


@dataclass(frozen=True, slots=True)
class QualityFact:
    """One rule of one table in one run."""

    run: str
    table: str
    rule: str
    column: str | None
    severity: str
    checked: int
    failed: int
    measured: str | None = None  # of a rule of the whole table


@dataclass(frozen=True, slots=True)
class QuarantineFact:
    """How many entries of a table are open because of one rule, and since when."""

    table: str
    rule: str
    open: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class BatchFact:
    """Where the rows of one `_batch` came from."""

    batch: int
    source: str
    object: str
    file: str | None
    pulled_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class LineageFact:
    """One input column of a column (None: of the choice of the table's rows)."""

    table: str
    column: str | None
    input: str | None
    input_column: str | None
    transformation: str | None
    kind: str | None  # direct | indirect
    origin: str  # source | table


@dataclass(frozen=True, slots=True)
class CatalogFacts:
    """Everything the catalogue of the release `manifest` says.

    Runs, quality and batches need only be those that the previous release's catalogue does not hold in their
    present form; the clone carries the older ones, and its `releases` and `conservation`. Quarantine and lineage are
    given whole.
    """

    manifest: Manifest
    tables: Sequence[TableFacts]
    time_zone: str = "UTC"
    runs: Sequence[RunFact] = field(default_factory=tuple[RunFact, ...])
    quality: Sequence[QualityFact] = field(default_factory=tuple[QualityFact, ...])
    quarantine: Sequence[QuarantineFact] = field(default_factory=tuple[QuarantineFact, ...])
    open_keys: pl.DataFrame | None = None  # table, rule, key: the keys of open quarantine entries
    batches: Sequence[BatchFact] = field(default_factory=tuple[BatchFact, ...])
    lineage: Sequence[LineageFact] = field(default_factory=tuple[LineageFact, ...])  # of all tables
