"""What a release says of itself: the file `manifest.json` beside it, the truth that the state follows.

Values and their JSON only; writing and reading the files is `release.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from tilth.assets.publishing.causes import Cause

__all__ = ["Manifest", "Ranges", "TableRelease", "as_ranges", "in_ranges"]

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TableRelease:
    """One table in one release: what it contains, and the run's balances for it."""

    state: str  # published | held | failed | new | carried
    rows: int
    reason: str | None = None
    too_toxic: bool = False  # held because more is toxic than is declared
    causes: tuple[Cause, ...] = ()  # what of that a person may accept; held without any: nobody can
    contract: str | None = None  # contract version
    pulls: Ranges = ()  # pull numbers whose records this release contains, cumulative: ((1, 14), (16, 16))
    whole: int | None = None  # the last whole pull contained
    keys: int | None = None  # the last pull of keys contained
    data_as_of: datetime | None = None  # source clock at the start of the last complete pull contained
    through: str | None = None  # the pulled table whose data is the oldest of those that this one is made from
    built_in: int | None = None  # of a derived table: the release that last made it from its inputs
    changed_in: int | None = None  # the release that last changed the table's content
    counts: Mapping[str, int] = field(default_factory=dict)  # the columns of state.books
    last_pull: int = 0
    last_event: int = 0
    settled: str | None = None  # lake path: (_batch, _ordinal, state) of records that were not simply inserted
    events: str | None = None  # lake path: quarantine events that this release causes
    toxic: str | None = None  # lake path: raw values and reasons of what settling refused


@dataclass(frozen=True, slots=True)
class Manifest:
    """One release: number, run, predecessor and its tables."""

    release: int
    run_id: str
    previous: int | None
    published_at: datetime
    tables: Mapping[str, TableRelease]
    accepted: tuple[int, ...] = ()  # ids of the acceptances it used
    void: tuple[int, ...] = ()  # of those that were not enough: more holds their table than was told

    def to_json(self) -> str:
        """The manifest as one JSON document, keys sorted."""
        return json.dumps(asdict(self), default=_encode, sort_keys=True, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The manifest in `text`; KeyError, ValueError or TypeError when it is not one."""
        raw: dict[str, Any] = json.loads(text)
        tables = {name: _table(entry) for name, entry in raw["tables"].items()}
        published_at = datetime.fromisoformat(raw["published_at"])
        accepted, void = tuple(raw["accepted"]), tuple(raw.get("void", ()))  # an older manifest has no `void`
        return cls(raw["release"], raw["run_id"], raw["previous"], published_at, tables, accepted, void)


def as_ranges(numbers: Iterable[int]) -> Ranges:
    """Sorted closed ranges that hold exactly `numbers`."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)


def in_ranges(ranges: Ranges, number: int) -> bool:
    """Whether one of the closed ranges holds `number`."""
    return any(low <= number <= high for low, high in ranges)


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a manifest")


def _table(entry: dict[str, Any]) -> TableRelease:
    as_of = entry.pop("data_as_of")
    pulls = tuple((low, high) for low, high in entry.pop("pulls"))
    causes = tuple(Cause.from_json(one) for one in entry.pop("causes", ()))
    return TableRelease(
        **entry, pulls=pulls, causes=causes, data_as_of=datetime.fromisoformat(as_of) if as_of else None
    )
