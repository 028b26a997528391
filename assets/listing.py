"""The quarantine as people see it: entries with their status, their reasons, and on demand their raw values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.bulk import in_chunks
from tilth.assets.database import State
from tilth.assets.instant import Instant
from tilth.assets.lives import OPENED, last_status, opening_event
from tilth.assets.storage import Storage
from tilth.assets.toxic import as_id, read_toxic

__all__ = ["Count", "Entry", "History", "Mend", "counts", "details", "listing", "named", "raws_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, where its record was last opened."""

    id: str
    table: str
    key: str | None
    status: str  # open | replayed | corrected | superseded | waived | discarded
    rules: tuple[str, ...]
    contract_version: str
    run_id: str  # that opened it
    opened_at: datetime
    batch: int | None
    ordinal: int | None
    path: str | None  # the toxic file that holds it
    source: str | None  # None: of a derived table
    reasons: tuple[dict[str, str | None], ...]  # rule, column, value, expected, kind, severity
    raw: str | None = None  # the record as pulled, a JSON object of texts: only with `details`
    read: str | None = None  # what was read of it, by contract column


@dataclass(frozen=True, slots=True)
class History:
    """One event of an entry's life."""

    event: str
    at: datetime
    run_id: str
    release: int | None
    batch: int | None
    ordinal: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Mend:
    """Who let an entry's record return, and how."""

    kind: str  # corrected | replayed | waived
    at: datetime
    who: str
    why: str | None
    changes: Mapping[str, Sequence[str | None]] | None  # source column → before, after
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many entries of one table have one status."""

    table: str
    status: str
    entries: int
    last_day: int  # of them, opened in the last 24 hours
    last_week: int  # in the last 7 days
    oldest: datetime
    rules: Mapping[str, int]  # rule → entries that have it among their reasons, most first


def listing(
    lake_state: State,
    storage: Storage,
    *,
    table: str | None = None,
    status: str | None = None,
    rule: str | None = None,
    before: datetime | None = None,
    oldest_first: bool = False,
    limit: int | None = None,
) -> list[Entry]:
    """The entries that fit, newest opening first; `before`: opened before. Openings that were taken back are none."""
    age = sa.literal_column("opening.id")
    query = _fitting(table, status, rule, before).order_by(age if oldest_first else age.desc())
    with lake_state.read() as connection:
        rows = connection.execute(query.limit(limit) if limit is not None else query).mappings().all()
    return _with_files(rows, storage, ["reasons"])


def named(lake_state: State, storage: Storage, table: str | None, ids: Iterable[str]) -> list[Entry]:
    """The entries (of a table) that have these ids, as they are now; openings that were taken back are none."""
    with lake_state.read() as connection:
        queries = (_query(table, some) for some in in_chunks([*dict.fromkeys(ids)]))
        rows = [row for query in queries for row in connection.execute(query).mappings()]
    return _with_files(rows, storage, ["reasons"])


def counts(
    lake_state: State,
    *,
    now: datetime,
    table: str | None = None,
    status: str | None = None,
    rule: str | None = None,
    before: datetime | None = None,
) -> list[Count]:
    """How many entries fit, by table and status: most first."""
    fitting = _fitting(table, status, rule, before).subquery("fitting").c
    rules, day = sa.cast(fitting.rules, sa.String), timedelta(days=1)
    ages = [sa.func.sum(sa.case((fitting.at >= now - span, 1), else_=0)) for span in (day, 7 * day)]
    told = sa.case((fitting.event.in_(OPENED), "open"), else_=fitting.event).label("told")
    query = sa.select(fitting.table_name, told, rules, sa.func.count(), *ages, sa.func.min(fitting.at))
    query = query.group_by(fitting.table_name, told, rules)
    found: dict[tuple[str, str], Count] = {}
    with lake_state.read() as connection:
        for row in connection.execute(query):
            name, said, texts, entries, last_day, last_week, oldest = tuple(row)
            old = found.get((name, said), Count(name, said, 0, 0, 0, oldest, {}))
            names: Counter[str] = Counter(old.rules) + Counter(dict.fromkeys(json.loads(texts), entries))
            found[name, said] = Count(
                name,
                said,
                old.entries + entries,
                old.last_day + last_day,
                old.last_week + last_week,
                min(old.oldest, oldest),
                dict(names.most_common()),
            )
    return sorted(found.values(), key=lambda one: (-one.entries, one.table, one.status))


def details(lake_state: State, storage: Storage, id: str) -> tuple[Entry, list[History], list[Mend]] | None:
    """An entry by its id or the beginning of it: with raw values, its whole history, and who mended it.

    None unless just one fits.
    """
    entry, of = state.entries.c, state.events.c
    query = _query(None).where(entry.id.startswith(as_id(id), autoescape=True)).limit(2)
    with lake_state.read() as connection:
        rows = connection.execute(query).mappings().all()
        if len(rows) != 1:
            return None
        columns = (of.entry_id, of.event, of.at, of.run_id, of.release, of.batch_id, of.ordinal, of.detail)
        past = connection.execute(sa.select(*columns).where(of.entry_id == rows[0]["id"]).order_by(of.id)).all()
        mend = state.mends.c
        told = (mend.kind, mend.at, mend.who, mend.why, mend.changes, mend.expires_at)
        mends = connection.execute(sa.select(*told).where(mend.entry_id == rows[0]["id"]).order_by(mend.id)).all()
    (entry_now,) = _with_files(rows, storage, ["reasons", "raw", "read"])
    return entry_now, [History(*row[1:]) for row in past], [Mend(*row) for row in mends]


def raws_of(storage: Storage, places: Iterable[tuple[str, str]]) -> dict[str, Mapping[str, str | None]]:
    """Entry id → the record as pulled, of entries by toxic file and id; every file is read once."""
    by_path: dict[str, list[str]] = {}
    for path, id in places:
        by_path.setdefault(path, []).append(id)
    held: dict[str, Mapping[str, str | None]] = {}
    for path, ids in by_path.items():
        rows = parquet.read(storage, path, ["id", "raw"]).filter(pl.col("id").is_in(ids))
        held |= {id: json.loads(raw) for id, raw in rows.iter_rows()}
    return held


def _query(table: str | None, ids: Sequence[str] | None = None) -> sa.Select[*tuple[Any, ...]]:
    last, entry, event = last_status(table, entries=ids), state.entries.c, state.events.c
    opening = state.events.alias("opening")
    columns = (entry.id, entry.table_name, entry.key, event.event, entry.rules, entry.contract_version)
    place = (
        opening.c.run_id,
        opening.c.at,
        opening.c.batch_id,
        opening.c.ordinal,
        opening.c.path,
        state.pulls.c.source,
    )
    joined = sa.select(*columns, *place).select_from(last).join(state.events, event.id == last.c.id)
    opened = joined.join(state.entries, entry.id == event.entry_id).join(
        opening, opening.c.id == opening_event(last, state.events)
    )
    return opened.outerjoin(state.pulls, state.pulls.c.id == opening.c.pull_id)


def _fitting(
    table: str | None, status: str | None, rule: str | None, before: datetime | None
) -> sa.Select[*tuple[Any, ...]]:
    query = _query(table)
    if status is not None:
        query = query.where(state.events.c.event.in_(_events(status)))
    if rule is not None:
        query = query.where(sa.cast(state.entries.c.rules, sa.String).contains(f'"{rule}"', autoescape=True))
    return query if before is None else query.where(sa.literal_column("opening.at", Instant) < before)


def _events(status: str) -> Sequence[str]:
    return OPENED if status == "open" else (status,)


def _with_files(rows: Sequence[sa.RowMapping], storage: Storage, columns: Sequence[str]) -> list[Entry]:
    """The entries with what their toxic files hold of them; each file is read once."""
    by_path: dict[str, list[str]] = {}
    for row in rows:
        if row["path"] is not None:
            by_path.setdefault(row["path"], []).append(row["id"])
    held: dict[tuple[str, str], dict[str, Any]] = {}
    for path, ids in by_path.items():
        found = read_toxic(storage, path, ["id", *columns]).filter(pl.col("id").is_in(ids))
        held |= {(path, one["id"]): one for one in found.iter_rows(named=True)}
    return [_entry(row, held.get((row["path"], row["id"]), {})) for row in rows]


def _entry(row: sa.RowMapping, held: dict[str, Any]) -> Entry:
    return Entry(
        id=row["id"],
        table=row["table_name"],
        key=row["key"],
        status="open" if row["event"] in OPENED else row["event"],
        rules=tuple(row["rules"]),
        contract_version=row["contract_version"],
        run_id=row["run_id"],
        opened_at=row["at"],
        batch=row["batch_id"],
        ordinal=row["ordinal"],
        path=row["path"],
        source=row["source"],
        reasons=tuple(held.get("reasons") or ()),
        raw=held.get("raw"),
        read=held.get("read"),
    )
