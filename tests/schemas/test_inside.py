"""Values inside lists and structs: told whatever they are, and read where a column of their own reads them."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tilth.schemas.judging import Verdict, judge
from tilth.schemas.nested import from_json, json_text

ZONES = [None, "UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York"]
TIMES: list[pl.DataType] = [pl.Date(), pl.Time(), *(pl.Duration(unit) for unit in ("ms", "us", "ns"))]
TIMES += [pl.Datetime(unit, zone) for unit in ("ms", "us", "ns") for zone in ZONES]
DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def judged(values: pl.Series, dtype: Any) -> Verdict:
    body = {"__annotations__": {"it": dtype}, "it": pa.Field(nullable=True), "__module__": __name__}
    return judge(values.alias("it").to_frame(), type("Model", (pa.DataFrameModel,), body))


@st.composite
def counts(draw: st.DrawFn, dtype: pl.DataType) -> int:
    """Any count that the type holds; those at the edges of its range, of Python's years, and of a day, often."""
    if isinstance(dtype, pl.Time):
        return draw(st.integers(0, DAY["ns"] - 1))
    unit = DAY[dtype.time_unit] if isinstance(dtype, pl.Datetime | pl.Duration) else 1
    most = 2**31 - 1 if unit == 1 else 2**63 - 1
    edges = [0, most, -most, *(day * unit for day in (-719_163, -719_162, -719_161, 2_932_895, 2_932_896, 2_932_897))]
    near = st.tuples(st.sampled_from(edges), st.integers(-unit, unit)).map(sum)
    return draw(near.filter(lambda count: abs(count) <= most) | st.integers(-most, most))


@settings(max_examples=40)
@given(st.sampled_from(TIMES), st.data())
def test_whatever_lies_inside_is_told(dtype: pl.DataType, data: st.DataObject) -> None:
    physical = pl.Int32() if isinstance(dtype, pl.Date) else pl.Int64()
    rows = data.draw(st.lists(st.lists(counts(dtype) | st.none(), max_size=3), min_size=1, max_size=3))
    values = pl.Series(rows, dtype=pl.List(physical)).cast(pl.List(dtype))
    told = json_text(values)
    assert [len(json.loads(text)) for text in told] == [len(row) for row in rows]
    again = from_json(told, pl.List(dtype))
    for row, read, text in zip(rows, again.cast(pl.List(physical)).to_list(), told, strict=True):
        assert read in (row, None), "what is read again is the same"
        assert read == row or isinstance(dtype, pl.Duration) or any(isinstance(one, int) for one in json.loads(text))
    struct = values.alias("b").to_frame().with_columns(a=pl.lit(1)).to_struct()
    alone = values.explode(keep_nulls=False, empty_as_null=False) if values.list.len().sum() else values.clear()
    reordered = pl.Struct({"b": pl.List(dtype), "a": pl.Int8})
    for other, kind in ((struct, reordered), *((alone, kind) for kind in (pl.String(), pl.Date(), pl.Datetime("us")))):
        verdict = judged(other, kind)
        assert verdict.counts["good"] + verdict.counts["toxic"] == len(other)


SPELLINGS = ["2024-W01-1", "2024-01-01X10:00:00", "20240101T10", "2024-01-01T10:00", "10", "1030", "10:30", "10:30:00"]
SPELLINGS += ["2024-01-01", "20240101", "2024-1-1", "0000-01-01", "2024-01-01 10:00:00", "2024-01-01T10:00:00.5"]
SPELLINGS += ["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+0100", "2024-01-01T10:00:00,5", "2024-01-01T24:00:00", ""]
SPELLINGS += ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:30:00Z", "P1DT2H", "26:30:00"]
SPELLINGS += ["-P1DT0.5S", "1 h", "P1M", "PT", "10:30:00.123456789", "10:30:00.1234567891", "24:00:00", "10:30:00Z"]


@settings(max_examples=60)
@given(st.sampled_from(TIMES), st.sampled_from(SPELLINGS) | st.text("0123456789-:T. ZPWDHMS+", max_size=12))
def test_times_inside_are_read_as_in_a_column_of_their_own(dtype: pl.DataType, text: str) -> None:
    plain = judged(pl.Series([text]), dtype).good["it"]
    inside = from_json(pl.Series([json.dumps([text])]), pl.List(dtype))
    offset = isinstance(dtype, pl.Datetime) and any(c in "Z+-" for c in text[19:]) != (dtype.time_zone is not None)
    if inside.null_count():
        assert offset or text != text.strip() or plain.null_count() == len(plain)
    else:
        assert inside.explode().to_physical().to_list() == plain.to_physical().to_list()
        assert json_text(inside).null_count() == 0 and not plain.is_null().any()


@settings(max_examples=40)
@given(st.sampled_from([None, "UTC", "Asia/Tokyo", "America/New_York"]), st.integers(-1439, 1439), st.booleans())
@example(None, -60, True)
@example("Asia/Tokyo", 0, True)
def test_an_instant_beyond_the_years_that_python_knows_is_refused(zone: Any, minutes: int, last: bool) -> None:
    wall = dt.datetime(9999, 12, 31, 23, 59, 59) if last else dt.datetime(1, 1, 1)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    text = f"{wall.isoformat()}{sign}{hours:02}:{rest:02}"
    try:
        instant = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
        right = instant.astimezone(ZoneInfo(zone)) if zone else instant.replace(tzinfo=None)
    except OverflowError:
        right = None
    right = right if zone or not minutes else None
    for kind, written in ((pl.Datetime("us", zone), text), (pl.List(pl.Datetime("us", zone)), json.dumps([text]))):
        verdict = judged(pl.Series([written]), kind)
        good = verdict.good["it"].to_list()
        nested = isinstance(kind, pl.List)
        assert good == ([] if right is None or (nested and not zone) else [[right] if nested else right])


WIDE = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(2**64), 2**64).map(float)
NARROW = [pl.Float32(), pl.Float64()]
NUMBERS = [*NARROW, pl.Int64(), pl.UInt8(), pl.UInt64(), pl.Decimal(38, 18)]


@settings(max_examples=40)
@given(st.sampled_from(NARROW), st.sampled_from(NUMBERS), st.lists(WIDE | st.just(0.1), min_size=1, max_size=5))
@example(pl.Float32(), pl.Decimal(38, 18), [0.1])
@example(pl.Float64(), pl.Int64(), [2.0**60])
def test_floats_inside_become_other_numbers_as_in_a_column_of_their_own(
    pulled: pl.DataType, declared: pl.DataType, floats: list[float]
) -> None:
    alone = pl.Series(floats, dtype=pl.Float64).cast(pulled)
    good = judged(alone, declared).good["it"]
    lists = judged(alone.reshape((-1, 1)).arr.to_list(), pl.List(declared)).good["it"]
    assert lists.to_list() == [[one] for one in good]
    structs = pl.DataFrame({"b": alone, "a": [""] * len(alone)}).to_struct()
    inside = judged(structs, pl.Struct({"a": pl.String, "b": declared})).good["it"].struct.field("b")
    assert inside.to_list() == good.to_list()
    assert from_json(json_text(structs), structs.dtype).equals(structs), "the shortest text reads back as the float"


HALVES = ['["ok"]', '["\\ud800"]', '["\\udc00x"]', '["\\ud83d\\ude00"]', '[{"\\ud800":1}]']


@pytest.mark.parametrize("inner", [pl.String(), pl.Categorical(), pl.Enum(["ok", "😀"])])
def test_half_of_a_character_is_no_text(inner: pl.DataType) -> None:
    verdict = judged(pl.Series(HALVES), pl.List(inner))
    assert verdict.good["it"].to_list() == [["ok"], ["😀"]]
    assert verdict.reasons["value"].to_list() == [HALVES[1], HALVES[2], HALVES[4]]
    halves = pl.Series(['{"a":"\\ud800"}', '{"\\ud800":"a"}', '{"a":"b"}'])
    assert judged(halves, pl.Struct({"a": pl.String})).toxic["row"].to_list() == [0, 1]
    for other in TIMES:
        assert judged(pl.Series(HALVES[1:2]), pl.List(other)).counts["toxic"] == 1


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone])
@settings(max_examples=20)
@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.sampled_from([0, 0, 1, 3_600_000_000]))
def test_midnight_of_its_own_zone_is_a_day(zone: str, day: dt.date, micros: int) -> None:
    wall = dt.datetime.combine(day, dt.time()) + dt.timedelta(microseconds=micros)
    pulled = pl.Series([wall]).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").drop_nulls()
    assert judged(pulled, pl.Date()).good["it"].to_list() == [day] * (len(pulled) if not micros else 0)
