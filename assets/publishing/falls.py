"""Who falls with whom: of records that need values, and give some, those that are left without. Pure."""

from __future__ import annotations

from array import array
from operator import sub

import polars as pl

__all__ = ["falling"]


def falling(needs: pl.DataFrame, gives: pl.DataFrame) -> pl.Series:
    """The records that need a value which nobody gives, those that need what only they give, and so on.

    Both frames have `record` and `value`, each pair once, numbered from 0 on; a giver that needs nothing has no number.
    Each pair is looked at once, however long the row is in which records fall.
    """
    records, values = _size(needs["record"]), _size(needs["value"])
    needing = _Lists(needs, "value", values, to="record")
    giving = _Lists(gives.drop_nulls(), "record", records, to="value")
    givers, fallen = _Lists(gives, "value", values, to="value").lengths, bytearray(records)
    todo = [value for value, count in enumerate(givers) if not count]
    while todo:
        for record in needing[todo.pop()]:
            if not fallen[record]:
                fallen[record] = 1
                for value in giving[record]:
                    givers[value] -= 1
                    if not givers[value]:
                        todo.append(value)
    return pl.Series("record", fallen).cast(pl.Boolean).arg_true()


def _size(numbers: pl.Series) -> int:
    return 0 if numbers.is_empty() else int(str(numbers.max())) + 1


class _Lists:
    """For each number below `size`, the numbers that are paired with it."""

    def __init__(self, pairs: pl.DataFrame, of: str, size: int, *, to: str) -> None:
        pairs = pairs.sort(of)
        self.others = array("i", pairs[to])
        self.starts = array("i", pairs[of].search_sorted(pl.int_range(size + 1, eager=True)))

    def __getitem__(self, number: int) -> array[int]:
        return self.others[self.starts[number] : self.starts[number + 1]]

    @property
    def lengths(self) -> array[int]:
        return array("i", map(sub, self.starts[1:], self.starts))
