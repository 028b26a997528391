"""What one release on disk is, against what its manifest says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tilth.assets.publishing import outside, shelf
from tilth.assets.publishing.engine import connect, quoted, row_of
from tilth.assets.publishing.manifest import Manifest
from tilth.errors import LakeError, ReleaseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Problem", "data_problems", "file_problems", "folder_problems", "lost_file"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be."""

    what: str
    where: str
    expected: str
    got: str
    next: str = "tilth publish list"


def lost_file(error: LakeError, expected: str) -> Problem:
    """That a file of the lake is missing or damaged; `expected`: what it held."""
    what, got = ("a file of the lake is damaged", error.got) if error.got else (error.what, "no such file")
    return Problem(what, error.where, expected, got, "restore it from a backup")


def folder_problems(folder: Path, file: str) -> Iterator[Problem]:
    """What is wrong with a release's folder: its parts, its seal, and the file against the manifest."""
    path, seal = folder / file, shelf.seal_in(folder)
    if not path.is_file():
        yield Problem("the release's file is missing", str(folder), file, "no such file")
        return
    if seal is None:
        yield Problem("the seal is missing", str(folder), "seal.json", "no such file, or a damaged one")
    elif (now := outside.print_of(path)) != seal:
        yield Problem(
            "the file was changed after it was sealed", str(path), str(seal["bytes"]), f"{now['bytes']} bytes"
        )
    try:
        manifest = shelf.manifest_in(folder)
    except ReleaseError as error:
        yield Problem(error.what, error.where, "a manifest", error.got)
        return
    yield from file_problems(path, manifest)


def file_problems(path: Path, manifest: Manifest) -> Iterator[Problem]:
    """What differs between a DuckDB file, opened read-only, and its manifest."""
    import duckdb

    if path.with_name(f"{path.name}.wal").exists():
        yield Problem("a write-ahead log lies beside it", str(path), "a closed file", f"{path.name}.wal")
        return
    try:
        con = connect(path, True)
    except duckdb.Error as error:
        yield Problem("cannot be opened", str(path), "a DuckDB file", str(error).splitlines()[0])
        return
    try:
        yield from _contents(con, path, manifest)
    except duckdb.Error as error:
        yield Problem("cannot be read", str(path), "whole blocks", str(error).splitlines()[0])
    finally:
        con.close()


def _contents(con: DuckDBPyConnection, path: Path, manifest: Manifest) -> Iterator[Problem]:
    rows = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'").fetchall()
    present = {str(name) for (name,) in rows}
    for name in sorted(present - set(manifest.tables)):
        yield Problem("a table that the manifest does not name", f"{path}: {name}", "no such table", name)
    for name, table in manifest.tables.items():
        where = f"{path}: {name}"
        if name in present:
            (count,) = row_of(con, f"SELECT count(*) FROM {quoted('main', name)}")
            if count != table.rows:
                yield Problem("the number of rows", where, f"{table.rows:,}", f"{count:,}")
        elif table.rows:
            yield Problem("a table is missing", where, f"{table.rows:,} rows", "no table")
    said = dict(con.execute("SELECT name, release FROM _catalog.tables").fetchall())
    yield from _catalogue(said, path, manifest)


def _catalogue(said: Mapping[str, int], path: Path, manifest: Manifest) -> Iterator[Problem]:
    for name in manifest.tables:
        if said.get(name) != manifest.release:
            got = f"release {said[name]}" if name in said else "nothing"
            yield Problem("the catalogue", f"{path}: _catalog.tables, {name}", f"release {manifest.release}", got)


def data_problems(path: Path, manifest: Manifest) -> Iterator[Problem]:
    """Read every block of every table: DuckDB keeps a checksum with each."""
    import duckdb

    con = connect(path, True)
    try:
        for name, table in manifest.tables.items():
            if not table.rows:
                continue
            try:
                con.execute(f"SELECT bit_xor(hash(t)) FROM {quoted('main', name)} t").fetchall()
            except duckdb.Error as error:
                got = str(error).splitlines()[0]
                yield Problem("the data cannot be read", f"{path}: {name}", "whole blocks", got)
    finally:
        con.close()
