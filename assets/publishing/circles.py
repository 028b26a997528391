"""Tables that refer to themselves, or to each other in a circle: their records arrive together, and fall together.

While a circle's turns are taken, a parent that arrives in this release counts as there. One that is refused takes along
those that refer to it, but for one that waits for a number: it may come in yet, until its table's turn is over. Who was
merged before that is found when all turns are over: the candidate is thrown away, and the next one lets these newcomers
wait. Who waits for others that come in because somebody else waits is let in then, after all others: the next publish
would do just that. A published row is never blamed.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tilth.assets.publishing.arrivals import Arrivals
from tilth.assets.publishing.blocking import Blocked, Premature
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import literal, parquet, quoted
from tilth.assets.publishing.links import is_published, links_of
from tilth.assets.publishing.returning import returning
from tilth.assets.publishing.turns import Turn
from tilth.assets.storage import Storage
from tilth.schemas.contract import Column, Spec
from tilth.schemas.relations import GAP

__all__ = ["Circle", "coming"]


class Circle:
    """The tables of one group while their turns are taken; where none of them refers to another, nothing to do.

    `blocked`: those of earlier candidates of the same release. `most`: what may be counted out in memory.
    """

    def __init__(
        self, candidate: Candidate, specs: Mapping[str, Spec], blocked: Blocked, *, most: int = 2_000_000
    ) -> None:
        self.candidate, self.specs, self.most = candidate, specs, most
        self.links, shapes = links_of(candidate, specs, numbers=not blocked.late)  # what they foretold was too much
        self.arriving = Arrivals(candidate, self.links, shapes, most=most)
        self.files: dict[str, str] = {}
        here = {name: number for number, name in enumerate(specs)} if self.links else {}
        self.orphans = self._loaded("tilth_orphaned", here, blocked.orphans)
        self.late = self._loaded("tilth_late", here, blocked.late)
        self.waits = dict(self.late)  # while their table's turn goes on
        self.lacking = {table: f"tilth_lacking_{number}" for table, number in here.items()}  # see `asked`
        self.moot = {table: f"tilth_no_more_{number}" for table, number in here.items()}  # those without an entry now
        for name in (*self.lacking.values(), *self.moot.values()):
            candidate.scratch(name, "_batch BIGINT, _ordinal BIGINT")

    def _loaded(self, name: str, here: Mapping[str, int], frames: Mapping[str, pl.DataFrame]) -> dict[str, str]:
        found = {table: f"{name}_{number}" for table, number in here.items() if table in frames}
        for table, places in found.items():
            self.candidate.load(places, frames[table])
        return found

    def __bool__(self) -> bool:
        return bool(self.links)

    def arrive(self, files: Mapping[str, str]) -> None:
        """Take note of what arrives: per table the relation of its pending and returning records.

        A record falls when its parent is neither published nor arriving, and takes those that refer to it along.
        """
        inside = {(link.table, link.column) for link in self.links}
        for table, rows in files.items():
            others = [c for c in self.specs[table].columns if c.references and (table, c.name) not in inside]
            followed = [f"(r.{quoted(c.name)} IS NULL OR NOT {self.lacks(table, c)})" for c in others]
            self.files[table] = f"SELECT * FROM {rows} r WHERE {' AND '.join(['true', *followed])}"
            self.arriving.add(table, f"(FROM ({self.files[table]}) {_without(self.orphans.get(table))})")
        self.arriving.fall()

    def lose(self, table: str) -> bool:
        """Who is refused (`tilth_refused`) arrives no more, nor does who refers to it; whether anybody did.

        Who waits for a number still does: whoever has it may come in a later round. So does who comes after all others.
        """
        if table not in self.arriving.relations:
            return False
        lost = self.candidate.number(
            f"DELETE FROM {self.arriving.relations[table]} a WHERE EXISTS "
            "(SELECT 1 FROM tilth_refused f WHERE f._batch = a._batch AND f._ordinal = a._ordinal "
            f'AND f."rule" <> {literal(GAP)}) {self._not_late(table)}'
        )
        if lost:
            self.arriving.fall()
        return bool(lost)

    def _not_late(self, table: str) -> str:
        if table not in self.waits:
            return ""
        late = f"SELECT 1 FROM {self.waits[table]} l WHERE l._batch = a._batch AND l._ordinal = a._ordinal"
        return f"AND NOT EXISTS ({late})"

    def asked(self, table: str) -> None:
        """Take note of who of `tilth_incoming` was refused for want of a parent, or of a number before, alone."""
        if name := self.lacking.get(table):
            self._forget(name, "tilth_incoming")
            alone = f"GROUP BY ALL HAVING bool_and(\"rule\" IN ('reference', {literal(GAP)}))"
            self.candidate.run(f"INSERT INTO {name} SELECT _batch, _ordinal FROM tilth_refused {alone}")

    def _forget(self, name: str, rows: str) -> None:
        """Take the places of rows out of a relation."""
        there = f"SELECT 1 FROM {rows} i WHERE i._batch = l._batch AND i._ordinal = l._ordinal"
        self.candidate.run(f"DELETE FROM {name} l WHERE EXISTS ({there})")

    def last(self, table: str) -> bool:
        """All others have come: those who wait for that may come now; whether anybody does."""
        return bool(self.waits.pop(table, None))

    def arrived(self, table: str, open: pl.DataFrame) -> None:
        """A table's turn is over: who came in is a row of it, and nobody else will. `open`: its entries then."""
        if self.arriving.relations.pop(table, None):
            self.arriving.fall()
            self.candidate.load("tilth_still", open.select("_batch", "_ordinal"))
            lacking, moot = self.lacking[table], self.moot[table]
            self.candidate.run(f"INSERT INTO {moot} SELECT * FROM {lacking} {_without('tilth_still')}")
            self._forget(lacking, moot)

    def lacks(self, table: str, column: Column) -> str:
        """SQL: whether a record `r` of a table refers to a row that is neither published nor arrives."""
        missing = f"NOT {self._has_parent(table, column)}"
        for places in (self.orphans.get(table), self.waits.get(table)):
            if places:
                known = f'o._batch = r._batch AND o._ordinal = r._ordinal AND o."column" = {literal(column.name)}'
                missing = f"({missing} OR EXISTS (SELECT 1 FROM {places} o WHERE {known}))"
        return missing

    def _has_parent(self, table: str, column: Column) -> str:
        """What a record `r` refers to is published or arrives; a value of another type is read as the parent's."""
        for link in self.links:
            if (link.table, link.column) == (table, column.name):
                return self.arriving.has(link.of, link.value)
        of, parent = column.references or ("", "")  # of another group
        return is_published(of, parent, f"r.{quoted(column.name)}", self.candidate.columns(of).get(parent))

    def check(self) -> None:
        """Raise Premature for whom the next candidate has to treat otherwise, now that all turns are over.

        Rows that this release wrote and that refer to nobody; else those who were refused and would not be any more.
        """
        if orphans := {table: frame for table in self.lacking if (frame := self._dangling(table)).height}:
            raise Premature(Blocked(orphans=orphans))
        if found := self._followed():
            late = {table: self._placed(table, relation) for table, relation in found.items()}
            raise Premature(Blocked({}, {table: self._placed(table, self.moot[table]) for table in self.files}, late))

    def _dangling(self, table: str) -> pl.DataFrame:
        self.candidate.scratch("tilth_dangling", '_batch BIGINT, _ordinal BIGINT, "column" VARCHAR')
        for link in (link for link in self.links if link.table == table and link.column):
            there = self.arriving.has(link.of, link.value, arriving=False)
            self.candidate.run(
                f"INSERT INTO tilth_dangling SELECT _batch, _ordinal, ? FROM {quoted(table)} r "
                f"WHERE _updated_at = ? AND {link.present} AND NOT {there}",
                [link.column, self.candidate.now],
            )
        return self.candidate.frame(f"SELECT * FROM tilth_dangling {_without(self.orphans.get(table))}")

    def _followed(self) -> dict[str, str]:
        """Who was refused for want of another, and would arrive if all that is now was published; by table.

        Others made room for those when they had to wait. Who came after all others is not asked again.
        """
        again = Arrivals(self.candidate, *links_of(self.candidate, self.specs), most=self.most)
        for table, rows in self.files.items():
            if self._count(self.lacking[table]):
                known = f"SEMI JOIN {self.lacking[table]} USING (_batch, _ordinal) {_without(self.late.get(table))}"
                again.add(table, f"(FROM ({rows}) {known})")
        again.fall()
        return {table: relation for table, relation in again.relations.items() if self._count(relation)}

    def _count(self, relation: str) -> int:
        return self.candidate.number(f"SELECT count(*) FROM {relation}")

    def _placed(self, table: str, relation: str) -> pl.DataFrame:
        """The places of a relation, each with a column that refers."""
        links = [link for link in self.links if link.table == table and link.column]
        column = "".join(f" WHEN {link.present} THEN {literal(link.column)}" for link in links)
        rows = f"({self.files[table]}) r SEMI JOIN {relation} USING (_batch, _ordinal)"
        return self.candidate.frame(f'SELECT _batch, _ordinal, CASE{column} END AS "column" FROM {rows} ORDER BY ALL')


def _without(places: str | None) -> str:
    return f"ANTI JOIN {places} USING (_batch, _ordinal)" if places else ""


def coming(candidate: Candidate, turn: Turn, storage: Storage) -> str | None:
    """The relation of a turn's pending records, and of those that may return: they wait for others, or were mended.

    `_pull` is the number of a record's pull.
    """
    parts = [
        f"SELECT *, {pull.number} AS _pull, false AS _waived FROM {parquet(storage.url(pull.ready))}"
        for pull in turn.pulls
        if pull.pending
    ]
    for number, back in enumerate(returning(turn, turn.open, turn.orphans, storage)):
        places, pulls = (quoted(f"tilth_{what}_{number}_{turn.name}") for what in ("back", "pull"))
        candidate.load(places, back.entries.select("id", "_batch", "_ordinal"))
        candidate.load(pulls, back.entries.select("_batch", _pull="pull").unique())
        waived = f"{back.event == 'waived'} AS _waived"
        parts.append(f"SELECT *, {waived} FROM ({back.rows(places)}) JOIN {pulls} USING (_batch)")
    return f"({' UNION ALL BY NAME '.join(parts)})" if parts else None
