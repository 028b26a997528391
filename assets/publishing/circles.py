"""Tables that refer to themselves, or to each other in a circle: their records arrive together, and fall together.

While a circle's turns are taken, a parent that arrives in this release counts as there. One that is refused takes along
those that refer to it, but for one that waits for a number: it may come in yet, until its table's turn is over. Who was
merged before that is found when all turns are over: the candidate is thrown away, and the next one lets these newcomers
wait. A published row is never blamed.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

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

    `blocked`: those of an earlier candidate of the same release.
    """

    def __init__(self, candidate: Candidate, specs: Mapping[str, Spec], blocked: Blocked) -> None:
        self.candidate = candidate
        inside = {name: [c for c in spec.columns if _parents(c) in specs] for name, spec in specs.items()}
        self.columns = inside if any(inside.values()) else {}
        self.arriving: dict[str, str] = {}  # table → relation of its records that will stand, as far as one knows
        self.orphans: dict[str, str] = {}  # table → relation of places and columns that are known to have no parent
        for number, name in enumerate(self.columns):
            if name in blocked.orphans:
                self.orphans[name] = f"tilth_orphaned_{number}"
                candidate.load(self.orphans[name], blocked.orphans[name])

    def __bool__(self) -> bool:
        return bool(self.columns)

    def arrive(self, files: Mapping[str, str]) -> None:
        """Take note of what arrives: per table the relation of its pending and returning records.

        A record falls when its parent is neither published nor arriving, and takes those that refer to it along.
        """
        self.arriving = {table: f"tilth_arriving_{n}" for n, table in enumerate(self.columns) if table in files}
        for table, name in self.arriving.items():
            left_out = f"ANTI JOIN {self.orphans[table]} USING (_batch, _ordinal)" if table in self.orphans else ""
            rows = f"SELECT * FROM {files[table]} {left_out} WHERE NOT _deleted"
            self.candidate.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {rows}")
        self._fall()

    def lose(self, table: str) -> bool:
        """Who is refused (`tilth_refused`) arrives no more, nor does who refers to it; whether anybody did.

        Who waits for a number still does: whoever has it may come in a later round.
        """
        if table not in self.arriving:
            return False
        lost = self.candidate.number(
            f"DELETE FROM {self.arriving[table]} a WHERE EXISTS "
            "(SELECT 1 FROM tilth_refused f WHERE f._batch = a._batch AND f._ordinal = a._ordinal "
            f'AND f."rule" <> {literal(GAP)})'
        )
        if lost:
            self._fall()
        return bool(lost)

    def arrived(self, table: str) -> None:
        """A table's turn is over: who came in is a row of it, and nobody else will."""
        if self.arriving.pop(table, None):
            self._fall()

    def _fall(self) -> None:
        while sum(self._fallen(table, column) for table in self.arriving for column in self.columns[table]):
            pass

    def _fallen(self, table: str, column: Column) -> int:
        value = f"r.{quoted(column.name)}"
        rows = f"DELETE FROM {self.arriving[table]} r WHERE {value} IS NOT NULL"
        return self.candidate.number(f"{rows} AND NOT {self._has_parent(column, self.arriving)}")

    def lacks(self, table: str, column: Column) -> str:
        """SQL: whether a record `r` of a table refers to a row that is neither published nor arrives."""
        missing = f"NOT {self._has_parent(column, self.arriving)}"
        if table not in self.orphans:
            return missing
        known = f'o._batch = r._batch AND o._ordinal = r._ordinal AND o."column" = {literal(column.name)}'
        return f"({missing} OR EXISTS (SELECT 1 FROM {self.orphans[table]} o WHERE {known}))"

    def _has_parent(self, column: Column, arriving: Mapping[str, str]) -> str:
        """What a record `r` refers to is published or arrives; a value of another type is read as the parent's."""
        table, parent = column.references or ("", "")
        kind = self.candidate.columns(table).get(parent)
        places = [quoted(table)] if kind else []  # a table that is made anew may not have the column yet
        places += [arriving[table]] if table in arriving else []
        known = " UNION ALL ".join(f"SELECT {quoted(parent)} AS k FROM {place}" for place in places)
        value = f"TRY_CAST(r.{quoted(column.name)} AS {kind})" if kind else f"r.{quoted(column.name)}"
        return f"EXISTS (SELECT 1 FROM ({known}) p WHERE p.k = {value})" if places else "false"

    def check(self) -> None:
        """Raise Premature for rows that this release wrote and that refer to nobody, now that all turns are over."""
        found = {table: frame for table in self.columns if (frame := self._dangling(table)).height}
        if found:
            raise Premature(Blocked(orphans=found))

    def _dangling(self, table: str) -> pl.DataFrame:
        self.candidate.scratch("tilth_dangling", '_batch BIGINT, _ordinal BIGINT, "column" VARCHAR')
        for column in self.columns[table]:
            self.candidate.run(
                f"INSERT INTO tilth_dangling SELECT _batch, _ordinal, ? FROM {quoted(table)} r WHERE _updated_at = ? "
                f"AND r.{quoted(column.name)} IS NOT NULL AND NOT {self._has_parent(column, {})}",
                [column.name, self.candidate.now],
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


def _parents(column: Column) -> str | None:
    return column.references[0] if column.references else None
