"""One table's turn in the candidate: its pending pulls in order, what returns from quarantine, what leaves.

A pull is a round: it has at most one good record per key, so rounds in the order of pulls are the states in the order
of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl

from tilth.assets.lake import Lake
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.circles import Circle
from tilth.assets.publishing.engine import parquet
from tilth.assets.publishing.entries import Entries
from tilth.assets.publishing.merge import Keyed, begin_table, merge_round, settled_counts
from tilth.assets.publishing.merged import Merged
from tilth.assets.publishing.overtaking import overtaken
from tilth.assets.publishing.pictures import Picture, Pictures, absent_keys, leave
from tilth.assets.publishing.refusing import Settling
from tilth.assets.publishing.removal import clear
from tilth.assets.publishing.returning import Back, one_of_each_key, returning
from tilth.assets.publishing.rivals import load_rivals
from tilth.assets.publishing.totals import Totals
from tilth.assets.publishing.turns import WAITING, Turn, sequence, waiting
from tilth.schemas.judging import Quality
from tilth.schemas.rules import summed

__all__ = ["take_turn"]


def take_turn(
    candidate: Candidate,
    turn: Turn,
    lake: Lake,
    belonging: pl.DataFrame,
    *,
    pictures: Pictures,
    totals: Totals,
    circle: Circle,
) -> Merged:
    """Merge all that is pending for one table into the candidate.

    `belonging`: see `turns.belonging`.
    """
    work = _Turn(candidate, turn, lake, pictures, totals, circle)
    begin_table(candidate)
    candidate.load("tilth_pull_of", belonging.select("batch", "number"))
    files = belonging.filter(pl.col("sha256").is_not_null())
    candidate.load("tilth_file_of", files.select("batch", "records", "sha256", "start"))
    load_rivals(candidate, turn, lake)
    work.prepare()
    for number in sequence(turn.pulls, work.entries.orphans, turn.open.join(turn.mends, on="id", how="semi")):
        work.replace(number)
        work.pending(number)
        work.returning(number)
    late = circle.last(turn.name)
    while (late or work.settling.waits_for_rows) and work.come_back():
        pass
    work.compare()
    work.overtake()
    circle.arrived(turn.name, work.entries.open)
    return work.merged()


class _Turn:
    """The turn while it goes on: what is open changes as it does."""

    def __init__(
        self,
        candidate: Candidate,
        turn: Turn,
        lake: Lake,
        pictures: Pictures,
        totals: Totals,
        circle: Circle,
    ) -> None:
        self.candidate, self.turn, self.lake, self.pictures, self.totals = candidate, turn, lake, pictures, totals
        spec = turn.judge.spec
        names = tuple(column.name for column in spec.columns)
        version = turn.declaration.version
        self.keyed = Keyed(turn.name, turn.declaration.source, spec.key, names, version)
        self.settling = Settling(candidate, self.keyed, spec, totals, circle)
        self.quality: tuple[Quality, ...] = ()
        self.counts: Counter[str] = Counter()
        self.entries = Entries(candidate, turn, lake.storage, self.counts)

    def prepare(self) -> None:
        """The table as its contract has it now; one whose columns changed is made anew from a complete pull."""
        candidate, spec = self.candidate, self.turn.judge.spec
        self.counts["rows_before"] = candidate.rows(self.turn.name) if self.turn.name in candidate.tables() else 0
        if not candidate.fits(self.turn.name, spec):
            remember = self.totals.told_by(self.turn.name)
            self._left(clear(candidate, self.turn.name, remember=remember), remember)
            candidate.drop(self.turn.name)
        candidate.create(self.turn.name, spec)

    def pending(self, number: int) -> None:
        """The good records of one pull: settled, then merged."""
        pull = next((p for p in self.turn.pulls if p.number == number), None)
        if pull is None or not pull.pending:
            return
        self._incoming(f"SELECT * FROM {parquet(self.lake.storage.url(pull.ready))}")
        refused = self.settling.refuse(overtaken=False)
        self.quality = summed((*self.quality, *self.settling.quality()))
        if refused:
            self.entries.keep(pull.id, number)
            self._without("tilth_refused")
        self.settling.note()
        self._merge(overtaken=False)

    def returning(self, number: int) -> None:
        """What returns from quarantine of one pull: records whose wait may be over, and what was mended."""
        open, orphans = (some.filter(pl.col("pull") == number) for some in (self.entries.open, self.entries.orphans))
        for back in [*returning(self.turn, open, orphans, self.lake.storage)]:
            self._let_in(back)

    def come_back(self) -> int:
        """Let those in that waited for a row of a later pull, of all pulls at once; how many came.

        Where one of them contradicts another, pull by pull: the later one is to be blamed. So where none comes, and one
        that is refused leaves a row in its place that others may follow.
        """
        before, storage = self.counts["replayed"], self.lake.storage
        waits = self.entries.waiting()
        first = one_of_each_key(waits)
        alone = False
        for back in [*returning(self.turn, first, first, storage)]:
            blamed = not self._let_in(back, together=True)
            alone = alone or blamed or (self.counts["replayed"] == before and self._leaves_rows())
            if blamed:
                break
        if alone:
            for number in sorted(set(waits["pull"])):
                left = self.entries.waiting().filter(pl.col("pull") == number)
                for back in [*returning(self.turn, left, left, storage)]:
                    self._let_in(back)
        return self.counts["replayed"] - before

    def _leaves_rows(self) -> bool:
        """Whether a record that was refused would have replaced a row."""
        refused = "(SELECT * FROM tilth_incoming_all SEMI JOIN tilth_refused USING (_batch, _ordinal))"
        return bool(self.candidate.number(f"SELECT count(*) FROM {self.keyed.meeting(refused)}"))

    def _let_in(self, back: Back, *, together: bool = False) -> bool:
        """Merge good records of open entries, those that need not wait; each that came is moved by its event.

        Entries of several pulls (`together`) only if none is to be blamed for anything; False if one is.
        """
        here, event = back.entries, back.event
        self.candidate.load("tilth_returning", here.select("id", "_batch", "_ordinal"))
        self._incoming(back.rows("tilth_returning"))
        if self.settling.refuse(overtaken=True, waived=event == "waived", tentative=together):
            turned = f'SELECT * FROM tilth_refused WHERE "rule" NOT IN {WAITING}'
            self.candidate.run(f"CREATE OR REPLACE TEMP TABLE tilth_turned AS {turned}")
            if again := self._back("tilth_turned"):
                if together:
                    return False
                self.entries.move(again, event)
                pull, some = (here["pull_id"][0], here["pull"][0]), "SEMI JOIN tilth_turned USING (_batch, _ordinal)"
                self.entries.keep(*pull, some, corrected=event == "corrected")
            self._without("tilth_refused")
        came = self._back("tilth_incoming")
        if came:
            if event != "waived":
                self.settling.note()
            self._merge(overtaken=True)
            late = self._back("(SELECT * FROM tilth_settled WHERE state = 'superseded_open')")
            self.entries.move(late, "superseded")
            self.entries.move([entry for entry in came if entry not in set(late)], event)
        return True

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
            again = self.entries.events.filter(pl.col("event") == "seen", pl.col("pull_id").is_in(list(whole.pulls)))[
                "entry_id"
            ]
            seen = pl.concat([whole.toxic["entry"], again])
            moot = waiting(self.entries.open) if self.keyed.key else self.entries.open
            older = moot.filter(pl.col("pull") < whole.first, ~pl.col("id").is_in(seen.implode()))
            self.entries.move(older["id"].to_list(), "superseded")
        if keys is not None:
            self._leave(keys)
            older = self.entries.open.filter(pl.col("pull") < keys.first, pl.col("key").is_not_null())
            spec, storage = self.turn.judge.spec, self.lake.storage
            self.entries.move(absent_keys(self.candidate, spec, keys, storage, older), "superseded")

    def _leave(self, picture: Picture) -> None:
        spec, storage, remember = self.turn.judge.spec, self.lake.storage, self.totals.told_by(self.turn.name)
        self._left(leave(self.candidate, self.keyed, spec, picture, storage, remember=remember), remember)

    def _left(self, removed: int, remember: Sequence[str]) -> None:
        self.counts["removed"] += removed
        if removed and remember:
            self.totals.note_left(self.turn.name, remember)

    def overtake(self) -> None:
        """Open entries whose key has a good record of a later pull are superseded: a row, new or as it was.

        So are those whose source has deleted the key since: they would come back with a parent, or a correction.
        """
        if self.turn.pulls or self.counts["written"]:
            self.entries.move(overtaken(self.candidate, self.turn, self.entries.open, self.lake.storage), "superseded")

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
        settled = self.candidate.frame("SELECT * FROM tilth_settled")
        return Merged(self.counts, self.entries.events, self.entries.toxic, settled, self.quality)

    def _incoming(self, sql: str) -> None:
        self.candidate.view("tilth_incoming_all", sql)
        self.candidate.view("tilth_incoming", "SELECT * FROM tilth_incoming_all")

    def _without(self, scratch: str) -> None:
        self.candidate.view(
            "tilth_incoming", f"SELECT * FROM tilth_incoming_all ANTI JOIN {scratch} USING (_batch, _ordinal)"
        )

    def _merge(self, *, overtaken: bool) -> None:
        self.counts["written"] += merge_round(self.candidate, self.keyed, overtaken=overtaken)
