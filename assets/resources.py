"""What a dagster step works with: the project's lake, contracts and connectors, for the length of one run.

Holds the resource `tilth` and the turning of errors into dagster failures. The lake is opened, and the lease taken,
by the first step that asks: so an error of either is that step's own readable failure. No decision is taken here.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import dagster as dg

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.lease import lease
from tilth.assets.night import Published, TableResult, set_right
from tilth.assets.process import names_process, process_tags
from tilth.assets.runs import Kind, begin_run, end_run
from tilth.connectors.protocol import Connector
from tilth.errors import TilthError

__all__ = ["FULL", "KEY", "NIGHT", "PUBLISH", "Grounds", "Happening", "Journal", "Workbench", "readable", "workbench"]

KEY = "tilth"  # the resource's key
NIGHT = "tilth/night"  # run tag: the night a run belongs to; such a run publishes by itself
PUBLISH = "publish"  # what a journal calls the publish step
_DONE, _NOTHING_PUBLISHED, _PARTLY = 0, 1, 3  # exit codes
FULL = "tilth/full"  # run tag: "true" pulls whole objects, whatever the cursors say

Happening = TableResult | TilthError | Published | None  # None: it begins


class Grounds(Protocol):
    """What a step asks of the project it works on."""

    def lake(self) -> Lake:
        """The project's storage and state, opened."""
        ...

    def connector(self, name: str) -> Connector:
        """The connector of a source."""
        ...

    def contract(self, declaration: TableDeclaration | DerivedDeclaration) -> Any:
        """The contract class of a declaration."""
        ...

    def deliver(self) -> None:
        """Deliver the lineage that waits; nothing is raised."""
        ...


@dataclass(slots=True)
class Journal:
    """What a night did, as the process that ran it saw it; dagster's event log is the lasting record."""

    told: Callable[[str, Happening], None] | None = None
    results: dict[str, TableResult] = field(default_factory=dict[str, TableResult])
    failures: dict[str, TilthError] = field(default_factory=dict[str, TilthError])  # by table, and PUBLISH
    published: Published | None = None
    under_way: set[str] = field(default_factory=set[str])

    def note(self, name: str, what: Happening) -> None:
        """Keep what happened to a table (or to "publish"), and tell it on."""
        self.under_way.discard(name)
        if what is None:
            self.under_way.add(name)
        elif isinstance(what, TableResult):
            self.results[name] = what
        elif isinstance(what, TilthError):
            self.failures[name] = what
        else:
            self.published = what
        if self.told:
            self.told(name, what)

    def problems(self) -> Iterator[str]:
        """One message for each step that failed and each table that is held."""
        yield from map(str, self.failures.values())
        said = [*map(str, self.failures.values())]
        for line in self.published.problems if self.published else ():
            reason = line.splitlines()[0].partition(": ")[2]
            told = any(reason and reason in failure for failure in said)
            told = told or any(line.startswith(f"table {name} ") for name in self.failures)
            if not told:  # the step has said it
                yield line

    def exit(self) -> int:
        """0 done as asked; 1 nothing published, or a hold that is declared to fail; 3 with holds or failed sources."""
        if PUBLISH in self.failures or self.under_way:
            return _NOTHING_PUBLISHED
        published = self.published
        if not self.failures and not (published and published.problems):
            return _DONE
        something = self.results if published is None else published.release is not None
        return _PARTLY if something else _NOTHING_PUBLISHED


@dataclass(slots=True)
class Workbench:
    """One dagster run's hands: everything a step needs, opened once and closed with the run."""

    grounds: Grounds
    run: Run
    journal: Journal
    whole: bool
    leased: bool  # somebody around this run holds the lease already
    _open: ExitStack = field(default_factory=ExitStack)
    _lake: Lake | None = None

    def lake(self, kind: Kind) -> Lake:
        """The lake, set right, with the lease held until the run ends; Busy when another run holds it."""
        if self._lake is None:
            lake = self.grounds.lake()
            with ExitStack() as opening:  # what goes wrong now gives the lease back: the next step may ask again
                if not self.leased:
                    opening.enter_context(lease(lake.state, holder=self.run.command))
                    set_right(lake)
                begin_run(lake, self.run, kind)
                self._open.enter_context(opening.pop_all())
            self._lake = lake
        return self._lake

    def close(self) -> None:
        """Enter how the run ended, and give the lease back."""
        with self._open:
            if self._lake is not None:
                end_run(self._lake, self.run, self.journal.exit())
        if self._lake is not None and not self.leased:
            self.grounds.deliver()


def workbench(
    grounds: Grounds, journal: Journal | None = None, *, leased: bool = False, command: str | None = None
) -> dg.ResourceDefinition:
    """The resource `tilth`: a workbench for each run."""

    def opened(context: dg.InitResourceContext) -> Iterator[Workbench]:
        run = context.run
        if run is None:
            raise TilthError("the resource `tilth` works inside a run only", next="tilth run")
        if context.instance and not names_process(run.tags):
            context.instance.add_run_tags(run.run_id, process_tags())
        night = run.tags.get(NIGHT, run.run_id)
        doing = command or f"dagster run {run.run_id}"
        values = Run(run.run_id, night, datetime.now(UTC), command=doing, job=run.job_name)
        bench = Workbench(grounds, values, journal or Journal(), run.tags.get(FULL) == "true", leased)
        try:
            yield bench
        finally:
            bench.close()

    return dg.ResourceDefinition(opened, description="The project's lake, contracts and connectors.")


@contextmanager
def readable(name: str, journal: Journal) -> Generator[None]:
    """Turn what goes wrong into a dagster failure that says what, where and the next step; nothing secret in it."""
    try:
        yield
    except TilthError as error:
        journal.note(name, error)
        raise _failure(error, {}) from None
    except dg.Failure:
        raise
    except Exception as bug:  # its message may hold anything, a password too: the place and the type do not
        error = TilthError(f"unexpected {type(bug).__name__}", where=name, next="tilth --debug run")
        error.__cause__ = bug  # for --debug, in this process; it is not written anywhere
        journal.note(name, error)
        frames = "".join(traceback.format_tb(bug.__traceback__))
        raise _failure(error, {"frames": dg.MetadataValue.md(f"```\n{frames}```")}) from None


def _failure(error: TilthError, metadata: dict[str, Any]) -> dg.Failure:
    facts = {name: getattr(error, name) for name in ("where", "expected", "got", "kept", "next")}
    told = {name: dg.MetadataValue.text(value) for name, value in facts.items() if value}
    return dg.Failure("\n".join(error.lines()), metadata={**told, **metadata}, allow_retries=False)
