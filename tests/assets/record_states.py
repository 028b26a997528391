"""Every record of a table and the state it is in, from the data alone: read again the slow way.

Files and the curated table are read, counters are not: ready rows that a release contains are `current` when they
are in the table, else what a settled file says; the rest is pending, open, or stands aside.
"""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.lake import Lake
from tilth.assets.lives import OPENED
from tilth.assets.publishing.engine import connect, quoted
from tilth.assets.publishing.manifest import Manifest, in_ranges
from tilth.assets.pulls import PullRow, judged_pulls

__all__ = ["STATES", "record_states"]

_PLACE = ["_batch", "_ordinal"]
STATES = pl.Schema({"_batch": pl.Int64(), "_ordinal": pl.Int64(), "state": pl.String()})


def record_states(lake: Lake, table: str, current: Manifest | None) -> pl.DataFrame:
    """One row for each judged record of `table` (STATES); a record that is in no state, or in two, shows as such.

    States: pending, current, replaced, closed, unchanged, duplicate, superseded, deleted, open; an entry's own last
    word (waived, discarded, …) where it never came back.
    """
    with lake.state.read() as connection:
        pulls = judged_pulls(connection, table)
        entries = _entries(connection, table)
        settled = _settled_files(connection, table)
    entry = current.tables.get(table) if current else None
    contained = [pull for pull in pulls if entry and in_ranges(entry.pulls, pull.number)]
    waiting = [pull for pull in pulls if pull not in contained]
    merged = _ready(lake, contained)
    told = _last_told(lake, settled)
    published = _published(lake, table)
    came_back = entries.filter(pl.col("event").is_in(["replayed", "corrected", "waived"]))
    quarantined = entries.join(came_back, on=_PLACE, how="anti")
    good = merged.join(quarantined, on=_PLACE, how="anti")
    current_rows = good.join(published, on=_PLACE, how="semi").with_columns(pl.lit("current").alias("state"))
    gone = good.join(published, on=_PLACE, how="anti").join(told, on=_PLACE, how="left")
    return pl.concat(
        [
            current_rows.select(STATES.names()),
            gone.select(STATES.names()).with_columns(pl.col("state").replace("superseded_open", "superseded")),
            _ready(lake, waiting).with_columns(pl.lit("pending").alias("state")).select(STATES.names()),
            _aside(lake, pulls),
            quarantined.select(*_PLACE, pl.col("event").replace(dict.fromkeys(OPENED, "open")).alias("state")),
        ]
    ).sort(_PLACE)


def _ready(lake: Lake, pulls: list[PullRow]) -> pl.DataFrame:
    frames = [parquet.read(lake.storage, pull.ready, _PLACE) for pull in pulls if pull.pending]
    return pl.concat([pl.DataFrame(schema=dict.fromkeys(_PLACE, pl.Int64)), *frames])


def _aside(lake: Lake, pulls: list[PullRow]) -> pl.DataFrame:
    frames = [parquet.read(lake.storage, pull.aside) for pull in pulls if pull.aside]
    return pl.concat([pl.DataFrame(schema=STATES), *(frame.select(STATES.names()) for frame in frames)])


def _entries(connection: sa.Connection, table: str) -> pl.DataFrame:
    """Each opening's place and its entry's last word; a withdrawn opening is none."""
    of = state.events.c
    query = sa.select(of.id, of.entry_id, of.event, of.batch_id, of.ordinal).where(of.table_name == table)
    lives: dict[str, list[list[tuple[int, int, str]]]] = {}  # of each entry: openings, with what happened to each
    for _, entry, event, batch, ordinal in connection.execute(query.order_by(of.id)):
        own = lives.setdefault(entry, [])
        if event == "opened":
            own.append([(batch, ordinal, event)])
        elif event == "withdrawn":
            own.pop()
        elif event == "reopened":
            own[-1][1:] = own[-1][1:-1]  # never the opening
        elif event != "seen":
            own[-1].append((*own[-1][0][:2], event))
    schema = {"_batch": pl.Int64, "_ordinal": pl.Int64, "event": pl.String}
    return pl.DataFrame([life[-1] for own in lives.values() for life in own], schema=schema, orient="row")


def _settled_files(connection: sa.Connection, table: str) -> list[str]:
    of = state.releases.c
    query = sa.select(of.manifest).where(of.state == "published").order_by(of.release)
    entries = [manifest["tables"].get(table) for manifest in connection.execute(query).scalars()]
    return [entry["settled"] for entry in entries if entry and entry["settled"]]


def _last_told(lake: Lake, files: list[str]) -> pl.DataFrame:
    frames = [parquet.read(lake.storage, file).select(STATES.names()).cast(STATES) for file in files]
    return pl.concat([pl.DataFrame(schema=STATES), *frames]).unique(_PLACE, keep="last", maintain_order=True)


def _published(lake: Lake, table: str) -> pl.DataFrame:
    empty = pl.DataFrame(schema=dict.fromkeys(_PLACE, pl.Int64))
    if not lake.curated.exists():
        return empty
    con = connect(lake.curated, True)
    try:
        known = con.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = ?", [table]
        )
        if not known.fetchall()[0][0]:
            return empty
        return con.sql(f"SELECT _batch, _ordinal FROM {quoted(table)}").pl()
    finally:
        con.close()
