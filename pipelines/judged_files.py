"""Files to be judged without a project: their records, frame by frame, and where each record stands.

Parquet is read in slices. Every other kind is read once, as declared, into Parquet of text in a folder of its own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow.parquet as pq

from tilth.connectors.files import delimited, excel
from tilth.connectors.files.formats import Delimited, Excel, form_of
from tilth.connectors.files.parts import Part
from tilth.connectors.files.refused import Refused
from tilth.errors import DeclarationError, SourceError, TilthError
from tilth.schemas.casting import exactly
from tilth.schemas.pieces import rows_of_piece

__all__ = ["Opened", "Reading", "opened"]

_KINDS = {".csv": "delimited", ".txt": "delimited", ".tsv": "delimited", ".xlsx": "excel", ".parquet": "parquet"}
_STEP = "tilth judge --help"
_DELIMITERS = {",": ",", ";": ";", "|": "|", "\t": "$(printf '\\t')"}  # as they are typed


@dataclass(frozen=True, slots=True)
class Reading:
    """How the files are written, as far as their names do not tell."""

    delimiter: str | None = None  # None: a comma, and in .tsv files a tab
    encoding: str = "utf-8"
    sheet: str | None = None  # None: the only visible one


@dataclass(frozen=True, slots=True)
class Opened:
    """One file as Parquet: its records, and the line where each starts."""

    file: Path
    parquet: Path
    schema: pl.Schema
    records: int
    lines: pl.Series | None  # None: the first record is line 1, and so on (of Parquet: its rows)

    def frames(self, columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        """The records, some at a time; of these columns those that are there."""
        with _told(self.file):
            scan = pl.scan_parquet(self.parquet, glob=False)
            if columns is not None:
                known = [name for name in columns if name in self.schema]
                scan = scan.select(map(exactly, known or [*self.schema][:1]))  # one at least: to count the rows
            size = rows_of_piece(len(self.schema))
            for first in range(0, max(1, self.records), size):
                yield scan.slice(first, size).collect()

    def lines_of(self, records: pl.Series) -> pl.Series:
        """Where records, counted from 0, start in the file."""
        return records + 1 if self.lines is None else self.lines.gather(records)


def opened(file: Path, reading: Reading, folder: Path) -> Opened:
    """The file, ready to be read as often as need be; `folder` takes what is made of it."""
    kind = _KINDS.get(file.suffix.lower())
    if kind is None:
        expected, got = ", ".join(_KINDS), file.suffix or "no ending"
        raise SourceError("cannot read this kind of file", where=str(file), expected=expected, got=got, next=_STEP)
    with _told(file, hint=reading if kind == "delimited" else None):
        if kind == "parquet":
            return _opened(file, file, None)
        with file.open("rb") as stream:
            return _kept(file, _parts(stream, file, reading, kind), folder / f"{len(list(folder.iterdir()))}.parquet")


def _kept(file: Path, parts: Iterator[Part], parquet: Path) -> Opened:
    """The parts of one file, which all have the columns of the first."""
    lines: list[pl.Series] = []
    first = next(parts)
    with pq.ParquetWriter(parquet, first.table.schema, compression="lz4") as writer:
        for part in chain([first], parts):
            _write(writer, part, parquet.parent)
            lines.append(pl.Series(part.lines, dtype=pl.Int64))
    return _opened(file, parquet, pl.concat(lines))


def _write(writer: pq.ParquetWriter, part: Part, folder: Path) -> None:
    try:
        writer.write_table(part.table)
    except OSError as error:  # not the file's fault
        what = f"no copy can be kept while it is judged ({error.strerror or error})"
        raise TilthError(what, where=str(folder), next="free space there, or set TMPDIR to another folder") from error


def _opened(file: Path, parquet: Path, lines: pl.Series | None) -> Opened:
    scan = pl.scan_parquet(parquet, glob=False)
    records = scan.select(pl.len()).collect().item()
    return Opened(file, parquet, scan.collect_schema(), records, lines)


def _parts(stream: BinaryIO, file: Path, reading: Reading, kind: str) -> Iterator[Part]:
    comma = "\t" if file.suffix.lower() == ".tsv" else ","
    said: dict[str, object] = {"delimiter": reading.delimiter or comma, "encoding": reading.encoding}
    if kind == "excel":
        said = {"sheet": reading.sheet} if reading.sheet else {}
    form, problems = form_of({"kind": kind, **said})
    if form is None:
        raise DeclarationError("; ".join(problems).replace("format.", "--"), next=_STEP)
    if isinstance(form.reader, Excel):
        return iter(excel.read(stream, form.reader))
    assert isinstance(form.reader, Delimited)
    return iter(delimited.read(stream, form.reader))


@contextmanager
def _told(file: Path, *, hint: Reading | None = None) -> Generator[None]:
    """What is wrong with a file, with its name."""
    try:
        yield
    except Refused as refused:
        fault, step = refused.fault, _hint(file, hint) if hint else _STEP
        what = f"this file cannot be judged, {fault.rule}"
        raise SourceError(what, where=str(file), expected=fault.expected, got=fault.value or "", next=step) from None
    except pl.exceptions.PolarsError as error:
        raise SourceError("this is no Parquet file, or a damaged one", where=str(file), next=_STEP) from error
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror or error})", where=str(file), next=_STEP) from error


def _hint(file: Path, reading: Reading) -> str:
    """The delimiter to try, where the first line has a likelier one; never used unasked."""
    with file.open("rb") as stream:
        head = stream.readline(1 << 16).decode(reading.encoding, "replace")
    likely = max(_DELIMITERS, key=head.count)
    better = head.count(likely) > head.count(reading.delimiter or ",")
    return f'the same command with --delimiter "{_DELIMITERS[likely]}"' if better else _STEP
