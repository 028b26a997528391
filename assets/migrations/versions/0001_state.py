"""The first schema: runs, pulls and batches, quarantine, releases, lease."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Create every table."""
    _runs()
    _pulls()
    _batches()
    _quarantine()
    _releases()
    _books()
    _decisions()
    _lease()


def downgrade() -> None:
    """There is nothing before this."""
    raise NotImplementedError("0001 is the first revision")


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=nullable)


def _id() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, primary_key=True, autoincrement=True)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(), primary_key=True),
        _text("night"),
        _text("kind"),
        _moment("started_at"),
        _moment("finished_at", nullable=True),
        sa.Column("exit", sa.Integer()),
    )
    op.create_index("ix_runs_night", "runs", ["night"])
    op.create_table(
        "steps",
        _id(),
        _text("run_id"),
        _text("step"),
        _text("table_name"),
        _text("source", nullable=True),
        _text("state"),
        sa.Column("error", sa.Text()),
        _moment("at"),
    )
    op.create_index("ix_steps_run_id", "steps", ["run_id"])


def _pulls() -> None:
    op.create_table(
        "pulls",
        _id(),
        _text("table_name"),
        sa.Column("number", sa.Integer(), nullable=False),
        *(_text(name) for name in ("kind", "source", "object", "run_id", "state")),
        sa.Column("whole", sa.Boolean(), nullable=False),
        _json("cursor", nullable=True),
        _json("resume", nullable=True),
        _moment("source_time", nullable=True),
        _moment("started_at"),
        _moment("landed_at", nullable=True),
        _moment("judged_at", nullable=True),
        _text("judged_run", nullable=True),
        _text("contract_version", nullable=True),
        *map(_big, ("pulled", "pending", "duplicate", "superseded", "quarantined", "superseded_open")),
        sa.UniqueConstraint("table_name", "number"),
    )


def _batches() -> None:
    op.create_table(
        "batches",
        _id(),
        sa.Column("pull_id", _big("pull_id").type, sa.ForeignKey("pulls.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _text("kind"),
        sa.Column("path", sa.String(), nullable=False, unique=True),
        _big("rows"),
        _big("bytes"),
        _json("origin"),
        _json("fault", nullable=True),
    )
    op.create_index("ix_batches_pull_id", "batches", ["pull_id"])


def _quarantine() -> None:
    op.create_table(
        "entries",
        sa.Column("id", sa.String(), primary_key=True),
        _text("table_name"),
        _text("key", nullable=True),
        _json("rules"),
        _text("contract_version"),
        _text("version", nullable=True),
    )
    op.create_index("entries_by_key", "entries", ["table_name", "key"])
    op.create_table(
        "events",
        _id(),
        sa.Column("entry_id", sa.String(), sa.ForeignKey("entries.id"), nullable=False),
        *(_text(name) for name in ("table_name", "event", "run_id")),
        sa.Column("release", sa.Integer()),
        _moment("at"),
        *(_big(name, nullable=True) for name in ("pull_id", "batch_id", "ordinal")),
        _text("path", nullable=True),
        sa.Column("detail", sa.Text()),
    )
    op.create_index("events_by_entry", "events", ["entry_id", "id"])
    op.create_index("events_by_table", "events", ["table_name", "id"])


def _releases() -> None:
    op.create_table(
        "releases",
        sa.Column("release", sa.Integer(), primary_key=True, autoincrement=False),
        *(_text(name) for name in ("run_id", "state", "folder")),
        _moment("published_at", nullable=True),
        _json("manifest"),
    )


def _books() -> None:
    flow = ("pulled", "replayed", "pending_before", "inserted", "updated", "unchanged", "duplicate", "superseded")
    flow += ("deleted", "quarantined", "pending_after")
    rows = ("closed", "removed", "rows_before", "rows_after")
    quarantine = ("open_before", "superseded_open", "discarded", "open_after")
    op.create_table(
        "books",
        _id(),
        _text("table_name"),
        _text("run_id"),
        sa.Column("release", sa.Integer()),
        _moment("at"),
        _text("state"),
        sa.Column("reason", sa.Text()),
        *map(_big, flow + rows + quarantine),
        sa.Column("last_pull", sa.Integer(), nullable=False),
        _big("last_event"),
    )
    op.create_index("ix_books_table_name", "books", ["table_name"])
    op.create_table(
        "quality",
        _id(),
        *(_text(name) for name in ("run_id", "table_name", "rule")),
        _text("column", nullable=True),
        _text("severity"),
        _big("checked"),
        _big("failed"),
    )
    op.create_index("ix_quality_table_name", "quality", ["table_name"])


def _decisions() -> None:
    op.create_table(
        "holds",
        sa.Column("table_name", sa.String(), primary_key=True),
        _text("kind"),
        sa.Column("reason", sa.Text(), nullable=False),
        _moment("at"),
    )
    op.create_table(
        "acceptances",
        _id(),
        _text("table_name"),
        sa.Column("why", sa.Text(), nullable=False),
        _moment("at"),
        sa.Column("release", sa.Integer()),
    )


def _lease() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), primary_key=True),
        _text("holder"),
        _text("host"),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_start", sa.Float(), nullable=False),
        _text("token"),
        _moment("taken_at"),
        _moment("beat_at"),
    )
