"""A copy of a file, read by the declared format into pieces, and what of each piece is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from tilth.connectors.files import delimited, excel, fixed_width
from tilth.connectors.files.formats import Delimited, Documents, Excel, FixedWidth, Form, Tombstones
from tilth.connectors.files.parts import Part, Piece, pieces
from tilth.connectors.files.refused import Refused
from tilth.connectors.protocol import Pull

__all__ = ["divided", "read", "require_columns", "wanted"]


def read(file: BinaryIO, form: Form, *, rows: int, skip: int = 0) -> Iterator[Piece]:
    """The records after the first `skip`, in pieces of `rows`; Refused when the file is not as declared."""
    for piece in pieces(_parts(file, form.reader), rows=rows, skip=skip):
        if form.tombstones and form.tombstones.column not in piece.table.column_names:
            column = form.tombstones.column
            raise Refused("header", f"a column {column}", column=column, value=", ".join(piece.table.column_names))
        yield piece


def divided(table: pa.Table, tombstones: Tombstones | None) -> tuple[pa.Table, pa.Table]:
    """The records that stay, and those that tell of a deletion."""
    if tombstones is None:
        return table, table.slice(0, 0)
    values = pa.array(sorted(tombstones.values), pa.string())
    text = pc.call_function("utf8_trim_whitespace", [table[tombstones.column]])
    deleted = pc.call_function("is_in", [text], pc.SetLookupOptions(value_set=values))
    return table.filter(pc.call_function("invert", [deleted])), table.filter(deleted)


def require_columns(names: Sequence[str], request: Pull) -> None:
    """Refuse a file without records whose header is another's: no record would tell that it was the wrong file."""
    asked = dict.fromkeys([*request.key, *(request.columns or ())])
    if asked and (not asked.keys() & set(names) or not set(request.key) <= set(names)):
        raise Refused("header", f"the columns {', '.join(asked)}", value=", ".join(names))


def wanted(table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """The wanted columns that are there, with surplus cells; all of them when none is (no record may vanish)."""
    there = [name for name in columns or () if name in table.column_names]
    if not there:
        return table
    surplus = [name for name in (delimited.SURPLUS,) if name in table.column_names and name not in there]
    return table.select([*there, *surplus])


def _parts(file: BinaryIO, form: FixedWidth | Delimited | Excel | Documents) -> Iterator[Part]:
    assert not isinstance(form, Documents), "documents are taken whole: `gathering.py`"
    if isinstance(form, FixedWidth):
        return fixed_width.read(file, form)
    return delimited.read(file, form) if isinstance(form, Delimited) else excel.read(file, form)
