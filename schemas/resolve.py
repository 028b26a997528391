"""Several records of one key inside a pull: which one stands (the rules of `_one_per_key` in the model).

Of each key one record leads: the first of the newest. Who leads among some records, and among others, are compared as
records are, so a key may have more of them than fit into memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

__all__ = ["leaders", "outcomes"]

_PLACE = ("_batch", "_ordinal")
_AT, _SAME, _NEWEST, _FIRST = "tilth: at", "tilth: same", "tilth: newest", "tilth: first "  # no column is called so


def leaders(
    records: pl.DataFrame,
    key: Sequence[str],
    *,
    version: str | None,
    content: Sequence[str],
    before: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The leading record of each key, and whether all that are as new as it have its content.

    `before` are the leaders of other records: then these lead among both.
    """
    names: list[str] = [*key, *_named(version), *content, *_PLACE]
    some = records.select(*dict.fromkeys(names), pl.lit(True).alias(_SAME))
    some = some if before is None else pl.concat([before, some])
    if version is not None:
        some = some.filter(pl.col(version).eq_missing(pl.col(version).max().over(key)))
    some = some.sort(_PLACE).with_row_index(_AT)
    leader = some.select(pl.col(_AT).first().over(key)).to_series()
    equal = [pl.col(name).eq_missing(pl.col(name).gather(leader)) for name in content]
    same = some.select(pl.all_horizontal(_SAME, *equal)).to_series()
    differing = leader.filter(~same).unique()
    leading = some.filter(leader == pl.col(_AT))
    return leading.with_columns(~pl.col(_AT).is_in(differing.implode()).alias(_SAME)).drop(_AT)


def outcomes(records: pl.DataFrame, leading: pl.DataFrame, key: Sequence[str], *, version: str | None) -> pl.Series:
    """What becomes of each record, in their order, given who leads among all records of its key.

    `winner`; `superseded` (an older version; null is the lowest); `duplicate` (as new and as the winner, the first
    record by batch and ordinal); `unique` (as new, different content: all of the tie).
    """
    newest = [pl.col(version).alias(_NEWEST)] if version else []
    first = [pl.col(name).alias(_FIRST + name) for name in _PLACE]
    known = leading.select(*key, _SAME, *newest, *first)
    names: list[str] = [*key, *_named(version), *_PLACE]
    some = records.select(*dict.fromkeys(names))
    both = some.join(known, on=list(key), how="left", nulls_equal=True, maintain_order="left")
    old = pl.col(version).ne_missing(pl.col(_NEWEST)) if version else pl.lit(False)
    leads = pl.all_horizontal(pl.col(name) == pl.col(_FIRST + name) for name in _PLACE)
    outcome = (
        pl.when(old).then(pl.lit("superseded"))
        .when(~pl.col(_SAME)).then(pl.lit("unique"))
        .when(leads).then(pl.lit("winner"))
        .otherwise(pl.lit("duplicate"))
    )  # fmt: skip
    return both.select(outcome.alias("outcome")).to_series()


def _named(version: str | None) -> list[str]:
    return [] if version is None else [version]
