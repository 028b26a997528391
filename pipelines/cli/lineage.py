"""`tilth lineage`: where a column comes from, and the events that tell it: show, export, deliver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tilth.errors import TilthError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.project import open_lake, open_project
from tilth.pipelines.settings import Settings, find_project, read_settings

if TYPE_CHECKING:
    from tilth.assets.lake import Lake

__all__ = ["deliver", "export", "show"]


def show(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="TABLE[.COLUMN]", help="A table, or one of its columns.")],
) -> Answer:
    """Where a table's columns come from, back to the source, and what is made from them.

    A value goes along (IDENTITY, TRANSFORMATION, AGGREGATION), or it decides which rows and values there are
    (JOIN, FILTER, GROUP_BY, SORT, WINDOW, CONDITIONAL).

    Example: tilth lineage show customers.email
    """
    from tilth.pipelines.cli.origins import shown

    found = shown(open_project(here(context).project), what)
    return Answer(found.document, found.text)


def export(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Where to write; else stdout.", show_default=False)] = None,
    since: Annotated[
        int | None, typer.Option("--since", metavar="RELEASE", help="Only what came after it.", show_default=False)
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Only of this run, or night.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> Answer:
    """The lineage events that are kept, as JSON lines: delivered ones for 30 days, others until they are delivered.

    Example: tilth lineage export --since 3 events.jsonl
    """
    from tilth.assets.provenance.kept import kept_events

    if file is not None and file.exists() and not force:
        raise TilthError("this file exists", where=str(file), next=f"tilth lineage export {file} --force")
    events = kept_events(_lake(context).state, since=since, run=run)
    if file is not None:
        count = _write(file, events)
        return Answer({"file": str(file), "events": count}, f"{count} events written to {file}")
    if here(context).json:
        return Answer([json.loads(event) for event in events], "")
    for event in events:
        print(event)
    return Answer(None, "")


def deliver(context: typer.Context) -> Answer:
    """Deliver now what waits; exit code 1 when not all of it went.

    Example: tilth lineage deliver
    """
    from tilth.assets.provenance.delivery import deliver as deliver_all
    from tilth.pipelines.lineage import transport_of

    settings = _settings(context)
    transport = transport_of(settings)
    if transport is None:
        step = "remove `lineage: off` from tilth.yaml"
        raise TilthError("no lineage is kept in this project", where="tilth.yaml, lineage", got="off", next=step)
    done = deliver_all(open_lake(settings).state, transport)
    document: dict[str, Any] = {"delivered": done.count, "waiting": done.waiting, "place": done.place}
    document["problem"] = done.problem.what if done.problem else None
    view = f"{done.count} events delivered to {done.place}"
    if done.problem is None:
        return Answer(document, view if done.count else f"nothing waits: all is delivered to {done.place}")
    return Answer(document, view, 1, [_kept(done.problem, done.waiting)])


def _kept(problem: TilthError, waiting: int) -> TilthError:
    """The problem, saying that nothing is lost."""
    facts = {"where": problem.where, "expected": problem.expected, "got": problem.got, "next": problem.next}
    return TilthError(problem.what, kept=f"{waiting} events wait; none is lost", **facts)


def _write(file: Path, events: Iterator[str]) -> int:
    part, count = file.with_name(f".tmp-{file.name}"), 0
    try:
        with part.open("w", encoding="utf-8") as stream:
            for event in events:
                count += stream.write(f"{event}\n") > 0
        part.replace(file)
    except OSError as error:
        what = f"cannot be written: {error.strerror or type(error).__name__}"
        raise TilthError(what, where=str(file), next="give another path, or free space") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _settings(context: typer.Context) -> Settings:
    return read_settings(find_project(here(context).project))


def _lake(context: typer.Context) -> Lake:
    return open_lake(_settings(context))
