"""Tables that refer to themselves, or to each other in a circle: their records arrive together, and fall together.

While a circle's turns are taken, a parent that arrives in this release counts as there. One that is refused takes along
those that refer to it, but for one that waits for a number: it may come in yet, until its table's turn is over. Who was
merged before that is found when all turns are over: the candidate is thrown away, and the next one lets these newcomers
wait. A published row is never blamed.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tilth.assets.provenance.columns import PROVENANCE
from tilth.assets.publishing.arrivals import Arrivals, Link
from tilth.assets.publishing.blocking import Blocked, Premature
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import literal, parquet, quoted
from tilth.assets.publishing.returning import returning
from tilth.assets.publishing.turns import Turn
from tilth.assets.storage import Storage
from tilth.schemas.contract import Column, Spec
from tilth.schemas.relations import GAP

__all__ = ["Circle", "coming"]


class Circle:
    """The tables of one group while their turns are taken; where none of them refers to another, nothing to do.

    `blocked`: those of an earlier candidate of the same release. `most`: what may be counted out in memory.
    """

    def __init__(
        self, candidate: Candidate, specs: Mapping[str, Spec], blocked: Blocked, *, most: int = 2_000_000
    ) -> None:
        self.candidate = candidate
        referring = [
            (name, column, column.references)
            for name, spec in specs.items()
            for column in spec.columns
            if column.references and column.references[0] in specs
        ]
        shapes = {name: {**candidate.types_of(spec), **PROVENANCE} for name, spec in specs.items() if referring}
        self.links = [
            Link(number, name, column, of, shapes[of[0]][of[1]]) for number, (name, column, of) in enumerate(referring)
        ]
        self.arriving = Arrivals(candidate, self.links, shapes, most=most)
        self.orphans: dict[str, str] = {}  # table → relation of places and columns that are known to have no parent
        for number, name in enumerate(name for name in blocked.orphans if self.links and name in specs):
            self.orphans[name] = f"tilth_orphaned_{number}"
            candidate.load(self.orphans[name], blocked.orphans[name])

    def __bool__(self) -> bool:
        return bool(self.links)

    def arrive(self, files: Mapping[str, str]) -> None:
        """Take note of what arrives: per table the relation of its pending and returning records.

        A record falls when its parent is neither published nor arriving, and takes those that refer to it along.
        """
        for table, rows in files.items():
            known = f"ANTI JOIN {self.orphans[table]} USING (_batch, _ordinal)" if table in self.orphans else ""
            self.arriving.add(table, f"(SELECT * FROM {rows} {known})")
        self.arriving.fall()

    def lose(self, table: str) -> bool:
        """Who is refused (`tilth_refused`) arrives no more, nor does who refers to it; whether anybody did.

        Who waits for a number still does: whoever has it may come in a later round.
        """
        if table not in self.arriving.relations:
            return False
        lost = self.candidate.number(
            f"DELETE FROM {self.arriving.relations[table]} a WHERE EXISTS "
            "(SELECT 1 FROM tilth_refused f WHERE f._batch = a._batch AND f._ordinal = a._ordinal "
            f'AND f."rule" <> {literal(GAP)})'
        )
        if lost:
            self.arriving.fall()
        return bool(lost)

    def arrived(self, table: str) -> None:
        """A table's turn is over: who came in is a row of it, and nobody else will."""
        if self.arriving.relations.pop(table, None):
            self.arriving.fall()

    def lacks(self, table: str, column: Column) -> str:
        """SQL: whether a record `r` of a table refers to a row that is neither published nor arrives."""
        missing = f"NOT {self._has_parent(table, column)}"
        if table not in self.orphans:
            return missing
        known = f'o._batch = r._batch AND o._ordinal = r._ordinal AND o."column" = {literal(column.name)}'
        return f"({missing} OR EXISTS (SELECT 1 FROM {self.orphans[table]} o WHERE {known}))"

    def _has_parent(self, table: str, column: Column) -> str:
        """What a record `r` refers to is published or arrives; a value of another type is read as the parent's."""
        for link in self.links:
            if (link.table, link.column) == (table, column):
                return self.arriving.has(link.of, link.wanted)
        of, parent = column.references or ("", "")  # of another group
        kind = self.candidate.columns(of).get(parent)
        same = f"p.{quoted(parent)} = TRY_CAST(r.{quoted(column.name)} AS {kind})"
        return f"EXISTS (SELECT 1 FROM {quoted(of)} p WHERE {same})" if kind else "false"

    def check(self) -> None:
        """Raise Premature for rows that this release wrote and that refer to nobody, now that all turns are over."""
        tables = dict.fromkeys(link.table for link in self.links)
        found = {table: frame for table in tables if (frame := self._dangling(table)).height}
        if found:
            raise Premature(Blocked(orphans=found))

    def _dangling(self, table: str) -> pl.DataFrame:
        self.candidate.scratch("tilth_dangling", '_batch BIGINT, _ordinal BIGINT, "column" VARCHAR')
        for link in (link for link in self.links if link.table == table):
            there = self.arriving.has(link.of, link.wanted, arriving=False)
            self.candidate.run(
                f"INSERT INTO tilth_dangling SELECT _batch, _ordinal, ? FROM {quoted(table)} r "
                f"WHERE _updated_at = ? AND {link.present} AND NOT {there}",
                [link.column.name, self.candidate.now],
            )
        known = f"ANTI JOIN {self.orphans[table]} USING (_batch, _ordinal)" if table in self.orphans else ""
        return self.candidate.frame(f"SELECT * FROM tilth_dangling {known}")


def coming(candidate: Candidate, turn: Turn, storage: Storage) -> str | None:
    """The relation of a turn's pending records, and of those that may return: they wait for others, or were mended."""
    pending = [storage.url(pull.ready) for pull in turn.pulls if pull.pending]
    parts = [f"SELECT * FROM {parquet(*pending)}"] if pending else []
    for number, back in enumerate(returning(turn, turn.open, turn.orphans, storage)):
        places = quoted(f"tilth_back_{number}_{turn.name}")
        candidate.load(places, back.entries.select("id", "_batch", "_ordinal"))
        parts.append(back.rows(places))
    return f"({' UNION ALL BY NAME '.join(parts)})" if parts else None
