"""What people do about quarantined records: corrected, replayed, waived, discarded; then published at once.

Each is done under the project's lease, on the entries as they are open then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.listing import details, named, raws_of
from tilth.assets.mends import ENTRY, Mender, discard, keep_mends
from tilth.assets.orphans import orphans
from tilth.assets.quarantine import open_entries
from tilth.assets.ready import judge_changed
from tilth.assets.replay import judge_again
from tilth.assets.same_record import same_records
from tilth.assets.toxic import as_id
from tilth.errors import TilthError
from tilth.pipelines.changes import changes_of, touched
from tilth.pipelines.corrections import Line
from tilth.pipelines.mended import Chosen, Mended, as_published, reason
from tilth.pipelines.night import run_night
from tilth.schemas.contract import spec_of
from tilth.schemas.spec import Spec

if TYPE_CHECKING:
    from tilth.pipelines.project import Project

__all__ = ["correct", "drop", "let_return"]

_LIST = "tilth quarantine list --status open"
_KEPT = "nothing was changed"


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
            fitting = [one for entries in found.values() for one in entries["id"] if one.startswith(as_id(id))]
            if len(fitting) != 1:
                raise self._not_one(id, fitting)
        return found

    def _not_one(self, id: str, fitting: Sequence[str]) -> TilthError:
        """Why an id says nothing: what it was closed by, or what else was asked of it."""
        known = None if fitting else details(self.lake.state, self.lake.storage, id)
        if known is None:
            what, expected = "no open entry, or more than one, has this id", "an id, or a longer beginning of one"
            return TilthError(what, got=id, expected=expected, kept=_KEPT, next=_LIST)
        entry, step = known[0], f"tilth quarantine show {known[0].id[:12]}"
        if entry.status != "open":
            return TilthError(f"entry {id} is not open any more: {entry.status}", kept=_KEPT, next=step)
        what, got = f"entry {id} is not among those that were chosen", f"{entry.table}, {', '.join(entry.rules)}"
        return TilthError(what, expected="the table and a rule of the entry", got=got, kept=_KEPT, next=step)

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
        waived = entries["id"].to_list() if mender.kind == "waived" else []
        found = judge_again(entries, table, contract, self.lake, now=self.run.at, changes=new, waived=waived)
        good = found.good if mender.kind != "waived" else self._waivable(spec_of(contract), found.good, entries, name)
        self.made.still.extend({"id": id, "table": name, "reasons": why} for id, why in found.still.iter_rows())
        if good.is_empty():
            return
        self.made.done[name] = good[ENTRY].to_list()
        if not dry:
            version = spec_of(contract).version
            keep_mends(self.lake, name, self.run, good, mender, contract_version=version, changes=changes)

    def _waivable(self, spec: Spec, good: pl.DataFrame, entries: pl.DataFrame, name: str) -> pl.DataFrame:
        """But those of which a missing parent is all that is wrong: there is nothing else to waive."""
        lacking = dict(orphans(self.lake, spec, good).iter_rows())
        nothing_else = pl.col("rules").list.eval(pl.element() == "reference").list.all()
        alone = entries.filter(pl.col("id").is_in(list(lacking)), nothing_else)["id"].to_list()
        self.made.still.extend({"id": id, "table": name, "reasons": lacking[id]} for id in alone)
        self.made.orphans.update({id: why for id, why in lacking.items() if id not in alone})
        return good.filter(~pl.col(ENTRY).is_in(alone))


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
        keys = {id: key for entries in some.values() for id, key in entries.select("id", "key").iter_rows()}
        bench.made.still.extend(_gone(bench, [line for line in lines if line.id not in entry_of]))
        for line in lines:
            table, id = entry_of.get(line.id, ("", line.id))
            if id not in wanted:
                continue  # two lines may be of one record, by its ids before and after: the first counts
            wanted.discard(id)
            key = keys[id] if id == line.id else line.key.text if line.key else None
            if touched(line, raws[id], key):
                spec = spec_of(project.contract(bench.pulled(table)))
                made = changes_of(line, raws[id], spec, key)
                bench.made.changes.update({id: made} if made else {})
        for name, entries in some.items():
            own = entries.filter(pl.col("id").is_in(list(bench.made.changes)))
            if own.height:
                bench.again(name, own, Mender("corrected", who), dry=dry)

    return _done(project, Mended("corrected"), work, publish=publish, dry=dry)


def _gone(bench: _Bench, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    """Lines that change an entry which is not open, or none; one that changes nothing says nothing."""
    known = {one.id: one for one in named(bench.lake.state, bench.lake.storage, None, [line.id for line in lines])}
    raws = raws_of(bench.lake.storage, ((one.path, one.id) for one in known.values() if one.path))
    for line in lines:
        if line.id not in known or touched(line, raws.get(line.id, {}), known[line.id].key):
            status = known[line.id].status if line.id in known else "no entry"
            why = reason(status, line.where, "an entry of this project that is still open")
            yield {"id": line.id, "table": None, "reasons": [why]}


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

    return as_published(project, replace(made, night=run_night(project, ingest=False, first=first)))
