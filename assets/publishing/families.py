"""One declared total, as SQL: which families there are, and which of them a row is of.

A family is a record and the rows of the other table that it is the sum of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from tilth.assets.publishing.causes import Cause
from tilth.assets.publishing.engine import literal, quoted
from tilth.assets.publishing.merge import Keyed
from tilth.schemas.relations import Total

__all__ = ["Declared"]

_TOLD = 3  # how many families a message tells


@dataclass(frozen=True, slots=True)
class Declared:
    """One total of one contract."""

    number: int
    parent: str
    rule: Total
    kinds: tuple[str, ...]  # of the own columns that tell a family

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that name a family."""
        return tuple(f"k{place}" for place in range(len(self.kinds)))

    @property
    def touched(self) -> str:
        """The scratch table of the families that are asked."""
        return f"tilth_family_{self.number}"

    @property
    def blocked(self) -> str:
        """The scratch table of the families whose newcomers wait."""
        return f"tilth_blocked_{self.number}"

    @property
    def keyed_by(self) -> str:
        """These columns, as SQL."""
        return ", ".join(self.names)

    def same(self, one: str, other: str) -> str:
        """SQL: whether two rows name the same family."""
        return " AND ".join(f"{one}.{name} = {other}.{name}" for name in self.names)

    def torn(self, off: pl.DataFrame) -> Cause:
        """What holds the table that lines left: families that are off now; `off`: see `Totals.check`."""
        own = [mine for mine, _ in self.rule.by]
        told = [
            f"{', '.join(f'{name} {value}' for name, value in zip(own, family, strict=True))}: "
            f"{self.rule.column} {said}, sum of {self.rule.table}.{self.rule.amount} {summed}"
            for *family, said, summed in off.head(_TOLD).select(*self.names, "said", "summed").iter_rows()
        ]
        more = f"; {off.height - _TOLD:,} more" if off.height > _TOLD else ""
        which = sorted(map(str, off.select(*self.names, "said", "summed").rows()))
        just = hashlib.sha256("\n".join(which).encode()).hexdigest()[:12]  # these are told, and no others accepted
        what = f"rows left, and now {self.rule.name} is wrong for {off.height:,} of {self.parent}"
        name = f"{self.rule.name}: {self.parent}.{self.rule.column}, {just}"
        return Cause(name, f"{what}: {'; '.join(told)}{more}", off.height)

    def as_invoice(self, row: str) -> list[str]:
        """The family of a row of the table that says the sum."""
        return [f"TRY_CAST({row}.{quoted(own)} AS {k})" for (own, _), k in zip(self.rule.by, self.kinds, strict=True)]

    def as_line(self, row: str) -> list[str]:
        """The family of a row that is summed."""
        return [
            f"TRY_CAST({row}.{quoted(their)} AS {k})" for (_, their), k in zip(self.rule.by, self.kinds, strict=True)
        ]

    def families(self, table: str, row: str) -> Iterator[list[str]]:
        """The families that a row of `table` is of: as invoice, as line, or both."""
        if table == self.parent:
            yield self.as_invoice(row)
        if table == self.rule.table:
            yield self.as_line(row)

    def keys(self, table: str, row: str) -> Iterator[str]:
        """Each of these families as a list of named columns."""
        for casts in self.families(table, row):
            yield ", ".join(f"{cast} AS {name}" for cast, name in zip(casts, self.names, strict=True))

    def name_of(self, columns: Iterable[str]) -> str:
        """SQL: a family as one text, NULL where a column is; among those of all totals no other has it."""
        return " || ".join([literal(f"{self.number}"), *(f"chr(31) || {column}::VARCHAR" for column in columns)])

    def owns(self, name: str) -> bool:
        """Whether `name_of` gave this name."""
        return name.split("\x1f")[0] == f"{self.number}"

    def parts(self, keyed: Keyed) -> Iterator[str]:
        """What newcomers (`tilth_live`) say, and what the rows said that they replace: see `chains.Chains.note`."""
        for line, amount, table in ((False, self.rule.column, self.parent), (True, self.rule.amount, self.rule.table)):
            for old, row in ((False, "r"), (True, "c")) if table == keyed.table else ():
                family = self.name_of(self.as_line(row) if line else self.as_invoice(row))
                rows = keyed.meeting("tilth_live") if old else "tilth_live r WHERE NOT r._deleted"
                said = f"CAST({row}.{quoted(amount)} AS VARCHAR)"
                yield f"SELECT r._batch, r._ordinal, {family} AS family, {line}, {old}, {said} FROM {rows}"
