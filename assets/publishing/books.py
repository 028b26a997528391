"""The balances of a table: what came in is what is there, row for row, before anything becomes visible."""

from __future__ import annotations

from collections.abc import Mapping

from tilth.errors import NotConserved

__all__ = ["COUNTS", "proved", "unproved"]

COUNTS = (
    "pulled", "replayed", "pending_before", "inserted", "updated", "unchanged", "duplicate", "superseded", "deleted",
    "quarantined", "pending_after", "closed", "removed", "rows_before", "rows_after", "open_before",
    "superseded_open", "discarded", "open_after",
)  # fmt: skip

_IN = ("pulled", "replayed", "pending_before")
_OUT = ("inserted", "updated", "unchanged", "duplicate", "superseded", "deleted", "quarantined", "pending_after")
_BALANCES = (
    ("flow", _IN, _OUT),
    ("release", ("rows_before", "inserted"), ("closed", "removed", "rows_after")),
    ("quarantine", ("open_before", "quarantined"), ("replayed", "superseded_open", "discarded", "open_after")),
)


def unproved(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """The balances that do not hold: their name, and the equation with its numbers."""
    found: list[tuple[str, str]] = []
    for name, left, right in _BALANCES:
        if sum(counts[k] for k in left) != sum(counts[k] for k in right):
            sides = [" + ".join(f"{k} {counts[k]}" for k in side) for side in (left, right)]
            found.append((name, " ≠ ".join(sides)))
    return found


def proved(table: str, counts: Mapping[str, int]) -> None:
    """Raise NotConserved with the first balance of `table` that does not hold."""
    for name, equation in unproved(counts):
        raise NotConserved(
            f"the {name} balance does not add up",
            where=f"table {table}",
            got=equation,
            kept="the last good content stays published",
            next="tilth verify",
        )
