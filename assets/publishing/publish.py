"""One publish, from what is pending to what readers see: plan, build, prove, seal, switch.

The switch is the commit. Before it nothing is visible and everything can be thrown away; after it the state follows
the release's manifest, now or at the next start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Lake, Run
from tilth.assets.lease import refuse_if_lost
from tilth.assets.provenance.published import Built, Publishing
from tilth.assets.publishing.blaming import Refused
from tilth.assets.publishing.blocking import Blocked, Premature
from tilth.assets.publishing.build import Build, build
from tilth.assets.publishing.catalog import write_catalog
from tilth.assets.publishing.durable import remove_tree
from tilth.assets.publishing.facts import TableFacts
from tilth.assets.publishing.gathering import Verdicts, asked, gather
from tilth.assets.publishing.holds import Hold
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.assets.publishing.planning import Plan, Publishable, plan
from tilth.assets.publishing.reconcile import confirm, intend
from tilth.assets.publishing.release import Draft, Releases
from tilth.assets.publishing.verify import check_file
from tilth.errors import LakeError, ReleaseError

__all__ = ["Published", "publish"]


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish left: the release that readers see now, and whether it is a new one."""

    release: int | None  # the new release; None when there was nothing to publish
    current: Manifest | None
    tables: Mapping[str, TableRelease]
    problems: tuple[str, ...]  # a line for each table that is held or whose source failed

    @property
    def held(self) -> tuple[str, ...]:
        """The tables that keep their last good content."""
        return tuple(name for name, table in self.tables.items() if table.state == "held")


def publish(
    publishables: Sequence[Publishable],
    lake: Lake,
    run: Run,
    *,
    select: frozenset[str] | None = None,
    held: Mapping[str, Hold] | None = None,
) -> Published:
    """Merge all that is pending, but for tables that are `held`; whoever calls holds the project's lease."""
    releases = Releases(lake.curated)
    told = Publishing.begin(lake, run, [publishable.name for publishable in publishables])
    try:
        current = releases.current()
        todo = plan(publishables, lake, current, select, held=held)
        if not todo.anything:
            told.nothing(current)
            return Published(None, current, current.tables if current else {}, todo.waiting())
        with lake.state.read() as connection:
            number = releases.next_number(connection.execute(sa.select(state.releases.c.release)).scalars())
        draft, manifest, result = _built(todo, releases, publishables, lake, run, number)
        check_file(draft.path, manifest)
        release = releases.seal(draft, manifest)
        intend(release, lake, told.prepared(_as_told(publishables, todo, manifest, result)))
        refuse_if_lost(lake.state)
        releases.switch(release)
    except Exception as error:
        told.failed(error)
        raise
    problems = (*_problems(manifest), *todo.waiting(), *_confirmed(manifest, lake), *_tidied(releases, lake))
    return Published(number, manifest, manifest.tables, problems)


def _built(
    todo: Plan, releases: Releases, publishables: Sequence[Publishable], lake: Lake, run: Run, number: int
) -> tuple[Draft, Manifest, Build]:
    """A candidate that every table in it agreed to; each refusal holds one more table and starts from a new clone.

    So do newcomers that have to wait for others: for a sum that adds up, for a parent in their circle.
    """
    held, blocked = dict(todo.held), Blocked()
    while True:
        draft = releases.begin(run.id)
        try:
            with (
                releases.keeping("the candidate cannot be built"),
                build(draft, todo, held, lake, run, number=number, blocked=blocked) as result,
            ):
                manifest = _manifest(todo, result, run, number)
                refused = {name: hold.quality for name, hold in held.items()}
                _describe(result, manifest, publishables, todo, lake, run, refused=refused)
            return draft, manifest, result
        except Refused as refused:
            if refused.table in held:
                raise
            held[refused.table], blocked = refused.hold, Blocked()  # what is held changes who waits
        except Premature as early:
            blocked = blocked.beside(early.found)
        except BaseException:
            with suppress(OSError):
                remove_tree(draft.folder)  # half a candidate would keep a full disk full
            raise


def _as_told(publishables: Sequence[Publishable], todo: Plan, manifest: Manifest, result: Build) -> Built:
    """The candidate as lineage tells of it."""
    return Built(
        manifest,
        todo.specs,
        {publishable.name: publishable.declaration for publishable in publishables},
        result.times,
        {name: sum(pull.pending for pull in turn.pulls) for name, turn in todo.turns.items()},
        result.quality,
        frozenset(todo.current.tables if todo.current else ()),
    )


def _manifest(todo: Plan, result: Build, run: Run, number: int) -> Manifest:
    held = {name for name in todo.accepted if result.tables[name].state == "held"}
    used, void = (
        tuple(id for name, of in todo.accepted.items() if (name in held) == kept for id in of.ids)
        for kept in (False, True)
    )
    previous = todo.current.release if todo.current else None
    return Manifest(number, run.id, previous, run.at, result.tables, used, void)


def _describe(
    result: Build,
    manifest: Manifest,
    publishables: Sequence[Publishable],
    todo: Plan,
    lake: Lake,
    run: Run,
    *,
    refused: Verdicts,
) -> None:
    """Write the catalogue into the candidate; `refused`: the verdicts on what held tables would have been."""
    changed = result.candidate.changed
    tables = [TableFacts(todo.specs[p.name], p.declaration, p.name in changed) for p in publishables]
    quality = asked(run, result.quality, refused)
    write_catalog(result.candidate.con, gather(lake, manifest, tables, run, quality=quality))


def _confirmed(manifest: Manifest, lake: Lake) -> tuple[str, ...]:
    """The state learns of the release; where it cannot be written now, the next start does it (`reconcile`)."""
    try:
        confirm(manifest, lake)
    except LakeError as error:
        kept = f"release {manifest.release} is published; the next run enters it in the state"
        facts = {"where": error.where, "got": error.got, "next": error.next}
        return ("\n".join(LakeError(error.what, kept=kept, **facts).lines()),)
    return ()


def _tidied(releases: Releases, lake: Lake) -> tuple[str, ...]:
    """Old releases are removed; what goes wrong with that is told, and undoes nothing."""
    try:
        releases.collect(lake.keep_releases)
    except ReleaseError as error:
        return ("\n".join(error.lines()),)
    return ()


def _problems(manifest: Manifest) -> tuple[str, ...]:
    return tuple(
        f"table {name} is {table.state}: {table.reason}"
        for name, table in manifest.tables.items()
        if table.state in ("held", "failed")
    )
