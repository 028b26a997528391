"""Records on their way from a file's bytes to batches of the wanted size.

Holds the value every reader gives, the cutting into batches, and the proof that a whole file can be
read before its first record is handed out. Knows of no format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tilth.connectors.files.refused import Refused

__all__ = ["Part", "Piece", "nothing_under", "pieces", "proven", "table_of"]

_KEPT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """Some records of one file, in order, with the line (row) where each starts."""

    table: pa.Table
    lines: Sequence[int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Records for one batch; `offset` records of the file come before them."""

    table: pa.Table
    offset: int
    line: int


def table_of(names: Sequence[str], columns: Sequence[Sequence[str | None]]) -> pa.Table:
    """Text columns as an Arrow table."""
    return pa.table([pa.array(column, pa.string()) for column in columns], names=list(names))


def nothing_under(names: Sequence[str], *, header: bool | int) -> Part:
    """The part of a file that has a header and no record; without a header, such a file holds nothing at all."""
    if not header:
        raise Refused("empty", "a line with a record", value="no line")
    return Part(table_of(names, [[] for _ in names]), [])


def pieces(parts: Iterator[Part], *, rows: int, skip: int = 0) -> Iterator[Piece]:
    """The records after the first `skip`, in pieces of `rows` records (the last one smaller).

    Of a file without any record there is one piece without rows, which has its columns.
    """
    held: list[pa.Table] = []
    count, seen, line = 0, 0, 0
    bare: pa.Table | None = None
    for part in parts:
        bare = part.table
        at = min(max(skip - seen, 0), part.table.num_rows)
        seen += part.table.num_rows
        while at < part.table.num_rows:
            line = line if held else part.lines[at]
            taken = min(rows - count, part.table.num_rows - at)
            held.append(part.table.slice(at, taken))
            at, count = at + taken, count + taken
            if count == rows:
                yield Piece(pa.concat_tables(held).combine_chunks(), seen - part.table.num_rows + at - rows, line)
                held, count = [], 0
    if held:
        yield Piece(pa.concat_tables(held).combine_chunks(), seen - count, line)
    if bare is not None and not seen:
        yield Piece(bare, 0, 1)


def proven(read: Callable[[], Iterator[Piece]], *, kept_bytes: int = _KEPT_BYTES) -> Iterator[Piece]:
    """What `read` gives, once it has been read to its end without a refusal.

    Up to `kept_bytes` are kept from that first reading, a larger file is read a second time.
    """
    kept: list[Piece] = []
    size = 0
    for piece in read():
        size += piece.table.nbytes
        if size <= kept_bytes:
            kept.append(piece)
        else:
            kept.clear()
    yield from kept if size <= kept_bytes else read()
