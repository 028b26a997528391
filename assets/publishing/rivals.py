"""Mended records that were pulled again, and meet another record of their key in the pull that they are in now.

When they were mended they were asked about the pull that they were in then. What people said of a record stands by it
wherever it comes again, but not against a rule: of two records of one key in one pull none may count, unless their
versions tell which is newer.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tilth.assets import parquet
from tilth.assets.lake import Lake
from tilth.assets.mends import ENTRY
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.turns import Turn
from tilth.assets.taken import Asking, taken
from tilth.schemas.reasons import key_text

__all__ = ["load_rivals", "refuse_rivals"]

_PLACE = ["_batch", "_ordinal"]
_RIVALS = pl.Schema({"_batch": pl.Int64(), "_ordinal": pl.Int64(), "column": pl.String(), "value": pl.String()})


def load_rivals(candidate: Candidate, turn: Turn, lake: Lake) -> None:
    """Scratch table `tilth_rivals`: the places of those that may not come in, with their key."""
    candidate.load("tilth_rivals", _rivals(turn, lake, candidate))


def refuse_rivals(candidate: Candidate) -> int:
    """Refuse those of them that are among the incoming records."""
    return candidate.number(
        'INSERT INTO tilth_refused SELECT _batch, _ordinal, \'unique\', v."column", v."value", ? '
        "FROM tilth_incoming JOIN tilth_rivals v USING (_batch, _ordinal)",
        ["one record per key: discard the other"],
    )


def _rivals(turn: Turn, lake: Lake, candidate: Candidate) -> pl.DataFrame:
    spec, none = turn.judge.spec, pl.DataFrame(schema=_RIVALS)
    again = [*_pulled_again(turn, lake)] if spec.key else []
    if not again:
        return none
    good = pl.concat(again)
    known = good.select(ENTRY, key_text(good, spec.key).alias("value"))
    open = turn.open.join(known, left_on="id", right_on=ENTRY)
    rekeyed = open.filter(pl.col("key").ne_missing(pl.col("value")))["id"].to_list()
    asking = Asking(turn.name, spec, turn.declaration.version, lake, candidate.now)
    gone = open.filter(pl.col("id").is_in(taken(asking, good, turn.open, rekeyed)))
    return gone.select(*_PLACE, pl.lit(",".join(spec.key)).alias("column"), "value").cast(_RIVALS)


def _pulled_again(turn: Turn, lake: Lake) -> Iterator[pl.DataFrame]:
    """The mended records (ENTRY, then as a ready file) that lie elsewhere now than where they were mended."""
    for (path,), some in turn.open.join(turn.mends, on="id").group_by("mended", maintain_order=True):
        places = parquet.read(lake.storage, str(path), [ENTRY, *_PLACE]).rename({ENTRY: "id"})
        here = some.select("id", *_PLACE).join(places, on=["id", *_PLACE], how="anti").rename({"id": ENTRY})
        if here.height:
            rows = parquet.matching(lake.storage, str(path), here.select(ENTRY))
            yield rows.drop(_PLACE).join(here, on=ENTRY).select(rows.columns)
