"""What people do about quarantined records: corrected, replayed, waived, discarded; then published at once.

Each is done under the project's lease, on the entries as they are open then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.listing import Entry, named, raws_of
from tilth.assets.mends import ENTRY, Mender, discard, keep_mends
from tilth.assets.publishing.release import Releases
from tilth.assets.quarantine import open_entries
from tilth.assets.ready import judge_changed
from tilth.assets.replay import judge_again
from tilth.assets.same_record import same_records
from tilth.errors import TilthError
from tilth.pipelines.corrections import Changed, Line, changes_of
from tilth.pipelines.night import NightResult, run_night
from tilth.schemas.contract import spec_of

if TYPE_CHECKING:
    from tilth.pipelines.project import Project

__all__ = ["Chosen", "Mended", "correct", "drop", "let_return"]

_LIST = "tilth quarantine list --status open"
_KEPT = "nothing was changed"


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
            found = found.filter(pl.any_horizontal(pl.col("id").str.starts_with(id) for id in self.ids))
        return found.filter(pl.col("rules").list.contains(self.rule)) if self.rule else found


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of the chosen entries."""

    kind: str  # corrected | replayed | waived | discarded
    done: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # table → ids
    still: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])  # id, table, reasons: those that stay
    changes: dict[str, Changed] = field(default_factory=dict[str, Changed])  # id → what was corrected
    night: NightResult | None = None  # the publish after it

    @property
    def count(self) -> int:
        """How many entries it was done for."""
        return sum(map(len, self.done.values()))


@dataclass(frozen=True, slots=True)
class _Bench:
    """What the work on entries needs, under the lease."""

    project: Project
    lake: Lake
    run: Run
    made: Mended

    def chosen(self, chosen: Chosen) -> dict[str, pl.DataFrame]:
        """The chosen open entries by table; an id that is none, or not of one entry, stops everything."""
        found = self.open(chosen)
        for id in chosen.ids:
            fitting = [one for entries in found.values() for one in entries["id"] if one.startswith(id)]
            if len(fitting) != 1:
                what = "no open entry, or more than one, has this id"
                raise TilthError(what, got=id, expected="an id, or a longer beginning of one", kept=_KEPT, next=_LIST)
        return found

    def open(self, chosen: Chosen) -> dict[str, pl.DataFrame]:
        """The chosen ones among the entries that are open, by table."""
        names = [chosen.table] if chosen.table else [*self.project.tables, *self.project.derived]
        with self.lake.state.read() as connection:
            open = {name: open_entries(connection, name) for name in names}
        return {name: some for name, entries in open.items() if (some := chosen.among(entries)).height}

    def entries_of(self, ids: Sequence[str], open: Mapping[str, pl.DataFrame]) -> dict[str, tuple[str, str]]:
        """Id → table and id of the `open` entry (by table) that has it, or that its record has by now."""
        found: dict[str, tuple[str, str]] = {}
        for name, entries in open.items():
            here = set(entries["id"])
            found |= {id: (name, id) for id in ids if id in here}
            with self.lake.state.read() as connection:
                pairs = same_records(connection, self.lake.storage, name, [id for id in ids if id not in here], entries)
            found |= {former: (name, id) for former, id in pairs.iter_rows()}
        return found

    def pulled(self, name: str) -> TableDeclaration:
        """A table whose records can be mended here."""
        if name in self.project.derived:
            inputs = ", ".join(self.project.derived[name].inputs)
            what = f"records of {name} are mended where they come from: {inputs}"
            raise TilthError(what, kept=_KEPT, next=f"tilth quarantine list --table {name}")
        table = self.project.tables[name]
        if table.parsing is not None:
            what = f"documents of {name} are mended where they lie: put a better file in their place"
            raise TilthError(what, kept=_KEPT, next="tilth run")
        return table

    def again(self, name: str, entries: pl.DataFrame, mender: Mender, *, dry: bool) -> None:
        """Judge entries of one table again; those that are good now are kept for the next publish."""
        table = self.pulled(name)
        contract = self.project.contract(table)
        changes = {id: self.made.changes[id] for id in entries["id"] if id in self.made.changes}
        new = {id: {column: after for column, (_, after) in own.items()} for id, own in changes.items()}
        waive, now = mender.kind == "waived", self.run.at
        found = judge_again(entries, table, contract, self.lake, now=now, changes=new, waive=waive)
        self.made.still.extend({"id": id, "table": name, "reasons": why} for id, why in found.still.iter_rows())
        if found.good.is_empty():
            return
        self.made.done[name] = found.good[ENTRY].to_list()
        if not dry:
            version = spec_of(contract).version
            keep_mends(self.lake, name, self.run, found.good, mender, contract_version=version, changes=changes)


def correct(project: Project, lines: Sequence[Line], *, who: str, publish: bool = True, dry: bool = False) -> Mended:
    """Judge the corrected records of a file again; those that are good now return. A line without changes is none.

    A line whose entry has another id by now, because the contract changed, is of the entry that its record has now.
    """

    def work(bench: _Bench) -> None:
        found = bench.open(Chosen())
        entry_of = bench.entries_of([line.id for line in lines], found)
        wanted = {id for _, id in entry_of.values()}
        some = {name: entries.filter(pl.col("id").is_in(list(wanted))) for name, entries in found.items()}
        places = (place for entries in some.values() for place in entries.select("path", "id").iter_rows())
        raws = raws_of(bench.lake.storage, places)
        for line in lines:
            table, id = entry_of.get(line.id, ("", line.id))
            if id not in wanted:
                gone = _reason("open", line.where, "an entry that is still open")
                bench.made.still.append({"id": line.id, "table": None, "reasons": [gone]})
                continue
            wanted.discard(id)  # two lines may be of one record, by its ids before and after: the first counts
            spec = spec_of(project.contract(bench.pulled(table)))
            made = changes_of(line, raws[id], {column.name: column.source for column in spec.columns})
            bench.made.changes.update({id: made} if made else {})
        for name, entries in some.items():
            own = entries.filter(pl.col("id").is_in(list(bench.made.changes)))
            bench.again(name, own, Mender("corrected", who), dry=dry)

    return _done(project, Mended("corrected"), work, publish=publish, dry=dry)


def let_return(project: Project, chosen: Chosen, mender: Mender, *, publish: bool = True, dry: bool = False) -> Mended:
    """Judge the chosen entries again as they are (replayed), or with the contract's rules only warning (waived)."""

    def work(bench: _Bench) -> None:
        for name, entries in bench.chosen(chosen).items():
            bench.again(name, entries, mender, dry=dry)

    return _done(project, Mended(mender.kind), work, publish=publish, dry=dry)


def drop(project: Project, chosen: Chosen, *, who: str, why: str, publish: bool = True) -> Mended:
    """Close the chosen entries for good."""

    def work(bench: _Bench) -> None:
        for name, entries in bench.chosen(chosen).items():
            discard(bench.lake, name, bench.run, entries, who=who, why=why)
            bench.made.done[name] = entries["id"].to_list()

    return _done(project, Mended("discarded"), work, publish=publish)


def _done(
    project: Project, made: Mended, work: Callable[[_Bench], None], *, publish: bool, dry: bool = False
) -> Mended:
    """`work`, then a publish of the tables it was for, if it did anything: one night under one lease."""
    run_id = str(uuid4())

    def first(lake: Lake) -> Sequence[str]:
        run = Run(run_id, run_id, datetime.now(UTC), command=f"tilth quarantine, {made.kind}")
        for table in () if dry else project.tables.values():  # what is open is what the contract says of it now
            with suppress(TilthError):  # one table's trouble, which its publish tells, is not that of the others
                judge_changed(table, project.contract(table), lake, run)
        work(_Bench(project, lake, run, made))
        return tuple(sorted(made.done)) if publish and not dry else ()

    return _as_published(project, replace(made, night=run_night(project, ingest=False, first=first)))


def _as_published(project: Project, made: Mended) -> Mended:
    """What the publish after it made of them: a record that it did not take stays, and says why."""
    if made.night is None or made.night.release is None or made.kind == "discarded":
        return made
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
        return [_reason(entry.status, "good by itself", "a record that is not older than the published one")]
    waits = "what it refers to, or a number or sum that it waits for: it is published when that comes"
    return [_reason("waiting", "good by itself", waits)]


def _reason(rule: str, value: str, expected: str) -> dict[str, str | None]:
    """A reason that no rule of the contract gives."""
    return {"rule": rule, "column": None, "value": value, "expected": expected, "kind": "join", "severity": "error"}
