"""Who may not come in yet, as candidates before this one have shown: they wait in the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl

__all__ = ["Blocked", "Premature"]

_Of = TypeVar("_Of")


@dataclass(frozen=True, slots=True)
class Blocked:
    """Newcomers that wait."""

    families: Mapping[int, pl.DataFrame] = field(default_factory=dict[int, pl.DataFrame])
    """Number of a declared total → the families whose newcomers wait (`totals.py`)."""
    orphans: Mapping[str, pl.DataFrame] = field(default_factory=dict[str, pl.DataFrame])
    """Table → `_batch`, `_ordinal`, `column`: what refers to nobody in the end (`circles.py`)."""
    late: Mapping[str, pl.DataFrame] = field(default_factory=dict[str, pl.DataFrame])
    """The same of those who refer to somebody now that others wait: they come after all others."""

    def beside(self, more: Blocked) -> Blocked:
        """Those that wait from now on.

        Where more families do, others may come in their place: who is an orphan then is found anew.
        """
        if more.families:
            return Blocked(_both(self.families, more.families))
        orphans = {table: _without(frame, more.late.get(table)) for table, frame in self.orphans.items()}
        return Blocked(self.families, _both(orphans, more.orphans), _both(self.late, more.late))


def _both(some: Mapping[_Of, pl.DataFrame], more: Mapping[_Of, pl.DataFrame]) -> dict[_Of, pl.DataFrame]:
    each = {of: [frames[of] for frames in (some, more) if of in frames] for of in (*some, *more)}
    return {of: pl.concat(frames).unique(maintain_order=True) for of, frames in each.items()}


def _without(orphans: pl.DataFrame, late: pl.DataFrame | None) -> pl.DataFrame:
    return orphans if late is None else orphans.join(late, on=["_batch", "_ordinal"], how="anti")


class Premature(Exception):
    """This candidate let records in that have to wait; it is thrown away."""

    def __init__(self, found: Blocked) -> None:
        super().__init__(found)
        self.found = found
