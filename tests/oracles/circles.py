"""Records of tables that refer to each other in a circle, told slowly and plainly: who of them is published.

A record is published if it is not wrong itself and what it refers to is there in the end: so of all that came, and of
all that waits, those fall that refer to nobody, and those that refer to them, until nobody falls. Of several records of
one key the last one that stands is the row. It shares no code with what it checks.
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

    @property
    def name(self) -> tuple[str, int]:
        return self.table, self.key

    def same(self, other: Told) -> bool:
        return (self.name, self.refers, self.wrong) == (other.name, other.refers, other.wrong)


Rows = Mapping[tuple[str, int], Told]


def after(published: Rows, waits: Sequence[Told], came: Sequence[Told]) -> tuple[Rows, Sequence[Told]]:
    """What is published after a night, and who waits then."""
    every = sorted([*waits, *came], key=lambda one: one.pull)
    stands = [one for one in every if not one.wrong]
    while True:
        there = {*published, *(one.name for one in stands)}
        left = [one for one in stands if all(parent in there for parent in one.refers)]
        if len(left) == len(stands):
            break
        stands = left
    rows = dict(published)
    for one in stands:
        now = rows.get(one.name)
        if now is None or now.pull < one.pull:
            rows[one.name] = one if now is None or not one.same(now) else Told(one.table, one.pull, one.key, *_of(now))
    return rows, _waiting(waits, [one for one in came if one not in stands], rows)


def _of(row: Told) -> tuple[tuple[tuple[str, int], ...], bool]:
    return row.refers, row.wrong


def _waiting(waits: Sequence[Told], fallen: Sequence[Told], rows: Rows) -> list[Told]:
    """Who waits: the newest that fell of each key, unless a row of a later pull is there, or it is wrong itself."""
    newest: dict[tuple[str, int], Told] = {}
    for one in [*waits, *sorted(fallen, key=lambda one: one.pull)]:
        before = newest.get(one.name)
        if before is None or not before.same(one):
            newest[one.name] = one
    late = {name: row.pull for name, row in rows.items()}
    return [one for name, one in newest.items() if not one.wrong and late.get(name, 0) < one.pull]
