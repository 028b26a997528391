"""Rules among rows agree with an oracle that looks at every pair and tries every subset."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from oracles.relations import contradictions, disorder, gaps

from tilth.schemas.contract import Contract, field
from tilth.schemas.declaring import ascending, functional_dependency
from tilth.schemas.judging import judge
from tilth.schemas.relations import GAP
from tilth.schemas.together import HIGH, LOW, NEW, STANDING, TAKEN, after_gaps, blamed, contradicting, disordered

Row = dict[str, Any]

PLACES = st.lists(
    st.fixed_dictionaries({"zip": st.sampled_from(["1", "2", None]), "city": st.sampled_from(["a", "b", "c", None])}),
    max_size=9,
)
SLIPS = st.lists(
    st.fixed_dictionaries({"book": st.sampled_from("AB"), "day": st.integers(1, 5), "number": st.integers(1, 6)}),
    max_size=8,
)
SLIP = {"book": pl.String, "day": pl.Int64, "number": pl.Int64}


@given(PLACES, PLACES, st.booleans())
def test_dependencies(standing: list[Row], new: list[Row], vote: bool) -> None:
    rule = functional_dependency("zip", "city", vote=vote)
    marked = [{**row, STANDING: 1, NEW: 0} for row in standing] + [{**row, STANDING: 0, NEW: 1} for row in new]
    schema = {"zip": pl.String, "city": pl.String, STANDING: pl.Int64, NEW: pl.Int64}
    frame = pl.DataFrame(marked, schema=schema).drop_nulls()
    pairs = frame.group_by("zip", "city").agg(pl.col(STANDING, NEW).sum())
    wrong = set(contradicting(pairs, rule).rows())
    found = {place for place, row in enumerate(new) if (row["zip"], row["city"]) in wrong}
    assert found == contradictions(standing, new, vote=vote)


@given(SLIPS, SLIPS, st.booleans())
def test_sequences(standing: list[Row], new: list[Row], strict: bool) -> None:
    rule = ascending("number", within="book", by="day", strict=strict)

    def around(row: Row) -> Row:
        same = [other for other in standing if other["book"] == row["book"]]
        before = [other["number"] for other in same if other["day"] < row["day"]]
        after = [other["number"] for other in same if other["day"] > row["day"]]
        taken = any(other["day"] == row["day"] and other["number"] == row["number"] for other in same)
        return {**row, LOW: max(before, default=None), HIGH: min(after, default=None), TAKEN: taken}

    frame = pl.DataFrame([around(row) for row in new], schema=SLIP | {LOW: pl.Int64, HIGH: pl.Int64, TAKEN: pl.Boolean})
    assert set(disordered(frame, rule).arg_true()) == disorder(standing, new, strict=strict)


@given(SLIPS)
def test_gaps(rows: list[Row]) -> None:
    frame = pl.DataFrame(rows, schema=SLIP)
    rule = ascending("number", within="book", by="day", gapless=True)
    assert set(after_gaps(frame, rule).arg_true()) == gaps([], rows)
    loose = [{**row, "book": "A"} for row in rows]
    alone = ascending("number", by="day", gapless=True)
    assert set(after_gaps(pl.DataFrame(loose, schema=SLIP), alone).arg_true()) == gaps([], loose)


def test_a_frame_that_waits_for_numbers_blames_nobody_else_for_them() -> None:
    rule = ascending("number", by="day", gapless=True)
    frame = pl.DataFrame({"day": [1, 2, 3, 4, None], "number": [1, 2, 9, 3, 4]})
    found = {one.rule: one.failed.arg_true().to_list() for one in blamed(frame, rule)}
    assert found == {GAP: [2], "sequence": []}


class Kept(Contract):
    """Everything at once."""

    id: int = field(key=True)
    zip: str = field(nullable=True)
    city: str = field(nullable=True)
    number: int = field()
    rules = (
        functional_dependency("zip", "city"),
        ascending("number", by="id", severity="warn"),
        ascending("number", by="id", strict=False, gapless=True),
    )


def test_a_judged_frame_tells_who_is_blamed_and_counts_what_only_warns() -> None:
    rows = {
        "id": [1, 2, 3, 4, 5],
        "zip": ["1", "1", "2", "2", None],
        "city": ["a", "b", "c", "c", "d"],
        "number": [1, 2, 3, 3, 6],
    }
    verdict = judge(pl.DataFrame(rows), Kept)
    told = [(one["row"], one["rule"], one["column"], one["value"]) for one in verdict.reasons.iter_rows(named=True)]
    assert told == [
        (0, "functional_dependency", "zip,city", "1, a"),
        (1, "functional_dependency", "zip,city", "1, b"),
        (4, "gap", "number", "6"),
    ]
    assert verdict.good["id"].to_list() == [3, 4]
    counted = {(q.rule, q.severity): (q.checked, q.failed) for q in verdict.quality if q.rule in ("sequence", "gap")}
    assert counted == {("sequence", "warn"): (3, 1), ("gap", "error"): (3, 1), ("sequence", "error"): (3, 0)}
