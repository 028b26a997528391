"""Every command there is: its name, its line of help, and where its function lives.

A table, so that `tilth --help` imports nothing else, and a command imports only what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Command", "help_text", "tree"]

_ROOM = "tilth.pipelines.cli"


@dataclass(frozen=True, slots=True)
class Command:
    """One command (`target` is module:function) or a group of them."""

    name: str
    help: str
    target: str = ""
    children: tuple[Command, ...] = ()


def _one(name: str, help: str, target: str) -> Command:
    return Command(name, help, f"{_ROOM}.{target}")


def tree() -> Command:
    """The root of all commands."""
    return Command(
        "tilth",
        "Data-readiness pipelines: pulled, judged, proved and published, every night.",
        children=(
            _one("init", "Make a project: in a folder of its own, empty or with the sample company.", "init:init"),
            Command("new", "Add to a project.", children=_new()),
            _one("check", "Check declarations, contracts, credentials and reachability; pull nothing.", "check:check"),
            _one("run", "One nightly pass: pull, judge, publish.", "run:run"),
            _one("status", "Rows, freshness, toxic and held tables, sources, balances.", "status:status"),
            Command("sources", "The systems that data comes from.", children=_sources()),
            Command("quarantine", "The records that were refused, and why.", children=_quarantine()),
            Command("publish", "The releases of the curated file.", children=_publish()),
            Command("lineage", "Where columns come from, and the events that tell it.", children=_lineage()),
            _one("judge", "Judge files against a contract, without any project.", "judge:judge"),
            _one("verify", "Prove again, from the data, that all is as it was recorded.", "verify:verify"),
            _one("schedule", "Print the nightly schedule, for cron too.", "schedule:schedule"),
            _one("ui", "Serve the Dagster UI of the project.", "ui:ui"),
        ),
    )


def _new() -> tuple[Command, ...]:
    return (_one("table", "Draft a table's declaration and contract from a live source.", "new:table"),)


def _sources() -> tuple[Command, ...]:
    return (
        _one("list", "The connections, and how the last run found them.", "sources:list_sources"),
        _one("check", "Reach a source, or all of them, with its credentials.", "sources:check_sources"),
    )


def _quarantine() -> tuple[Command, ...]:
    return (
        _one("list", "How many entries there are, and the entries.", "quarantine:list_entries"),
        _one("show", "One entry: the record as pulled, every reason, its history.", "quarantine:show"),
        _one("explain", "One entry in plain words, and what would mend it.", "quarantine:explain"),
        _one("export", "Entries as CSV or XLSX, for whoever can mend them.", "quarantine:export"),
        _one("import", "Take the corrected file back, judge it again, publish what is good.", "mending:import_file"),
        _one("replay", "Judge entries again by the contract as it is now.", "mending:replay"),
        _one("waive", "Publish records although they break rules, for a reason.", "mending:waive"),
        _one("discard", "Close entries that nobody will mend, for a reason.", "mending:discard"),
    )


def _publish() -> tuple[Command, ...]:
    return (
        _one("list", "The releases that are kept.", "publish:list_all"),
        _one("diff", "What two releases differ in, row by row.", "publish:diff"),
        _one("accept", "Publish now what is held of a table.", "publish:accept"),
        _one("rollback", "Make an earlier release current again.", "publish:rollback"),
        _one("verify", "As `tilth verify`.", "verify:verify"),
    )


def _lineage() -> tuple[Command, ...]:
    return (
        _one("show", "Where a table's columns come from, and what is made from them.", "lineage:show"),
        _one("export", "The events that are kept, as JSON lines.", "lineage:export"),
        _one("deliver", "Deliver now the events that wait.", "lineage:deliver"),
    )


def help_text(command: Command, path: str) -> str:
    """The help of a group of commands."""
    width = max(len(child.name) for child in command.children)
    lines = [f"  {child.name:<{width}}  {child.help}" for child in command.children]
    head = [
        f"Usage: {path} {'[OPTIONS] ' if path == 'tilth' else ''}COMMAND …",
        "",
        command.help,
        "",
        "Commands:",
        *lines,
    ]
    return "\n".join([*head, "", *_foot(path)])


def _foot(path: str) -> list[str]:
    if path != "tilth":
        return [f"{path} COMMAND --help says more, with an example."]
    return [
        "Options:",
        "  --project DIR  The project's folder; without it, the nearest tilth.yaml from here upwards.",
        "  --debug        Show the traceback of an error.",
        "  --version      Show the version.",
        "  --help         Show this; tilth COMMAND --help says more, with an example.",
        "",
        "Every command takes --json: one JSON document on stdout.",
        "",
        "Example:",
        "  tilth init acme --sample && cd acme && tilth run && tilth status",
    ]
