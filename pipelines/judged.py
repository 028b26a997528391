"""Files judged without a project: read as declared, judged as one pull, each toxic record told by file and line.

Nothing is stored: what is written, where that is asked for, are the good rows, the toxic ones, and the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa

from tilth.connectors.files import delimited, excel
from tilth.connectors.files.formats import Delimited, Excel, form_of
from tilth.connectors.files.parts import Part
from tilth.connectors.files.refused import Refused
from tilth.errors import DeclarationError, SourceError, TilthError
from tilth.schemas.judging import Verdict, judge
from tilth.schemas.values import put_together

__all__ = ["Judgement", "Reading", "judge_files", "write_judgement"]

_KINDS = {".csv": "delimited", ".txt": "delimited", ".tsv": "delimited", ".xlsx": "excel", ".parquet": "parquet"}
_ORIGIN = {"file": pl.String, "line": pl.Int64}
_STEP = "tilth judge --help"
_DELIMITERS = {",": ",", ";": ";", "|": "|", "\t": "$(printf '\\t')"}  # as they are typed


@dataclass(frozen=True, slots=True)
class Reading:
    """How the files are written, as far as their names do not tell."""

    delimiter: str | None = None  # None: a comma, and in .tsv files a tab
    encoding: str = "utf-8"
    sheet: str | None = None  # None: the only visible one


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the records of some files, taken together as one pull."""

    verdict: Verdict
    origins: pl.DataFrame  # file, line: of each record, in order
    records: Mapping[str, int]  # file → records

    @property
    def toxic(self) -> pl.DataFrame:
        """file, line, key, raw, reasons: of each toxic record."""
        return self._placed(self.verdict.toxic)

    @property
    def reasons(self) -> pl.DataFrame:
        """file, line, rule, column, value, expected: one line a reason."""
        return self._placed(self.verdict.reasons)

    def rules(self) -> list[dict[str, Any]]:
        """The rules that failed, most frequent first, each with its first record as an example."""
        of = self.reasons.group_by("rule", "column", "expected", maintain_order=True)
        found = of.agg(pl.len().alias("toxic"), pl.col("value", "file", "line").first())
        return found.sort("toxic", descending=True, maintain_order=True).to_dicts()

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        where = self.origins[rows["row"]]
        return pl.concat([where, rows.drop("row")], how="horizontal")


def judge_files(files: Sequence[Path], contract: object, reading: Reading) -> Judgement:
    """Judge files as one pull of one table; an error names the file that cannot be read, and where in it."""
    pieces = [piece for file in files for piece in _pieces(file, reading)]
    whole, lacking = put_together([piece.rows for piece in pieces])
    origins = pl.concat([pl.DataFrame(schema=_ORIGIN), *(piece.origins() for piece in pieces)])
    records = {str(file): 0 for file in files}
    for piece in pieces:
        records[str(piece.file)] += piece.rows.height
    return Judgement(judge(whole, contract, lacking=lacking), origins, records)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some records of one file, and the line (Parquet: the row) where each starts."""

    file: Path
    rows: pl.DataFrame
    lines: Sequence[int]

    def origins(self) -> pl.DataFrame:
        line = pl.Series("line", list(self.lines), dtype=pl.Int64)
        return pl.select(file=pl.repeat(str(self.file), len(line), dtype=pl.String), line=line)


def _pieces(file: Path, reading: Reading) -> Iterator[_Piece]:
    """The file, piece by piece; at least one, so that its columns are known."""
    kind = _KINDS.get(file.suffix.lower())
    if kind is None:
        expected, got = ", ".join(_KINDS), file.suffix or "no ending"
        raise SourceError("cannot read this kind of file", where=str(file), expected=expected, got=got, next=_STEP)
    try:
        if kind == "parquet":
            rows = pl.read_parquet(file, glob=False)
            yield _Piece(file, rows, range(1, rows.height + 1))
            return
        with file.open("rb") as stream:
            for part in _parts(stream, file, reading, kind):
                yield _Piece(file, _frame(part.table), part.lines)
    except Refused as refused:
        fault, step = refused.fault, _hint(file, reading) if kind == "delimited" else _STEP
        what = f"this file cannot be judged, {fault.rule}"
        raise SourceError(what, where=str(file), expected=fault.expected, got=fault.value or "", next=step) from None
    except pl.exceptions.PolarsError as error:
        raise SourceError("this is no Parquet file, or a damaged one", where=str(file), next=_STEP) from error
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror or error})", where=str(file), next=_STEP) from error


def _parts(stream: BinaryIO, file: Path, reading: Reading, kind: str) -> Iterator[Part]:
    comma = "\t" if file.suffix.lower() == ".tsv" else ","
    said: dict[str, object] = {"delimiter": reading.delimiter or comma, "encoding": reading.encoding}
    if kind == "excel":
        said = {"sheet": reading.sheet} if reading.sheet else {}
    form, problems = form_of({"kind": kind, **said})
    if form is None:
        raise DeclarationError("; ".join(problems).replace("format.", "--"), next=_STEP)
    if isinstance(form.reader, Excel):
        return excel.read(stream, form.reader)
    assert isinstance(form.reader, Delimited)
    return delimited.read(stream, form.reader)


def _hint(file: Path, reading: Reading) -> str:
    """The delimiter to try, where the first line has a likelier one; never used unasked."""
    with file.open("rb") as stream:
        head = stream.readline(1 << 16).decode(reading.encoding, "replace")
    likely = max(_DELIMITERS, key=head.count)
    better = head.count(likely) > head.count(reading.delimiter or ",")
    return f'the same command with --delimiter "{_DELIMITERS[likely]}"' if better else _STEP


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def write_judgement(judgement: Judgement, folder: Path, *, force: bool = False) -> list[Path]:
    """Write good.parquet (as the contract has it), toxic.parquet and reasons.csv (safe to open in a spreadsheet)."""
    from tilth.pipelines.corrections import safe

    places = [folder / name for name in ("good.parquet", "toxic.parquet", "reasons.csv")]
    there = next((place for place in places if place.exists()), None)
    if there and not force:
        raise TilthError("this file exists", where=str(there), next="the same command with --force, or another --out")
    reasons = judgement.reasons
    shown = reasons.with_columns(pl.col(pl.String).map_elements(safe, return_dtype=pl.String))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        judgement.verdict.good.write_parquet(places[0])
        judgement.toxic.write_parquet(places[1])
        shown.write_csv(places[2], include_bom=True)
    except OSError as error:
        what = f"cannot be written ({error.strerror or error})"
        raise TilthError(what, where=str(folder), next="give another --out, or free space") from error
    return places
