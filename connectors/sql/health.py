"""What a database says of itself, and what an operator should know before relying on it."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["health"]

_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite"}
_SEES_OTHERS = sa.text("select pg_has_role(current_user, 'pg_read_all_stats', 'usage')")
_OPEN_SINCE = sa.text("""
    select pid, date_trunc('second', now() - xact_start)::text from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and xact_start < now() - interval '1 hour'
        and usesysid is not null
    order by xact_start limit 1
""")


def health(connection: sa.Connection) -> str:
    """Product and version, and why incremental pulls would read more than they need, or know less."""
    connection.execute(sa.select(1)).scalar_one()
    dialect = connection.dialect
    version = ".".join(str(part) for part in getattr(dialect, "server_version_info", None) or ())
    parts = [f"{_NAMES.get(dialect.name, dialect.name)} {version}".strip()]
    if dialect.name == "postgresql":
        if not connection.execute(_SEES_OTHERS).scalar():
            parts.append("begin of other users' transactions not visible (grant pg_read_all_stats to see it)")
        for pid, age in connection.execute(_OPEN_SINCE):
            parts.append(f"transaction of process {pid} open for {age}: every pull goes back that far")
    return ", ".join(parts)
