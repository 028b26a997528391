"""Which record of a key stands: against the obvious per-key rules of the model."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tilth.schemas.judging import resolve

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),  # half of the key
        st.integers(0, 1),
        st.none() | st.integers(0, 3),  # version
        st.none() | st.integers(0, 1),  # content
        st.booleans(),  # tombstone
    ),
    max_size=25,
)


def one_per_key(rows: list[dict[str, Any]], version: bool) -> list[str]:
    """Inside one pull the newest version wins, equal content is duplicate, a tie of contents condemns all that tie."""
    outcome = ["?"] * len(rows)
    for key in {(row["k"], row["l"]) for row in rows}:
        group = sorted((i for i, r in enumerate(rows) if (r["k"], r["l"]) == key), key=lambda i: rows[i]["_ordinal"])
        rank = {i: -1 if not version or rows[i]["v"] is None else rows[i]["v"] for i in group}
        newest = max(rank.values())
        top = [i for i in group if rank[i] == newest]
        contents = {(rows[i]["c"], rows[i]["_deleted"]) for i in top}
        for i in group:
            outcome[i] = "superseded" if i not in top else "unique" if len(contents) > 1 else "duplicate"
        if len(contents) == 1:
            outcome[top[0]] = "winner"
    return outcome


@given(ROWS, st.booleans(), st.randoms(use_true_random=False))
def test_resolve_follows_the_model(rows: list[tuple[Any, ...]], versioned: bool, random: Any) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    named = [
        {"_batch": 1 + n // 9, "_ordinal": n, "k": k, "l": l, "v": v, "c": c, "_deleted": d}
        for n, (k, l, v, c, d) in zip(order, rows, strict=True)  # noqa: E741
    ]
    schema = {"_batch": pl.Int64, "_ordinal": pl.Int64, "k": pl.String, "l": pl.Int64, "v": pl.Int64}
    frame = pl.DataFrame(named, schema={**schema, "c": pl.Int64, "_deleted": pl.Boolean})
    got = resolve(frame, ("k", "l"), version="v" if versioned else None, content=["c", "_deleted"])
    assert got.columns == ["_batch", "_ordinal", "outcome"]
    assert got["_ordinal"].to_list() == order
    assert got["outcome"].to_list() == one_per_key(named, versioned)


def test_one_key_column_may_be_named_alone() -> None:
    frame = pl.DataFrame({"_batch": [2, 1], "_ordinal": [0, 0], "k": ["a", "a"], "x": [1.5, 1.5]})
    got = resolve(frame, "k", version=None, content=["k", "x"])
    assert got["outcome"].to_list() == ["duplicate", "winner"]
