"""What records of a circle's tables need to come in: the row that they refer to, and the number before theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tilth.assets.provenance.columns import PROVENANCE
from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.engine import quoted
from tilth.schemas.relations import Ascending
from tilth.schemas.spec import Spec

__all__ = ["Given", "Link", "Shapes", "is_published", "links_of"]

Shapes = Mapping[str, Mapping[str, str]]
"""Table → its columns and their SQL types, as its contract has them now."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the rows of a table give."""

    table: str
    what: str | Ascending  # a column; or a number, beside the group that it counts in

    def of(self, row: str) -> str:
        """SQL: what a row gives."""
        if isinstance(self.what, str):
            return f"{row}.{quoted(self.what)}"
        at = _numbered(self.what, row)
        return f"CASE WHEN {at.filled} THEN {at.value} END"


@dataclass(frozen=True, slots=True)
class Link:
    """What the records of a table need."""

    table: str
    value: str  # SQL on a newcomer `r`: NULL where it needs nothing
    of: Given
    column: str | None = None  # the one that refers; None: it is the number before its own

    @property
    def present(self) -> str:
        """SQL: whether a record `r` refers to anything, be it readable or not."""
        return f"r.{quoted(self.column)} IS NOT NULL" if self.column else "false"


def links_of(candidate: Candidate, specs: Mapping[str, Spec], *, numbers: bool = True) -> tuple[list[Link], Shapes]:
    """The links between these tables; none where nobody refers to anybody. `numbers`: those between numbers, too."""
    referred = {column.references[0] for spec in specs.values() for column in spec.columns if column.references}
    if not referred & specs.keys():
        return [], {}
    shapes = {name: {**candidate.types_of(spec), **PROVENANCE} for name, spec in specs.items()}
    found = [link for name, spec in specs.items() for link in _references(name, spec, shapes)]
    for name, spec in specs.items() if numbers else ():
        found += _numbers(name, spec, published=candidate.columns(name) == shapes[name])
    return found, shapes


def is_published(table: str, parent: str, value: str, kind: str | None) -> str:
    """SQL: whether a table has a value, read as its column's type, in a column; None: it has no such column."""
    same = f"p.{quoted(parent)} = TRY_CAST({value} AS {kind})"
    return f"EXISTS (SELECT 1 FROM {quoted(table)} p WHERE {same})" if kind else "false"


def _references(table: str, spec: Spec, shapes: Shapes) -> Iterator[Link]:
    """Whom the records of a table refer to among tables of these shapes; a value is read as the parent's type."""
    for column in spec.columns:
        of, parent = column.references or ("", "")
        if parent in shapes.get(of, ()):
            value = f"TRY_CAST(r.{quoted(column.name)} AS {shapes[of][parent]})"
            yield Link(table, value, Given(of, parent), column.name)


def _numbers(table: str, spec: Spec, *, published: bool) -> Iterator[Link]:
    """The number before a record's own, where none may be missing and its group has a lower one.

    Where the lower one leaves, or does not come itself, this says too much: `Circle.check` finds who waits for nothing.
    """
    for rule in spec.rules:
        if isinstance(rule, Ascending) and rule.gapless and rule.severity == "error":
            own, other = _numbered(rule, "r"), _numbered(rule, "p")
            lowest = f"CASE WHEN {own.filled} THEN {own.number} END"
            lower = f"min({lowest}) OVER (PARTITION BY {own.group} ORDER BY r._pull)"
            exempt = "r._waived"
            if published:
                rows = f"FROM {quoted(table)} p WHERE {other.filled}"
                lower = f"least({lower}, (SELECT min({other.number}) {rows} AND {other.group} = {own.group}))"
                exempt += f" OR EXISTS (SELECT 1 {rows} AND {other.value} = {own.value})"
            before = f"row({own.group}, {own.number} - 1)"
            value = f"CASE WHEN {own.filled} AND {lower} < {own.number} AND NOT ({exempt}) THEN {before} END"
            yield Link(table, value, Given(table, rule))


class _Numbered(NamedTuple):
    """SQL of a row's number, and of where it counts."""

    value: str
    group: str
    number: str
    filled: str


def _numbered(rule: Ascending, row: str) -> _Numbered:
    group = f"row({comma(rule.within, f'{row}.')})" if rule.within else "0"
    number = f"{row}.{quoted(rule.column)}::HUGEINT"
    filled = " AND ".join(f"{row}.{quoted(name)} IS NOT NULL" for name in rule.columns)
    return _Numbered(f"row({group}, {number})", group, number, filled)
