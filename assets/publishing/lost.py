"""Files of the lake that a publish needs and cannot read: looked for once a candidate could not be built.

Read by DuckDB, as the candidate reads them, and to the last byte: a file may be whole at its end and damaged before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tilth.assets import parquet
from tilth.assets.lake import Lake
from tilth.assets.places import ready_path
from tilth.assets.publishing.engine import connect
from tilth.assets.publishing.engine import parquet as rows_of
from tilth.assets.publishing.pictures import pictures_of
from tilth.assets.publishing.turns import Turn
from tilth.errors import LakeError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["lost_files", "unreadable"]


def lost_files(turns: Iterable[Turn], lake: Lake) -> Iterator[tuple[str, LakeError]]:
    """Table and what is wrong, for each whose turn needs a file that is missing or damaged."""
    with lake.state.read() as connection:
        needed = {turn.name: _files(connection, turn) for turn in turns}
    con = connect(None)
    try:
        for table, files in needed.items():
            if wrong := next(filter(None, (unreadable(con, lake, rel) for rel in files)), None):
                yield table, wrong
    finally:
        con.close()


def unreadable(con: DuckDBPyConnection, lake: Lake, rel: str) -> LakeError | None:
    """What is wrong with a file of good records; None when all of it can be read."""
    import duckdb

    if not lake.storage.exists(rel):
        return parquet.missing(rel)
    try:
        con.execute(f"SELECT bit_xor(hash(tilth_row)) FROM {rows_of(lake.storage.url(rel))} tilth_row").fetchall()
    except (duckdb.Error, RuntimeError) as error:  # the latter: its words hold bytes of the file
        return parquet.damaged(rel, error)
    return None


def _files(connection: sa.Connection, turn: Turn) -> list[str]:
    """What a turn reads: good records that are pending, that waited, that were mended; and what pictures hold."""
    pictures = pictures_of(connection, turn)
    waited = turn.orphans.join(turn.mends, on="id", how="anti")["pull_id"].drop_nulls().unique(maintain_order=True)
    held = [file for picture in (pictures.whole, pictures.keys) if picture for file in picture.files]
    pending = [pull.ready for pull in turn.pulls if pull.pending]
    mended = turn.open.join(turn.mends, on="id", how="inner", maintain_order="left")["mended"]
    return [*dict.fromkeys([*pending, *(ready_path(turn.name, pull) for pull in waited), *mended, *held])]
