"""The tables of the state database: all that must survive and be transactional.

Rows are appended or move forward (`pulls.state`); quarantine events are never edited. Who reads and writes which
table stands in the module that does it. The schema is created and upgraded by alembic (`migrations/`).
"""

from __future__ import annotations

import sqlalchemy as sa

from tilth.assets.instant import Instant
from tilth.assets.publishing.books import COUNTS

__all__ = ["acceptances", "batches", "books", "deliveries", "entries", "events", "holds", "leases", "mends"]
__all__ += ["metadata", "outbox", "pulls", "quality", "releases", "runs", "steps"]

metadata = sa.MetaData()
_big = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite autoincrements INTEGER only
_json = sa.JSON(none_as_null=True)  # None is NULL, not the text "null"

_moves = sa.text("event != 'seen'")  # what `seen` entries cost every night stays away from who asks what is open


def _id() -> sa.Column[int]:
    return sa.Column("id", _big, primary_key=True, autoincrement=True)


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),  # Dagster's
    sa.Column("night", sa.String, nullable=False, index=True),  # the ingest and publish run of one pass share it
    sa.Column("kind", sa.String, nullable=False),  # ingest | publish | rollback
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("exit", sa.Integer),
)

steps = sa.Table(
    "steps",
    metadata,
    _id(),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("step", sa.String, nullable=False),  # ingest | publish
    sa.Column("table_name", sa.String, nullable=False),
    sa.Column("source", sa.String),
    sa.Column("state", sa.String, nullable=False),  # done | failed
    sa.Column("error", sa.Text),  # the message, as shown
    sa.Column("at", Instant, nullable=False),
)

pulls = sa.Table(
    "pulls",
    metadata,
    _id(),
    sa.Column("table_name", sa.String, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # 1, 2, 3 … per table: what release manifests list
    sa.Column("kind", sa.String, nullable=False),  # rows | keys
    sa.Column("source", sa.String, nullable=False),
    sa.Column("object", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),  # that started it
    sa.Column("state", sa.String, nullable=False),  # open | landed | judged
    sa.Column("whole", sa.Boolean, nullable=False, default=False),
    sa.Column("cursor", _json),  # Complete.cursor: where the next pull starts
    sa.Column("resume", _json),  # Batch.resume of the last landed batch
    sa.Column("source_time", Instant),  # Complete.source_time
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("landed_at", Instant),
    sa.Column("judged_at", Instant),
    sa.Column("judged_run", sa.String),
    sa.Column("contract_version", sa.String),
    sa.Column("pulled", _big, nullable=False, default=0),  # records, tombstones and refused files
    sa.Column("pending", _big, nullable=False, default=0),  # good: rows of the ready file
    sa.Column("duplicate", _big, nullable=False, default=0),
    sa.Column("superseded", _big, nullable=False, default=0),
    sa.Column("quarantined", _big, nullable=False, default=0),
    sa.Column("superseded_open", _big, nullable=False, default=0),
    sa.Column("judgings", sa.Integer, nullable=False, default=0, server_default="0"),  # that were taken back
    sa.Column("dataset", _json),  # protocol.Dataset as a mapping: where the object stood when the pull began
    sa.UniqueConstraint("table_name", "number"),
)

batches = sa.Table(
    "batches",
    metadata,
    _id(),
    sa.Column("pull_id", _big, sa.ForeignKey("pulls.id"), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("kind", sa.String, nullable=False),  # rows | tombstones | fault
    sa.Column("path", sa.String, nullable=False, unique=True),
    sa.Column("rows", _big, nullable=False),
    sa.Column("bytes", _big, nullable=False),
    sa.Column("origin", _json, nullable=False),  # protocol.Origin as a mapping
    sa.Column("fault", _json),  # protocol.Fault as a mapping
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("table_name", sa.String, nullable=False),
    sa.Column("key", sa.String),
    sa.Column("rules", _json, nullable=False),  # names, sorted: ["reference"] alone returns by itself
    sa.Column("contract_version", sa.String, nullable=False),
    sa.Column("version", sa.String),  # the record's version as sortable text, if it has one
    sa.Index("entries_by_key", "table_name", "key"),
)

events = sa.Table(
    "events",
    metadata,
    _id(),
    sa.Column("entry_id", sa.String, sa.ForeignKey("entries.id"), nullable=False),
    sa.Column("table_name", sa.String, nullable=False),
    # opened | seen | replayed | corrected | superseded | waived | discarded | reopened | withdrawn
    sa.Column("event", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("release", sa.Integer),  # set when a release caused it: a rollback undoes it
    sa.Column("at", Instant, nullable=False),
    sa.Column("pull_id", _big),  # opened, seen: the record's pull and origin; else: the pull whose judging caused it
    sa.Column("batch_id", _big),
    sa.Column("ordinal", _big),
    sa.Column("path", sa.String),  # opened: the toxic Parquet file that holds raw values and reasons
    sa.Column("detail", sa.Text),
    sa.Index("events_by_entry", "entry_id", "id"),
    sa.Index("events_by_table", "table_name", "id"),
    sa.Index("events_by_life", "entry_id", "id", "table_name", "event", sqlite_where=_moves, postgresql_where=_moves),
)

mends = sa.Table(
    "mends",
    metadata,
    _id(),
    sa.Column("entry_id", sa.String, sa.ForeignKey("entries.id"), nullable=False, index=True),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),  # corrected | replayed | waived: what lets it return; discarded
    sa.Column("path", sa.String, nullable=False),  # the Parquet file that holds its good row
    sa.Column("contract_version", sa.String, nullable=False),  # that it was judged by: good under no other
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("why", sa.Text),
    sa.Column("changes", _json),  # corrected: source column → [before, after]
    sa.Column("at", Instant, nullable=False),
    sa.Column("expires_at", Instant),  # waived: until when the same record may return again
)

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("release", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # intended | published | abandoned
    sa.Column("folder", sa.String, nullable=False),
    sa.Column("published_at", Instant),
    sa.Column("manifest", _json, nullable=False),
    sa.Column("lineage", sa.Text),  # JSON: the events that go into the outbox once the release is current
)

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("table_name", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),  # rollback
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

acceptances = sa.Table(
    "acceptances",
    metadata,
    _id(),
    sa.Column("table_name", sa.String, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("release", sa.Integer),  # the release that used it
    sa.Column("causes", _json),  # what was told, and is accepted: publishing.causes; NULL: nothing
)

books = sa.Table(
    "books",
    metadata,
    _id(),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("release", sa.Integer),
    sa.Column("at", Instant, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # published | held | failed | new | carried
    sa.Column("reason", sa.Text),
    *(sa.Column(name, _big, nullable=False, default=0) for name in COUNTS),
    sa.Column("last_pull", sa.Integer, nullable=False),  # highest judged pull number of the table that is accounted for
    sa.Column("last_event", _big, nullable=False),  # highest event id that is accounted for
)

quality = sa.Table(
    "quality",
    metadata,
    _id(),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("rule", sa.String, nullable=False),
    sa.Column("column", sa.String),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("checked", _big, nullable=False),
    sa.Column("failed", _big, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("holder", sa.String, nullable=False),  # what it does, e.g. "tilth run", "dagster run 1f3c…"
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("process_start", sa.Float, nullable=False),
    sa.Column("token", sa.String, nullable=False),  # of this holding: nobody else may extend or release it
    sa.Column("taken_at", Instant, nullable=False),
    sa.Column("beat_at", Instant, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    _id(),
    sa.Column("run_id", sa.String, nullable=False),  # OpenLineage's: of one step
    sa.Column("type", sa.String, nullable=False),  # START | COMPLETE | FAIL
    sa.Column("job", sa.String, nullable=False),
    sa.Column("table_name", sa.String),  # None: of a step over all tables
    sa.Column("of_run", sa.String, nullable=False),  # Dagster's
    sa.Column("release", sa.Integer),  # of a release's events: its number
    sa.Column("open", sa.Boolean, nullable=False, default=False),  # a START whose end is still to come
    sa.Column("event", sa.Text, nullable=False),  # as it is delivered, byte for byte
    sa.Column("at", Instant, nullable=False),
    sa.Column("delivered_at", Instant),
    sa.UniqueConstraint("run_id", "type"),
    sa.Index("outbox_by_run", "of_run", "job"),
    sa.Index("outbox_open", "open"),
    sa.Index("outbox_waiting", "delivered_at", "id"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("name", sa.String, primary_key=True),  # lineage
    sa.Column("place", sa.String, nullable=False),  # the file or address that was delivered to last
    sa.Column("size", _big, nullable=False, default=0),  # bytes of the file that are known to be whole lines of ours
    sa.Column("problem", sa.Text),  # why the last attempt did not deliver all
    sa.Column("at", Instant, nullable=False),
)
