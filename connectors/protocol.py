"""What one pull brought, and where the next one starts.

Holds the values that pass from connectors to landing, and the protocol every connector keeps.
Nothing here knows of contracts, storage or dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import pyarrow as pa

__all__ = ["Batch", "Complete", "Connector", "Dataset", "Fault", "Health", "ObjectInfo", "Origin", "Pull", "Token"]

Token = Mapping[str, object]
"""A connector's own bookmark, JSON-serialisable and opaque to everyone else."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch's records stand in the source: enough to find the bytes again."""

    source: str
    object: str
    file: str | None = None  # name below the connection's root
    sha256: str | None = None  # of the whole file's bytes
    offset: int = 0  # records of this file or read before this batch's first record
    line: int | None = None  # 1-based line (row) in the file where the first record starts


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a whole file is refused: it becomes one toxic record and none of its rows are used."""

    rule: str  # e.g. "trailer_count", "not_readable", "encoding"
    column: str | None
    value: str | None
    expected: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything the pull asked for was read. `cursor` is where the next pull starts."""

    cursor: Token
    whole: bool  # True: the pull holds every record that the object has now
    source_time: datetime  # the source's clock (aware, UTC) when the pull began: data is as of then


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one object, as pulled: text stays text, SQL types land exactly, nothing is judged yet.

    `rows` may be empty on the last batch. With a `fault`, `rows` has exactly one row that names the
    file (columns file, bytes, sha256: text, int64, text). `resume` is committed together with the batch.
    """

    rows: pa.RecordBatch | pa.Table
    origin: Origin
    resume: Token | None = None  # handed back in Pull.resume when this pull goes on after a crash or a failure
    complete: Complete | None = None  # on the last batch only
    deleted: pa.RecordBatch | None = None  # tombstones: keys, and when
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """What is asked of a connector: one object, from a cursor or whole, perhaps going on where it stopped."""

    object: str
    key: Sequence[str] = ()  # the source's names of the key columns
    columns: Sequence[str] | None = None  # the source columns wanted; None: all
    cursor_column: str | None = None
    cursor: Token | None = None  # Complete.cursor of the last complete pull; None: first pull
    resume: Token | None = None  # Batch.resume of the last landed batch of this unfinished pull
    whole: bool = False  # read everything, whatever the cursor says
    replaces: bool = False  # what it brings is the whole table from then on (`load: replace`; implies whole)
    keys_only: bool = False  # read only the key columns of every record (implies whole)
    options: Mapping[str, object] = field(default_factory=dict)  # the declaration's `format:` block
    batch_rows: int = 100_000
    tombstones: bool = False  # the declaration counts on being told of deleted records
    optional: Sequence[str] = ()  # those of `columns` that the object may lack


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object a source offers, with its columns as (name, type as the source names it)."""

    name: str
    columns: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()
    rows: int | None = None  # the source's own estimate


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a source answers, and what it says of itself."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where an object physically stands, in OpenLineage's names; a credential is never part of them."""

    namespace: str  # postgres://host:port, file, http://host:port
    name: str  # database.schema.table, a path, an endpoint


class Connector(Protocol):
    """One system that rows or files come from. Every method raises SourceError with the next step to take."""

    def check(self) -> Health:
        """Reach the source with its credentials; read nothing."""
        ...

    def discover(self) -> Sequence[ObjectInfo]:
        """The objects the source offers."""
        ...

    def dataset(self, object: str) -> Dataset:
        """Where the object stands; nothing is asked of the source."""
        ...

    def inspect(self, request: Pull) -> Sequence[str]:
        """The problems this request would meet (missing object, column, bad option): for `tilth check`."""
        ...

    def pull(self, request: Pull) -> Iterator[Batch]:
        """The records asked for, in batches; the last carries `complete`."""
        ...
