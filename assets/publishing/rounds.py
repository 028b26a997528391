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
from tilth.assets.places import ready_path
from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.engine import parquet, quoted
from tilth.assets.publishing.merge import Keyed, begin_table, merge_round, settled_counts
from tilth.assets.publishing.removal import clear, remove_absent
from tilth.assets.publishing.settle import begin_settling, refuse_orphans, refuse_repeated
from tilth.assets.publishing.turns import Turn, sequence
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
    toxic_keys: pl.Series,
    also: Mapping[str, str] | None = None,
) -> Merged:
    """Merge all that is pending for one table into the candidate.

    `belonging`: see `turns.belonging`. `toxic_keys`: key texts of records that the newest complete pull, and later
    ones, have but that are not good. `also`: see `settle.refuse_orphans`.
    """
    work = _Turn(candidate, turn, lake)
    begin_table(candidate)
    candidate.load("tilth_pull_of", belonging.select("batch", "number"))
    candidate.load("tilth_file_of", belonging.filter(pl.col("sha256").is_not_null()).select("batch", "sha256", "start"))
    work.prepare()
    for number in sequence(turn.pulls, work.orphans):
        work.pending(number, also)
        work.returning(number, also)
    work.leave(toxic_keys)
    work.overtake()
    return work.merged()


class _Turn:
    """The turn while it goes on: what is open changes as it does."""

    def __init__(self, candidate: Candidate, turn: Turn, lake: Lake) -> None:
        self.candidate, self.turn, self.lake = candidate, turn, lake
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
        refused += refuse_repeated(self.candidate, self.turn.name, self.keyed.key, self.turn.judge.spec.unique)
        if refused:
            self._quarantine(pull.id, number)
            self._without("tilth_refused")
        self._merge(overtaken=False)

    def returning(self, number: int, also: Mapping[str, str] | None) -> None:
        """The orphans of one pull whose parent has come."""
        here = self.orphans.filter(pl.col("pull") == number)
        if here.is_empty():
            return
        self.candidate.load("tilth_returning", here.select(pl.col("id"), "_batch", "_ordinal"))
        pull_ids = here["pull_id"].unique().to_list()
        files = parquet(*(self.lake.storage.url(path) for path in _ready_files(self.turn.name, pull_ids)))
        self._incoming(f"SELECT i.* FROM {files} i SEMI JOIN tilth_returning USING (_batch, _ordinal)")
        begin_settling(self.candidate)
        if refuse_orphans(self.candidate, self.turn.judge.spec.columns, also=also):
            self._without("tilth_refused")
        came = self.candidate.frame("SELECT id FROM tilth_returning SEMI JOIN tilth_incoming USING (_batch, _ordinal)")[
            "id"
        ]
        if came.is_empty():
            return
        self.candidate.run("CREATE OR REPLACE TEMP TABLE tilth_back AS SELECT * FROM tilth_incoming")
        self.candidate.view("tilth_incoming", "SELECT * FROM tilth_back")
        self._merge(overtaken=True)
        late = self.candidate.frame(
            "SELECT id FROM tilth_returning JOIN tilth_settled USING (_batch, _ordinal) WHERE state = 'superseded_open'"
        )["id"]
        self._move(late.to_list(), "superseded")
        self._move(came.filter(~came.is_in(late.to_list())).to_list(), "replayed")

    def leave(self, toxic_keys: pl.Series) -> None:
        """Rows that a complete pull, or a comparison of keys, no longer has."""
        whole, keys, spec = self.turn.whole, self.turn.keys, self.turn.judge.spec
        url = self.lake.storage.url
        if whole is not None and self.turn.declaration.load == "replace":
            later = [pull for pull in self.turn.pulls if pull.number >= whole.number]
            self._kept([url(pull.ready) for pull in later if pull.pending], toxic_keys)
            spare = f"c._batch IN (SELECT batch FROM tilth_pull_of WHERE number >= {whole.number})"
            self.counts["removed"] += remove_absent(self.candidate, self.keyed, spare=spare)
        if keys is not None and spec.key:
            self._kept([url(keys.ready)], toxic_keys)
            spare = f"c._batch IN (SELECT batch FROM tilth_pull_of WHERE number > {keys.number})"
            self.counts["removed"] += remove_absent(self.candidate, self.keyed, spare=spare)

    def overtake(self) -> None:
        """Open entries whose key now has a good row of a later pull are superseded."""
        spec = self.turn.judge.spec
        keyed = self.open.filter(pl.col("key").is_not_null())
        if keyed.is_empty() or not spec.key or not self.counts["written"]:
            return
        typed = typed_keys(keyed["key"], spec)
        self.candidate.load("tilth_open_now", typed.hstack([keyed["id"].alias("_entry"), keyed["pull"].alias("_pull")]))
        matching = " AND ".join(f"o.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
        late = self.candidate.frame(
            f"SELECT o._entry FROM {quoted(self.turn.name)} c JOIN tilth_open_now o ON {matching} "
            "JOIN tilth_pull_of p ON p.batch = c._batch WHERE p.number > o._pull"
        )["_entry"]
        self._move(late.to_list(), "superseded")

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
        self.counts["replayed" if event == "replayed" else "superseded_open"] += moved.height

    def _kept(self, files: list[str], toxic_keys: pl.Series) -> None:
        """View `tilth_kept`: the keys that the source still has."""
        key = self.turn.judge.spec.key
        if key:
            self.candidate.load("tilth_kept_toxic", typed_keys(toxic_keys, self.turn.judge.spec))
        parts = [f"SELECT {comma(key)} FROM tilth_kept_toxic"] if key else ["SELECT 1"]
        parts += [f"SELECT {comma(key)} FROM {parquet(*files)}"] if files and key else []
        self.candidate.view("tilth_kept", " UNION ALL ".join(parts))


def _ready_files(table: str, pull_ids: list[int]) -> list[str]:
    return [ready_path(table, pull_id) for pull_id in pull_ids]
