"""Files to be judged without a project: their records, frame by frame, and where each record stands.

Parquet is read in slices. Every other kind is read once, as declared, into Parquet of text in a folder of its own; so
is Parquet with values that no data frame has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.assets.landable import in_odd_zone, late, unreadable, with_texts
from tilth.connectors.files import delimited, excel
from tilth.connectors.files.formats import Delimited, Excel, form_of
from tilth.connectors.files.parts import Part
from tilth.errors import DeclarationError, TilthError
from tilth.pipelines.judged_faults import KINDS, Reading, likelier, told, unknown_kind
from tilth.schemas.casting import exactly
from tilth.schemas.pieces import rows_of_piece

__all__ = ["Opened", "opened"]

_HELP = "tilth judge --help"


@dataclass(frozen=True, slots=True)
class Opened:
    """One file as Parquet: its records, and the line where each starts."""

    file: Path
    parquet: Path
    schema: pl.Schema
    records: int
    reading: Reading
    lines: pl.Series | None  # None: the first record is line 1, and so on (of Parquet: its rows)

    def frames(self, columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        """The records, some at a time; of these columns those that are there."""
        with told(self.file, self.reading, part="data"):
            scan = pl.scan_parquet(self.parquet, glob=False)
            if columns is not None:
                known = [name for name in columns if name in self.schema]
                scan = scan.select(map(exactly, known or [*self.schema][:1]))  # one at least: to count the rows
            size = rows_of_piece(len(self.schema))
            for first in range(0, max(1, self.records), size):
                yield scan.slice(first, size).collect()

    def doubt(self) -> str | None:
        """What in its header looks as if its cells were divided by something else than was said."""
        (first, *more), kind = self.schema.names() or [""], KINDS[self.file.suffix.lower()]
        better = likelier(first, self.reading.delimiter_of(self.file)) if kind == "delimited" and not more else None
        return f"{self.file}: its header is one name, {first!r}; did you mean {better}?" if better else None

    def lines_of(self, records: pl.Series) -> pl.Series:
        """Where records, counted from 0, start in the file."""
        return records + 1 if self.lines is None else self.lines.gather(records)


def opened(file: Path, reading: Reading, folder: Path) -> Opened:
    """The file, ready to be read as often as need be; `folder` takes what is made of it."""
    kind = KINDS.get(file.suffix.lower())
    if kind is None or file.is_dir():
        raise unknown_kind(file)
    with told(file, reading, part="footer"):
        copy = folder / f"{len(list(folder.iterdir()))}.parquet"
        if kind == "parquet":
            return _parquet(file, reading, copy)
        with file.open("rb") as stream:
            return _kept(file, _parts(stream, file, reading, kind), reading, copy)


def _parquet(file: Path, reading: Reading, copy: Path) -> Opened:
    """As it is, or a copy where a data frame would not read it as it is."""
    odd = _odd(file)
    if odd is None:
        return _opened(file, file, reading, None)
    with pq.ParquetFile(file) as source:
        return _kept(file, _copied(source, odd), reading, copy)


def _odd(file: Path) -> set[int] | None:
    """Which columns must be copied as text; None: the file needs no copy, or is one that polars shall complain of."""
    try:
        with pq.ParquetFile(file) as source:
            kinds = source.schema_arrow.types
            times = [at for at, kind in enumerate(kinds) if pa.types.is_time(kind)]
            names = [source.schema_arrow.names[at] for at in times]
            batches = source.iter_batches(columns=names) if names else ()
            odd = {times[at] for at in late(pa.Table.from_batches([batch]) for batch in batches)}
    except (pa.ArrowException, OSError):
        return None
    odd |= {at for at, kind in enumerate(kinds) if unreadable(kind)}
    return odd if odd or any(map(in_odd_zone, kinds)) else None


def _copied(source: pq.ParquetFile, odd: set[int]) -> Iterator[Part]:
    first = 1
    for table in chain([source.schema_arrow.empty_table()], source.iter_batches()):
        some = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
        yield Part(with_texts(some, odd), range(first, first + some.num_rows))
        first += some.num_rows


def _kept(file: Path, parts: Iterator[Part], reading: Reading, parquet: Path) -> Opened:
    """The parts of one file, which all have the columns of the first."""
    lines: list[pl.Series] = []
    first = next(parts)
    with pq.ParquetWriter(parquet, first.table.schema, compression="lz4") as writer:
        for part in chain([first], parts):
            _write(writer, part, parquet.parent)
            lines.append(pl.Series(part.lines, dtype=pl.Int64))
    return _opened(file, parquet, reading, pl.concat(lines))


def _write(writer: pq.ParquetWriter, part: Part, folder: Path) -> None:
    try:
        writer.write_table(part.table)
    except OSError as error:  # not the file's fault
        what = f"no copy can be kept while it is judged ({error.strerror or error})"
        raise TilthError(what, where=str(folder), next="free space there, or set TMPDIR to another folder") from error


def _opened(file: Path, parquet: Path, reading: Reading, lines: pl.Series | None) -> Opened:
    scan = pl.scan_parquet(parquet, glob=False)
    records = scan.select(pl.len()).collect().item()
    return Opened(file, parquet, scan.collect_schema(), records, reading, lines)


def _parts(stream: BinaryIO, file: Path, reading: Reading, kind: str) -> Iterator[Part]:
    said: dict[str, object] = {"delimiter": reading.delimiter_of(file), "encoding": reading.encoding}
    if kind == "excel":
        said = {"sheet": reading.sheet} if reading.sheet else {}
    form, problems = form_of({"kind": kind, **said})
    if form is None:
        raise DeclarationError("; ".join(problems).replace("format.", "--"), next=_HELP)
    if isinstance(form.reader, Excel):
        return iter(excel.read(stream, form.reader))
    assert isinstance(form.reader, Delimited)
    return iter(delimited.read(stream, form.reader))
