"""What an acceptance accepts: the causes of the hold that a person was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    """One new column; an older acceptance that no release has used yet says of nothing that it was told."""
    op.add_column("acceptances", sa.Column("causes", sa.JSON(), nullable=True))


def downgrade() -> None:
    """A state database only goes forward."""
    raise NotImplementedError("0005 is not undone: bring a backup back")
