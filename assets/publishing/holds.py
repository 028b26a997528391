"""Why a table is held: a person's rollback, an emptied source, too much that is toxic, rules of the whole table.

Each hold says all its causes and the way out; of toxic records also which rules found them, and how it was in the runs
before. Questions only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.declared import DerivedDeclaration, TableDeclaration, Toxic
from tilth.assets.publishing.causes import EMPTIED, TAKEN_BACK, TOXIC, Cause
from tilth.assets.publishing.turns import Turn
from tilth.assets.pulls import PullRow, judged_pulls
from tilth.assets.storage import Storage
from tilth.assets.toxic import read_toxic
from tilth.errors import LakeError
from tilth.schemas.judging import Quality

__all__ = [
    "Hold",
    "built_shares",
    "built_toxic",
    "causes_of",
    "excess",
    "held_by",
    "hold_on",
    "taken_back",
    "too_toxic",
]

_RUNS, _RULES = 7, 5  # how many of them a message tells

_Found = Counter[tuple[str, str | None]]
"""Rule and column → how many toxic records have it among their reasons."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a table keeps its last good content."""

    reason: str  # with the next step
    causes: tuple[Cause, ...] = ()  # what of it a person may accept; none: nobody can
    quality: tuple[Quality, ...] = ()  # what was asked of the candidate that was refused

    @property
    def toxic(self) -> bool:
        """Whether too much is toxic: what happens then is declared (`beyond`)."""
        return any(cause.name == TOXIC for cause in self.causes)


def held_by(
    declaration: TableDeclaration | DerivedDeclaration, causes: Sequence[Cause], accepted: Callable[[Cause], bool]
) -> Hold | None:
    """Why a table is not to be published; None when all causes are accepted.

    With one that is not, those that are accepted are told again: the next acceptance is of all of them.
    """
    first = [cause for cause in causes if not accepted(cause)]
    if not first:
        return None
    told = (*first, *(cause for cause in causes if cause not in first))
    steps = [*dict.fromkeys(filter(None, (_step(cause, declaration) for cause in told)))]
    said = "; ".join(cause.told for cause in told)
    return Hold(f"{said}\n  next: {', or: '.join([*steps, _accept(declaration.name)])}", told)


def _step(cause: Cause, declaration: TableDeclaration | DerivedDeclaration) -> str | None:
    """What there is to do about it, but to accept it."""
    if cause.name == TAKEN_BACK:
        return None
    if isinstance(declaration, TableDeclaration) and cause.name == EMPTIED:
        return f"tilth sources check {declaration.source}"
    if cause.name != TOXIC:
        return "mend it and tilth run"
    pulled = isinstance(declaration, TableDeclaration)
    return f"tilth {'quarantine list --table' if pulled else 'lineage show'} {declaration.name}"


def taken_back(reason: str | None) -> Iterator[Cause]:
    """What a person's rollback holds."""
    if reason is not None:
        yield Cause(TAKEN_BACK, reason)


def causes_of(connection: sa.Connection, turn: Turn, storage: Storage) -> tuple[Cause, ...]:
    """All that holds a pulled table before anything is built, accepted or not."""
    causes = [*taken_back(turn.hold), *_emptied(turn)]
    limit = turn.declaration.toxic
    told = None if limit.beyond == "publish" else too_toxic(connection, limit, turn.pulls, storage)
    if told:
        causes.append(Cause(TOXIC, told, _toxic(turn.pulls), through=turn.pulls[-1].number))
    return tuple(causes)


def hold_on(turn: Turn, causes: Sequence[Cause]) -> Hold | None:
    """Why a pulled table is not to be built now; None when it may be."""
    return held_by(turn.declaration, causes, lambda cause: _accepted(turn, cause))


def _accepted(turn: Turn, cause: Cause) -> bool:
    """Toxic records are accepted of the pulls that were told of; what was pulled since is judged by itself."""
    if cause.name != TOXIC:
        return turn.accepted.forgive(cause)
    for told in turn.accepted.causes:
        if told.name == TOXIC and told.through is not None:
            since = [pull for pull in turn.pulls if pull.number > told.through]
            no_more = _toxic(turn.pulls) - _toxic(since) <= told.degree
            if no_more and excess(turn.declaration.toxic, _pulled(since), _toxic(since)) is None:
                return True
    return False


def too_toxic(connection: sa.Connection, limit: Toxic, pulls: Sequence[PullRow], storage: Storage) -> str | None:
    """How the limit is exceeded by pulls of one table: by which rules, and how it was before; None when it is not."""
    if (over := excess(limit, _pulled(pulls), _toxic(pulls))) is None:
        return None
    try:
        found = _rules_found(storage, [pull.toxic for pull in pulls if pull.toxic])
    except LakeError:  # a file that is missing is no reason to publish nothing at all
        found = Counter()
    before = [pull for pull in judged_pulls(connection, pulls[0].table_name) if pull.number < pulls[0].number]
    return f"{over}: {_by_rule(found)}; {_before(_earlier_shares(before))}"


def _pulled(pulls: Sequence[PullRow]) -> int:
    return sum(pull.pulled for pull in pulls)


def _toxic(pulls: Sequence[PullRow]) -> int:
    return sum(pull.quarantined for pull in pulls)


def built_toxic(limit: Toxic, built: int, reasons: pl.Series, shares: Sequence[float]) -> Iterator[Cause]:
    """What is too toxic of a derived table as it was built; `reasons` of its toxic rows, `shares` before."""
    over = None if limit.beyond == "publish" else excess(limit, built, len(reasons))
    if over is not None:
        yield Cause(TOXIC, f"{over}: {_by_rule(_counted(reasons))}; {_before(shares)}", len(reasons))


def built_shares(connection: sa.Connection, table: str) -> list[float]:
    """The toxic share of a derived table's last builds that were published, newest first."""
    of = state.books.c
    query = sa.select(of.pulled, of.quarantined, of.duplicate).where(of.table_name == table, of.pulled > 0)
    rows = connection.execute(query.where(of.state == "published").order_by(of.id.desc()).limit(_RUNS))
    return [(row.quarantined + row.duplicate) / row.pulled for row in rows]


def excess(limit: Toxic, pulled: int, toxic: int) -> str | None:
    """How `toxic` of `pulled` records are more than the limit allows, in words; None when they are not."""
    over = [_share(limit.max_share)] if pulled >= limit.min_rows and toxic > limit.max_share * pulled else []
    over += [f"{limit.max_rows:,} records"] if limit.max_rows is not None and toxic > limit.max_rows else []
    if not over:
        return None
    return f"{toxic:,} of {pulled:,} records are toxic ({_share(toxic / pulled)}, at most {' and '.join(over)} may be)"


def _by_rule(found: _Found) -> str:
    """The rules that found them, most frequent first."""
    rules = sorted(found.items(), key=lambda one: (-one[1], one[0][0], one[0][1] or ""))
    told = [f"{count:,} by {rule}" + (f" of {column}" if column else "") for (rule, column), count in rules[:_RULES]]
    told += [f"{len(rules) - _RULES} more rules"] if len(rules) > _RULES else []
    return ", ".join(told) or "by rules that cannot be read"


def _rules_found(storage: Storage, files: Iterable[str]) -> _Found:
    """How many of the records in toxic files each rule found."""
    found: _Found = Counter()
    for path in files:
        found.update(_counted(read_toxic(storage, path, ["reasons"])["reasons"]))
    return found


def _counted(reasons: pl.Series) -> _Found:
    each = pl.DataFrame({"reasons": reasons}).with_row_index().explode("reasons")
    told = each.select("index", pl.col("reasons").struct.unnest()).filter(pl.col("severity") == "error")
    told = told.unique(["index", "rule", "column"])
    return Counter({(rule, column): n for rule, column, n in told.group_by("rule", "column").len().iter_rows()})


def _earlier_shares(pulls: Sequence[PullRow]) -> list[float]:
    """The toxic share of each run that pulled anything, newest first."""
    pulled, toxic = Counter[str](), Counter[str]()
    for pull in pulls:
        pulled[pull.run_id] += pull.pulled
        toxic[pull.run_id] += pull.quarantined
    runs = dict.fromkeys(pull.run_id for pull in reversed(pulls))
    return [toxic[run] / pulled[run] for run in runs if pulled[run]]


def _emptied(turn: Turn) -> Iterator[Cause]:
    rows = turn.previous.rows if turn.previous else 0
    if rows and turn.declaration.load == "replace" and turn.whole is not None and not turn.whole.pulled:
        yield Cause(EMPTIED, f"a complete pull brought no record, the table has {rows:,}", rows)
    elif rows and turn.keys is not None and not turn.keys.pending:
        yield Cause(EMPTIED, f"the comparison of keys found no key, the table has {rows:,}", rows)


def _accept(table: str) -> str:
    return f'tilth publish accept {table} --why "…"'


def _before(shares: Sequence[float]) -> str:
    shares = shares[:_RUNS]
    if not shares:
        return "no run before to compare with"
    low, high = (_share(share) for share in (min(shares), max(shares)))
    runs = "the run before" if len(shares) == 1 else f"the last {len(shares)} runs"
    return f"{runs}: {low}" if low == high else f"{runs}: {low} to {high}"


def _share(share: float) -> str:
    """As percent: one digit, more of them where that would be none."""
    return f"{share:.1%}" if share >= 0.001 or not share else f"{100 * share:.2g}%"
