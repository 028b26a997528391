"""Families that fall in a row: who waits for one sum makes the next one wrong.

A line that moves is of two families. Where it waits for one of them, the other one may be off in the next candidate,
and so on: a candidate a step. So from the second candidate on what each newcomer adds to which sum is written down, and
the steps that would follow are counted out. They are the same as those of one candidate after the other: where that
cannot be told, the counting stops, and the next candidate shows it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import polars as pl

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import literal, quoted
from tilth.assets.publishing.families import Declared
from tilth.assets.publishing.merge import Keyed
from tilth.schemas.relations import Ascending, FunctionalDependency
from tilth.schemas.spec import Spec

__all__ = ["Chains", "Family", "Part", "falling"]

Place = tuple[str, int, int]
"""Table, batch, ordinal."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a newcomer has to do with one family: what it says there, or what the row said that it replaced."""

    newcomer: Place
    family: str
    line: bool  # else it is the record that says the sum
    old: bool
    amount: Fraction | None


@dataclass(slots=True)
class Family:
    """A family as the candidate has it."""

    newcomers: int
    foretold: bool  # whether it can be told what the next candidate is without them
    tolerance: Fraction = Fraction(0)
    summed: Fraction = Fraction(0)
    said: list[Fraction] = field(default_factory=list[Fraction])

    @property
    def off(self) -> bool:
        """Whether newcomers are to be blamed for it."""
        return self.newcomers > 0 and any(abs(self.summed - said) > self.tolerance for said in self.said)

    def without(self, part: Part) -> None:
        """Take back what a newcomer did."""
        amount = part.amount or Fraction(0)
        if part.line:
            self.summed += amount if part.old else -amount
        elif part.amount is not None:
            self.said.append(amount) if part.old else self.said.remove(amount)


def falling(first: Collection[str], parts: Iterable[Part], families: Mapping[str, Family]) -> set[str]:
    """The families `first`, and all that fall after them, step by step; `families` are changed.

    `parts`: of the newcomers that are of several families. `families`: those of them, and those of `first`.
    """
    of_family: dict[str, list[Place]] = defaultdict(list)
    of_newcomer: dict[Place, list[Part]] = defaultdict(list)
    for part in parts:
        of_family[part.family].append(part.newcomer)
        of_newcomer[part.newcomer].append(part)
    fallen, newly, gone = set(first), set(first), set[Place]()
    while newly and all(families[family].foretold for family in newly):
        leaving = dict.fromkeys(one for family in sorted(newly) for one in of_family[family] if one not in gone)
        gone |= leaving.keys()
        touched = [part for one in leaving for part in of_newcomer[one]]
        for part in touched:
            families[part.family].without(part)
        for family, count in Counter(family for _, family in {(p.newcomer, p.family) for p in touched}).items():
            families[family].newcomers -= count
        newly = {part.family for part in touched if families[part.family].off} - fallen
        fallen |= newly
    return fallen


_MOST = 300_000  # parts that are counted out in memory


class Chains:
    """What the newcomers of one candidate have to do with families; `specs` are of all tables that are pulled."""

    def __init__(self, candidate: Candidate, specs: Mapping[str, Spec]) -> None:
        self.candidate, self.specs = candidate, specs
        place = "tbl VARCHAR, _batch BIGINT, _ordinal BIGINT"
        candidate.scratch("tilth_came", f"{place}, key VARCHAR, deleted BOOLEAN")
        candidate.scratch("tilth_parts", f"{place}, family VARCHAR, line BOOLEAN, old BOOLEAN, amount VARCHAR")

    def came(self, keyed: Keyed) -> None:
        """Take note of all that comes in a round (`tilth_incoming_all`)."""
        key = f"row({', '.join(map(quoted, keyed.key))})::VARCHAR" if keyed.key else "''"
        self.candidate.run(
            f"INSERT INTO tilth_came SELECT ?, _batch, _ordinal, {key}, _deleted FROM tilth_incoming_all", [keyed.table]
        )

    def note(self, keyed: Keyed, parts: Iterable[str]) -> None:
        """Take note of newcomers; `parts`: SQL of `_batch`, `_ordinal`, family, line, old, amount."""
        for part in parts:
            self.candidate.run(
                f"INSERT INTO tilth_parts SELECT ?, * FROM ({part}) WHERE family IS NOT NULL", [keyed.table]
            )

    def bridges(self) -> list[Part]:
        """The parts of newcomers that are of several families; of too many none."""
        several = "SELECT tbl, _batch, _ordinal FROM tilth_parts GROUP BY ALL HAVING count(DISTINCT family) > 1"
        self.candidate.run(
            "CREATE OR REPLACE TEMP TABLE tilth_bridges AS SELECT * FROM tilth_parts "
            f"SEMI JOIN ({several}) USING (tbl, _batch, _ordinal)"
        )
        if self.candidate.number("SELECT count(*) FROM tilth_bridges") > _MOST:
            return []
        rows = self.candidate.run(
            "SELECT tbl, _batch, _ordinal, family, line, old, amount FROM tilth_bridges ORDER BY ALL"
        )
        return [
            Part(
                (str(table), int(str(batch)), int(str(ordinal))),
                str(family),
                bool(line),
                bool(old),
                None if amount is None else Fraction(str(amount)),
            )
            for table, batch, ordinal, family, line, old, amount in rows
        ]

    def families(self, first: Collection[str]) -> dict[str, Family]:
        """The families `first` and those of the bridges, without their sums."""
        self.candidate.load("tilth_wanted", pl.DataFrame({"family": list(first)}))
        asked = "SELECT family FROM tilth_wanted UNION SELECT family FROM tilth_bridges"
        odd = " UNION ALL ".join([*self._odd()])
        rows = self.candidate.run(
            f"WITH odd AS (SELECT DISTINCT tbl, _batch, _ordinal, true AS odd FROM ({odd})) "
            "SELECT family, count(DISTINCT (tbl, _batch, _ordinal)), NOT coalesce(bool_or(odd), false) "
            "FROM tilth_parts LEFT JOIN odd USING (tbl, _batch, _ordinal) "
            f"SEMI JOIN ({asked}) USING (family) GROUP BY ALL"
        )
        return {str(family): Family(int(str(count)), bool(plain)) for family, count, plain in rows}

    def summed(self, one: Declared, families: Mapping[str, Family]) -> None:
        """Enter into `families` what the records of one total say, and what their sums are."""
        self.candidate.load("tilth_wanted", pl.DataFrame({"family": list(families)}))
        for name, family in families.items():
            family.tolerance = Fraction(one.rule.tolerance) if one.owns(name) else family.tolerance
        for name, said in self._amounts(one.parent, one.rule.column, one.name_of(one.as_invoice("r")), "amount"):
            families[name].said.append(said)
        for name, summed in self._amounts(
            one.rule.table, one.rule.amount, one.name_of(one.as_line("r")), "sum(amount)"
        ):
            families[name].summed = summed

    def _amounts(self, table: str, column: str, family: str, what: str) -> list[tuple[str, Fraction]]:
        rows = f"SELECT {family} AS family, r.{quoted(column)} AS amount FROM {quoted(table)} r"
        rows = f"SELECT * FROM ({rows}) SEMI JOIN tilth_wanted USING (family) WHERE amount IS NOT NULL"
        grouped = " GROUP BY family" if what != "amount" else ""
        found = self.candidate.run(f"SELECT family, ({what})::VARCHAR FROM ({rows}){grouped}")
        return [(str(name), Fraction(str(amount))) for name, amount in found]

    def _odd(self) -> Iterator[str]:
        """SQL: newcomers of whom it cannot be told what is there in their place when they wait."""
        places = "SELECT tbl, _batch, _ordinal FROM"
        several = "SELECT tbl, key FROM tilth_came GROUP BY ALL HAVING count(DISTINCT (_batch, _ordinal)) > 1"
        yield f"{places} tilth_came SEMI JOIN ({several}) USING (tbl, key)"
        yield f"{places} tilth_came WHERE deleted"
        for (table,) in self.candidate.run("SELECT DISTINCT tbl FROM tilth_parts"):
            name = str(table)
            of = f"tbl = {literal(name)}"
            if self._looks(name):
                yield f"{places} tilth_parts WHERE {of}"
            yield f"{places} tilth_parts ANTI JOIN {quoted(name)} USING (_batch, _ordinal) WHERE {of}"
            for other, column, parent in self._referring(name):
                yield self._needed(name, parent, other, column)

    def _looks(self, table: str) -> bool:
        """Whether its records are judged by others that may wait: but by their parents."""
        spec = self.specs[table]
        among = any(isinstance(r, FunctionalDependency | Ascending) and r.severity == "error" for r in spec.rules)
        lost = any(parent not in spec.key for _, _, parent in self._referring(table))
        return not spec.key or bool(spec.unique) or among or lost

    def _referring(self, table: str) -> list[tuple[str, str, str]]:
        """Table, column and the own column that it refers to, where it matters for sums."""
        refers = [
            (name, c.name, c.references) for name, spec in self.specs.items() for c in spec.columns if c.references
        ]
        matters = {of for _, _, (of, _) in refers}
        matters |= {str(name) for (name,) in self.candidate.run("SELECT DISTINCT tbl FROM tilth_parts")}
        there = [(name, column, parent) for name, column, (of, parent) in refers if of == table and name in matters]
        return [one for one in there if one[1] in self.candidate.columns(one[0])]

    def _needed(self, table: str, parent: str, other: str, column: str) -> str:
        """New rows that new rows of another table refer to which do not wait whenever they do."""
        kind = self.candidate.columns(table).get(parent, "VARCHAR")
        now = f"'{self.candidate.now.isoformat()}'::TIMESTAMPTZ"
        theirs = f"f.tbl = {literal(other)} AND f._batch = z._batch AND f._ordinal = z._ordinal"
        return (
            f"SELECT p.tbl, p._batch, p._ordinal FROM tilth_parts p JOIN {quoted(table)} y "
            f"ON y._batch = p._batch AND y._ordinal = p._ordinal JOIN {quoted(other)} z "
            f"ON TRY_CAST(z.{quoted(column)} AS {kind}) = y.{quoted(parent)} WHERE p.tbl = {literal(table)} "
            f"AND z._updated_at = {now} AND NOT EXISTS (SELECT 1 FROM tilth_parts o WHERE o.old AND o.tbl = p.tbl "
            "AND o._batch = p._batch AND o._ordinal = p._ordinal) AND NOT EXISTS (SELECT 1 FROM tilth_parts f "
            f"WHERE {theirs} AND f.family = p.family)"
        )
