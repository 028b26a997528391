"""Open entries that a newer good record of their key has made moot."""

from __future__ import annotations

import polars as pl

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import parquet, quoted
from tilth.assets.publishing.turns import Turn
from tilth.assets.storage import Storage
from tilth.schemas.keys import typed_keys

__all__ = ["overtaken"]


def overtaken(candidate: Candidate, turn: Turn, open: pl.DataFrame, storage: Storage) -> list[str]:
    """The ids of `open` entries whose key has a good record of a later pull: a row, new or as it was, or its end."""
    spec = turn.judge.spec
    keyed = open.filter(pl.col("key").is_not_null())
    if keyed.is_empty() or not spec.key:
        return []
    typed = typed_keys(keyed["key"], spec)
    candidate.load("tilth_open_now", typed.hstack([keyed["id"].alias("_entry"), keyed["pull"].alias("_pull")]))
    matching = " AND ".join(f"o.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
    files = [storage.url(pull.ready) for pull in turn.pulls if pull.pending]
    good = [quoted(turn.name)]
    if files:
        same = "SELECT _batch, _ordinal FROM tilth_settled WHERE state IN ('unchanged', 'deleted')"
        good.append(f"(SELECT * FROM {parquet(*files)} SEMI JOIN ({same}) USING (_batch, _ordinal))")
    late = [
        candidate.frame(
            f"SELECT o._entry FROM {rows} c JOIN tilth_open_now o ON {matching} "
            "JOIN tilth_pull_of p ON p.batch = c._batch WHERE p.number > o._pull"
        )["_entry"]
        for rows in good
    ]
    return pl.concat(late).to_list()
