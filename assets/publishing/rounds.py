"""One table's turn in the candidate: its pending pulls in order, what returns from quarantine, what leaves.

A pull is a round: it has at most one good record per key, so rounds in the order of pulls are the states in the order
of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tilth.assets.lake import Lake
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import parquet, quoted
from tilth.assets.publishing.merge import Keyed, begin_table, merge_round, settled_counts
from tilth.assets.publishing.pictures import Picture, Pictures, absent_keys, leave
from tilth.assets.publishing.removal import clear
from tilth.assets.publishing.returning import Back, returning
from tilth.assets.publishing.settle import begin_settling, refuse_orphans, refuse_repeated
from tilth.assets.publishing.turns import Turn, sequence, waiting
from tilth.assets.quarantine import EVENTS, plan_opening
from tilth.assets.refusals import as_entries, settled_toxic
from tilth.assets.toxic import TOXIC
from tilth.schemas.keys import typed_keys

__all__ = ["Merged", "take_turn"]


@dataclass(frozen=True, slots=True)
class Merged:
    """What a turn did: its counts, and what the state has to learn once the release is current."""

    counts: Counter[str]
    events: pl.DataFrame  # quarantine.EVENTS
    toxic: pl.DataFrame  # raw values and reasons of what settling refused
    settled: pl.DataFrame  # _batch, _ordinal, state

    @classmethod
    def nothing(cls) -> Merged:
        """A turn that was not taken."""
        return cls(Counter(), pl.DataFrame(), pl.DataFrame(), pl.DataFrame())


def take_turn(
    candidate: Candidate,
    turn: Turn,
    lake: Lake,
    belonging: pl.DataFrame,
    *,
    pictures: Pictures,
    also: Mapping[str, str] | None = None,
) -> Merged:
    """Merge all that is pending for one table into the candidate.

    `belonging`: see `turns.belonging`. `also`: see `settle.refuse_orphans`.
    """
    work = _Turn(candidate, turn, lake, pictures)
    begin_table(candidate)
    candidate.load("tilth_pull_of", belonging.select("batch", "number"))
    files = belonging.filter(pl.col("sha256").is_not_null())
    candidate.load("tilth_file_of", files.select("batch", "records", "sha256", "start"))
    work.prepare()
    for number in sequence(turn.pulls, work.orphans, turn.open.join(turn.mends, on="id", how="semi")):
        work.replace(number)
        work.pending(number, also)
        work.returning(number, also)
    work.compare()
    work.overtake()
    return work.merged()


class _Turn:
    """The turn while it goes on: what is open changes as it does."""

    def __init__(self, candidate: Candidate, turn: Turn, lake: Lake, pictures: Pictures) -> None:
        self.candidate, self.turn, self.lake, self.pictures = candidate, turn, lake, pictures
        spec = turn.judge.spec
        names = tuple(column.name for column in spec.columns)
        version = turn.declaration.version
        self.keyed = Keyed(turn.name, turn.declaration.source, spec.key, names, version)
        self.open = turn.open
        self.orphans = turn.orphans
        self.counts: Counter[str] = Counter()
        self.events: list[pl.DataFrame] = [pl.DataFrame(schema=EVENTS)]
        self.toxic: list[pl.DataFrame] = []

    def prepare(self) -> None:
        """The table as its contract has it now; one whose columns changed is made anew from a complete pull."""
        candidate, spec = self.candidate, self.turn.judge.spec
        self.counts["rows_before"] = candidate.rows(self.turn.name) if self.turn.name in candidate.tables() else 0
        if not candidate.fits(self.turn.name, spec):
            self.counts["removed"] += clear(candidate, self.turn.name)
            candidate.drop(self.turn.name)
        candidate.create(self.turn.name, spec)

    def pending(self, number: int, also: Mapping[str, str] | None) -> None:
        """The good records of one pull: settled, then merged."""
        pull = next((p for p in self.turn.pulls if p.number == number), None)
        if pull is None or not pull.pending:
            return
        self._incoming(f"SELECT * FROM {parquet(self.lake.storage.url(pull.ready))}")
        begin_settling(self.candidate)
        refused = refuse_orphans(self.candidate, self.turn.judge.spec.columns, also=also)
        refused += refuse_repeated(self.candidate, self.keyed, self.turn.judge.spec.unique)
        if refused:
            self._quarantine(pull.id, number)
            self._without("tilth_refused")
        self._merge(overtaken=False)

    def returning(self, number: int, also: Mapping[str, str] | None) -> None:
        """What returns from quarantine of one pull: orphans whose parent has come, and what was mended."""
        for back in [*returning(self.turn, number, self.open, self.orphans, self.lake.storage)]:
            self._let_in(back, also)

    def _let_in(self, back: Back, also: Mapping[str, str] | None) -> None:
        """Merge good records of open entries, those whose parent is there; each that came is moved by its event."""
        here, event = back.entries, back.event
        self.candidate.load("tilth_returning", here.select("id", "_batch", "_ordinal"))
        self._incoming(back.rows)
        begin_settling(self.candidate)
        if refuse_orphans(self.candidate, self.turn.judge.spec.columns, also=also):
            self._without("tilth_refused")
        self.candidate.run("CREATE OR REPLACE TEMP TABLE tilth_back AS SELECT * FROM tilth_incoming")
        self._incoming("SELECT * FROM tilth_back")
        begin_settling(self.candidate)
        if refuse_repeated(self.candidate, self.keyed, self.turn.judge.spec.unique):
            self._move(self._back("tilth_refused"), event)
            self._quarantine(here["pull_id"][0], here["pull"][0])
            self._without("tilth_refused")
        came = self._back("tilth_incoming")
        if came:
            self._merge(overtaken=True)
            late = self._back("(SELECT * FROM tilth_settled WHERE state = 'superseded_open')")
            self._move(late, "superseded")
            self._move([entry for entry in came if entry not in set(late)], event)

    def _back(self, among: str) -> list[str]:
        """The ids of the returning entries whose record is in a relation."""
        found = f"SELECT id FROM tilth_returning SEMI JOIN {among} USING (_batch, _ordinal)"
        return self.candidate.frame(found)["id"].to_list()

    def replace(self, number: int) -> None:
        """What the newest complete pull does not have leaves before its own records come: their values are free."""
        if self.pictures.whole is not None and self.pictures.whole.number == number:
            self._leave(self.pictures.whole)

    def compare(self) -> None:
        """What the pictures do not have any more: rows, and entries that wait, or that no key will ever overtake."""
        whole, keys = self.pictures.whole, self.pictures.keys
        if whole is not None:
            events = pl.concat(self.events)
            again = events.filter(pl.col("event") == "seen", pl.col("pull_id").is_in(list(whole.pulls)))["entry_id"]
            seen = pl.concat([whole.toxic["entry"], again])
            moot = waiting(self.open) if self.keyed.key else self.open
            older = moot.filter(pl.col("pull") < whole.first, ~pl.col("id").is_in(seen.implode()))
            self._move(older["id"].to_list(), "superseded")
        if keys is not None:
            self._leave(keys)
            older = self.open.filter(pl.col("pull") < keys.first, pl.col("key").is_not_null())
            spec, storage = self.turn.judge.spec, self.lake.storage
            self._move(absent_keys(self.candidate, spec, keys, storage, older), "superseded")

    def _leave(self, picture: Picture) -> None:
        spec, storage = self.turn.judge.spec, self.lake.storage
        self.counts["removed"] += leave(self.candidate, self.keyed, spec, picture, storage)

    def overtake(self) -> None:
        """Open entries whose key has a good record of a later pull are superseded: a row, new or as it was.

        So are those whose source has deleted the key since: they would come back with a parent, or a correction.
        """
        spec = self.turn.judge.spec
        keyed = self.open.filter(pl.col("key").is_not_null())
        if keyed.is_empty() or not spec.key or not (self.turn.pulls or self.counts["written"]):
            return
        typed = typed_keys(keyed["key"], spec)
        self.candidate.load("tilth_open_now", typed.hstack([keyed["id"].alias("_entry"), keyed["pull"].alias("_pull")]))
        matching = " AND ".join(f"o.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
        files = [self.lake.storage.url(pull.ready) for pull in self.turn.pulls if pull.pending]
        good = [quoted(self.turn.name)]
        if files:
            same = "SELECT _batch, _ordinal FROM tilth_settled WHERE state IN ('unchanged', 'deleted')"
            good.append(f"(SELECT * FROM {parquet(*files)} SEMI JOIN ({same}) USING (_batch, _ordinal))")
        late = [
            self.candidate.frame(
                f"SELECT o._entry FROM {rows} c JOIN tilth_open_now o ON {matching} "
                "JOIN tilth_pull_of p ON p.batch = c._batch WHERE p.number > o._pull"
            )["_entry"]
            for rows in good
        ]
        self._move(pl.concat(late).to_list(), "superseded")

    def merged(self) -> Merged:
        """The turn's result."""
        states = settled_counts(self.candidate)
        replaced = states.get("replaced", 0)
        self.counts["updated"] = replaced
        self.counts["inserted"] = self.counts["written"] - replaced
        self.counts["closed"] = states.get("closed", 0) - self.counts["removed"]
        for state in ("unchanged", "superseded", "deleted"):
            self.counts[state] += states.get(state, 0)
        self.counts["rows_after"] = self.candidate.rows(self.turn.name)
        toxic = pl.concat(self.toxic) if self.toxic else pl.DataFrame()
        return Merged(self.counts, pl.concat(self.events), toxic, self.candidate.frame("SELECT * FROM tilth_settled"))

    def _incoming(self, sql: str) -> None:
        self.candidate.view("tilth_incoming_all", sql)
        self.candidate.view("tilth_incoming", "SELECT * FROM tilth_incoming_all")

    def _without(self, scratch: str) -> None:
        self.candidate.view(
            "tilth_incoming", f"SELECT * FROM tilth_incoming_all ANTI JOIN {scratch} USING (_batch, _ordinal)"
        )

    def _merge(self, *, overtaken: bool) -> None:
        self.counts["written"] += merge_round(self.candidate, self.keyed, overtaken=overtaken)

    def _quarantine(self, pull_id: int, number: int) -> None:
        """Open entries for what settling refused; the same record as an open entry is a duplicate."""
        refused = self.candidate.frame("SELECT * FROM tilth_refused ORDER BY _batch, _ordinal")
        toxic = settled_toxic(refused, self.turn.name, self.turn.judge, self.turn.batches, self.lake.storage)
        planned = plan_opening(as_entries(toxic, pull_id=pull_id, number=number), self.open)
        self.counts["quarantined"] += planned.opened.height
        self.counts["duplicate"] += planned.seen.height
        self.counts["superseded_open"] += len(planned.superseded)
        self.events.append(planned.events)
        self.toxic.append(planned.opened.select(TOXIC.names()))
        opened = planned.opened.with_columns(path=pl.lit(None, pl.String)).select(self.open.columns)
        stays = self.open.filter(~pl.col("id").is_in(list(planned.superseded)))
        self.open = pl.concat([stays, opened.cast(self.open.schema)])
        self.orphans = self.orphans.filter(~pl.col("id").is_in(list(planned.superseded)))
        self.candidate.load("tilth_seen", planned.seen.select("_batch", "_ordinal"))
        self.candidate.run("INSERT INTO tilth_settled SELECT _batch, _ordinal, 'duplicate' FROM tilth_seen")

    def _move(self, ids: list[str], event: str) -> None:
        """Close open entries."""
        if not ids:
            return
        moved = self.open.filter(pl.col("id").is_in(ids))
        columns = {"id": "entry_id", "_batch": "batch_id", "_ordinal": "ordinal"}
        moves = moved.rename(columns).with_columns(event=pl.lit(event))
        self.events.append(moves.select(EVENTS.names()).cast(EVENTS))
        self.open = self.open.filter(~pl.col("id").is_in(ids))
        self.orphans = self.orphans.filter(~pl.col("id").is_in(ids))
        self.counts["superseded_open" if event == "superseded" else "replayed"] += moved.height
