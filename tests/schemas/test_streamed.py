"""A scan is judged as a frame is, whatever the size of the pieces; what must be unique, as plain Python has it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tilth.schemas.contract import Contract, field
from tilth.schemas.judging import judge
from tilth.schemas.pieces import Piece, listed, piece_of, pieces
from tilth.schemas.repeats import repeats_in
from tilth.schemas.rules import summed
from tilth.schemas.splitting import Judge
from tilth.schemas.streamed import LazyVerdict


class Part(Contract):
    """Parts of two keys, with a unique label and a unique pair."""

    plant: str = field(key=True, standardise=("trim", "upper"))
    number: int = field(key=True, ge=0)
    label: str = field(nullable=True, unique=True)
    shelf: int = field(nullable=True, le=3)

    class Config:
        unique: ClassVar = ["plant", "shelf"]


class Noisy(Part):
    """Warns of shelves, too."""

    shelf: int = field(nullable=True, le=0, severity="warn")


class Whole(Contract):
    """A rule over all rows."""

    number: int = field(key=True)

    @pa.check("number")
    @classmethod
    def below_twice_the_mean(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """less than twice the mean"""
        return data.lazyframe.select(pl.col(data.key) < 2 * pl.col(data.key).mean())


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "A ", "b", " ", None]),
        st.sampled_from(["1", "2", "-1", "x"]),
        st.sampled_from(["l", "m", "n", "o", "p", None]),
        st.sampled_from(["0", "1", "2", "3", "4", None]),
    ),
    max_size=14,
)


def frame_of(rows: list[tuple[str | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(("plant", "number", "label", "shelf"), pl.String), orient="row")


JUDGES = {contract: Judge.of(contract) for contract in (Part, Noisy)}


def in_one_pass(frame: pl.DataFrame, judge: Judge, size: int) -> Piece:
    """What a scan of the frame gives, so many rows at a time, put together."""
    some = [*LazyVerdict(frame.lazy(), judge, rows=size).pieces()]
    good, toxic = (pl.concat(parts) for parts in zip(*((one.good, one.toxic) for one in some), strict=True))
    counts = {name: sum(one.counts[name] for one in some) for name in some[0].counts}
    return Piece(good, toxic.sort("row"), counts, summed([one for piece in some for one in piece.quality]))


@given(ROWS, st.integers(1, 5), st.sampled_from([Part, Noisy]))
def test_pieces_say_what_the_whole_says(rows: list[tuple[str | None, ...]], size: int, contract: type) -> None:
    frame, order = frame_of(rows), ["plant", "number", "label", "shelf"]
    whole, some = piece_of(JUDGES[contract], frame), in_one_pass(frame, JUDGES[contract], size)
    assert_frame_equal(some.good.sort(order), whole.good.sort(order))
    assert_frame_equal(some.toxic, whole.toxic)
    assert some.counts == whole.counts and set(some.quality) == set(whole.quality)


def test_each_result_is_what_all_in_one_pass_are() -> None:
    frame = frame_of([("a", "1", "l", "0"), ("A ", "1", "l", "0"), ("b", "x", "m", "4"), ("b", "2", "l", "1")] * 2)
    whole, lazy = judge(frame, Part), LazyVerdict(frame.lazy(), Judge.of(Part), rows=3)
    assert_frame_equal(lazy.good.collect().sort("plant", "number"), whole.good.sort("plant", "number"))
    assert_frame_equal(lazy.toxic.collect().sort("row"), whole.toxic)
    assert_frame_equal(lazy.reasons.collect().sort("row", maintain_order=True), whole.reasons)
    assert lazy.counts == whole.counts and set(lazy.quality) == set(whole.quality)


def told(row: tuple[str | None, ...]) -> tuple[str, int, str | None, int | None] | None:
    """The row as it should be read, None where it is toxic by itself."""
    plant, number, label, shelf = row
    if plant is None or not plant.strip() or number in ("-1", "x", None) or shelf == "4":
        return None
    return plant.strip().upper(), int(number), label, None if shelf is None else int(shelf)


@given(ROWS)
def test_what_must_be_unique_is_as_plain_python_has_it(rows: list[tuple[str | None, ...]]) -> None:
    standing = {i: values for i, row in enumerate(rows) if (values := told(row)) is not None}
    expected = {(i, None) for i in range(len(rows)) if i not in standing}
    duplicates = 0
    for key in {values[:2] for values in standing.values()}:
        same = [i for i, values in standing.items() if values[:2] == key]
        if len({standing[i] for i in same}) > 1:
            expected |= {(i, "plant,number") for i in same}
        duplicates += len(same) - 1 if len({standing[i] for i in same}) == 1 else 0
        gone = same if len({standing[i] for i in same}) > 1 else same[1:]
        standing = {i: values for i, values in standing.items() if i not in gone}
    taken = set[int]()
    for column, value in (("label", lambda v: v[2]), ("plant,shelf", lambda v: None if v[3] is None else (v[0], v[3]))):
        many = Counter(value(values) for values in standing.values())
        shared = {i for i, values in standing.items() if value(values) is not None and many[value(values)] > 1}
        expected |= {(i, column) for i in shared}
        taken |= shared
    standing = {i: values for i, values in standing.items() if i not in taken}
    verdict = piece_of(JUDGES[Part], frame_of(rows))
    reasons = listed(verdict.toxic).select("row", "rule", "column")
    unique = {(i, column) for i, rule, column in reasons.rows() if rule == "unique"}
    alone = {(i, None) for i in verdict.toxic["row"]} - {(i, None) for i, _ in unique}
    assert unique | alone == expected
    assert verdict.counts["good"] == len(standing) and verdict.counts["duplicate"] == duplicates


class Contact(pa.DataFrameModel):
    """Two values that must be unique."""

    email: str = pa.Field(unique=True)
    phone: str = pa.Field(unique=True)


class Reversed(pa.DataFrameModel):
    """The same, declared the other way round."""

    phone: str = pa.Field(unique=True)
    email: str = pa.Field(unique=True)


CONTACTS = [Judge.of(contract) for contract in (Contact, Reversed)]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("123456")), max_size=9), st.integers(1, 4))
def test_no_unique_group_hides_what_another_finds(rows: list[tuple[str, str]], size: int) -> None:
    frame = pl.DataFrame(rows, schema={"email": pl.String, "phone": pl.String}, orient="row")
    try:
        Contact.validate(frame, lazy=True)
        expected = set[tuple[int, str]]()
    except pa.errors.SchemaErrors as error:
        expected = set(error.failure_cases.select("index", "column").rows())
    for of_contract in CONTACTS:
        whole, some = piece_of(of_contract, frame), in_one_pass(frame, of_contract, size)
        assert set(listed(whole.toxic).select("row", "column").rows()) == expected
        assert_frame_equal(listed(some.toxic), listed(whole.toxic))
        assert whole.counts["good"] == len(rows) - len({row for row, _ in expected}) == some.counts["good"]
        assert set(some.quality) == set(whole.quality)


@given(st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=6), st.integers(2, 30))
def test_hashes_are_looked_at_in_shares(pieces: list[list[int]], at_once: int) -> None:
    frames = [pl.DataFrame({"n": piece}, schema={"n": pl.Int64}) for piece in pieces]
    found = repeats_in((("n",),), lambda: iter(frames), at_once=at_once)
    many = Counter(number for piece in pieces for number in piece)
    for frame in frames:
        said = found.suspects(frame)
        suspects = said.to_list() if said is not None else [False] * frame.height
        assert suspects == [many[number] > 1 for number in frame["n"]]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    def source(*_: Any) -> Iterator[pl.DataFrame]:
        raise AssertionError("read")
        yield pl.DataFrame()

    from polars.io.plugins import register_io_source

    scan = register_io_source(source, schema={"number": pl.String})
    verdict = judge(scan, Whole)
    assert verdict.good.collect_schema() == {"number": pl.Int64}
    assert verdict.toxic.collect_schema().names() == ["row", "key", "raw", "reasons"]
    names = ["row", "rule", "column", "value", "expected", "kind", "severity"]
    assert verdict.reasons.collect_schema().names() == names
    with pytest.raises((AssertionError, pl.exceptions.ComputeError)):
        verdict.good.collect()


def test_a_rule_over_all_rows_sees_all_rows() -> None:
    scan = pl.LazyFrame({"number": ["1", "1", "2", "90"]})
    verdict = LazyVerdict(scan, Judge.of(Whole), rows=1)
    assert verdict.reasons.collect().select("row", "rule").rows() == [(3, "below_twice_the_mean")]
    assert verdict.counts == {"pulled": 4, "good": 2, "duplicate": 1, "toxic": 1}


def test_an_empty_scan_has_empty_results() -> None:
    verdict = judge(frame_of([]).lazy(), Part)
    assert verdict.good.collect().schema == Judge.of(Part).spec.schema
    assert verdict.counts == {"pulled": 0, "good": 0, "duplicate": 0, "toxic": 0}
    assert verdict.toxic.collect().is_empty() and verdict.reasons.collect().is_empty()


def test_results_are_scans_of_their_own() -> None:
    verdict = LazyVerdict(
        frame_of([("a", f"{n}", None, "9" if n % 3 else None) for n in range(9)]).lazy(), Judge.of(Part), rows=2
    )
    assert verdict.good.filter(pl.col("number") > 0).select("number").collect()["number"].to_list() == [3, 6]
    assert verdict.toxic.head(2).collect()["row"].to_list() == [1, 2]
    assert verdict.toxic.select(pl.len()).collect().item() == 6


class Amount(Contract):
    """A number per key."""

    id: int = field(key=True)
    amount: Decimal = field(dtype_kwargs={"precision": 20, "scale": 2})
    word: str = field(nullable=True)


def in_pieces(*frames: pl.DataFrame) -> tuple[list[tuple[Any, ...]], list[tuple[int, str]]]:
    """Good rows, and (row, rule) of toxic ones, of frames that need not be alike."""
    made = [*pieces(Judge.of(Amount), lambda _: iter(frames))]
    good = [row for piece in made for row in piece.good.rows()]
    return sorted(good), sorted(
        (row, rule) for piece in made for row, rule in listed(piece.toxic)["row", "rule"].rows()
    )


def test_frames_of_different_types_are_read_each_by_itself() -> None:
    whole = pl.DataFrame({"id": [2**53 + 1, 2**53, 2], "amount": [2**53 + 1, 1, 1], "word": [5, 6, 7]})
    broken = pl.DataFrame({"id": [2.0, 2.0**53], "amount": [1.0, 2.0**53], "word": [7.5, None], "day": [True, False]})
    good, toxic = in_pieces(whole, broken.select("id", "amount", word=pl.lit("7"), day="day"))
    assert good == [(2, Decimal(1), "7"), (2**53 + 1, Decimal(2**53 + 1), "5")]
    assert toxic == [(1, "unique"), (4, "unique")]


def test_files_of_columns_that_have_no_type_in_common() -> None:
    one = pl.DataFrame({"id": [1], "amount": [1], "word": ["a"], "seen": [True]})
    other = pl.DataFrame({"id": [1], "amount": [2], "word": ["a"], "seen": [dt.date(2024, 1, 1)]})
    assert in_pieces(one, other) == ([], [(0, "unique"), (1, "unique")])


def test_a_default_alone_may_be_what_is_not_unique() -> None:
    class Lonely(pa.DataFrameModel):
        a: int
        c: str = pa.Field(unique=True, default="x", nullable=True)

        class Config:
            add_missing_columns = True

    frame = pl.DataFrame({"a": [1, 2, 3]})
    assert judge(frame, Lonely).counts == judge(frame.lazy(), Lonely).counts
    assert judge(frame, Lonely).counts["toxic"] == 3


def test_a_unique_column_may_have_any_name() -> None:
    class Named(pa.DataFrameModel):
        standing: str = pa.Field(unique=True)

    assert judge(pl.DataFrame({"standing": ["a", "a", "b"]}), Named).good["standing"].to_list() == ["b"]
