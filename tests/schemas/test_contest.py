"""Rows that share a value: which of them stands, however they come, and wherever they are put aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.one_per_key import one_per_key
from polars.testing import assert_frame_equal

from tilth.assets.spilled import Spilled
from tilth.schemas.contest import Aside, Contest, InMemory
from tilth.schemas.contract import Contract, field
from tilth.schemas.splitting import Judge
from tilth.schemas.streamed import LazyVerdict

ROW = st.tuples(
    st.sampled_from(["a", "b", "c", None]),  # half of the key
    st.integers(0, 2),
    st.none() | st.integers(0, 2),  # version
    st.none() | st.text("xy", max_size=1),  # content
    st.booleans(),  # tombstone
)
SCHEMA = {"k": pl.String, "l": pl.Int64, "v": pl.Int64, "c": pl.String, "_deleted": pl.Boolean}
ASIDE = st.sampled_from([InMemory, Spilled])


def told(rows: pl.DataFrame, outcome: pl.Series) -> list[tuple[Any, ...]]:
    return [*rows.select("_batch", "_ordinal", outcome).rows()]


PIECES = st.lists(st.lists(ROW, max_size=8), max_size=6)


@given(PIECES, st.booleans(), st.integers(1, 4), ASIDE, st.sampled_from([1, 40, 1_000]), st.randoms())
def test_some_at_a_time_say_what_holds_of_all(
    pieces: list[list[tuple[Any, ...]]],
    versioned: bool,
    shares: int,
    aside: Callable[[], Aside],
    cells: int,
    random: Any,
) -> None:
    frames = [
        pl.DataFrame(rows, schema=SCHEMA, orient="row").select(
            pl.lit(batch).alias("_batch"), pl.int_range(pl.len()).alias("_ordinal"), pl.all()
        )
        for batch, rows in enumerate(pieces)
    ]
    frames = [frame.sample(fraction=1, shuffle=True, seed=random.randrange(9)) for frame in frames]
    random.shuffle(frames)  # who is first is said by batch and ordinal, not by who comes first
    version, key, content = "v" if versioned else None, ["k", "l"], ["c", "_deleted"]
    some = Contest(key, content, shares - 1, aside(), version=version, at_once=1, cells=cells)
    for frame in frames:
        some.add(frame, frame.select(pl.struct(key).hash(seed=0)).to_series())
    got = [row for frame, outcome in some.outcomes() for row in told(frame, outcome)]
    records = [record for frame in frames for record in frame.to_dicts()]
    right = zip(records, one_per_key(records, key, content, version), strict=True)
    assert sorted(got) == sorted((one["_batch"], one["_ordinal"], outcome) for one, outcome in right)


class Part(Contract):
    """A key, and two values that no two rows share."""

    number: int = field(key=True)
    label: str = field(nullable=True, unique=True)
    shelf: int = field(nullable=True, unique=True)


PARTS = st.lists(
    st.tuples(*(st.sampled_from([None, *"012345x"]) for _ in range(3))),
    max_size=20,
)


@settings(max_examples=25)
@given(PARTS, st.integers(1, 6))
def test_suspects_come_to_the_same_wherever_they_wait(rows: list[tuple[str | None, ...]], size: int) -> None:
    scan = pl.DataFrame(rows, schema=dict.fromkeys(("number", "label", "shelf"), pl.String), orient="row").lazy()
    whole = LazyVerdict(scan, Judge.of(Part))
    some = LazyVerdict(scan, Judge.of(Part), rows=size, aside=Spilled)
    assert_frame_equal(some.reasons.collect().sort(pl.all()), whole.reasons.collect().sort(pl.all()))
    assert some.counts == whole.counts


def test_rows_of_one_value_come_back_some_at_a_time() -> None:
    some = Contest(["k"], ["_ordinal"], 1, Spilled(), cells=60)
    for start in range(0, 500, 10):
        rows = pl.DataFrame({"_batch": [0] * 10, "_ordinal": range(start, start + 10), "k": ["a"] * 10})
        some.add(rows, rows["k"].hash())
    told = [(rows.height, outcome.unique().to_list()) for rows, outcome in some.outcomes()]
    assert sum(height for height, _ in told) == 500 and max(height for height, _ in told) <= 20
    assert {word for _, words in told for word in words} == {"unique"}
