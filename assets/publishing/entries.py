"""What is open in quarantine of one table while its turn goes on: entries open, move, and overtake each other."""

from __future__ import annotations

from collections import Counter

import polars as pl

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.turns import Turn, waiting
from tilth.assets.quarantine import EVENTS, plan_opening
from tilth.assets.refusals import as_entries, settled_toxic
from tilth.assets.storage import Storage
from tilth.assets.toxic import TOXIC

__all__ = ["Entries"]


class Entries:
    """The table's entries, and what became of them; `counts` are the turn's."""

    def __init__(self, candidate: Candidate, turn: Turn, storage: Storage, counts: Counter[str]) -> None:
        self.candidate, self.turn, self.storage, self.counts = candidate, turn, storage, counts
        self.open = turn.open  # quarantine.OPEN
        self.orphans = turn.orphans
        self._events: list[pl.DataFrame] = [pl.DataFrame(schema=EVENTS)]
        self._toxic: list[pl.DataFrame] = []

    @property
    def events(self) -> pl.DataFrame:
        """All that happened (EVENTS)."""
        return pl.concat(self._events)

    @property
    def toxic(self) -> pl.DataFrame:
        """What was refused and opened an entry (TOXIC)."""
        return pl.concat(self._toxic) if self._toxic else pl.DataFrame()

    def waiting(self) -> pl.DataFrame:
        """The open entries that wait for others; of those that were mended, all that this turn has not refused.

        By another contract a record is good only where it was mended: judged anew.
        """
        ours = pl.col("contract_version") == self.turn.judge.spec.version
        mended = self.open.join(self.turn.mends, on="id", how="semi")
        refused = self.events.filter(pl.col("event") != "seen").rename({"entry_id": "id"})
        plain = waiting(self.open).filter(ours).join(self.turn.mends, on="id", how="anti")
        return pl.concat([plain, mended.join(refused, on="id", how="anti")])

    def keep(self, pull_id: int, number: int, some: str = "", *, corrected: bool = False) -> None:
        """Open entries for what settling refused (SQL `some`: of it); the same record as an open one is a duplicate.

        Of `corrected` records the reasons tell the values that were refused, not those that were pulled.
        """
        refused = self.candidate.frame(f"SELECT * FROM tilth_refused {some} ORDER BY ALL")
        toxic = settled_toxic(refused, self.turn.name, self.turn.judge, self.turn.batches, self.storage, corrected)
        planned = plan_opening(as_entries(toxic, pull_id=pull_id, number=number), self.open)
        self.counts["quarantined"] += planned.opened.height
        self.counts["duplicate"] += planned.seen.height
        self.counts["superseded_open"] += len(planned.superseded)
        self._events.append(planned.events)
        self._toxic.append(planned.opened.select(TOXIC.names()))
        opened = planned.opened.with_columns(path=pl.lit(None, pl.String)).select(self.open.columns)
        stays = self.open.filter(~pl.col("id").is_in(list(planned.superseded)))
        self.open = pl.concat([stays, opened.cast(self.open.schema)])
        self.orphans = self.orphans.filter(~pl.col("id").is_in(list(planned.superseded)))
        self.candidate.load("tilth_seen", planned.seen.select("_batch", "_ordinal"))
        self.candidate.run("INSERT INTO tilth_settled SELECT _batch, _ordinal, 'duplicate' FROM tilth_seen")

    def move(self, ids: list[str], event: str) -> None:
        """Close open entries."""
        if not ids:
            return
        moved = self.open.filter(pl.col("id").is_in(ids))
        columns = {"id": "entry_id", "_batch": "batch_id", "_ordinal": "ordinal"}
        moves = moved.rename(columns).with_columns(event=pl.lit(event))
        self._events.append(moves.select(EVENTS.names()).cast(EVENTS))
        self.open = self.open.filter(~pl.col("id").is_in(ids))
        self.orphans = self.orphans.filter(~pl.col("id").is_in(ids))
        self.counts["superseded_open" if event == "superseded" else "replayed"] += moved.height
