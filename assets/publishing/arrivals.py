"""Records of a circle's tables that arrive and refer to each other: who of them stands, as far as one knows.

One that refers to nobody falls, and takes those along that refer to it, until nobody falls. A value that several of
them have is there as long as one of them stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.falls import falling
from tilth.assets.publishing.links import Given, Link, Shapes

__all__ = ["Arrivals"]


class Arrivals:
    """What arrives, by table, as relations that only hold who may stand.

    `most`: how much is counted out in memory.
    """

    def __init__(self, candidate: Candidate, links: Sequence[Link], shapes: Shapes, *, most: int) -> None:
        self.candidate, self.shapes, self.most = candidate, shapes, most
        self.links = {link: f"needs_{number}" for number, link in enumerate(links)}
        self.given = {of: f"gives_{number}" for number, of in enumerate(dict.fromkeys(link.of for link in links))}
        self.relations: dict[str, str] = {}
        self.records = 0

    def add(self, table: str, rows: str) -> None:
        """Take note of a relation of records; what cannot be read as its parent's type refers to nobody."""
        links = self._links(table)
        facts = ["_batch", "_ordinal", *(f"{link.value} AS {self.links[link]}" for link in links)]
        facts += [f"{of.of('r')} AS {gives}" for of, gives in self.given.items() if of.table == table]
        facts.append(f"{self.records} + row_number() OVER () AS record")
        readable = [f"({link.value} IS NOT NULL OR NOT {link.present})" for link in links if link.column]
        name = self.relations[table] = f"tilth_arriving_{len(self.relations)}"
        self.candidate.run(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {', '.join(facts)} FROM {rows} r "
            f"WHERE {' AND '.join(['NOT _deleted', *readable])}"
        )
        self.records += self.candidate.number(f"SELECT count(*) FROM {name}")

    def has(self, of: Given, value: str, *, arriving: bool = True) -> str:
        """SQL: whether a value is published, or arrives."""
        there = self.candidate.columns(of.table) == self.shapes[of.table]  # else it is made anew, from what arrives
        places = [f"SELECT {of.of('p')} AS k FROM {quoted(of.table)} p"] if there else []
        if arriving and of.table in self.relations:
            places.append(f"SELECT {self.given[of]} AS k FROM {self.relations[of.table]}")
        return f"EXISTS (SELECT 1 FROM ({' UNION ALL '.join(places)}) q WHERE q.k = {value})" if places else "false"

    def fall(self) -> None:
        """Let all fall who refer to nobody."""
        while (
            sum(self._fallen(link) for table in self.relations for link in self._links(table))
            and not self._all_fallen()
        ):
            pass

    def _links(self, table: str) -> list[Link]:
        return [link for link in self.links if link.table == table]

    def _fallen(self, link: Link) -> int:
        """One step: those fall who need what nobody gives any more."""
        rows, value = f"DELETE FROM {self.relations[link.table]} r", f"r.{self.links[link]}"
        return self.candidate.number(f"{rows} WHERE {value} IS NOT NULL AND NOT {self.has(link.of, value)}")

    def _all_fallen(self) -> bool:
        """All steps that are left; False if those who may fall are too many to be counted out in memory."""
        run = self.candidate.run
        for name in ("tilth_needs", "tilth_gives"):
            self.candidate.scratch(name, "record BIGINT, value BIGINT")
        for of in self.given:
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

    def _note_needs(self, of: Given) -> None:
        """Who needs which of the values that only newcomers may have, and which newcomers have them."""
        wants = [
            f"SELECT record, r.{needs} AS k FROM {self.relations[link.table]} r "
            f"WHERE r.{needs} IS NOT NULL AND NOT {self.has(of, f'r.{needs}', arriving=False)}"
            for link, needs in self.links.items()
            if link.of == of and link.table in self.relations
        ]
        if not wants:
            return
        run, first = self.candidate.run, "(SELECT coalesce(max(value) + 1, 0) FROM tilth_needs)"
        run(f"CREATE OR REPLACE TEMP TABLE tilth_wants AS {' UNION '.join(wants)}")
        values = f"SELECT k, row_number() OVER () - 1 + {first} AS value FROM (SELECT DISTINCT k FROM tilth_wants)"
        run(f"CREATE OR REPLACE TEMP TABLE tilth_values AS {values}")
        run("INSERT INTO tilth_needs SELECT record, value FROM tilth_wants JOIN tilth_values USING (k)")
        if of.table in self.relations:
            givers = f"{self.relations[of.table]} a JOIN tilth_values v ON v.k = a.{self.given[of]}"
            run(f"INSERT INTO tilth_gives SELECT record, value FROM {givers}")
