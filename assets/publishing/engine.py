"""DuckDB connections as this project opens them: bounded memory, no extension fetched, one place for its traps."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilth.errors import ReleaseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["STORAGE_VERSION", "attach", "connect", "create", "literal", "parquet", "quoted", "row_of"]

STORAGE_VERSION = "v1.4.0"
"""The file format: DuckDB 1.4 and every later client can open it."""


def connect(
    path: Path | None,
    read_only: bool = False,
    *,
    memory_limit: str = "512MB",
    threads: int | None = None,
    spill: Path | None = None,
    time_zone: str = "UTC",
) -> DuckDBPyConnection:
    """A connection to `path` (None: in memory); what does not fit into memory spills beside a writable file.

    Days, hours and texts of points in time are those of `time_zone`, never of the machine.
    """
    import duckdb

    spill = spill or (Path(tempfile.gettempdir()) if read_only or path is None else path.parent / ".spill")
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
    }
    if threads is not None:
        config["threads"] = threads
    try:
        con = duckdb.connect(":memory:" if path is None else str(path), read_only=read_only, config=config)
        con.execute(f"SET TimeZone = {literal(time_zone)}").fetchall()
        return con
    except duckdb.Error as error:
        if not read_only:
            raise  # a candidate's trouble is told with what stays published
        raise _unreadable(path, error) from error


def attach(con: DuckDBPyConnection, path: Path, name: str) -> None:
    """Make another file's tables readable as `name`."""
    import duckdb

    try:
        con.execute(f"ATTACH {literal(str(path))} AS {name} (READ_ONLY)").fetchall()
    except duckdb.Error as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path | None, error: Exception) -> ReleaseError:
    got, writing = str(error).splitlines()[0], "close the program that writes to it, then tilth verify"
    step = "tilth publish rollback" if "corrupt" in got.lower() else writing
    return ReleaseError("the file cannot be read", where=str(path), got=got, next=step)


def create(path: Path) -> None:
    """An empty database file that DuckDB 1.4 clients can open too."""
    connection = connect(None)
    try:
        connection.execute(f"ATTACH {literal(str(path))} AS fresh (STORAGE_VERSION {literal(STORAGE_VERSION)})")
        connection.execute("DETACH fresh")
    finally:
        connection.close()


def row_of(con: DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
    """The one row of a query, drained: after `fetchone` the result would still own the connection."""
    (row,) = con.execute(sql, list(parameters)).fetchall()
    return row


def parquet(*urls: str) -> str:
    """The rows of these very files, as a relation: to DuckDB `*`, `?` and `[` in a folder's name are patterns."""
    return f"read_parquet([{', '.join(literal(glob.escape(url)) for url in urls)}])"


def quoted(*names: str) -> str:
    """An identifier for SQL, each part quoted: `quoted("_catalog", "tables")`."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str | None) -> str:
    """A string literal for SQL statements that take no parameters."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
