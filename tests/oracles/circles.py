"""Records of tables that refer to each other in a circle, told slowly and plainly: who of them is published.

A record is published if it is not wrong itself and what it refers to is there in the end: so of all that came, and of
all that waits, those fall that refer to nobody, and those that refer to them, until nobody falls. Of several records of
one key the last one that stands is the row. Numbers have no gap: who has one needs the number before it. Where a family
does not add up, all fall that would change it. It shares no code with what it checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Told", "after"]


@dataclass(frozen=True)
class Told:
    """A record: `pull` tells the order in which those of one table came."""

    table: str
    pull: int
    key: int
    refers: tuple[tuple[str, int], ...]  # table and key
    wrong: bool
    mended: bool = True  # else it waits until it is
    number: int | None = None  # of the numbers of its table, from 0 on
    family: int | None = None  # which it adds 1 to, or says the sum of
    says: int | None = None

    @property
    def name(self) -> tuple[str, int]:
        return self.table, self.key

    def same(self, other: Told) -> bool:
        return (self.name, self.refers, self.wrong, self.says) == (other.name, other.refers, other.wrong, other.says)


Rows = Mapping[tuple[str, int], Told]


def after(published: Rows, waits: Sequence[Told], came: Sequence[Told]) -> tuple[Rows, Sequence[Told]]:
    """What is published after a night, and who waits then."""
    every = sorted([*waits, *came], key=lambda one: one.pull)
    stands = [one for one in every if not one.wrong and one.mended]
    while True:
        stands = _with_company(published, stands)
        rows = _rows(published, stands)
        left = [one for one in stands if not _changes(published, one) or _adds_up(one.family, rows)]
        if len(left) == len(stands):
            return rows, _waiting(waits, [one for one in came if one not in stands], rows)
        stands = left


def _with_company(published: Rows, stands: Sequence[Told]) -> Sequence[Told]:
    while True:
        there = {*published, *(one.name for one in stands)}
        numbers = {(one.table, one.number) for one in [*published.values(), *stands]}
        left = [
            one
            for one in stands
            if all(parent in there for parent in one.refers)
            and (not one.number or (one.table, one.number - 1) in numbers)
        ]
        if len(left) == len(stands):
            return left
        stands = left


def _rows(published: Rows, stands: Sequence[Told]) -> dict[tuple[str, int], Told]:
    rows = dict(published)
    for one in stands:
        now = rows.get(one.name)
        if now is None or now.pull < one.pull:
            rows[one.name] = one
    return rows


def _changes(published: Rows, one: Told) -> bool:
    return one.name not in published or not one.same(published[one.name])


def _adds_up(family: int | None, rows: Rows) -> bool:
    of = [row for row in rows.values() if row.family == family]
    lines = sum(row.says is None for row in of)
    return family is None or all(row.says in (None, lines) for row in of)


def _waiting(waits: Sequence[Told], fallen: Sequence[Told], rows: Rows) -> list[Told]:
    """Who waits: the newest that fell of each key, unless a row of a later pull is there, or it is wrong itself."""
    newest: dict[tuple[str, int], Told] = {}
    for one in [*waits, *sorted(fallen, key=lambda one: one.pull)]:
        before = newest.get(one.name)
        if before is None or not before.same(one):
            newest[one.name] = one
    late = {name: row.pull for name, row in rows.items()}
    return [one for name, one in newest.items() if not one.wrong and late.get(name, 0) < one.pull]
