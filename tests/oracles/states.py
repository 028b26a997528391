"""The states of a record, told slowly and plainly in memory: what the real house must agree with.

One `Project` is a few tables in reference order; `night` takes what every table's source answered and publishes.
It knows nothing of files, SQL or speed, and shares no code with what it checks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(eq=False)
class Record:
    """One record as pulled; `origin` is (pull, position), `bad` says that a row rule is false."""

    key: int | None
    content: int
    version: int | None = None
    parent: int | None = None
    tombstone: bool = False
    bad: bool = False
    origin: tuple[int, int] = (0, 0)
    state: str = "pulled"
    only_orphan: bool = False

    @property
    def rank(self) -> int:
        return -1 if self.version is None else self.version

    def same(self, other: Record) -> bool:
        if self.tombstone != other.tombstone:
            return False
        mine = (self.content, self.version, self.parent, self.bad)
        return mine == (other.content, other.version, other.parent, other.bad)


@dataclass
class Table:
    """A declared table: its load, its parent table, and when it is held.

    Of a table without a key, a record's `key` is the place in its file; without a file, a number of its own.
    """

    name: str
    load: str = "merge"
    refers_to: str | None = None
    max_share: float = 1.0
    min_rows: int = 1
    keyless: bool = False
    pulls: int = 0
    records: list[Record] = field(default_factory=list)
    current: dict[int, Record] = field(default_factory=dict)
    confirmed: dict[int, int] = field(default_factory=dict)  # key → the last pull that found its row unchanged
    waiting_whole: list[tuple[int, bool]] = field(default_factory=list)  # (pull, was it empty) not yet published
    waiting_keys: tuple[int, frozenset[int]] | None = None  # the last comparison of keys that is not yet published
    since: Counter[str] = field(default_factory=Counter)

    def having(self, state: str) -> list[Record]:
        return [r for r in self.records if r.state == state]

    def came_again(self, entry: Record, first: int) -> bool:
        """Whether the pull `first`, or a later one, has the same record as an open entry."""
        same = [r for r in self.having("duplicate") if r.key is not None and r.key == entry.key and r.same(entry)]
        return any(r.origin[0] >= first for r in same)


@dataclass
class Project:
    """Tables, parents first."""

    tables: list[Table]

    def ingest(self, table: Table, records: list[Record], *, whole: bool) -> None:
        table.pulls += 1
        for position, record in enumerate(records):
            record.origin, record.state = (table.pulls, position), "pending"
        table.records += records
        count: Counter[str] = Counter(pulled=len(records))
        groups: dict[int, list[Record]] = {}
        toxic: list[Record] = []
        for record in records:
            if record.key is None or (record.bad and not record.tombstone):
                toxic.append(record)
            else:
                groups.setdefault(record.key, []).append(record)
        for group in groups.values():
            top = [r for r in group if r.rank == max(g.rank for g in group)]
            for record in group:
                if record not in top:
                    record.state = "superseded"
            if any(not r.same(top[0]) for r in top):
                toxic += top
            else:
                for record in top[1:]:
                    record.state = "duplicate"
        for record in toxic:  # records that are toxic by themselves first, then ties
            self._open(table, record)
            count["quarantined"] += record.state == "open"
        if whole:
            table.waiting_whole.append((table.pulls, not records))
        table.since.update(count)

    def compare(self, table: Table, keys: frozenset[int]) -> None:
        """The source was asked for all its keys, after what was ingested last."""
        table.pulls += 1
        table.waiting_keys = (table.pulls, keys)

    @staticmethod
    def _open(table: Table, record: Record) -> None:
        entries = [r for r in table.having("open") if r is not record and r.key is not None and r.key == record.key]
        if any(entry.same(record) for entry in entries):
            record.state = "duplicate"
            return
        for entry in entries:
            if entry.origin[0] < record.origin[0]:
                entry.state = "superseded_open"
        record.state = "open"

    def held(self, table: Table) -> bool:
        since = table.since
        if since["pulled"] >= table.min_rows and since["quarantined"] > table.max_share * since["pulled"]:
            return True
        if table.waiting_keys and not table.waiting_keys[1] and table.current:
            return True
        return bool(table.waiting_whole and table.waiting_whole[-1][1] and table.current and table.load == "replace")

    def publish(self, accepted: set[str]) -> set[str]:
        """Publish what is pending; gives the names of the tables that were held."""
        held = {t.name for t in self.tables if self.held(t) and t.name not in accepted}
        for table in self.tables:
            if table.name not in held:
                self._publish(table)
        return held

    def _publish(self, table: Table) -> None:
        parents = next((t.current for t in self.tables if t.name == table.refers_to), None)
        back = [r for r in table.having("open") if r.only_orphan]
        for record in sorted([*table.having("pending"), *back], key=lambda r: (r.origin[0], r.rank)):
            if record.state not in ("pending", "open"):
                continue
            returning = record.state == "open"
            if (
                parents is not None
                and record.parent is not None
                and not record.tombstone
                and record.parent not in parents
            ):
                if not returning:
                    self._open(table, record)
                    record.only_orphan = record.state == "open"
                continue
            now = table.current.get(record.key) if record.key is not None else None
            if returning and now and (record.rank, record.origin[0]) < (now.rank, now.origin[0]):
                record.state = "superseded_open"
                continue
            self._merge(table, record, now)
        if table.load == "replace" and table.waiting_whole:
            first = table.waiting_whole[-1][0]
            kept = {r.key for r in table.records if r.origin[0] >= first}
            for key in [k for k in table.current if k not in kept]:
                table.current.pop(key).state = "closed"
            moot = [entry for entry in table.having("open") if table.keyless or entry.only_orphan]
            for entry in moot:
                if entry.origin[0] < first and not table.came_again(entry, first):
                    entry.state = "superseded_open"
        if table.waiting_keys:
            self._compared(table, *table.waiting_keys)
        table.waiting_whole.clear()
        table.waiting_keys = None
        table.since.clear()
        for record in table.having("open"):
            now = table.current.get(record.key) if record.key is not None else None
            if now and max(now.origin[0], table.confirmed.get(now.key or 0, 0)) > record.origin[0]:
                record.state = "superseded_open"
            dead = [r.origin[0] for r in table.having("deleted") if r.key == record.key]
            if record.key is not None and any(number > record.origin[0] for number in dead):
                record.state = "superseded_open"  # its source has deleted it since

    @staticmethod
    def _compared(table: Table, number: int, keys: frozenset[int]) -> None:
        """What the comparison did not find, and no later pull has read, is gone."""
        kept = keys | {r.key for r in table.records if r.origin[0] > number}
        for key in [k for k in table.current if k not in kept]:
            table.current.pop(key).state = "closed"
        for entry in table.having("open"):
            if entry.key is not None and entry.key not in kept and entry.origin[0] < number:
                entry.state = "superseded_open"

    @staticmethod
    def _merge(table: Table, record: Record, now: Record | None) -> None:
        assert record.key is not None
        if now and record.version is not None and record.version < now.rank:
            record.state = "superseded"
        elif record.tombstone:
            record.state = "deleted"
            if now:
                table.current.pop(record.key).state = "closed"
        elif now and now.same(record):
            record.state, table.confirmed[record.key] = "unchanged", record.origin[0]
        else:
            if now:
                now.state = "replaced"
            record.state, table.current[record.key] = "current", record
