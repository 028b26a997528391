"""`tilth quarantine import|replay|waive|discard`: what ends a record's stay in quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from tilth.assets.marked import mistake
from tilth.errors import TilthError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.cli.reasons import reason_line
from tilth.pipelines.project import open_project

if TYPE_CHECKING:
    from tilth.pipelines.mended import Chosen, Mended
    from tilth.pipelines.project import Project

__all__ = ["discard", "import_file", "replay", "waive"]

_SHOWN, _PARTLY, _NONE = 20, 3, 1

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID…", help="Entries, or beginnings of ids.", show_default=False)
]
Table = Annotated[str | None, typer.Option("--table", help="All open entries of this table.", show_default=False)]
Rule = Annotated[str | None, typer.Option("--rule", help="Only with this rule among the reasons.", show_default=False)]
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who decided it; else the user at this machine.", show_default=False)
]
Later = Annotated[bool, typer.Option("--no-publish", help="Leave publishing to the next run.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Say what would be released; change nothing.")]


def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `tilth quarantine export` wrote, corrected.")],
    by: By = None,
    dry_run: Dry = False,
    no_publish: Later = False,
) -> Answer:
    """Take a corrected file back: changed cells are judged again, and records that are good now are published.

    Cells that were not changed are no corrections. Who, when, and each value before and after are kept.
    Exit code: 0 all changed records are good; 3 some; 1 none.

    Example: tilth quarantine import orders.xlsx
    """
    from tilth.pipelines.corrections import read_corrections
    from tilth.pipelines.mending import correct

    lines = read_corrections(file)
    project = open_project(here(context).project)
    return _answer(correct(project, lines, who=by or _whoever(), publish=not no_publish, dry=dry_run), dry=dry_run)


def replay(
    context: typer.Context,
    ids: Ids = None,
    table: Table = None,
    rule: Rule = None,
    by: By = None,
    dry_run: Dry = False,
    no_publish: Later = False,
) -> Answer:
    """Judge entries again by the contract as it is now; records that are good now are published.

    Example: tilth quarantine replay --table orders --rule isin --dry-run
    """
    from tilth.assets.mends import Mender
    from tilth.pipelines.mending import let_return

    project = open_project(here(context).project)
    mender = Mender("replayed", by or _whoever())
    chosen = _chosen(project, ids, table, rule)
    return _answer(let_return(project, chosen, mender, publish=not no_publish, dry=dry_run), dry=dry_run)


def waive(
    context: typer.Context,
    why: Why,
    ids: Ids = None,
    table: Table = None,
    rule: Rule = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            formats=["%Y-%m-%d"],
            help="The last day, in the project's time zone, on which it holds if it comes again.",
            show_default=False,
        ),
    ] = None,
    by: By = None,
    no_publish: Later = False,
) -> Answer:
    """Publish records although they break rules of the contract. Reason and expiry are kept.

    What cannot be read, a missing value and a missing parent cannot be waived: they have no value to publish.

    Example: tilth quarantine waive 3f2a91 --why "agreed with the customer" --until 2027-01-31
    """
    from tilth.assets.mends import Mender
    from tilth.pipelines.mending import let_return

    project = open_project(here(context).project)
    expires = _end_of(until, ZoneInfo(project.settings.time_zone)) if until else None
    over = expires is not None and expires <= datetime.now(UTC)
    mender = Mender("waived", by or _whoever(), _reason(why), expires)
    chosen = _chosen(project, ids, table, rule)
    made = let_return(project, chosen, mender, publish=not no_publish)
    if over:
        return _answer(made, note=f"this waiver is over since {until:%Y-%m-%d}: it lets nothing return")
    return _answer(made, stands=f"what is waived stands until {expires:%Y-%m-%d %H:%M} UTC" if expires else "")


def discard(
    context: typer.Context,
    why: Why,
    ids: Ids = None,
    table: Table = None,
    rule: Rule = None,
    by: By = None,
    no_publish: Later = False,
) -> Answer:
    """Close entries that nobody will mend. The records stay in the lake, and the reason with them.

    Example: tilth quarantine discard 3f2a91 --why "a test order"
    """
    from tilth.pipelines.mending import drop

    project = open_project(here(context).project)
    chosen, reason = _chosen(project, ids, table, rule), _reason(why)
    return _answer(drop(project, chosen, who=by or _whoever(), why=reason, publish=not no_publish))


def _chosen(project: Project, ids: list[str] | None, table: str | None, rule: str | None) -> Chosen:
    from tilth.pipelines.mended import Chosen

    if not ids and table is None:
        what, expected = "nothing is chosen", "ids, or --table, perhaps with --rule"
        raise TilthError(what, expected=expected, next="tilth quarantine list --status open")
    known = [*project.tables, *project.derived]
    if table is not None and table not in known:
        error = mistake(f"no table is named {table}", where="", got=table, known=known)
        raise TilthError(error.what, expected=error.expected, got=table, next="tilth status")
    return Chosen(ids or (), table, rule)


def _end_of(day: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after a day in a time zone; after the last days that there are, the last moment."""
    try:
        return datetime.combine(day.date() + timedelta(days=1), time(), zone).astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _reason(why: str) -> str:
    if not why.strip():
        raise TilthError("a reason is needed", next='the same command with --why "…"')
    return why.strip()


def _whoever() -> str:
    """Who sits at this command line, as the machine knows them."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _answer(made: Mended, *, dry: bool = False, note: str = "", stands: str = "") -> Answer:
    night = made.night
    assert night is not None
    code = night.exit or (0 if not made.still and made.count else _PARTLY if made.count else _NONE)
    document: dict[str, Any] = {
        "did": made.kind,
        "dry_run": dry,
        "tables": {name: list(ids) for name, ids in made.done.items()},
        "still": made.still,
        "changes": made.changes,
        "release": night.release,
        "exit": code,
    }
    return Answer(document, "\n".join(_words(made, dry, note, stands)), code, [*night.failures] or list(night.problems))


def _words(made: Mended, dry: bool, note: str, stands: str) -> Sequence[str]:
    night = made.night
    assert night is not None
    would = "would be " if dry else ""
    lines = [f"{name}: {len(ids)} {would}{made.kind}" for name, ids in made.done.items()]
    lines += [stands] if stands and lines else []
    for one in made.still[:_SHOWN]:
        lines.append(f"{one['id'][:12]} {'stays' if one['table'] else 'is not open'}:")
        lines += [f"  {reason_line(reason)}" for reason in one["reasons"]]
    lines += [f"{len(made.still) - _SHOWN} more stay"] if len(made.still) > _SHOWN else []
    if not lines and not night.problems:  # another run's lease, or a failure, is told by itself
        lines = ["no open entry was changed in this file" if made.kind == "corrected" else "no open entry was chosen"]
    lines += [note] if note else []
    if night.release is not None:
        lines.append(f"published as release {night.release}")
    elif made.count and not dry and not note:
        lines.append("  next: tilth run")
    return lines
