"""What people decided of records: mended, or discarded. Of all that was said of a record the latest counts.

It is about the record, so what was said of it under another id counts too (`same_record.py`). What Tilth replayed by
itself is no decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.bulk import in_chunks
from tilth.assets.mends import discards
from tilth.assets.pulls import batches_named
from tilth.assets.same_record import same_records
from tilth.assets.storage import Storage

__all__ = ["Decision", "decisions"]

_PLACE = ["_batch", "_ordinal"]
_PLACES = 5_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said of an entry, and of the record that it is."""

    entry: str
    kind: str  # corrected | waived | discarded
    who: str
    why: str | None
    at: datetime
    number: int | None = None  # of the mend; None: the entry's own discard, which is none
    contract_version: str = ""
    path: str | None = None
    changes: Mapping[str, Sequence[str | None]] | None = None  # source column → before, after
    expires_at: datetime | None = None


def decisions(connection: sa.Connection, storage: Storage, table: str, open: pl.DataFrame) -> dict[str, Decision]:
    """Open entry (quarantine.OPEN) → what was decided last of its record, under whatever id."""
    known = [*dict.fromkeys((*open["id"], *_akin(connection, table, open)))]
    told = sorted((*_mended(connection, table, known), *_discarded(connection, known)), key=_when)
    last = {one.entry: one for one in told}
    order = sorted(last, key=lambda entry: _when(last[entry]))
    pairs = same_records(connection, storage, table, order, open)
    return {id: last[former] for former, id in pairs.iter_rows()}


def _when(one: Decision) -> tuple[datetime, bool, int]:
    """Their order; a discard counts for more than what was said at the same moment."""
    return one.at, one.number is None, one.number or 0


def _akin(connection: sa.Connection, table: str, open: pl.DataFrame) -> Iterator[str]:
    """The entries of which people spoke that may be the same records as open ones: by key, or by place."""
    entry, event = state.entries.c, state.events.c
    spoken = sa.or_(
        sa.exists().where(state.mends.c.entry_id == entry.id, state.mends.c.kind != "replayed"),
        sa.exists().where(event.entry_id == entry.id, event.event == "discarded"),
    )
    of_key = sa.select(entry.id).where(entry.table_name == table, spoken)
    for keys in in_chunks(open["key"].drop_nulls().unique().to_list()):
        yield from connection.execute(of_key.where(entry.key.in_(keys))).scalars()
    opened = sa.select(event.entry_id).where(event.table_name == table, event.event == "opened").distinct()
    places = pl.concat([open.select(*_PLACE), _twins(connection, table, open)]).drop_nulls()
    for some in places.iter_slices(_PLACES):
        batch, ordinal = (some[name].unique().to_list() for name in _PLACE)
        yield from connection.execute(opened.where(event.batch_id.in_(batch), event.ordinal.in_(ordinal))).scalars()


def _twins(connection: sa.Connection, table: str, open: pl.DataFrame) -> pl.DataFrame:
    """The places of records without a key in other batches of the same file."""
    keyless = open.filter(pl.col("key").is_null()).select(*_PLACE)
    known = batches_named(connection, keyless["_batch"].drop_nulls().unique().to_list())
    if not any(batch.origin.get("sha256") for batch in known.values()):
        return keyless.clear()
    batch, pull = state.batches.c, state.pulls.c
    query = sa.select(batch.id, batch.origin).join_from(state.batches, state.pulls).where(pull.table_name == table)
    rows = [(id, origin["sha256"], origin["offset"]) for id, origin in connection.execute(query)]
    starts = pl.DataFrame(rows, schema={"_batch": pl.Int64, "sha256": pl.String, "start": pl.Int64}, orient="row")
    here = keyless.join(starts, on="_batch").join(starts, on="sha256", suffix="_twin")
    return here.select(
        pl.col("_batch_twin").alias("_batch"), pl.col("_ordinal") + pl.col("start") - pl.col("start_twin")
    )


def _mended(connection: sa.Connection, table: str, entries: Sequence[str]) -> Iterator[Decision]:
    of = state.mends.c
    said = (of.who, of.why, of.at, of.id, of.contract_version, of.path, of.changes, of.expires_at)
    query = sa.select(of.entry_id, of.kind, *said).where(of.table_name == table, of.kind != "replayed")
    for ids in in_chunks(entries):
        for row in connection.execute(query.where(of.entry_id.in_(ids))):
            yield Decision(*row)


def _discarded(connection: sa.Connection, entries: Sequence[str]) -> Iterator[Decision]:
    for entry, event in discards(connection, entries).items():
        who, _, why = (event.detail or "").partition(": ")
        yield Decision(entry, "discarded", who, why, event.at)
