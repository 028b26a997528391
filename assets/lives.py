"""The lives of a quarantine entry: of all its events those that still stand, openings and what ended them.

`withdrawn` takes back the last opening, with what came after it; `reopened` what ended it last; `seen` changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["OPPOSITE", "standing"]

OPPOSITE = {
    "opened": "withdrawn",
    "replayed": "reopened",
    "corrected": "reopened",
    "superseded": "reopened",
    "waived": "reopened",
    "discarded": "reopened",
}
"""The event that takes an event back."""


def standing(events: Iterable[Any]) -> dict[str, list[Any]]:
    """Entry → its events that stand, of `events` (with `entry_id` and `event`) in the order they happened."""
    lives: dict[str, list[Any]] = {}
    for one in events:
        own = lives.setdefault(one.entry_id, [])
        if one.event == "withdrawn":
            while own and own.pop().event != "opened":
                pass
        elif one.event == "reopened":
            if own and own[-1].event != "opened":
                own.pop()
        elif one.event != "seen":
            own.append(one)
    return lives
