"""What one publish has to do for each pulled table, read from the state in one go.

Questions only: which pulls are pending, what is open in quarantine, why a table is held. Doing it is `rounds.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.declared import TableDeclaration
from tilth.assets.mends import mends_of, mends_since
from tilth.assets.publishing.causes import Acceptances, Cause
from tilth.assets.publishing.manifest import Manifest, Ranges, TableRelease
from tilth.assets.pulls import BatchRow, PullRow, batches_of, judged_pulls, latest_keys, pending_pulls
from tilth.assets.quarantine import event_counts, last_event, open_count, open_entries
from tilth.schemas.judging import Judge

__all__ = ["WAITING", "Books", "Turn", "accepted_of", "belonging", "hold_of", "read_turn", "sequence", "waiting"]

WAITING = ("gap", "reference", "total")
"""A record that nothing else refused waits for others, and comes back by itself."""


@dataclass(frozen=True, slots=True)
class Books:
    """What happened since the table's books were last closed, and how they stood then."""

    flow: Counter[str]  # of the pulls judged since
    pending_before: int
    open_before: int
    open_now: int
    last_pull: int
    last_event: int
    mended: bool  # whether records were mended since

    @property
    def news(self) -> bool:
        """Whether anything was judged or discarded since."""
        return bool(self.flow["pulls"] or self.flow["discarded"])


@dataclass(frozen=True, slots=True)
class Turn:
    """One table in one publish."""

    declaration: TableDeclaration
    judge: Judge
    previous: TableRelease | None
    pulls: tuple[PullRow, ...]  # pending, oldest first
    keys: PullRow | None  # a comparison of keys that no release contains yet
    batches: dict[int, BatchRow]  # of the pending pulls, and of those that an entry is open of
    open: pl.DataFrame  # open quarantine entries
    mends: pl.DataFrame  # mends.MENDED: what lets some of them return
    books: Books
    failed: str | None  # why the last ingest of the table failed
    hold: str | None  # an explicit hold
    accepted: Acceptances  # of just this candidate

    @property
    def name(self) -> str:
        """The table's name."""
        return self.declaration.name

    @property
    def orphans(self) -> pl.DataFrame:
        """The open entries that wait for nothing but others; what another contract let wait returns by a mend only."""
        return waiting(self.open).filter(pl.col("contract_version") == self.judge.spec.version)

    @property
    def whole(self) -> PullRow | None:
        """The newest pending pull that holds every record its source had."""
        return next((pull for pull in reversed(self.pulls) if pull.whole), None)


def read_turn(connection: sa.Connection, declaration: TableDeclaration, judge: Judge, current: Manifest | None) -> Turn:
    """The table's turn as the state stands; `current` is the release that readers see."""
    name = declaration.name
    previous = current.tables.get(name) if current else None
    pulls = pending_pulls(connection, name, previous.pulls if previous else ())
    opened = open_entries(connection, name)
    keys = latest_keys(connection, name)
    if keys is not None and previous and previous.keys is not None and keys.number <= previous.keys:
        keys = None
    judged = [pull.judged_at for pull in (*pulls, *([keys] if keys else [])) if pull.judged_at]
    used = dict.fromkeys([*(pull.id for pull in pulls), *opened["pull_id"].drop_nulls().unique(maintain_order=True)])
    return Turn(
        declaration,
        judge,
        previous,
        tuple(pulls),
        keys,
        {batch.id: batch for id in used for batch in batches_of(connection, id)},
        opened,
        mends_of(connection, name, opened, contract_version=judge.spec.version, now=datetime.now(UTC)),
        _books(connection, name, previous.pulls if previous else ()),
        _failure(connection, name),
        hold_of(connection, name),
        accepted_of(connection, name, judged),
    )


def _books(connection: sa.Connection, name: str, ranges: Ranges) -> Books:
    """The flows since the last closing. A rollback, or another judging, in between counts as if it had come before."""
    of = state.books.c
    query = sa.select(of.last_pull, of.last_event, of.at).where(of.table_name == name).order_by(of.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    last_pull, event = (row.last_pull, row.last_event) if row else (0, 0)
    now = last_event(connection)
    moved = event_counts(connection, name, event, now)
    judged = judged_pulls(connection, name)
    flow: Counter[str] = Counter(discarded=moved.get("discarded", 0))
    for pull in judged:
        if pull.number > last_pull:
            counts = ("pulled", "duplicate", "superseded", "quarantined", "superseded_open")
            flow.update(pulls=1, **{count: getattr(pull, count) for count in counts})
    before = [p.pending for p in pending_pulls(connection, name, ranges) if p.number <= last_pull]
    newest = max([last_pull, *(pull.number for pull in judged)])
    open_before = open_count(connection, name, event) + _undone(connection, name, event, last_pull)
    mended = mends_since(connection, name, row.at if row else None)
    return Books(flow, sum(before), open_before, open_count(connection, name), newest, now, mended)


def _undone(connection: sa.Connection, name: str, event: int, last_pull: int) -> int:
    """How many entries more are open since `event` because what came before it was undone.

    By a rollback; and where pulls up to number `last_pull` were judged again, by what that opened and overtook.
    """
    of, pull = state.events.c, state.pulls.c
    judging, before = of.release.is_(None), sa.func.coalesce(pull.number, 0) <= last_pull
    counted = sa.case(
        (sa.and_(judging, sa.not_(before)), 0),  # undone with what it undoes
        (of.event == "reopened", 1),
        (of.event == "withdrawn", -1),
        (sa.and_(judging, pull.number.is_not(None), of.event == "opened"), 1),
        (sa.and_(judging, pull.number.is_not(None), of.event == "superseded"), -1),
        else_=0,
    )
    query = sa.select(sa.func.coalesce(sa.func.sum(counted), 0)).outerjoin_from(
        state.events, state.pulls, pull.id == of.pull_id
    )
    return connection.execute(query.where(of.table_name == name, of.id > event)).scalar_one()


def _failure(connection: sa.Connection, name: str) -> str | None:
    of = state.steps.c
    query = sa.select(of.state, of.error).where(of.table_name == name, of.step == "ingest").order_by(of.id.desc())
    row = connection.execute(query.limit(1)).one_or_none()
    return row.error if row and row.state == "failed" else None


def hold_of(connection: sa.Connection, name: str) -> str | None:
    """Why a person's rollback holds the table."""
    return connection.execute(sa.select(state.holds.c.reason).where(state.holds.c.table_name == name)).scalar()


def accepted_of(connection: sa.Connection, name: str, judged: Sequence[datetime] = ()) -> Acceptances:
    """The unused acceptances of the table's candidate as it is: not older than what was `judged`, nor than the hold."""
    of, held = state.acceptances.c, sa.select(state.holds.c.at).where(state.holds.c.table_name == name)
    query = sa.select(of.id, of.at, of.causes).where(of.table_name == name, of.release.is_(None)).order_by(of.id)
    looked_at = [*judged, *connection.execute(held).scalars()]
    valid = [row for row in connection.execute(query) if all(row.at >= moment for moment in looked_at)]
    causes = (Cause.from_json(one) for row in valid for one in row.causes or ())
    return Acceptances(tuple(row.id for row in valid), tuple(causes))


def belonging(connection: sa.Connection, turn: Turn) -> pl.DataFrame:
    """Where the table's batches belong: batch, number of its pull; records; sha256 and start of files."""
    batch, pull = state.batches.c, state.pulls.c
    query = sa.select(batch.id, pull.number, batch.rows, batch.origin).join_from(state.batches, state.pulls)
    found = connection.execute(query.where(pull.table_name == turn.name))
    rows = [(id, number, records, origin["sha256"], origin["offset"]) for id, number, records, origin in found]
    schema = {"batch": pl.Int64, "number": pl.Int64, "records": pl.Int64, "sha256": pl.String, "start": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def waiting(open: pl.DataFrame) -> pl.DataFrame:
    """Those of open entries that wait for nothing but others: a parent, a number before theirs, a sum that fits."""
    others = pl.col("rules").list.eval(pl.element().is_in(WAITING))
    return open.filter(pl.col("rules").list.len() > 0, others.list.all())


def sequence(pulls: Sequence[PullRow], orphans: pl.DataFrame, mended: pl.DataFrame) -> list[int]:
    """The pull numbers that have something to merge, oldest first."""
    return sorted({*(pull.number for pull in pulls), *orphans["pull"], *mended["pull"]})
