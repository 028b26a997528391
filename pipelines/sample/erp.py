"""The ERP's database: created from the plan, moved on night by night, with a transaction that somebody forgot.

The database itself knows which night it is in (`sample.world`), so a start after a crash goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tilth.errors import MissingExtra
from tilth.pipelines.sample.erp_changes import Change
from tilth.pipelines.sample.erp_rows import COLUMNS, Row
from tilth.pipelines.sample.plan import Plan
from tilth.pipelines.sample.postgres import Server

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

__all__ = ["READER", "Erp"]

READER = "tilth"
"""The user that the project reads with: it may read every table and see how long transactions are open."""


class Erp:
    """The database of one running server, and the plan it follows."""

    def __init__(self, server: Server, plan: Plan) -> None:
        self._server, self._plan = server, plan
        self._late: Connection[Row] | None = None
        self.night = 0

    def start(self, night: int, *, password: str) -> None:
        """Bring the database to `night`, from where it is or from nothing, and let the reader in."""
        with self._connect() as connection:
            self.night = self._found(connection)
            if not 0 < self.night <= night:
                self._create(connection)
            self._admit(connection, password)
        self.advance(night)
        if self.night == 1:
            self._forget_to_commit()

    def advance(self, night: int) -> None:
        """Move on to `night`: each night between is one transaction."""
        while self.night < night:
            if self.night == 1:
                self.commit_late()
            with self._connect() as connection, connection.cursor() as cursor:
                _apply(cursor, self._plan.nights[self.night + 1].erp.changes)
                cursor.execute("update sample.world set night = night + 1")
            self.night += 1

    def commit_late(self) -> None:
        """Commit the transaction that has been open since the first night; nothing to do when that is done."""
        if self._late is not None:
            self._late.commit()
            self.close()
        with self._connect() as connection:
            if not self._late_is_there(connection):  # it was open when the systems stopped: its rows come now
                _apply(connection.cursor(), self._late_changes())

    def close(self) -> None:
        """Drop the open transaction."""
        if self._late is not None:
            with suppress(_psycopg().Error):
                self._late.close()
        self._late = None

    def _late_changes(self) -> list[Change]:
        return self._plan.nights[2].erp.late

    def _late_is_there(self, connection: Connection[Row]) -> bool:
        order = self._late_changes()[0].values["order_id"]
        return connection.execute("select from orders where order_id = %s", [order]).fetchone() is not None

    def _forget_to_commit(self) -> None:
        self._late = self._connect()
        if not self._late_is_there(self._late):
            _apply(self._late.cursor(), self._late_changes())

    def _connect(self) -> Connection[Row]:
        return _psycopg().connect(self._server.url, application_name="sample company")

    def _found(self, connection: Connection[Row]) -> int:
        """The night the database is in; 0 when it is empty or of another plan."""
        with connection.cursor() as cursor:
            cursor.execute("select to_regclass('sample.world') is not null")
            if cursor.fetchone() != (True,):
                return 0
            wanted = (self._plan.history.seed, self._plan.history.lines)
            cursor.execute("select night from sample.world where (seed, lines) = (%s, %s)", wanted)
            found = cursor.fetchone()
        return int(found[0] or 0) if found else 0

    def _create(self, connection: Connection[Row]) -> None:
        history, planted = self._plan.history, self._plan.nights[1].erp.changes
        with connection.cursor() as cursor:
            cursor.execute("drop schema if exists sample cascade")
            cursor.execute("drop schema public cascade")
            cursor.execute("create schema public")
            cursor.execute(_statements("erp.sql"))
            for table, columns in COLUMNS.items():
                _copy(cursor, table, history.rows(table))
                rows = (c.values for c in planted if c.table == table)
                _copy(cursor, table, (tuple(values[name] for name in columns) for values in rows))
            cursor.execute(_statements("erp_after.sql"))
            cursor.execute("insert into sample.world values (%s, %s, 1)", (history.seed, history.lines))
        connection.commit()
        self.night = 1

    def _admit(self, connection: Connection[Row], password: str) -> None:
        _psycopg()
        from psycopg import sql

        role, secret = sql.Identifier(READER), sql.Literal(password)
        with connection.cursor() as cursor:
            cursor.execute("select from pg_roles where rolname = %s", [READER])
            verb = sql.SQL("create" if cursor.fetchone() is None else "alter")
            cursor.execute(sql.SQL("{} role {} login password {}").format(verb, role, secret))
            cursor.execute(sql.SQL("grant pg_read_all_stats to {}").format(role))
            cursor.execute(sql.SQL("grant usage on schema public to {}").format(role))
            cursor.execute(sql.SQL("grant select on all tables in schema public to {}").format(role))


def _psycopg() -> ModuleType:
    try:
        import psycopg
    except ImportError:
        raise MissingExtra.of("psycopg", "sample") from None
    return psycopg


def _statements(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()


def _copy(cursor: Cursor[Row], table: str, rows: Iterable[Row]) -> None:
    with cursor.copy(f"copy {table} ({', '.join(COLUMNS[table])}) from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _apply(cursor: Cursor[Row], changes: Iterable[Change]) -> None:
    for change in changes:
        values, where = list(change.values.values()), list(change.where.values())
        condition = " and ".join(f"{name} = %s" for name in change.where)
        if not change.where:
            marks = ", ".join(["%s"] * len(values))
            statement = f"insert into {change.table} ({', '.join(change.values)}) values ({marks})"
        elif values:
            statement = f"update {change.table} set {', '.join(f'{n} = %s' for n in change.values)} where {condition}"
        else:
            statement = f"delete from {change.table} where {condition}"
        cursor.execute(statement.encode(), [*values, *where])
        assert cursor.rowcount == 1, f"planned for one row, met {cursor.rowcount}: {change}"
