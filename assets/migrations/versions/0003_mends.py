"""Mends: quarantined records that were corrected, replayed or waived, until the next publish lets them return."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """One new table; what is there stays as it is."""
    op.create_table(
        "mends",
        sa.Column("id", _big(), primary_key=True, autoincrement=True),
        sa.Column("entry_id", sa.String(), sa.ForeignKey("entries.id"), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("table_name", "kind", "path", "contract_version")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("run_id", "who")),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("changes", sa.JSON(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_mends_entry_id", "mends", ["entry_id"])
    op.create_index("ix_mends_table_name", "mends", ["table_name"])


def downgrade() -> None:
    """A state database only goes forward."""
    raise NotImplementedError("0003 is not undone: bring a backup back")


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
