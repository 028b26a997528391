"""What holds a table and a person may accept, as it was told; and what an acceptance of that forgives.

A cause has a degree: the larger, the worse. An acceptance forgives a cause that was told, as long as it is no worse.
Values only.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

__all__ = ["BEFORE_BUILT", "EMPTIED", "TAKEN_BACK", "TOXIC", "Acceptances", "Cause", "degree"]

TOXIC, EMPTIED, TAKEN_BACK = "toxic", "emptied", "rollback"
BEFORE_BUILT = (TOXIC, EMPTIED, TAKEN_BACK)
"""What is known to hold a pulled table before it is built."""

_SAME = 1e-9  # a mean of floats is not the same to the last digit each time


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that holds a table and that a person may accept."""

    name: str  # TOXIC, EMPTIED, TAKEN_BACK, or what a rule of the whole table measures, with the bound that is broken
    told: str  # in words
    degree: float = 0.0  # toxic records, rows that would go, how far a number is out of its bound
    through: int | None = None  # of TOXIC records that were pulled: the last pull that is counted

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Cause:
        """The cause that `to_json` made; TypeError when it is none."""
        return cls(**raw)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    def forgiven_by(self, told: Cause) -> bool:
        """Whether it is the one that was told, and no worse."""
        if self.name != told.name:
            return False
        return self.degree <= told.degree or math.isclose(self.degree, told.degree, rel_tol=_SAME)


@dataclass(frozen=True, slots=True)
class Acceptances:
    """What persons have accepted of one candidate."""

    ids: tuple[int, ...] = ()
    causes: tuple[Cause, ...] = ()

    def forgive(self, cause: Cause) -> bool:
        """Whether a cause was accepted, as bad as it is."""
        return any(cause.forgiven_by(told) for told in self.causes)


def degree(number: float | Decimal) -> float:
    """A number as JSON can hold it: what is beyond all numbers, or is none, is as bad as can be."""
    most = sys.float_info.max
    return most if math.isnan(number) else max(-most, min(most, float(number)))
