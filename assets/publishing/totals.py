"""Totals across tables: what a record says must be the sum of another table's rows that belong to it.

A family is a record and the rows that it sums. It is judged as it would be published, when all tables have taken their
turns: where it does not add up, and somebody new had a part in that, nobody could say who of them is wrong, so all
newcomers of the family wait: the candidate is built again without them. They come back by themselves with whoever makes
the sum right. Where it is off because lines left that their source does not have any more, nobody new is to blame: the
table that they left is held. A family that nothing touched is left as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import polars as pl

from tilth.assets.publishing.blocking import Blocked, Premature
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.causes import Cause
from tilth.assets.publishing.chains import Chains, falling
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.families import Declared
from tilth.assets.publishing.merge import Keyed
from tilth.schemas.judging import Quality
from tilth.schemas.relations import Total
from tilth.schemas.spec import Spec

__all__ = ["Sums", "Totals", "unsummed"]


def unsummed(candidate: Candidate, spec: Spec, coming: Collection[str]) -> str | None:
    """What the contract adds up and no release has yet, beside the tables that are published in this one."""
    for rule in spec.rules:
        known = isinstance(rule, Total) and rule.table not in coming
        if isinstance(rule, Total) and known and rule.amount not in candidate.columns(rule.table):
            return f"its {rule.column} is the sum of {rule.table}.{rule.amount}, which is not published"
    return None


@dataclass(frozen=True, slots=True)
class Sums:
    """What the totals say of a finished candidate, by table."""

    quality: dict[str, list[Quality]] = field(default_factory=lambda: defaultdict[str, list[Quality]](list))
    torn: dict[str, list[Cause]] = field(default_factory=lambda: defaultdict[str, list[Cause]](list))
    """Table that lines have left → what does not add up without them: nobody new is to blame."""


class Totals:
    """The declared totals while one candidate is built; `blocked`: see `Blocked.families`."""

    def __init__(self, candidate: Candidate, specs: Mapping[str, Spec], blocked: Mapping[int, pl.DataFrame]) -> None:
        self.candidate, self.any_blocked = candidate, bool(blocked)
        self.chains = Chains(candidate, specs) if blocked else None
        declared = [(name, rule) for name, spec in specs.items() for rule in spec.rules if isinstance(rule, Total)]
        self.declared: list[Declared] = []
        for number, (name, rule) in enumerate(declared):
            types = candidate.types_of(specs[name])
            one = Declared(number, name, rule, tuple(types[own] for own, _ in rule.by))
            self.declared.append(one)
            shape = ", ".join(f"{name} {kind}" for name, kind in zip(one.names, one.kinds, strict=True))
            candidate.scratch(one.touched, f"{shape}, new BOOLEAN")
            candidate.scratch(one.blocked, shape)
            if number in blocked:
                candidate.load("tilth_blocking", blocked[number])
                candidate.run(f"INSERT INTO {one.blocked} SELECT * FROM tilth_blocking")

    def of(self, table: str) -> list[Declared]:
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

    def came(self, keyed: Keyed) -> None:
        """Remember who comes in a round, where that may be asked."""
        if self.chains and self.of(keyed.table):
            self.chains.came(keyed)

    def note(self, keyed: Keyed) -> None:
        """Remember the families that the newcomers (`tilth_live`) have a part in."""
        for one in self.of(keyed.table):
            if self.chains and one.rule.severity == "error":
                self.chains.note(keyed, one.parts(keyed))
            families = f"SELECT DISTINCT {one.keyed_by} FROM ({self._families(one, keyed)})"
            self.candidate.run(f"INSERT INTO {one.touched} SELECT *, true FROM ({families})")

    def told_by(self, table: str) -> list[str]:
        """The published columns that tell the families which a table's rows are lines of."""
        theirs = {their for one in self.declared if one.rule.table == table for _, their in one.rule.by}
        return sorted(theirs & self.candidate.columns(table).keys()) if theirs else []

    def note_left(self, table: str, remembered: Collection[str]) -> None:
        """Remember the families of lines that left (`tilth_leaving`, see `removal.py`): nobody who came is to blame."""
        for one in self.declared:
            if one.rule.table == table and {their for _, their in one.rule.by} <= {*remembered}:
                casts = zip(one.rule.by, one.kinds, strict=True)
                families = ", ".join(f"TRY_CAST({quoted(f'of_{their}')} AS {kind})" for (_, their), kind in casts)
                self.candidate.run(f"INSERT INTO {one.touched} SELECT DISTINCT {families}, false FROM tilth_leaving")

    def _families(self, one: Declared, keyed: Keyed) -> str:
        """`_batch`, `_ordinal` and family of each newcomer: what it says, and what the row said that it replaces."""
        place = "SELECT r._batch, r._ordinal"
        parts = [f"{place}, {key} FROM tilth_live r WHERE NOT r._deleted" for key in one.keys(keyed.table, "r")]
        parts += [f"{place}, {key} FROM {keyed.meeting('tilth_live')}" for key in one.keys(keyed.table, "c")]
        return f"SELECT * FROM ({' UNION ALL '.join(parts)})"

    def check(self, blaming: Callable[[str], AbstractContextManager[None]]) -> Sums:
        """What is to be told of the finished candidate; Premature for families that newcomers left wrong.

        A sum that cannot be made at all is the trouble of the table that declares it: `blaming` tells whose.
        """
        wrong: dict[int, pl.DataFrame] = {}
        sums = Sums()
        for one in self.declared:
            asked = self.candidate.number(f"SELECT count(*) FROM (SELECT DISTINCT {one.keyed_by} FROM {one.touched})")
            if not asked or not self._there(one):
                continue
            with blaming(one.parent):
                off = self.candidate.frame(self._off(one))
            if one.rule.severity == "warn":
                told = Quality(one.rule.name, one.rule.column, "warn", asked, off.height)
                sums.quality[one.parent].append(told)
            elif (blamed := off.filter("new")).height:
                wrong[one.number] = blamed
            elif off.height:
                told = Quality(one.rule.name, one.rule.amount, "error", off.height, off.height)
                sums.quality[one.rule.table].append(told)
                sums.torn[one.rule.table].append(one.torn(off))
        if wrong:
            raise Premature(Blocked(families=self._falling(wrong)))
        return sums

    def _falling(self, wrong: Mapping[int, pl.DataFrame]) -> dict[int, pl.DataFrame]:
        """The families that are wrong, and those that will be when their newcomers wait."""
        declared = {one.number: one for one in self.declared}
        found = {number: frame.select(declared[number].names) for number, frame in wrong.items()}
        if self.chains is None or not (bridges := self.chains.bridges()):
            return found
        first = [str(family) for frame in wrong.values() for family in frame["family"]]
        families = self.chains.families(first)
        for one in self.declared:
            if one.rule.severity == "error" and self._there(one):
                self.chains.summed(one, families)
        self.candidate.load("tilth_falling", pl.DataFrame({"family": sorted(falling(first, bridges, families))}))
        for one in self.declared:
            named = f"SELECT DISTINCT {one.keyed_by} FROM {one.touched}"
            falls = f"SELECT 1 FROM tilth_falling f WHERE f.family = {one.name_of(one.names)}"
            if (frame := self.candidate.frame(f"SELECT * FROM ({named}) WHERE EXISTS ({falls})")).height:
                found[one.number] = frame
        return found

    def _there(self, one: Declared) -> bool:
        """Whether both tables have the columns: a held one may be as an older contract had it."""
        own, theirs = zip(*one.rule.by, strict=True)
        parent, lines = self.candidate.columns(one.parent), self.candidate.columns(one.rule.table)
        return {one.rule.column, *own} <= parent.keys() and {one.rule.amount, *theirs} <= lines.keys()

    def _off(self, one: Declared) -> str:
        """The families whose sum is off by more than it may: where newcomers (`new`) had a part, or where lines left.

        Newcomers of blocked families wait already: they are not to be blamed again.
        """
        rule, names = one.rule, one.keyed_by
        asked = f"SELECT {names}, bool_or(new) AS new, bool_or(NOT new) AS gone FROM {one.touched} GROUP BY ALL"
        asked = f"SELECT *, EXISTS (SELECT 1 FROM {one.blocked} b WHERE {one.same('b', 'a')}) AS known FROM ({asked}) a"
        casts = list(zip(rule.by, one.kinds, one.names, strict=True))
        theirs = ", ".join(f"TRY_CAST({quoted(their)} AS {kind}) AS {name}" for (_, their), kind, name in casts)
        own = ", ".join(f"TRY_CAST({quoted(mine)} AS {kind}) AS {name}" for (mine, _), kind, name in casts)
        return (
            f"WITH asked AS ({asked}), lines AS (SELECT {names}, sum(a) AS s FROM (SELECT {theirs}, "
            f"{quoted(rule.amount)} AS a FROM {quoted(rule.table)}) SEMI JOIN asked USING ({names}) GROUP BY ALL) "
            f"SELECT {names}, {one.name_of(one.names)} AS family, new AND NOT known AS new, "
            f"CAST(min(t) AS VARCHAR) AS said, CAST(any_value(coalesce(s, 0)) AS VARCHAR) AS summed "
            f"FROM (SELECT {own}, {quoted(rule.column)} AS t FROM {quoted(one.parent)}) p "
            f"JOIN asked USING ({names}) LEFT JOIN lines USING ({names}) "
            f"WHERE t IS NOT NULL AND abs(coalesce(s, 0) - t) > {rule.tolerance:f} AND (gone OR NOT known) "
            "GROUP BY ALL ORDER BY ALL"
        )
