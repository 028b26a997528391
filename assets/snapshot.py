"""What the status needs of the state database, read in one moment and without waiting for a writer.

SQLite is read with the standard library, which is in memory at once; any other state, or one that cannot be read
so (older, damaged), is opened as a run would open it, and says what is wrong in the same words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["Snapshot", "moment", "snapshot"]

Rows = Sequence[Mapping[str, Any]]

_LAST_BOOKS = "SELECT table_name, state, reason FROM books WHERE id IN (SELECT max(id) FROM books GROUP BY table_name)"
_LAST_ATTEMPTS = (
    "SELECT id, run_id, table_name, source, state, error, at FROM steps "
    "WHERE id IN (SELECT max(id) FROM steps WHERE step = 'ingest' GROUP BY table_name) ORDER BY id"
)
_JUDGED = (
    "SELECT table_name, number, pulled, pending, duplicate, superseded, quarantined, superseded_open "
    "FROM pulls WHERE kind = 'rows' AND state = 'judged'"
)
_HOLDS = "SELECT table_name, kind, reason FROM holds"
_LEASES = "SELECT holder, host, pid, taken_at, beat_at FROM leases WHERE name = 'writer'"
_WAITING = "SELECT count(*) AS waiting FROM outbox WHERE delivered_at IS NULL"
_DELIVERIES = "SELECT place, problem, at FROM deliveries"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows of the state at one moment; all empty before the first run."""

    books: Rows = ()  # the last row of each table
    attempts: Rows = ()  # the last ingest step of each table
    holds: Rows = ()
    leases: Rows = ()
    waiting: Rows = ()  # how many lineage events are not delivered yet
    deliveries: Rows = ()  # where they go, and what the last attempt met
    judged: Rows = ()  # every judged pull of rows


def snapshot(url: str) -> Snapshot:
    """The state at `url` as it is now; nothing is created."""
    scheme, _, path = url.partition("?")[0].partition(":///")
    if scheme.split("+")[0] != "sqlite":
        return _opened(url)
    if not Path(path).exists():
        return Snapshot()
    try:
        return _sqlite(Path(path))
    except sqlite3.Error:
        return _opened(url)


def moment(value: object) -> datetime | None:
    """A time as the state holds it (SQLite: text, in UTC), aware."""
    if value is None:
        return None
    read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _sqlite(path: Path) -> Snapshot:
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return _read(lambda sql: [dict(row) for row in connection.execute(sql)])


def _opened(url: str) -> Snapshot:
    from sqlalchemy import text

    from tilth.assets.database import open_state

    state = open_state(url)
    try:
        with state.read() as connection:
            return _read(lambda sql: [dict(row) for row in connection.execute(text(sql)).mappings()])
    finally:
        state.close()


def _read(rows: Callable[[str], Rows]) -> Snapshot:
    asked = (_LAST_BOOKS, _LAST_ATTEMPTS, _HOLDS, _LEASES, _WAITING, _DELIVERIES, _JUDGED)
    return Snapshot(*(rows(sql) for sql in asked))
