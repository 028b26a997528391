"""Lineage: the outbox of events, where it was delivered to, and where pulled objects stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Two new tables, and a column each for pulls and releases; what is there stays as it is."""
    op.add_column("pulls", sa.Column("dataset", sa.JSON(), nullable=True))
    op.add_column("releases", sa.Column("lineage", sa.Text(), nullable=True))
    op.create_table(
        "outbox",
        sa.Column("id", _big(), primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("run_id", "type", "job")),
        sa.Column("table_name", sa.String(), nullable=True),
        sa.Column("of_run", sa.String(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("run_id", "type"),
    )
    op.create_index("outbox_by_run", "outbox", ["of_run", "job"])
    op.create_index("outbox_open", "outbox", ["open"])
    op.create_index("outbox_waiting", "outbox", ["delivered_at", "id"])
    op.create_table(
        "deliveries",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("size", _big(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """A state database only goes forward."""
    raise NotImplementedError("0002 is not undone: bring a backup back")


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
