"""Delimited text in a declared dialect: nothing is guessed, every cell stays the text it was.

Clean stretches (no quotes, plain line ends) are read by Arrow, everything else by the standard library's
reader; both give the same records.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from tilth.connectors.files.formats import Delimited
from tilth.connectors.files.names import column_names
from tilth.connectors.files.parts import Part, nothing_under, table_of
from tilth.connectors.files.refused import Refused
from tilth.connectors.files.text import chunks, line_ends

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["SURPLUS", "read"]

SURPLUS = "surplus_cells"
"""The column that takes the cells beyond the last column, where ragged rows are kept."""

_ROWS = 1_000  # few enough that their cells stay in the processor's cache
_CELL = 4 << 20  # characters of one cell
_RECORD = 4 * _CELL  # characters of one record
_END = "\ue000"  # a line of its own after the text: swallowed when a quote is still open

Names = tuple[str, ...]


def read(file: BinaryIO, form: Delimited) -> Iterator[Part]:
    """The records in order; a row with too few or too many cells refuses the file unless they are kept.

    A file that has no record still gives its header: one part without rows.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _CELL))
    names, kept, line, tried, any_record = None if form.header else form.columns, "", 1, 0, False
    for text in chain(chunks(file, form.encoding), [""]):
        kept += text
        if text and len(kept) < 2 * tried:
            continue  # a quote is open: tried again when there is as much again, or the costs would be quadratic
        if names is None:
            names, end = _header(kept, form)
            line, kept = line + line_ends(kept[:end]), kept[end:]
        if names is not None and kept:
            clean = _clean(kept, names, form, line)
            parts, end = ([clean], len(kept)) if clean else _parsed(kept, names, form, line)
            yield from parts
            any_record = any_record or bool(parts)
            line, kept = line + line_ends(kept[:end]), kept[end:]
        tried = len(kept)
        if tried > _RECORD:
            what = f"the record that begins in line {line} is longer than {_RECORD} characters"
            raise Refused("quote", "a closing quote", value=what)
    if names is None and not kept.strip():
        raise Refused("empty", "a line with the names of the columns", value="no line")
    if kept:
        raise Refused("quote", "a closing quote", value=f"a quote opened after line {line - 1} is open at the end")
    if not any_record:
        yield nothing_under(names or (), header=form.header)


def _header(text: str, form: Delimited) -> tuple[Names | None, int]:
    """The names in the first line that is not blank, and where the text goes on; None: not in this text."""
    ended: list[bool] = []
    lines = io.StringIO(text, newline="")
    reader = _reader(lines, ended, form)
    try:
        row = next((row for row in reader if row), [])
    except csv.Error as error:
        if ended:
            return None, 0
        raise Refused("quote", "names in the declared dialect", value=f"line {reader.line_num}: {error}") from None
    if ended:
        return None, 0
    return column_names(row, form.columns, taken=(SURPLUS,) if form.keep_ragged else ()), lines.tell()


def _parsed(text: str, names: Names, form: Delimited, line: int) -> tuple[list[Part], int]:
    """The whole records of a text that begins in `line`, and where they end: the last one may be open."""
    ended: list[bool] = []
    source = io.StringIO(text, newline="")
    reader = _reader(source, ended, form)
    parts: list[Part] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    at, end = 0, 0
    try:
        for row in reader:
            if ended:
                break
            if row:
                rows.append(row)
                lines.append(line + at)
                if len(rows) == _ROWS:
                    parts.append(_part(rows, lines, names, form))
                    rows, lines = [], []
            at, end = reader.line_num, source.tell()
    except csv.Error as error:
        if not ended:
            raise Refused("quote", "cells in the declared dialect", value=f"line {line + at}: {error}") from None
    return [*parts, *([_part(rows, lines, names, form)] if rows else [])], end


def _reader(text: io.StringIO, ended: list[bool], form: Delimited) -> Reader:
    def lines() -> Iterator[str]:
        yield from text
        ended.append(True)
        yield _END

    return csv.reader(
        lines(),
        delimiter=form.delimiter,
        quotechar=form.quote,
        escapechar=form.escape,
        quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
        strict=not form.lenient,
    )


def _part(rows: Sequence[Sequence[str]], lines: list[int], names: Names, form: Delimited) -> Part:
    cells: Sequence[Sequence[str | None]] = rows
    if form.keep_ragged:
        names, cells = (*names, SURPLUS), [_levelled(row, len(names), form.delimiter) for row in rows]
    elif set(map(len, rows)) != {len(names)}:
        line, row = next((line, row) for line, row in zip(lines, rows, strict=True) if len(row) != len(names))
        raise Refused("ragged", f"{len(names)} cells", value=f"line {line}: {len(row)} cells")
    return Part(table_of(names, list(zip(*cells, strict=True))), lines)


def _levelled(row: Sequence[str], width: int, delimiter: str) -> list[str | None]:
    surplus = delimiter.join(row[width:]) if len(row) > width else None
    return [*row[:width], *[None] * (width - len(row)), surplus]


def _clean(text: str, names: Names, form: Delimited, line: int) -> Part | None:
    """The records of a text without quotes and oddities, or None when it is not that."""
    import pyarrow.csv as fast

    odd = (form.quote, form.escape, "\n\n", "\n\r", "\0")
    if any(mark and mark in text for mark in odd) or text[0] in "\r\n" or not form.delimiter.isascii():
        return None
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return None
    data = text.encode()
    try:
        table = fast.read_csv(
            pa.BufferReader(data),
            read_options=fast.ReadOptions(use_threads=False, column_names=list(names), block_size=len(data) + 1),
            parse_options=fast.ParseOptions(delimiter=form.delimiter, quote_char=False, double_quote=False),
            convert_options=fast.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), check_utf8=False),
        )
    except pa.ArrowInvalid:
        return None  # a ragged row: the other reader says where, or keeps it
    if form.keep_ragged:
        table = table.append_column(SURPLUS, pa.nulls(table.num_rows, pa.string()))
    return Part(table, range(line, line + table.num_rows))
