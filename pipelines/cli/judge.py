"""`tilth judge`: a file against a contract, without any project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tilth.errors import ContractError, TilthError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.cli.reasons import reason_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tilth.pipelines.judged import Judgement

__all__ = ["judge"]

_TOXIC = 3
_AGAIN = "correct the contract, then the same command"
_SHOWN = 20  # toxic records for a person; --out has all

Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV, TSV, XLSX or Parquet files of one table.")]
Named = Annotated[str, typer.Option("--contract", metavar="MODULE.CLASS", help="The contract, a pandera polars model.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Write good and toxic rows there.", show_default=False)
]
Delimiter = Annotated[str | None, typer.Option("--delimiter", help="Between cells; else a comma.", show_default=False)]
Encoding = Annotated[str, typer.Option("--encoding", help="Of text files.")]
Sheet = Annotated[str | None, typer.Option("--sheet", help="Of a workbook with several.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder that has such files already.")]


def judge(
    context: typer.Context,
    files: Files,
    contract: Named,
    out: Out = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    sheet: Sheet = None,
    force: Force = False,
) -> Answer:
    """Judge files against a contract, as one pull of one table: what is good, and why the rest is not.

    The module is looked for in this folder, then in the project. References to other tables are not judged here.
    Exit code 0 when all records are good, 3 when some are toxic or a rule of the whole table does not hold.

    Example: tilth judge customers.csv --contract contracts.Customer --out judged
    """
    from tilth.pipelines.contracts import placed
    from tilth.pipelines.judged import judge_files
    from tilth.pipelines.judged_faults import Reading

    reading = Reading(delimiter, encoding, sheet)
    model = _contract(context, contract)
    code = _code(context, contract.split(".")[0])
    try:
        judgement = judge_files(files, model, reading, out=out, force=force)
    except ExceptionGroup as several:
        wrong = [one for one in several.exceptions if isinstance(one, ContractError)]
        raise several.derive([placed(one, model, code=code, step=_AGAIN) for one in wrong]) from several
    except ContractError as error:
        raise placed(error, model, code=code, step=_AGAIN) from error
    bad = judgement.counts["toxic"] or judgement.held
    return Answer(_document(judgement), lambda: _view(judgement), _TOXIC if bad else 0)


def _contract(context: typer.Context, name: str) -> object:
    from tilth.pipelines.contracts import named

    try:
        return named(name, code=_code(context, name.split(".")[0]), where="--contract")
    except TilthError as error:
        error.next = _AGAIN if isinstance(error, ContractError) else "tilth judge --help"
        raise


def _code(context: typer.Context, module: str) -> Path:
    """Where the contract's module is looked for: here, else in the project around, if there is one."""
    from tilth.pipelines.settings import find_project, read_settings

    if Path(f"{module}.py").exists() or Path(module).is_dir():
        return Path.cwd()
    try:
        return read_settings(find_project(here(context).project)).code
    except TilthError:
        return Path.cwd()


def _document(judgement: Judgement) -> dict[str, Any]:
    return {
        **judgement.counts,
        "files": [{"file": file, "records": count} for file, count in judgement.records.items()],
        "rules": judgement.rules,
        "records": judgement.toxic.to_dicts(),
        "records_left_off": judgement.counts["toxic"] - judgement.toxic.height,
        "unjudged": list(judgement.unjudged),
        "held": list(judgement.held),
        "warnings": list(judgement.warnings),
        "written": [str(path) for path in judgement.written],
    }


def _view(judgement: Judgement) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from tilth.pipelines.cli.tables import grid

    counts = judgement.counts
    told = ", ".join(f"{counts[name]:,} {name}" for name in ("good", "duplicate", "toxic"))
    parts: list[RenderableType] = [Text(f"{counts['pulled']:,} records: {told}", style="bold")]
    if counts["toxic"]:
        parts += [Text(), grid(judgement.rules, ("rule", "column", "expected", "toxic"), empty="")]
        parts += [Text(), *(Text(line) for line in _records(judgement))]
    parts += [Text(f"warning: {one}") for one in judgement.warnings]
    parts += [Text(f"the whole would be held, {one}") for one in judgement.held]
    parts += [Text(f"not judged here: {one}") for one in judgement.unjudged]
    parts += [Text(f"written: {path}") for path in judgement.written]
    return Group(*parts)


def _records(judgement: Judgement) -> Iterator[str]:
    for record in judgement.toxic.head(_SHOWN).iter_rows(named=True):
        key = f", key {record['key']}" if record["key"] is not None else ""
        yield f"{record['file']}, line {record['line']}{key}"
        yield from (f"  {reason_line(reason)}" for reason in record["reasons"])
    if judgement.counts["toxic"] > _SHOWN:
        yield f"{judgement.counts['toxic'] - _SHOWN:,} more; --out DIR writes all of them"
