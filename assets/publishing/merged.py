"""What one table's turn in the candidate, or its building, has done: for its books, and for the state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import polars as pl

from tilth.schemas.judging import Quality

__all__ = ["Merged"]


@dataclass(frozen=True, slots=True)
class Merged:
    """What a turn did: its counts, and what the state has to learn once the release is current."""

    counts: Counter[str]
    events: pl.DataFrame  # quarantine.EVENTS
    toxic: pl.DataFrame  # raw values and reasons of what settling refused
    settled: pl.DataFrame  # _batch, _ordinal, state
    quality: tuple[Quality, ...] = ()  # of the rules that were asked when it was settled

    @classmethod
    def nothing(cls) -> Merged:
        """A turn that was not taken."""
        return cls(Counter(), pl.DataFrame(), pl.DataFrame(), pl.DataFrame())
