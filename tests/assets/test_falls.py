"""Records that fall because nobody has what they refer to, and those that fall with them, however long the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rounds import calls

from tilth.assets.publishing.arrivals import Arrivals
from tilth.assets.publishing.blocking import Blocked
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.circles import Circle
from tilth.assets.publishing.engine import connect
from tilth.schemas.contract import Contract, spec_of
from tilth.schemas.contract import field as column

INT, TEXT = pa.int64(), pa.string()
Row = tuple[int | None, ...]


class Left(Contract):
    """Refers to names on the right, in text, and to itself."""

    id: int = column(key=True)
    name: int = column(nullable=True)
    right: str = column(nullable=True, references="rights.name")
    left: int = column(nullable=True, references="lefts.id")


class Right(Contract):
    """Refers to names on the left."""

    id: int = column(key=True)
    name: int = column(nullable=True)
    left: int = column(nullable=True, references="lefts.name")


SPECS = {"lefts": spec_of(Left), "rights": spec_of(Right)}
COLUMNS = {"lefts": ("id", "name", "right", "left"), "rights": ("id", "name", "left")}
REFERS = [("lefts", 2, "rights", 1), ("lefts", 3, "lefts", 0), ("rights", 2, "lefts", 1)]


def frame_of(table: str, rows: Sequence[Row]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS[table], pl.Int64), orient="row")
    told = [pl.col("right").cast(pl.String).replace("4", "four")] if table == "lefts" else []
    return frame.with_columns(*told, _batch=pl.lit(1), _deleted=pl.lit(value=False)).with_row_index("_ordinal")


def circle_of(arriving: Mapping[str, Sequence[Row]], published: Mapping[str, Sequence[Row]], most: int) -> Circle:
    """A circle that these records arrive in, beside rows that are published."""
    candidate = Candidate(connect(None), datetime(2026, 1, 1, tzinfo=UTC))
    for table, spec in SPECS.items():
        candidate.create(table, spec)
        candidate.load("tilth_known", frame_of(table, published[table]))
        candidate.run(f"INSERT INTO {table} BY NAME SELECT * EXCLUDE (_deleted) FROM tilth_known")
        candidate.load(f"tilth_{table}", frame_of(table, arriving[table]))
    circle = Circle(candidate, SPECS, Blocked(), most=most)
    circle.arrive({table: f"tilth_{table}" for table in SPECS})
    return circle


def standing(circle: Circle) -> dict[str, list[object]]:
    """The places of those that arrive still."""
    return {
        table: [at for (at,) in circle.candidate.run(f"SELECT _ordinal FROM {relation} ORDER BY ALL")]
        for table, relation in circle.arriving.relations.items()
    }


def told(arriving: Mapping[str, Sequence[Row]], published: Mapping[str, Sequence[Row]]) -> dict[str, list[int]]:
    """Whoever refers to nobody is taken away, until nobody does."""
    stands = {table: [*range(len(rows))] for table, rows in arriving.items()}
    while True:
        there = {of: [*published[of], *(arriving[of][at] for at in stands[of])] for of in SPECS}
        lost = {
            (table, at)
            for table, place, of, what in REFERS
            for at in stands[table]
            if (wanted := arriving[table][at][place]) is not None
            and ((wanted == 4 and place == 2 and table == "lefts") or wanted not in {row[what] for row in there[of]})
        }
        if not lost:
            return stands
        stands = {table: [at for at in left if (table, at) not in lost] for table, left in stands.items()}


value = st.integers(0, 5) | st.none()
lefts = st.lists(st.tuples(st.integers(0, 9), value, value, st.integers(0, 9) | st.none()), max_size=9)
rights = st.lists(st.tuples(st.integers(0, 9), value, value), max_size=9)
both = st.fixed_dictionaries({"lefts": lefts, "rights": rights})
few = st.fixed_dictionaries({"lefts": lefts.map(lambda rows: rows[:1]), "rights": rights.map(lambda rows: rows[:1])})


@settings(max_examples=12)
@given(both, few, st.sampled_from([0, 3, 1000]))
def test_those_stand_who_refer_to_somebody_however_they_are_counted(
    arriving: Mapping[str, Sequence[Row]], published: Mapping[str, Sequence[Row]], most: int
) -> None:
    assert standing(circle_of(arriving, published, most)) == told(arriving, published)


def test_a_long_row_falls_in_a_few_steps() -> None:
    """Each refers to the next one, and so do those on the right; what the last one refers to is missing."""
    many = 4000
    row: list[Row] = [(at, at, None, at + 1) for at in range(many)]
    arriving: dict[str, list[Row]] = {"lefts": row, "rights": [(at, None, at) for at in range(many)]}
    nobody: dict[str, list[Row]] = {"lefts": [], "rights": []}
    made: list[Circle] = []
    assert calls(Arrivals.has, lambda: made.append(circle_of(arriving, nobody, 10**6))) <= 12
    assert standing(made[0]) == {"lefts": [], "rights": []}
    arriving["lefts"].append((many, many, None, None))
    assert standing(circle_of(arriving, nobody, 10**6)) == {"lefts": [*range(many + 1)], "rights": [*range(many)]}
