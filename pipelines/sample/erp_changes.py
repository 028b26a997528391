"""One night in the ERP as a list of changes, and the words with which its truth is written down beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tilth.pipelines.sample.erp_rows import Value, sound
from tilth.pipelines.sample.truth import Book, Reason, Toxic

__all__ = ["Change", "Erp", "line_key", "refuse"]


@dataclass(frozen=True, slots=True)
class Change:
    """One statement: insert `values`; update `where` to `values`; delete `where` (no values)."""

    table: str
    where: Mapping[str, Value] = field(default_factory=dict[str, Value])
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(slots=True)
class Erp:
    """What one night does to the ERP. `late` is written by a transaction that commits after the first pull."""

    changes: list[Change] = field(default_factory=list[Change])
    late: list[Change] = field(default_factory=list[Change])

    def insert(self, table: str, key: int, **different: Value) -> dict[str, Value]:
        """Insert a record that is sound but for what is `different`."""
        row = sound(table, key, **different)
        self.changes.append(Change(table, values=row))
        return row

    def update(self, table: str, where: Mapping[str, Value], **values: Value) -> None:
        """Change values of one record."""
        self.changes.append(Change(table, where, values))

    def delete(self, table: str, **where: Value) -> None:
        """Remove records for good."""
        self.changes.append(Change(table, where))


def line_key(order: int, line: int) -> str:
    """The key text of an order line."""
    return f'["{order}","{line}"]'


def refuse(book: Book, kind: str, key: str | None, *reasons: Reason, **raw: str | None) -> None:
    """A toxic record that opens an entry in this night."""
    book.refused(Toxic(kind, key, reasons, raw=raw))
