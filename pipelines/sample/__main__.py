"""`python -m tilth.pipelines.sample`: the sample's nights (what `make run` does), or its systems alone."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType

from tilth.errors import TilthError
from tilth.pipelines.sample.company import company
from tilth.pipelines.sample.nights import Outcome, run_nights, sample_project
from tilth.pipelines.sample.plan import NIGHTS
from tilth.pipelines.summary import summary

__all__ = ["main"]
_QUERY = "SELECT rule, count(*) AS customers, sum(orders) AS orders FROM one_customer GROUP BY rule ORDER BY rule"
_NEXT = (
    ("make ui", "tables, checks and history in Dagster, with the company's systems running"),
    ("{tilth} status", "how things stand"),
    ("{tilth} quarantine list", "what is kept aside, and why"),
    ("docs/analyst.md", "what is in the file, with queries"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sample's nights, or serve its systems; 0 when all went as planned."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        folder = sample_project(arguments.project)
        if arguments.command == "serve":
            return _serve(folder, arguments.seed, arguments.lines)
        nights = arguments.nights if arguments.command == "nights" else 2
        return _nights(folder, nights, arguments.seed, arguments.lines)
    except TilthError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tilth.pipelines.sample", description=__doc__)
    parser.add_argument("--project", type=Path, help="the project's folder; default: from here upwards")
    parser.add_argument("--seed", type=int, help="of the generator; default 7")
    parser.add_argument("--lines", type=int, help="ordinary order lines; default 200000")
    commands = parser.add_subparsers(dest="command")
    nights = commands.add_parser("nights", help="empty the data folder and run this many nights (default: two)")
    nights.add_argument("nights", type=int, choices=range(1, NIGHTS + 1))
    commands.add_parser("serve", help="the systems alone, until Ctrl-C")
    return parser


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _serve(folder: Path, seed: int | None, lines: int | None) -> int:
    with company(folder, seed=seed, lines=lines) as systems:
        place = systems.systems
        print(f"night {systems.current_night} of the sample company, until Ctrl-C")
        print(f"  erp      {systems.erp.host}:{systems.erp.port}/{systems.erp.database}, user {systems.erp.user}")
        print(f"           password in {place / 'erp.password'}")
        print(f"  crm      {systems.crm.url}, client {systems.crm.client}, secret in {place / 'crm.secret'}")
        print(f"  legacy   {place / 'legacy'}")
        print(f"  library  {place / 'library'}")
        print(f"  pricing  {place / 'pricing'}{'' if (place / 'pricing').exists() else ' (down tonight)'}")
        print(f"  truth    {place / 'truth.json'}", flush=True)
        signal.pause()
    return 0


def _nights(folder: Path, nights: int, seed: int | None, lines: int | None) -> int:
    outcomes: list[Outcome] = []
    for outcome in run_nights(folder, nights=nights, seed=seed, lines=lines):
        outcomes.append(outcome)
        print(f"night {outcome.night} ended with exit {outcome.exit} after {outcome.seconds:.1f} s", flush=True)
    for outcome in outcomes:
        print("\n".join(_summary(outcome)))
    good = not any(outcome.surprises for outcome in outcomes)
    print("\n".join(["", "All nights ended as planned." if good else "NOT as planned: see above.", *_ways_on(folder)]))
    return 0 if good else 1


def _summary(outcome: Outcome) -> Iterable[str]:
    """One night, and where it is not as planned."""
    release = outcome.told.status["release"]
    planned = "as planned" if outcome.exit == outcome.planned["exit"] else f"planned was {outcome.planned['exit']}"
    yield f"\nNIGHT {outcome.night}: release {release}, exit {outcome.exit} ({planned}), {outcome.seconds:.1f} s\n"
    yield from summary(outcome.told, first=outcome.night == 1)
    yield from (f"  NOT as planned: {surprise}" for surprise in outcome.surprises)


def _ways_on(folder: Path) -> Iterable[str]:
    """Where to look next; the query can be pasted into any DuckDB client, and as it stands into a shell."""
    curated, bin = folder / "data" / "curated.duckdb", Path(sys.executable).parent
    shown, python, tilth = (_from_here(path) for path in (curated, bin / "python", bin / "tilth"))
    yield f"\nWhat analysts open is {shown}. Who are our customers, and who told that two of them are one:"
    yield f"  {python} -c \"import duckdb; print(duckdb.connect('{shown}', read_only=True).sql('{_QUERY}'))\""
    yield "Where to look next:"
    for command, told in _NEXT:
        yield f"  {command.format(tilth=tilth):32}  {told}"


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main())
