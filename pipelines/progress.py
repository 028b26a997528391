"""How far a night is, as a value: what a run tells whoever watches it.

Showing it is the command line's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that happened to one table in one step."""

    table: str  # a table's name; empty when it is about the whole step
    step: Literal["ingest", "publish"]
    state: Literal["running", "done", "failed", "held", "carried"]
    detail: str = ""  # counts, or the message of what failed
