"""Which quarantined records somebody chose, and what became of them: by what was decided, and by the publish after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from tilth.assets.listing import Entry, named
from tilth.assets.publishing.release import Releases
from tilth.assets.quarantine import open_entries
from tilth.assets.same_record import same_records
from tilth.assets.toxic import as_id
from tilth.pipelines.changes import Changed
from tilth.pipelines.night import NightResult

if TYPE_CHECKING:
    from tilth.pipelines.project import Project

__all__ = ["Chosen", "Mended", "as_published", "reason"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which open entries are meant: by id (or its beginning), or all of a table, with a rule among the reasons."""

    ids: Sequence[str] = ()
    table: str | None = None
    rule: str | None = None

    def among(self, open: pl.DataFrame) -> pl.DataFrame:
        """The chosen ones of a table's open entries."""
        found = open
        if self.ids:
            found = found.filter(pl.any_horizontal(pl.col("id").str.starts_with(as_id(id)) for id in self.ids))
        return found.filter(pl.col("rules").list.contains(self.rule)) if self.rule else found


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of the chosen entries."""

    kind: str  # corrected | replayed | waived | discarded
    done: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # table → ids
    still: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])  # id, table, reasons: those that stay
    changes: dict[str, Changed] = field(default_factory=dict[str, Changed])  # id → what was corrected
    orphans: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])  # id → reasons: waived, and wait so far
    night: NightResult | None = None  # the publish after it

    @property
    def count(self) -> int:
        """How many entries it was done for."""
        return sum(map(len, self.done.values()))


def as_published(project: Project, made: Mended) -> Mended:
    """What the publish after it made of them: a record that it did not take stays, and says why.

    Without a publish, one that refers to what no release has waits for that.
    """
    if made.night is None or made.kind == "discarded":
        return made
    if made.night.release is None:
        still = [
            {"id": id, "table": name, "reasons": [*made.orphans[id], _waits()]}
            for name, ids in made.done.items()
            for id in ids
            if id in made.orphans
        ]
        done = {name: [id for id in ids if id not in made.orphans] for name, ids in made.done.items()}
        return replace(made, done={name: ids for name, ids in done.items() if ids}, still=[*made.still, *still])
    lake = project.lake()
    current = Releases(lake.curated).current()
    tables = current.tables if current else {}
    done, still = dict(made.done), list(made.still)
    for name, ids in made.done.items():
        if name not in tables or tables[name].state not in ("published", "failed"):
            continue  # held: they wait as all of it does
        with lake.state.read() as connection:  # what is opened anew may be so under another id
            opened = same_records(connection, lake.storage, name, ids, open_entries(connection, name))
        now = dict(zip(ids, ids, strict=True)) | dict(opened.iter_rows())
        entries = {entry.id: entry for entry in named(lake.state, lake.storage, name, now.values())}
        stay = {id: entries[now[id]] for id in ids if entries[now[id]].status in ("open", "superseded")}
        done[name] = [id for id in ids if id not in stay]
        reasons = {entry.id: _not_taken(entry, made.night.run_id) for entry in stay.values()}
        still += [{"id": id, "table": name, "reasons": why} for id, why in reasons.items()]
    return replace(made, done={name: ids for name, ids in done.items() if ids}, still=still)


def _not_taken(entry: Entry, run_id: str) -> list[dict[str, str | None]]:
    """Why a publish did not take a record that was good by itself."""
    if entry.status == "open" and entry.run_id == run_id:
        return list(entry.reasons)  # opened anew: refused for its company
    if entry.status != "open":
        return [reason(entry.status, "good by itself", "a record that is not older than the published one")]
    return [_waits()]


def _waits() -> dict[str, str | None]:
    waits = "what it refers to, or a number or sum that it waits for: it is published when that comes"
    return reason("waiting", "good by itself", waits)


def reason(rule: str, value: str, expected: str) -> dict[str, str | None]:
    """A reason that no rule of the contract gives."""
    return {"rule": rule, "column": None, "value": value, "expected": expected, "kind": "join", "severity": "error"}
