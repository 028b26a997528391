"""What a database's clock and open transactions say, seen before the first row is read.

PostgreSQL tells when each transaction began; for transactions of other users this takes the right pg_read_all_stats.
Without it the locks still show which transactions are open (`hidden`), and so whether one of them was open already when
the last pull began; if none was, they are all younger than that pull. A standby does not show the transactions of its
primary, nor do other databases show theirs: there the connection's `lag` must be longer than the longest transaction.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tilth.connectors.sql.keyset import quoted
from tilth.connectors.sql.window import Moment, Start, moment_of

__all__ = ["begin", "newest", "undated"]

# Text before these is no date: '' and '0000-00-00'; and numbers, which are read as if they were NULL. SQLite makes a
# number of '1' where it compares a DATETIME column with it, and no number is beyond a text there.
_DATED = {"sqlite": "0~"}, "1"
_OLD = {"sqlite": "18~"}, "19"  # seconds since 1970 are before it, and dates of long ago: too many are read, none lost

_POSTGRESQL = sa.text("""
    with others as (
        select pid, xact_start from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and usesysid is not null
    )
    select clock, clock at time zone current_setting('TimeZone'),
        (select min(xact_start) from others),
        (select min(prepared) from pg_prepared_xacts where database = current_database()),
        array(select pid || ':' || virtualtransaction from pg_locks join others using (pid)
              where locktype = 'virtualxid' and granted and xact_start is null order by 1)
    from (
        select case when pg_is_in_recovery() then coalesce(pg_last_xact_replay_timestamp(), now()) else now() end clock
    ) as seen
""")
_CLOCKS = {
    "sqlite": "select strftime('%Y-%m-%d %H:%M:%f', 'now'), null",
    "mysql": "select utc_timestamp(6), convert_tz(utc_timestamp(6), '+00:00', @@global.time_zone)",
    "mariadb": "select utc_timestamp(6), convert_tz(utc_timestamp(6), '+00:00', @@global.time_zone)",
    "mssql": "select sysutcdatetime(), sysdatetime()",
    "oracle": "select sys_extract_utc(systimestamp), cast(systimestamp as timestamp) from dual",
}


def begin(connection: sa.Connection) -> Start:
    """The database's clock, and the transactions that are open. Where it has no clock we know, this machine's."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        return _postgresql(connection)
    if dialect not in _CLOCKS:
        return Start(datetime.now(UTC))
    clock, local = connection.execute(sa.text(_CLOCKS[dialect])).one()
    return Start((moment_of(clock) or datetime.now(UTC)).replace(tzinfo=UTC), local=moment_of(local))


def _postgresql(connection: sa.Connection) -> Start:
    clock, local, oldest, prepared, hidden = connection.execute(_POSTGRESQL).one()
    began = [moment.astimezone(UTC) for moment in (oldest, prepared) if moment is not None]
    return Start(clock.astimezone(UTC), min(began, default=None), tuple(hidden), local)


def undated(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[bool]:
    """The rows of a text cursor that cannot be told old from new by it, NULLs aside."""
    return column < _limit(_OLD, dialect)


def _limit(of: tuple[dict[str, str], str], dialect: str) -> sa.ColumnElement[Any]:
    known, usual = of
    return quoted(known.get(dialect, usual))


def newest(connection: sa.Connection, column: sa.Column[Any], moment: Moment, at: datetime) -> object:
    """The greatest cursor value without zone that is not after `at` (naive, as is the column); None: there is none."""
    dialect = connection.dialect.name
    if moment == "text":
        tomorrow = (at + timedelta(days=1)).date().isoformat()
        dated = column >= _limit(_DATED, dialect)
        if dialect == "sqlite":  # a column of numbers alone has to be told, and text is the greater
            dated = dated | sa.func.typeof(column).in_(("integer", "real"))
        dated = dated & (column < tomorrow)
        return connection.execute(sa.select(sa.func.max(column)).where(dated)).scalar()
    if dialect == "postgresql":
        condition = (column > quoted("-infinity")) & (column <= quoted(at.isoformat(sep=" ")))
    else:
        condition = column <= sa.literal(at.date() if moment == "date" else at, column.type)
    return connection.execute(sa.select(sa.func.max(column)).where(condition)).scalar()
