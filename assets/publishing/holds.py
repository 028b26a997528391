"""Why a table is held before anything is built: a person's rollback, an emptied source, too much that is toxic.

Each hold says its cause and the way out; of toxic records also which rules found them, and how it was in the runs
before. Questions only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.declared import DerivedDeclaration, Toxic
from tilth.assets.publishing.turns import Turn
from tilth.assets.pulls import PullRow, judged_pulls
from tilth.assets.storage import Storage
from tilth.errors import LakeError

__all__ = ["Hold", "built_shares", "excess", "hold_on", "hold_on_build", "too_toxic"]

_RUNS, _RULES = 7, 5  # how many of them a message tells

_Found = Counter[tuple[str, str | None]]
"""Rule and column → how many toxic records have it among their reasons."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a table keeps its last good content."""

    reason: str  # with the next step
    toxic: bool = False  # too much is toxic: what then is declared (`beyond`)


def hold_on(connection: sa.Connection, turn: Turn, storage: Storage) -> Hold | None:
    """Why this table is not to be published now; None when it may be."""
    if turn.accepted:
        return None
    if reason := turn.hold or _emptied(turn):
        return Hold(reason)
    if turn.declaration.toxic.beyond == "publish":
        return None
    told = too_toxic(connection, turn.declaration.toxic, turn.pulls, storage)
    next = f"tilth quarantine list --table {turn.name}, or: {_accept(turn.name)}"
    return Hold(f"{told}\n  next: {next}", toxic=True) if told else None


def too_toxic(connection: sa.Connection, limit: Toxic, pulls: Sequence[PullRow], storage: Storage) -> str | None:
    """How the limit is exceeded by pulls of one table: by which rules, and how it was before; None when it is not."""
    pulled, toxic = sum(pull.pulled for pull in pulls), sum(pull.quarantined for pull in pulls)
    if (over := excess(limit, pulled, toxic)) is None:
        return None
    try:
        found = _rules_found(storage, [pull.toxic for pull in pulls if pull.toxic])
    except LakeError:  # a file that is missing is no reason to publish nothing at all
        found = Counter()
    before = [pull for pull in judged_pulls(connection, pulls[0].table_name) if pull.number < pulls[0].number]
    return f"{over}: {_by_rule(found)}; {_before(_earlier_shares(before))}"


def hold_on_build(
    declaration: DerivedDeclaration, built: int, reasons: pl.Series, shares: Sequence[float]
) -> Hold | None:
    """Why a derived table is not to be published as it was built; `reasons` of its toxic rows, `shares` before."""
    over = None if declaration.toxic.beyond == "publish" else excess(declaration.toxic, built, len(reasons))
    if over is None:
        return None
    said = f"{over}: {_by_rule(_counted(reasons))}; {_before(shares)}"
    next = f"tilth lineage show {declaration.name}, or: {_accept(declaration.name)}"
    return Hold(f"{said}\n  next: {next}", toxic=True)


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
        found.update(_counted(parquet.read(storage, path, ["reasons"])["reasons"]))
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


def _emptied(turn: Turn) -> str | None:
    rows = turn.previous.rows if turn.previous else 0
    if rows and turn.declaration.load == "replace" and turn.whole is not None and not turn.whole.pulled:
        said = f"a complete pull brought no record, the table has {rows:,}"
    elif rows and turn.keys is not None and not turn.keys.pending:
        said = f"the comparison of keys found no key, the table has {rows:,}"
    else:
        return None
    return f"{said}\n  next: tilth sources check {turn.declaration.source}, or: {_accept(turn.name)}"


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
