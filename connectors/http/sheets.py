"""The records of one page as a batch holds them: rows and tombstones, the columns that were asked for, and a print.

The print tells one page from another, the edge one record: that is how a page that comes twice is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tilth.connectors.http.api import Tombstones
from tilth.connectors.http.flaws import Flaw
from tilth.connectors.http.records import Record, columns_of, table_of
from tilth.connectors.protocol import Pull
from tilth.connectors.settings import near

__all__ = ["Sheet", "Sheets"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page's records as tables. `print` and `edge` are empty where there is no record."""

    rows: pa.Table
    deleted: pa.Table | None
    count: int
    print: str
    edge: str  # of the last record


@dataclass(frozen=True, slots=True)
class Sheets:
    """What one pull wants of every record."""

    request: Pull
    tombstones: Tombstones | None
    absent_is_empty: bool

    def of(self, records: Sequence[Record]) -> Sheet:
        """The page's tables; Flaw when no record has a column that was asked for."""
        alive, dead = self._divided(records)
        rows, missing = table_of(alive, self._columns(alive))
        self._require(missing, alive)
        deleted = table_of(dead, self._keys())[0] if dead and not self.request.keys_only else None
        return Sheet(rows, deleted, len(records), self._print(records, rows, deleted), self.edge(records[-1:]))

    def edge(self, records: Sequence[Record]) -> str:
        """What tells a record from others: its key, or all of it."""
        if not records:
            return ""
        names = self.request.key or columns_of(records)
        return _digest(repr(table_of(records, names)[0].to_pylist()).encode())

    def _divided(self, records: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
        """The records that stand, and those that tell of a deletion."""
        if self.tombstones is None:
            return records, ()
        dead = [self.tombstones.marks(record) for record in records]
        if not any(dead):
            return records, ()
        both = list(zip(records, dead, strict=True))
        return [record for record, gone in both if not gone], [record for record, gone in both if gone]

    def _columns(self, records: Sequence[Record]) -> list[str]:
        request = self.request
        if request.keys_only:
            return _once(request.key)
        wanted = columns_of(records) if request.columns is None else request.columns
        return _once([*wanted, *self._keys()])

    def _keys(self) -> list[str]:
        cursor = [] if self.request.cursor_column is None else [self.request.cursor_column]
        return _once([*self.request.key, *cursor])

    def _require(self, missing: Sequence[str], records: Sequence[Record]) -> None:
        if records and not self._columns(records):
            raise Flaw("the records of {} have no fields", expected="at least a key", lasting=True)
        spared = missing if self.absent_is_empty else self.request.optional
        lacking = [name for name in missing if name not in spared or name in self.request.key]
        if lacking:
            raise Flaw(
                f"no record of {{}} has the field {lacking[0]}",
                expected=near(lacking[0], columns_of(records)),
                next="correct the contract; where {source} leaves empty fields out, say absent: empty",
                lasting=True,
                declared=True,
            )

    def _print(self, records: Sequence[Record], rows: pa.Table, deleted: pa.Table | None) -> str:
        if not records:
            return ""
        if not self.request.key:  # pages of few columns may well be alike: look at all of them
            return _digest(repr(records).encode("utf-8", "backslashreplace"))
        digest = hashlib.blake2b(digest_size=12)
        for table in (rows, deleted):
            for column in table.columns if table is not None else ():
                for buffer in (buffer for chunk in column.chunks for buffer in chunk.buffers() if buffer is not None):
                    digest.update(buffer)
        return digest.hexdigest()


def _once(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()
