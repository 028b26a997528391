"""One nightly pass in this process: the jobs `ingest` and `publish`, one after the other, under one lease.

Both runs stand in dagster's history, so a night looks the same wherever it was started. Dagster is imported inside
the functions: only those who run a night pay for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from difflib import get_close_matches
from io import TextIOBase
from typing import TYPE_CHECKING, TextIO
from uuid import uuid4

from tilth.assets.lease import lease
from tilth.assets.night import Published, TableResult, set_right
from tilth.assets.process import process_tags
from tilth.errors import Busy, DeclarationError, LakeError, ReleaseError, TilthError
from tilth.pipelines.inspection import refuse_mistakes
from tilth.pipelines.instance import instance
from tilth.pipelines.jobs import INGEST, PUBLISH
from tilth.pipelines.lineage import deliver_after_a_run
from tilth.pipelines.progress import Progress

if TYPE_CHECKING:
    import dagster as dg

    from tilth.assets.lake import Lake
    from tilth.assets.resources import Happening
    from tilth.pipelines.project import Project

__all__ = ["NightResult", "run_night"]

_Teller = Callable[[Progress], None]
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the event log has it all
_UNWRITTEN = "Exception while writing logger call to event log"
_DONE, _NOTHING, _PARTLY, _BUSY = 0, 1, 3, 4


@dataclass(frozen=True, slots=True)
class NightResult:
    """How a night ended: its runs, its release (None: no new one), the exit code and one message a problem."""

    run_id: str  # dagster's: of the publish run if there was one, else of the ingest run
    night: str
    release: int | None
    exit: int
    seconds: float
    problems: tuple[str, ...] = ()
    failures: tuple[TilthError, ...] = ()  # of steps; the cause of an unexpected one is in it, for --debug
    remarks: tuple[str, ...] = ()  # what is not as it should be, and no failure of the night


_NO_NIGHT = NightResult("", "", None, _DONE, 0.0)


def run_night(
    project: Project,
    *,
    select: Sequence[str] = (),
    full: bool = False,
    ingest: bool = True,
    publish: bool = True,
    progress: _Teller | None = None,
    first: Callable[[Lake], Sequence[str] | None] | None = None,
) -> NightResult:
    """Ingest the tables selected (all, if none is named), then publish what is pending; 0, 1, 3 or 4 as its exit.

    `first` is done under the same lease, before both; it may say what to publish instead (nothing, if it names none).
    """
    began = time.monotonic()
    refuse_mistakes(project)
    lake = project.lake()
    try:
        with lease(lake.state, holder="tilth run"):
            set_right(lake)
            told = first(lake) if first else None
            chosen = _chosen(project, select if told is None else told)
            jobs = {} if told == () else _jobs(project, chosen, ingest=ingest, publish=publish)
            night = _pass(project, jobs, full=full, progress=progress) if jobs else _NO_NIGHT
    except Busy as busy:
        return NightResult("", "", None, _BUSY, time.monotonic() - began, (str(busy),), (busy,))
    remark = deliver_after_a_run(project.settings, lake)
    return replace(night, seconds=time.monotonic() - began, remarks=(remark,) if remark else ())


def _pass(
    project: Project,
    jobs: Mapping[str, list[dg.AssetKey] | None],
    *,
    full: bool,
    progress: _Teller | None,
) -> NightResult:
    """The jobs, in process; whoever calls this holds the lease."""
    from tilth.assets.resources import FULL, NIGHT, Journal, workbench
    from tilth.pipelines.definitions import compose

    journal = Journal(told=_teller(progress) if progress else None)
    definitions = compose(project, workbench(project, journal, leased=True, command="tilth run"))
    night, ids = str(uuid4()), list[str]()
    tags = {NIGHT: night, **process_tags(), **({FULL: "true"} if full else {})}
    unwritten: tuple[TilthError, ...] = ()
    try:
        with instance(project) as history:
            for job, keys in jobs.items():
                ids.append(str(uuid4()) if ids else night)
                _execute(definitions.resolve_job_def(job), history, ids[-1], keys, tags)
    except LakeError as error:  # of dagster's history: without it there are no steps
        unwritten = (error,)
    release = journal.published.release if journal.published else None
    failures = tuple({str(error): error for error in journal.failures.values()}.values())  # one full disk is told once
    told = len(failures)
    if not any(isinstance(failure, LakeError | ReleaseError) for failure in failures):
        failures += unwritten  # else a full disk was told already, by the step that met it first
    exit = (_NOTHING if release is None else _PARTLY) if unwritten else journal.exit()
    problems = (*dict.fromkeys(journal.problems()), *map(str, failures[told:]))
    return NightResult(ids[-1] if ids else "", night, release, exit, 0.0, problems, failures)


def _execute(
    job: dg.JobDefinition,
    history: dg.DagsterInstance,
    run_id: str,
    keys: Sequence[dg.AssetKey] | None,
    tags: Mapping[str, str],
) -> None:
    """One job, in this process; a step that fails stops nothing but what is made from it."""
    with redirect_stderr(_Stderr(sys.stderr)):
        run = job.execute_in_process(
            instance=history,
            run_id=run_id,
            asset_selection=keys,
            tags=dict(tags),
            run_config=_QUIET,
            raise_on_error=False,
        )
    if _interrupted(run.all_events):
        raise KeyboardInterrupt  # dagster has closed the run; what was landed is kept


class _Stderr(TextIOBase):
    """Stderr without dagster's own words for a history that cannot be written: that is told once, by us."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, s: str) -> int:
        """Pass on all else."""
        return len(s) if s.startswith(_UNWRITTEN) else self._stream.write(s)

    def flush(self) -> None:
        """Flush what is below."""
        self._stream.flush()

    def fileno(self) -> int:
        """The file below, for the processes that inherit it."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether that is a terminal."""
        return self._stream.isatty()


def _interrupted(events: Sequence[dg.DagsterEvent]) -> bool:
    """Whether the run was stopped by Ctrl-C, which dagster takes for a failure."""
    ends = [event.job_failure_data.error for event in events if event.event_type_value == "PIPELINE_FAILURE"]
    return any(error is not None and error.cls_name == "DagsterExecutionInterruptedError" for error in ends)


def _jobs(
    project: Project, names: frozenset[str] | None, *, ingest: bool, publish: bool
) -> Mapping[str, list[dg.AssetKey] | None]:
    """The jobs of this pass and the assets each is to make (None: all of them)."""
    from tilth.assets.specs import curated_key, ingest_keys

    if names is None:
        return dict.fromkeys([INGEST] * (ingest and bool(project.tables)) + [PUBLISH] * publish)
    pulled = sorted(names & project.tables.keys()) if ingest else ()
    ingested = [key for name in pulled for key in ingest_keys(project.tables[name])]
    jobs: dict[str, list[dg.AssetKey] | None] = {INGEST: ingested} if ingested else {}
    return {**jobs, PUBLISH: [curated_key(name) for name in sorted(names)]} if publish else jobs


def _teller(progress: _Teller) -> Callable[[str, Happening], None]:
    """Tells `progress` what a journal hears."""

    def tell(name: str, what: Happening) -> None:
        table, step = ("", "publish") if name == PUBLISH else (name, "ingest")
        if what is None:
            progress(Progress(table, step, "running"))
        elif isinstance(what, TilthError):
            progress(Progress(table, step, "failed", str(what)))
        elif isinstance(what, TableResult):
            progress(Progress(table, step, "done", f"{what.pulled} pulled, {what.quarantined} toxic"))
        else:
            for told in _published(what):
                progress(told)

    return tell


def _published(published: Published) -> Iterator[Progress]:
    for name, table in published.tables.items() if published.release is not None else ():
        if table.state in ("held", "failed", "carried"):
            yield Progress(name, "publish", table.state, table.reason or "")
        elif table.state == "new":
            yield Progress(name, "publish", "held", table.reason or "")
        else:
            yield Progress(name, "publish", "done", f"{table.rows} rows")
    release = f"release {published.release}" if published.release is not None else "nothing was pending"
    yield Progress("", "publish", "done", release)


def _chosen(project: Project, select: Sequence[str]) -> frozenset[str] | None:
    """The tables named; None for all of them."""
    known = [*project.tables, *project.derived]
    for name in select:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
            raise DeclarationError(f"no table is named {name}", expected=hint, next="tilth status")
    return frozenset(select) or None
