"""What the sample company planted, and what each night must therefore bring: the content of `truth.json`.

Kept while the world is made, by the rules of DESIGN's states and with nothing of the product. A table's counts are
those of `tilth status --json`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Book", "Reason", "Toxic", "Truth"]

Reason = tuple[str, str | None]
"""Rule and column, as a quarantine entry names them."""

_COUNTS = (
    "pulled", "replayed", "pending_before", "inserted", "updated", "unchanged", "duplicate", "superseded", "deleted",
    "quarantined", "pending_after", "closed", "removed", "rows_before", "rows_after", "open_before", "superseded_open",
    "discarded", "open_after",
)  # fmt: skip
_PULLED = ("inserted", "updated", "unchanged", "duplicate", "superseded", "deleted", "quarantined")


@dataclass(frozen=True, slots=True)
class Toxic:
    """One toxic record: what is wrong with it, how to find it, and the reasons it must get."""

    kind: str
    key: str | None
    reasons: tuple[Reason, ...]
    file: str | None = None  # below the connection's root
    record: int | None = None  # position among the file's records, from 0
    line: int | None = None  # line or row in the file, from 1
    raw: Mapping[str, str | None] = field(default_factory=dict)  # some values as pulled, where there is no key


class Book:
    """One table through the nights: which keys are published, how many entries are open, and this night's counts."""

    def __init__(self, name: str) -> None:
        self.name, self.current, self.rows, self.open = name, set[str](), 0, 0
        self.begin()

    def begin(self) -> None:
        """A new night."""
        self.counts = Counter(rows_before=self.rows, open_before=self.open)
        self.toxic: list[Toxic] = []
        self.keys: dict[str, list[str]] = {name: [] for name in ("replayed", "superseded_open", "closed", "removed")}
        self.values: dict[str, Mapping[str, str | None]] = {}
        self.state, self.uncertain = "published", tuple[str, ...]()

    def inserted(self, keys: Iterable[str] = (), *, keyless: int = 0) -> None:
        """Good records that become new rows; those of a table without a key are only counted."""
        before = len(self.current)
        self.current.update(keys)
        number = len(self.current) - before + keyless
        self.rows += number
        self.counts["inserted"] += number

    def counted(self, state: str, number: int = 1) -> None:
        """Records that end as updated, unchanged, duplicate or superseded: no row comes or goes."""
        self.counts[state] += number

    def refused(self, *records: Toxic) -> None:
        """Toxic records that open an entry."""
        self.toxic += records
        self.counts["quarantined"] += len(records)
        self.open += len(records)

    def replayed(self, keys: Sequence[str]) -> None:
        """Open records that return by themselves and become rows."""
        self.inserted(keys)
        self.counts["replayed"] += len(keys)
        self.keys["replayed"] += keys
        self.open -= len(keys)

    def mended(self, key: str, *, entries: int = 1) -> None:
        """Open entries of `key` that a newer record of it makes superfluous."""
        self.counts["superseded_open"] += entries
        self.keys["superseded_open"] += [key] * entries
        self.open -= entries

    def deleted(self, keys: Sequence[str]) -> None:
        """Tombstones; those of published rows close them."""
        closed = [key for key in keys if key in self.current]
        self.counts["deleted"] += len(keys)
        self.counts["closed"] += len(closed)
        self._leave("closed", closed)

    def removed(self, keys: Sequence[str]) -> None:
        """Published rows that leave without being pulled."""
        self.counts["removed"] += len(keys)
        self._leave("removed", keys)

    def shown(self, key: str, **values: str | None) -> None:
        """What the published row of `key` holds after this night."""
        self.values[key] = values

    def _leave(self, how: str, keys: Sequence[str]) -> None:
        self.current.difference_update(keys)
        self.rows -= len(keys)
        self.keys[how] += keys

    def told(self) -> dict[str, object]:
        """This night of the table, for JSON."""
        self.counts["pulled"] = sum(self.counts[state] for state in _PULLED) - self.counts["replayed"]
        self.counts.update(rows_after=self.rows, open_after=self.open)
        keys = hashlib.sha256("\n".join(sorted(self.current)).encode()).hexdigest() if self.current else None
        return {
            "state": self.state,
            "rows": self.rows,
            "keys_sha256": keys,
            "counts": {name: self.counts[name] for name in _COUNTS if name not in self.uncertain},
            **self.keys,
            "values": self.values,
            "toxic": [_told(record) for record in self.toxic],
        }


class Truth:
    """All tables, night after night."""

    def __init__(self, *, seed: int, lines: int, tables: Sequence[str]) -> None:
        self._facts = {"seed": seed, "lines": lines}
        self._books = {name: Book(name) for name in tables}
        self._nights: dict[str, object] = {}

    def __getitem__(self, table: str) -> Book:
        return self._books[table]

    def close(self, night: int, *, exit: int, derived: Mapping[str, Iterable[str]]) -> None:
        """Write a night down and begin the next. `derived`: the keys of each table built from others."""
        tables: dict[str, object] = {name: book.told() for name, book in self._books.items()}
        for name, keys in derived.items():
            texts = sorted(keys)
            digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
            tables[name] = {"state": "published", "rows": len(texts), "keys_sha256": digest, "toxic": []}
        self._nights[str(night)] = {"exit": exit, "tables": tables}
        for book in self._books.values():
            book.begin()

    def to_json(self) -> str:
        """The document, the same for the same seed and size."""
        return json.dumps({**self._facts, "nights": self._nights}, indent=1, ensure_ascii=False) + "\n"


def _told(record: Toxic) -> dict[str, object]:
    told: dict[str, object] = {"kind": record.kind, "key": record.key, "reasons": [list(r) for r in record.reasons]}
    if record.file is not None:
        told |= {"file": record.file, "record": record.record, "line": record.line}
    return {**told, "raw": dict(record.raw)} if record.raw else told
