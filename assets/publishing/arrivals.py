"""Records of a circle's tables that arrive and refer to each other: who of them stands, as far as one knows.

One that refers to nobody falls, and takes those along that refer to it, until nobody falls. A value that several of
them have is there as long as one of them stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.falls import falling
from tilth.schemas.spec import Column

__all__ = ["Arrivals", "Link"]

Place = tuple[str, str]
"""Table and column."""


@dataclass(frozen=True, slots=True)
class Link:
    """A column of one table of the circle that refers to another."""

    number: int
    table: str
    column: Column
    of: Place
    kind: str  # of what it refers to, as SQL: a value of another type is read as this

    @property
    def needs(self) -> str:
        """The column of what arrives that holds what a record refers to."""
        return f"needs_{self.number}"

    @property
    def wanted(self) -> str:
        """SQL: what a record `r` refers to."""
        return f"TRY_CAST(r.{quoted(self.column.name)} AS {self.kind})"

    @property
    def present(self) -> str:
        """SQL: whether a record `r` refers to anything."""
        return f"r.{quoted(self.column.name)} IS NOT NULL"


class Arrivals:
    """What arrives, by table, as relations that only hold who may stand.

    `shapes`: the columns of each table as its contract has them now. `most`: how much is counted out in memory.
    """

    def __init__(
        self, candidate: Candidate, links: Sequence[Link], shapes: Mapping[str, Mapping[str, str]], *, most: int
    ) -> None:
        self.candidate, self.links, self.shapes, self.most = candidate, links, shapes, most
        self.parents = {of: f"gives_{number}" for number, of in enumerate(dict.fromkeys(link.of for link in links))}
        self.relations: dict[str, str] = {}
        self.records = 0

    def add(self, table: str, rows: str) -> None:
        """Take note of a relation of records; what cannot be read as its parent's type refers to nobody."""
        links = [link for link in self.links if link.table == table]
        facts = ["_batch", "_ordinal", *(f"{link.wanted} AS {link.needs}" for link in links)]
        facts += [f"r.{quoted(of[1])} AS {gives}" for of, gives in self.parents.items() if of[0] == table]
        facts.append(f"{self.records} + row_number() OVER () AS record")
        readable = [f"({link.wanted} IS NOT NULL OR NOT {link.present})" for link in links]
        name = self.relations[table] = f"tilth_arriving_{len(self.relations)}"
        self.candidate.run(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {', '.join(facts)} FROM {rows} r "
            f"WHERE {' AND '.join(['NOT _deleted', *readable])}"
        )
        self.records += self.candidate.number(f"SELECT count(*) FROM {name}")

    def has(self, of: Place, value: str, *, arriving: bool = True) -> str:
        """SQL: whether a value is published, or arrives."""
        table, parent = of
        there = self.candidate.columns(table) == self.shapes[table]  # else it is made anew, from what arrives
        places = [f"SELECT {quoted(parent)} AS k FROM {quoted(table)}"] if there else []
        if arriving and table in self.relations:
            places.append(f"SELECT {self.parents[of]} AS k FROM {self.relations[table]}")
        return f"EXISTS (SELECT 1 FROM ({' UNION ALL '.join(places)}) p WHERE p.k = {value})" if places else "false"

    def fall(self) -> None:
        """Let all fall who refer to nobody."""
        while sum(self._fallen(link) for link in self._links()) and not self._all_fallen():
            pass

    def _links(self) -> list[Link]:
        return [link for link in self.links if link.table in self.relations]

    def _fallen(self, link: Link) -> int:
        """One step: those fall whose parents have."""
        rows, value = f"DELETE FROM {self.relations[link.table]} r", f"r.{link.needs}"
        return self.candidate.number(f"{rows} WHERE {value} IS NOT NULL AND NOT {self.has(link.of, value)}")

    def _all_fallen(self) -> bool:
        """All steps that are left; False if those who may fall are too many to be counted out in memory."""
        run = self.candidate.run
        for name in ("tilth_needs", "tilth_gives"):
            self.candidate.scratch(name, "record BIGINT, value BIGINT")
        for of in self.parents:
            self._note_needs(of)
        if self.candidate.number("SELECT count(*) FROM tilth_needs") > self.most:
            return False
        may = "SELECT record, row_number() OVER () - 1 AS number FROM (SELECT DISTINCT record FROM tilth_needs)"
        run(f"CREATE OR REPLACE TEMP TABLE tilth_fallible AS {may}")
        pairs = "SELECT number::INT AS record, value::INT AS value FROM {} LEFT JOIN tilth_fallible USING (record)"
        needs, gives = (self.candidate.frame(pairs.format(name)) for name in ("tilth_needs", "tilth_gives"))
        self.candidate.load("tilth_falling", falling(needs, gives).alias("number").to_frame())
        fallen = "SELECT record FROM tilth_fallible SEMI JOIN tilth_falling USING (number)"
        for name in self.relations.values():
            run(f"DELETE FROM {name} WHERE record IN ({fallen})")
        return True

    def _note_needs(self, of: Place) -> None:
        """Who needs which of the values that only newcomers may have, and which newcomers have them."""
        wants = [
            f"SELECT record, r.{link.needs} AS k FROM {self.relations[link.table]} r "
            f"WHERE r.{link.needs} IS NOT NULL AND NOT {self.has(of, f'r.{link.needs}', arriving=False)}"
            for link in self._links()
            if link.of == of
        ]
        if not wants:
            return
        run, first = self.candidate.run, "(SELECT coalesce(max(value) + 1, 0) FROM tilth_needs)"
        run(f"CREATE OR REPLACE TEMP TABLE tilth_wants AS {' UNION '.join(wants)}")
        values = f"SELECT k, row_number() OVER () - 1 + {first} AS value FROM (SELECT DISTINCT k FROM tilth_wants)"
        run(f"CREATE OR REPLACE TEMP TABLE tilth_values AS {values}")
        run("INSERT INTO tilth_needs SELECT record, value FROM tilth_wants JOIN tilth_values USING (k)")
        if of[0] in self.relations:
            givers = f"{self.relations[of[0]]} a JOIN tilth_values v ON v.k = a.{self.parents[of]}"
            run(f"INSERT INTO tilth_gives SELECT record, value FROM {givers}")
