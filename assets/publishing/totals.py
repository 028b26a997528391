"""Totals across tables: what a record says must be the sum of another table's rows that belong to it.

A family is a record and the rows that it sums. It is judged as it would be published, when all tables have taken their
turns: where it does not add up, and somebody new had a part in that, nobody could say who of them is wrong, so all
newcomers of the family wait: the candidate is built again without them. They come back by themselves with whoever makes
the sum right. A family without newcomers is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import polars as pl

from tilth.assets.publishing.blocking import Blocked, Premature
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.merge import Keyed
from tilth.schemas.judging import Quality
from tilth.schemas.relations import Total
from tilth.schemas.spec import Spec

__all__ = ["Totals", "unsummed"]


def unsummed(candidate: Candidate, spec: Spec, coming: Collection[str]) -> str | None:
    """What the contract adds up and no release has yet, beside the tables that are published in this one."""
    for rule in spec.rules:
        known = isinstance(rule, Total) and rule.table not in coming
        if isinstance(rule, Total) and known and rule.amount not in candidate.columns(rule.table):
            return f"its {rule.column} is the sum of {rule.table}.{rule.amount}, which is not published"
    return None


@dataclass(frozen=True, slots=True)
class _Declared:
    """One total of one contract."""

    number: int
    parent: str
    rule: Total
    kinds: tuple[str, ...]  # of the own columns that tell a family

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"k{place}" for place in range(len(self.kinds)))

    @property
    def touched(self) -> str:
        return f"tilth_family_{self.number}"

    @property
    def blocked(self) -> str:
        return f"tilth_blocked_{self.number}"

    def families(self, table: str, row: str) -> Iterator[list[str]]:
        """The families that a row of `table` is of: as invoice, as line, or both."""
        own, theirs = zip(*self.rule.by, strict=True)
        for is_one, columns in ((table == self.parent, own), (table == self.rule.table, theirs)):
            if is_one:
                yield [f"TRY_CAST({row}.{quoted(c)} AS {k})" for c, k in zip(columns, self.kinds, strict=True)]

    def keys(self, table: str, row: str) -> Iterator[str]:
        """Each of these families as a list of named columns."""
        for casts in self.families(table, row):
            yield ", ".join(f"{cast} AS {name}" for cast, name in zip(casts, self.names, strict=True))


class Totals:
    """The declared totals while one candidate is built; `blocked`: see `Blocked.families`."""

    def __init__(self, candidate: Candidate, specs: Mapping[str, Spec], blocked: Mapping[int, pl.DataFrame]) -> None:
        self.candidate, self.any_blocked = candidate, bool(blocked)
        declared = [(name, rule) for name, spec in specs.items() for rule in spec.rules if isinstance(rule, Total)]
        self.declared: list[_Declared] = []
        for number, (name, rule) in enumerate(declared):
            types = candidate.types_of(specs[name])
            one = _Declared(number, name, rule, tuple(types[own] for own, _ in rule.by))
            self.declared.append(one)
            shape = ", ".join(f"{name} {kind}" for name, kind in zip(one.names, one.kinds, strict=True))
            candidate.scratch(one.touched, shape)
            candidate.scratch(one.blocked, shape)
            if number in blocked:
                candidate.load("tilth_blocking", blocked[number])
                candidate.run(f"INSERT INTO {one.blocked} SELECT * FROM tilth_blocking")

    def of(self, table: str) -> list[_Declared]:
        """Those that a table has a part in."""
        return [one for one in self.declared if table in (one.parent, one.rule.table)]

    def refuse(self, keyed: Keyed, *, into: str) -> int:
        """Put the newcomers (`tilth_live`) of blocked families into the scratch table `into`; how many they are."""
        found = 0
        for one in self.of(keyed.table) if self.any_blocked else ():
            if one.rule.severity == "error":
                column = one.rule.column if keyed.table == one.parent else one.rule.amount
                expected = one.rule.expected if keyed.table == one.parent else f"{one.parent}.{one.rule.expected}"
                found += self.candidate.number(
                    f"INSERT INTO {into} SELECT _batch, _ordinal, ?, ?, CAST({quoted(column)} AS VARCHAR), ? "
                    f"FROM tilth_live SEMI JOIN ({self._families(one, keyed)} SEMI JOIN {one.blocked} "
                    f"USING ({', '.join(one.names)})) USING (_batch, _ordinal)",
                    [one.rule.name, column, expected],
                )
        return found

    def unblocked(self, table: str, rows: str) -> str:
        """The relation `rows` of the table's newcomers, as SQL, without those of blocked families."""
        for one in self.of(table) if self.any_blocked else ():
            for casts in one.families(table, "r"):
                same = " AND ".join(f"b.{name} = {cast}" for cast, name in zip(casts, one.names, strict=True))
                rows = f"(SELECT * FROM {rows} r WHERE NOT EXISTS (SELECT 1 FROM {one.blocked} b WHERE {same}))"
        return rows

    def note(self, keyed: Keyed) -> None:
        """Remember the families that the newcomers (`tilth_live`) have a part in."""
        for one in self.of(keyed.table):
            names = ", ".join(one.names)
            self.candidate.run(f"INSERT INTO {one.touched} SELECT DISTINCT {names} FROM ({self._families(one, keyed)})")

    def _families(self, one: _Declared, keyed: Keyed) -> str:
        """`_batch`, `_ordinal` and family of each newcomer: what it says, and what the row said that it replaces."""
        place = "SELECT r._batch, r._ordinal"
        parts = [f"{place}, {key} FROM tilth_live r WHERE NOT r._deleted" for key in one.keys(keyed.table, "r")]
        parts += [f"{place}, {key} FROM {keyed.meeting('tilth_live')}" for key in one.keys(keyed.table, "c")]
        return f"SELECT * FROM ({' UNION ALL '.join(parts)})"

    def check(self, blaming: Callable[[str], AbstractContextManager[None]]) -> dict[str, list[Quality]]:
        """Raise Premature for families that newcomers left wrong; what was only to be counted, by table.

        A sum that cannot be made at all is the trouble of the table that declares it: `blaming` tells whose.
        """
        wrong: dict[int, pl.DataFrame] = {}
        counted: dict[str, list[Quality]] = {}
        for one in self.declared:
            asked = self.candidate.number(f"SELECT count(*) FROM (SELECT DISTINCT * FROM {one.touched})")
            if not asked or not self._there(one):
                continue
            with blaming(one.parent):
                off = self.candidate.frame(self._off(one))
            if one.rule.severity == "warn":
                told = Quality(one.rule.name, one.rule.column, "warn", asked, off.height)
                counted.setdefault(one.parent, []).append(told)
            elif off.height:
                wrong[one.number] = off
        if wrong:
            raise Premature(Blocked(families=wrong))
        return counted

    def _there(self, one: _Declared) -> bool:
        """Whether both tables have the columns: a held one may be as an older contract had it."""
        own, theirs = zip(*one.rule.by, strict=True)
        parent, lines = self.candidate.columns(one.parent), self.candidate.columns(one.rule.table)
        return {one.rule.column, *own} <= parent.keys() and {one.rule.amount, *theirs} <= lines.keys()

    def _off(self, one: _Declared) -> str:
        """The families with newcomers, none of them blocked, whose sum is off by more than it may."""
        rule, names = one.rule, ", ".join(one.names)
        asked = f"SELECT DISTINCT * FROM {one.touched} ANTI JOIN {one.blocked} USING ({names})"
        casts = list(zip(rule.by, one.kinds, one.names, strict=True))
        theirs = ", ".join(f"TRY_CAST({quoted(their)} AS {kind}) AS {name}" for (_, their), kind, name in casts)
        own = ", ".join(f"TRY_CAST({quoted(mine)} AS {kind}) AS {name}" for (mine, _), kind, name in casts)
        return (
            f"WITH asked AS ({asked}), lines AS (SELECT {names}, sum(a) AS s FROM (SELECT {theirs}, "
            f"{quoted(rule.amount)} AS a FROM {quoted(rule.table)}) SEMI JOIN asked USING ({names}) GROUP BY ALL) "
            f"SELECT DISTINCT {names} FROM (SELECT {own}, {quoted(rule.column)} AS t FROM {quoted(one.parent)}) p "
            f"SEMI JOIN asked USING ({names}) LEFT JOIN lines USING ({names}) "
            f"WHERE t IS NOT NULL AND abs(coalesce(s, 0) - t) > {rule.tolerance:f}"
        )
