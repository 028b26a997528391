"""What a night brought, for somebody who has never seen Tilth: every source and table, what was kept aside and why.

Made from what `tilth status --json` says and from the catalogue of the release; nothing is counted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

__all__ = ["Told", "summary"]

_NUMBERS = (
    ("pulled", "pulled"), ("rows", "current"), ("inserted", "new"), ("updated", "changed"), ("unchanged", "same"),
    ("gone", "gone"), ("quarantined", "toxic"), ("replayed", "back"), ("open_after", "open"),
)  # fmt: skip
_MEANINGS = (
    "pulled: records that came. current: rows that analysts see now; new, changed: what this night made of them.",
    "same: came again as published. gone: deleted in the source. toxic: broke a rule, kept aside with every reason.",
    "back: was kept aside, and returned by itself. open: still kept aside.",
)
_INTO = ("inserted", "updated", "unchanged", "duplicate", "superseded", "deleted", "quarantined", "pending_after")
_WORDS = ("new", "changed", "the same", "twice", "overtaken", "deletions", "kept aside", "still waiting")
_RULES = 4  # shown of each table

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a night left, as told by the project itself."""

    status: Mapping[str, Any]  # `tilth status --json`
    kinds: Mapping[str, str]  # source → the kind of system it is
    reasons: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict[str, Sequence[tuple[str, int]]])


def summary(told: Told, *, first: bool = True) -> Iterator[str]:
    """The night, line by line; the `first` one says what the columns mean."""
    tables: list[Table] = sorted(told.status["tables"], key=lambda table: (table["source"] is None, table["source"]))
    yield from _grid(tables, told.kinds)
    yield from (f"  {line}" for line in _MEANINGS if first)
    for one in told.status["documents"]:
        pieces = f"{one['documents']:,} documents, cut into {one['chunks']:,} chunks; {one['quarantined']:,} kept aside"
        yield f"  document set {one['name']}: {pieces}"
    yield from _aside(told)
    yield from _failed(told.status)
    yield from _books(tables, told.status)


def _grid(tables: Sequence[Table], kinds: Mapping[str, str]) -> Iterator[str]:
    """One line a table, below its source."""
    names = max(len(str(table["name"])) for table in tables)
    yield f"  {'table':{names + 2}}" + "".join(f"{title:>9}" for _, title in _NUMBERS) + "  data"
    for source, some in groupby(tables, key=lambda table: table["source"]):
        yield f"{source} ({kinds.get(source, '')})" if source else "made from these"
        for table in some:
            numbers = "".join(f"{_number(table, name):>9,}" for name, _ in _NUMBERS)
            yield f"  {table['name']:{names + 2}}{numbers}  {_freshness(table)}"


def _number(table: Table, name: str) -> int:
    return int(table["closed"]) + int(table["removed"]) if name == "gone" else int(table[name])


def _freshness(table: Table) -> str:
    state, late_after = table["freshness"]["state"], table["late_after"]
    until = f", good until {datetime.fromisoformat(late_after):%d %b %H:%M}" if late_after else ""
    said = {"failed": "FAILED: last good content stays; ", "held": "HELD: last good content stays; "}
    return said.get(table["state"], "") + f"{state}{until if state == 'fresh' else ''}"


def _aside(told: Told) -> Iterator[str]:
    """Why records are kept aside: the rules of each table, the most frequent first."""
    if not told.reasons:
        return
    yield ""
    yield "Why records are kept aside (tilth quarantine list, tilth quarantine explain ID):"
    width = max(map(len, told.reasons))
    for table, rules in sorted(told.reasons.items()):
        shown = sorted(rules, key=lambda rule: (-rule[1], rule[0]))
        more = f", and {len(shown) - _RULES} more" if len(shown) > _RULES else ""
        yield f"  {table:{width}}  {', '.join(f'{rule} {count}' for rule, count in shown[:_RULES])}{more}"


def _failed(status: Mapping[str, Any]) -> Iterator[str]:
    """Each source that failed and each table that is held, with what to type."""
    failed = [(f"source {one['name']}", one["error"]) for one in status["sources"] if one["error"]]
    held = [(f"table {one['name']}", one["reason"]) for one in status["tables"] if one["state"] == "held"]
    if failed or held:
        yield ""
        yield "What failed (everything else was published; what is in these tables is their last good content):"
    for name, text in (*failed, *held):
        first, *rest = str(text).splitlines()
        yield f"  {first if first.startswith('source') else f'{name}: {first}'}"
        yield from (f"  {line}" for line in rest)


def _books(tables: Sequence[Table], status: Mapping[str, Any]) -> Iterator[str]:
    """One sum over all pulled tables: what came in is what came out."""
    pulled = [table for table in tables if table["source"]]
    total = {
        name: sum(int(table[name]) for table in pulled) for name in (*_INTO, "pulled", "replayed", "pending_before")
    }
    came = total["pulled"] + total["replayed"] + total["pending_before"]
    into = " + ".join(f"{total[name]:,} {word}" for name, word in zip(_INTO, _WORDS, strict=True) if total[name])
    back = f" + {total['replayed']:,} back from quarantine" if total["replayed"] else ""
    waited = f" + {total['pending_before']:,} that waited" if total["pending_before"] else ""
    yield ""
    yield f"Every record is accounted for: {total['pulled']:,} pulled{back}{waited} = {into or 'nothing'}"
    balanced = status["conserved"] and came == sum(total[name] for name in _INTO)
    yield (
        "  the three balances of every table add up" if balanced else "  NOT: the balances do not add up; tilth verify"
    )
