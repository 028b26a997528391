"""Fixed-width text: records of one length, a line each, between an optional header and a counted trailer.

A file that is not exactly that (another length, another type of line, a wrong count) is refused whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from tilth.connectors.files.formats import FixedWidth, Mark
from tilth.connectors.files.parts import Part
from tilth.connectors.files.refused import Refused
from tilth.connectors.files.text import chunks

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read"]


def read(file: BinaryIO, form: FixedWidth) -> Iterator[Part]:
    """The detail records, padding taken off unless declared otherwise; refusals come when the line is met."""
    length, count, last = form.length, 0, ""
    for lines, closing in _bodies(file, form):
        last = closing or last
        if lines.is_empty():
            continue
        _check_type(lines, form)
        length = _check_length(lines, form, length)
        count += lines.height
        yield Part(_sliced(lines, form), lines["line"].to_list())
    if form.trailer:
        _check_count(last, form.trailer, count)


def _bodies(file: BinaryIO, form: FixedWidth) -> Iterator[tuple[pl.DataFrame, str]]:
    """The lines between header and trailer, as (line, text); the file's last line comes along at its end."""
    import polars as pl

    held: pl.DataFrame | None = None
    first = True
    for lines in _lines(file, form.encoding):
        if first and form.header:
            _check_header(lines, form.header)
            lines = lines.slice(1)
        first = False
        if not form.trailer:
            yield lines, ""
            continue
        joined = lines if held is None else pl.concat([held, lines])
        held = joined.tail(1)
        yield joined.head(-1), ""
    if first:
        raise Refused("empty", "lines of text", value="no line")
    if held is not None and not held.is_empty():
        yield held.head(0), held["text"][0]


def _lines(file: BinaryIO, encoding: str) -> Iterator[pl.DataFrame]:
    """Blocks of numbered lines; lines without a single character are passed over."""
    import polars as pl

    at = 1
    for text in chunks(file, encoding):
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = pl.Series("text", [text.removesuffix("\n")]).str.split("\n").explode().to_frame()
        lines = lines.with_row_index("line", at)
        at += lines.height
        filled = lines.filter(pl.col("text") != "")
        if not filled.is_empty():
            yield filled


def _sliced(lines: pl.DataFrame, form: FixedWidth) -> pa.Table:
    import polars as pl

    cells = {field.name: pl.col("text").str.slice(field.start, field.width) for field in form.fields}
    table = lines.select(**{n: c.str.strip_chars(" ") if form.trim else c for n, c in cells.items()}).to_arrow()
    return table.cast(pa.schema([(name, pa.string()) for name in cells]))


def _check_header(lines: pl.DataFrame, header: Mark) -> None:
    text: str = lines["text"][0]
    if not text.startswith(header.match):
        raise Refused("header", f"a first line that starts with {header.match!r}", value=_told(lines, 0))


def _check_type(lines: pl.DataFrame, form: FixedWidth) -> None:
    import polars as pl

    if form.record is None:
        return
    other = lines.select(~pl.col("text").str.starts_with(form.record.match)).to_series().arg_true()
    if len(other):
        raise Refused("record_type", f"lines that start with {form.record.match!r}", value=_told(lines, other[0]))


def _check_length(lines: pl.DataFrame, form: FixedWidth, length: int | None) -> int:
    lengths = lines["text"].str.len_chars()
    end = max(field.start + field.width for field in form.fields)
    wanted: int = length if length is not None else max(lengths[0], end)
    other = (lengths != wanted).arg_true()
    if len(other):
        at: int = other[0]
        raise Refused(
            "record_length", f"{wanted} characters", value=f"line {lines['line'][at]}: {lengths[at]} characters"
        )
    return wanted


def _check_count(line: str, trailer: Mark, count: int) -> None:
    if not line.startswith(trailer.match):
        raise Refused("trailer_count", f"a last line that starts with {trailer.match!r}", value=line[:40])
    if trailer.count is None:
        return
    told = line[trailer.count.start : trailer.count.start + trailer.count.width].strip()
    if not (told.isascii() and told.isdigit()) or int(told) != count:
        raise Refused("trailer_count", f"{count}, the detail records in the file", value=told)


def _told(lines: pl.DataFrame, at: int) -> str:
    return f"line {lines['line'][at]}: {lines['text'][at][:40]}"
