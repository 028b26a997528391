"""How often the judgement of a pull was taken back, and an index that does without the events that change nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    """One new column (what is there was never taken back), and one new index."""
    op.add_column("pulls", sa.Column("judgings", sa.Integer(), nullable=False, server_default="0"))
    moves = sa.text("event != 'seen'")
    columns = ["entry_id", "id", "table_name", "event"]
    op.create_index("events_by_life", "events", columns, sqlite_where=moves, postgresql_where=moves)


def downgrade() -> None:
    """A state database only goes forward."""
    raise NotImplementedError("0004 is not undone: bring a backup back")
