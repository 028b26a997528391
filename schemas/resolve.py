"""Several records of one key inside a pull: which one stands (the rules of `_one_per_key` in the model)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

__all__ = ["resolve"]


def resolve(
    contested: pl.DataFrame, key: str | Sequence[str], *, version: str | None, content: Sequence[str]
) -> pl.DataFrame:
    """`_batch`, `_ordinal` and the outcome of each row, in the order of the rows.

    Outcomes: `winner`; `superseded` (an older version); `duplicate` (as new and as the winner, the first record by
    batch and ordinal); `unique` (as new, different content: all of the tie). Null is the lowest version.
    """
    keys = [key] if isinstance(key, str) else list(key)
    tie = pl.lit(True) if version is None else pl.col(version).eq_missing(pl.col(version).max().over(keys))
    marked = contested.with_row_index("_row").with_columns(tie.alias("_tie")).sort("_batch", "_ordinal")
    group = [*keys, "_tie"]
    equal = [pl.col(name).eq_missing(pl.col(name).first().over(group)) for name in content]
    # a column of its own: one window inside another is evaluated group by group, for 1 M rows in minutes
    marked = marked.with_columns((pl.all_horizontal(equal) if equal else pl.lit(True)).alias("_equal"))
    same = pl.col("_equal").all().over(group)
    first = pl.int_range(pl.len()).over(group) == 0
    outcome = (
        pl.when(~pl.col("_tie")).then(pl.lit("superseded"))
        .when(~same).then(pl.lit("unique"))
        .when(first).then(pl.lit("winner"))
        .otherwise(pl.lit("duplicate"))
    )  # fmt: skip
    return marked.select("_batch", "_ordinal", "_row", outcome.alias("outcome")).sort("_row").drop("_row")
