"""The same toxic record under another id: ids hold the contract version, so a changed contract gives new ones.

What people said of a record (a correction, a waiver, a line of an exported file) is about the record, not about an id.
It is the same one where it stands at the same place of a landed batch, whatever its key is called by now; and, pulled
again, where it is known as the same (`toxic.known_as`) and every value as pulled is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.bulk import in_chunks
from tilth.assets.listing import raws_of
from tilth.assets.pulls import batches_named
from tilth.assets.storage import Storage
from tilth.assets.toxic import known_as

__all__ = ["same_records"]

_FORMER = pl.Schema(
    {"former": pl.String(), "key": pl.String(), "_batch": pl.Int64(), "_ordinal": pl.Int64(), "path": pl.String()}
)
_PAIR = pl.Schema({"former": pl.String(), "id": pl.String()})


def same_records(
    connection: sa.Connection, storage: Storage, table: str, former: Sequence[str], open: pl.DataFrame
) -> pl.DataFrame:
    """Which of a table's `open` entries (quarantine.OPEN) are the records of `former` ids, whatever became of those.

    A row an open entry: `former`, `id`. Where several are its record, the one that comes last in `former` counts.
    """
    known = pl.concat([pl.DataFrame(schema=_FORMER), *_openings(connection, table, former)])
    if known.is_empty() or open.is_empty():
        return pl.DataFrame(schema=_PAIR)
    here = open.select("id", "key", "_batch", "_ordinal", "path")
    placed = known.join(here, on=["_batch", "_ordinal"]).select(_PAIR.names())
    order = pl.DataFrame({"former": former}, schema={"former": pl.String}).with_row_index("order")
    pairs = pl.concat([placed, _pulled_again(connection, storage, known, here)]).join(order, on="former")
    return pairs.sort("order", "id").unique("id", keep="last", maintain_order=True).select(_PAIR.names())


def _openings(connection: sa.Connection, table: str, former: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Every place where they were opened (_FORMER)."""
    of, entry = state.events.c, state.entries.c
    for some in in_chunks(former):
        query = (
            sa.select(entry.id, entry.key, of.batch_id, of.ordinal, of.path)
            .join_from(state.entries, state.events, of.entry_id == entry.id)
            .where(of.event == "opened", entry.table_name == table, entry.id.in_(some))
            .order_by(of.id)
        )
        yield pl.DataFrame([tuple(row) for row in connection.execute(query)], schema=_FORMER, orient="row")


def _pulled_again(connection: sa.Connection, storage: Storage, known: pl.DataFrame, here: pl.DataFrame) -> pl.DataFrame:
    """The pairs that are known as the same and were pulled with the same values."""
    last = known.unique("former", keep="last", maintain_order=True)
    both = _known_as(connection, last).join(_known_as(connection, here), on="known", suffix="_here")
    pairs = both.filter(pl.col("former") != pl.col("id")).drop_nulls(["path", "path_here"])
    old = raws_of(storage, pairs.select("path", "former").unique().iter_rows())
    new = raws_of(storage, pairs.select("path_here", "id").unique().iter_rows())
    same = [old[former] == new[id] for former, id in pairs.select("former", "id").iter_rows()]
    return pairs.filter(pl.Series(same, dtype=pl.Boolean)).select(_PAIR.names())


def _known_as(connection: sa.Connection, entries: pl.DataFrame) -> pl.DataFrame:
    batches = batches_named(connection, entries["_batch"].drop_nulls().unique().to_list())
    places = entries.select("key", "_batch", "_ordinal").iter_rows()
    known = [None if batch is None else str(known_as(key, batches[batch], ordinal)) for key, batch, ordinal in places]
    return entries.with_columns(pl.Series("known", known, dtype=pl.String))
