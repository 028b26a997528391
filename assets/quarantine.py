"""The quarantine's books: entries, and the events that move them. Nothing is ever edited.

An entry's status is the fold of its events (`lives.py`). What it holds (raw values, reasons) lies in the Parquet file
that its latest opening names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tilth.assets import state
from tilth.assets.bulk import Rows
from tilth.assets.lake import Run
from tilth.assets.lives import OPENED, last_status, opening_event

__all__ = ["EVENTS", "OPEN", "Planned", "event_counts", "last_event", "open_count", "open_entries"]
__all__ += ["plan_opening", "record"]

_CHUNK = 50_000

EVENTS = pl.Schema(
    {
        "entry_id": pl.String(),
        "event": pl.String(),
        "key": pl.String(),
        "rules": pl.List(pl.String()),
        "contract_version": pl.String(),
        "version": pl.String(),
        "pull_id": pl.Int64(),
        "batch_id": pl.Int64(),
        "ordinal": pl.Int64(),
    }
)
"""Events as planned, in the order they happen: what a release's events file holds."""

OPEN = pl.Schema(
    {
        "id": pl.String(),
        "key": pl.String(),
        "rules": pl.List(pl.String()),
        "contract_version": pl.String(),
        "version": pl.String(),
        "pull_id": pl.Int64(),
        "pull": pl.Int64(),  # its number; 0 when the opening names no pull
        "_batch": pl.Int64(),
        "_ordinal": pl.Int64(),
        "path": pl.String(),
    }
)
"""Open entries, each where its record was last opened; toxic records that may open one have all but `path`."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What toxic records do to the quarantine."""

    opened: pl.DataFrame  # the toxic records that open an entry
    seen: pl.DataFrame  # the toxic records that are the same as an open entry: duplicate
    superseded: tuple[str, ...]  # entries that a newer toxic record of their key overtakes
    events: pl.DataFrame  # EVENTS, in order


def plan_opening(toxic: pl.DataFrame, open: pl.DataFrame) -> Planned:
    """Which of the `toxic` records open entries, given the table's `open` ones.

    The same record as an open one is seen again; another opens an entry, and supersedes older pulls' of its key.
    """
    rows = toxic.select("id", "key", "pull").with_row_index("row").cast({"row": pl.Int64})
    known = pl.col("id").is_in(open["id"].implode()) | pl.col("key").is_in(open["key"].drop_nulls().implode())
    twice = pl.col("id").is_duplicated() if rows["pull"].n_unique() == 1 else pl.lit(True)  # they may overtake others
    marked = rows.with_columns((known.fill_null(False) | twice).alias("related"))
    alone = marked.filter(~pl.col("related")).select("row", entry_id="id", event=pl.lit("opened"), order="row")
    steps = pl.concat([alone, _steps(marked.filter("related"), open)]).sort("order", maintain_order=True)
    return _planned(toxic, steps.drop("order"))


def _steps(rows: pl.DataFrame, open: pl.DataFrame) -> pl.DataFrame:
    """One by one, what the rows do that may have to do with each other, or with what is open."""
    now = {entry: (key, pull) for entry, key, pull in open.select("id", "key", "pull").iter_rows()}
    of_key: dict[str, set[str]] = {}
    for entry, (key, _) in now.items():
        of_key.setdefault(key, set()).add(entry)
    steps: list[tuple[int | None, str, str, int]] = []  # row of `toxic`, entry, event, order
    for row, entry, key, pull in rows.select("row", "id", "key", "pull").iter_rows():
        if entry in now:
            steps.append((row, entry, "seen", row))
            continue
        family = of_key.setdefault(key, set()) if key is not None else set[str]()
        for older in sorted(other for other in family if now[other][1] < pull):
            steps.append((None, older, "superseded", row))
            family.discard(older)
            del now[older]
        family.add(entry)
        now[entry] = key, pull
        steps.append((row, entry, "opened", row))
    return pl.DataFrame(steps, schema={**_STEPS, "order": pl.Int64}, orient="row")


_STEPS = {"row": pl.Int64, "entry_id": pl.String, "event": pl.String}


def _planned(toxic: pl.DataFrame, steps: pl.DataFrame) -> Planned:
    names = {"_batch": "batch_id", "_ordinal": "ordinal"}
    facts = toxic.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64)).rename(names)
    events = steps.join(facts, on="row", how="left", maintain_order="left").select(EVENTS.names()).cast(EVENTS)
    rows = {event: steps.filter(pl.col("event") == event)["row"].to_list() for event in ("opened", "seen")}
    superseded = steps.filter(pl.col("event") == "superseded")["entry_id"].to_list()
    return Planned(toxic[rows["opened"]], toxic[rows["seen"]], tuple(superseded), events)


def record(
    connection: sa.Connection,
    table: str,
    events: pl.DataFrame,
    run: Run,
    *,
    path: str | None = None,
    release: int | None = None,
    at: datetime | None = None,
    detail: str | None = None,
) -> None:
    """Append `events` (EVENTS) of one table; `path` is the toxic file that the opened ones lie in."""
    shared = {"table_name": table, "run_id": run.id, "release": release, "at": at or run.at, "detail": detail}
    for chunk in events.iter_slices(_CHUNK):
        opened = chunk.filter(pl.col("event") == "opened").unique("entry_id", keep="last", maintain_order=True)
        if opened.height:
            _keep_entries(connection, table, opened)
        if chunk.height:
            _append(connection, chunk, shared, path)


def _keep_entries(connection: sa.Connection, table: str, opened: pl.DataFrame) -> None:
    one = Rows(connection, opened)
    values = {"id": one.text("entry_id"), "table_name": sa.literal(table), "rules": one.json("rules")}
    values |= {name: one.text(name) for name in ("key", "contract_version", "version")}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(state.entries).from_select(list(values), one.select(values.values()))
    again = {"rules": insert.excluded.rules, "version": insert.excluded.version}  # the reasons of its latest opening
    connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=again))


def _append(connection: sa.Connection, events: pl.DataFrame, shared: Mapping[str, Any], path: str | None) -> None:
    one, of = Rows(connection, events), state.events.c
    values = {name: sa.literal(value, of[name].type) for name, value in shared.items()}
    values |= {name: one.text(name) for name in ("entry_id", "event")}
    values |= {name: sa.cast(one.text(name), sa.BigInteger) for name in ("pull_id", "batch_id", "ordinal")}
    values["path"] = sa.case((one.text("event") == "opened", sa.literal(path, sa.String)), else_=sa.null())
    connection.execute(state.events.insert().from_select(list(values), one.select(values.values())))


def open_entries(connection: sa.Connection, table: str) -> pl.DataFrame:
    """The open entries of `table` (OPEN), each where its record was last opened, oldest pull first."""
    last, opening, entry, pull = last_status(table), state.events.alias("opening"), state.entries.c, state.pulls.c
    query = (
        sa.select(
            entry.id, entry.key, sa.cast(entry.rules, sa.String), entry.contract_version, entry.version,
            opening.c.pull_id, sa.func.coalesce(pull.number, 0), opening.c.batch_id, opening.c.ordinal, opening.c.path,
        )
        .select_from(last)
        .join(state.events, state.events.c.id == last.c.id)
        .join(state.entries, entry.id == state.events.c.entry_id)
        .join(opening, opening.c.id == opening_event(last, state.events))
        .outerjoin(state.pulls, pull.id == opening.c.pull_id)
        .where(state.events.c.event.in_(OPENED))
        .order_by(opening.c.id)
    )  # fmt: skip
    schema = pl.Schema({**OPEN, "rules": pl.String()})
    parts = connection.execute(query).partitions(_CHUNK)  # as Python values a row is a kB: not all at once
    frames = [pl.DataFrame(list(zip(*part, strict=True)), schema=schema) for part in parts]
    return pl.concat(frames or [schema.to_frame()]).with_columns(pl.col("rules").str.json_decode(OPEN["rules"]))


def open_count(connection: sa.Connection, table: str, upto_event: int | None = None) -> int:
    """How many entries of `table` are open, or were after the event `upto_event`."""
    last = last_status(table, upto_event)
    query = sa.select(sa.func.count()).select_from(last).join(state.events, state.events.c.id == last.c.id)
    return connection.execute(query.where(state.events.c.event.in_(OPENED))).scalar_one()


def event_counts(connection: sa.Connection, table: str, from_event: int, to_event: int) -> Mapping[str, int]:
    """Events of `table` by kind, after `from_event` and up to `to_event`."""
    of = state.events.c
    query = sa.select(of.event, sa.func.count()).where(of.table_name == table, of.id > from_event, of.id <= to_event)
    return {row[0]: row[1] for row in connection.execute(query.group_by(of.event))}


def last_event(connection: sa.Connection, table: str | None = None) -> int:
    """The highest event id (of `table`); 0 when there is none."""
    query = sa.select(sa.func.coalesce(sa.func.max(state.events.c.id), 0))
    return connection.execute(query.where(state.events.c.table_name == table) if table else query).scalar_one()
