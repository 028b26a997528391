"""Rules among rows, told slowly and plainly: every pair of rows is looked at, every subset is tried.

Rows are dicts; `standing` ones are published and stay, `new` ones come. Each function gives the places among `new` that
are blamed. It knows nothing of polars or SQL and shares no code with what it checks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

__all__ = ["Came", "chained", "contradictions", "disorder", "families", "gaps", "refused"]

Row = Mapping[str, Any]


def contradictions(standing: Sequence[Row], new: Sequence[Row], *, vote: bool) -> set[int]:
    """`zip` tells `city`; rows that lack one of them take no part."""
    blamed: set[int] = set()
    for place, row in enumerate(new):
        if row["zip"] is None or row["city"] is None:
            continue
        stay = [o["city"] for o in standing if o["zip"] == row["zip"] and o["city"] is not None]
        come = [o["city"] for o in new if o["zip"] == row["zip"] and o["city"] is not None]
        if vote:
            votes = Counter([*stay, *come])
            leading = [city for city, count in votes.items() if count == max(votes.values())]
            wrong = leading != [row["city"]]
        else:
            wrong = row["city"] not in stay if stay else len(set(come)) > 1
        if wrong:
            blamed.add(place)
    return blamed


def disorder(standing: Sequence[Row], new: Sequence[Row], *, strict: bool) -> set[int]:
    """`number` ascends in the order of `day`, within `book`."""

    def fit(one: Row, other: Row) -> bool:
        if one["book"] != other["book"]:
            return True
        if one["day"] == other["day"]:
            return not strict or one["number"] != other["number"]
        first, second = sorted((one, other), key=lambda row: row["day"])
        return first["number"] < second["number"] or (not strict and first["number"] == second["number"])

    blamed = {place for place, row in enumerate(new) if not all(fit(row, other) for other in standing)}
    for book in {row["book"] for row in new}:
        places = [p for p, row in enumerate(new) if row["book"] == book and p not in blamed]
        blamed |= set(places) - set(_most(places, new, fit))
    return blamed


def _most(places: Sequence[int], new: Sequence[Row], fit: Callable[[Row, Row], bool]) -> Sequence[int]:
    """The largest part in which every two fit; of several the one whose numbers are least from its end."""
    ordered = sorted(places, key=lambda p: (new[p]["day"], new[p]["number"], p))
    for size in range(len(ordered), 0, -1):
        parts = [c for c in combinations(ordered, size) if all(fit(new[a], new[b]) for a, b in combinations(c, 2))]
        if parts:
            return min(parts, key=lambda part: ([new[p]["number"] for p in reversed(part)], part))
    return ()


def gaps(standing: Sequence[Row], new: Sequence[Row]) -> set[int]:
    """A number needs the one before it in its `book`, unless it is the least; taken away until all are content."""
    late: set[int] = set()
    while True:
        there = [row for place, row in enumerate(new) if place not in late] + list(standing)
        numbers = {(row["book"], row["number"]) for row in there}
        least = {book: min(number for other, number in numbers if other == book) for book, _ in numbers}
        more = {
            place
            for place, row in enumerate(new)
            if place not in late
            and row["number"] != least[row["book"]]
            and (row["book"], row["number"] - 1) not in numbers
        }
        if not more:
            return late
        late |= more


def refused(published: Mapping[int, Row], came: Mapping[int, Row], *rules: Callable[..., set[int]]) -> set[int]:
    """The keys that one round refuses: a refused update leaves what it would have replaced, so it is asked again."""
    fallen: set[int] = set()
    while True:
        found: set[int] = set()
        for rule in rules:
            new = [key for key, row in came.items() if key not in fallen and published.get(key) != row]
            stay = [row for key, row in published.items() if key not in new]
            found = {new[place] for place in rule(stay, [came[key] for key in new])}
            fallen |= found
            if found:
                break
        if not found:
            return fallen


def families(
    published: tuple[Mapping[int, int], Mapping[int, tuple[int, int]]],
    came: tuple[Mapping[int, int], Mapping[int, tuple[int, int]]],
) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
    """What is published after a night: invoices (number → net) and lines (id → invoice, amount) that never move.

    All that came for an invoice is taken if its sum is right then, else nothing of it.
    """
    invoices, lines = dict(published[0]), dict(published[1])
    for number in {*came[0], *(invoice for invoice, _ in came[1].values())}:
        head = came[0].get(number, invoices.get(number))
        mine = {id: line for id, line in {**lines, **came[1]}.items() if line[0] == number}
        if head is not None and sum(amount for _, amount in mine.values()) == head:
            invoices[number] = head
            lines |= mine
    return invoices, lines


Came = tuple[int, str, int, tuple[int, ...]]
"""Pull, "invoice" or "line", key, and what it says: net, or invoice and amount."""


def chained(
    invoices: Mapping[int, int], lines: Mapping[int, tuple[int, int]], came: Sequence[Came]
) -> tuple[dict[int, int], dict[int, tuple[int, int]], list[Came]]:
    """What is published after a night, and who waits, where lines move: tried again and again from the beginning.

    Whoever is new waits, when a sum that he has a part in is wrong: then others may be wrong without him. A line waits
    for its invoice, too.
    """
    blocked: set[int] = set()
    while True:
        heads, rows = dict(invoices), dict(lines)
        touched: set[int] = set()
        late: dict[tuple[str, int], int] = {}
        waits: list[Came] = []
        for one in sorted(came, key=lambda one: (one[1], one[0])):  # invoices first
            pull, kind, key, says = one
            now = (heads[key],) if kind == "invoice" and key in heads else rows.get(key) if kind == "line" else None
            mine = {key} if kind == "invoice" else {says[0], *(now or says)[:1]}
            if (kind == "line" and says[0] not in heads) or (now != says and mine & blocked):
                waits.append(one)
                continue
            late[kind, key] = pull
            if now != says:
                touched |= mine
                if kind == "invoice":
                    heads[key] = says[0]
                else:
                    rows[key] = (says[0], says[1])
        sums = {no: sum(amount for invoice, amount in rows.values() if invoice == no) for no in heads}
        off = {no for no in touched - blocked if no in heads and sums[no] != heads[no]}
        if not off:
            newest = {(kind, key): pull for pull, kind, key, _ in sorted(waits)} | {}
            stay = [w for w in waits if newest[w[1], w[2]] == w[0] and late.get((w[1], w[2]), 0) < w[0]]
            return heads, rows, stay
        blocked |= off
