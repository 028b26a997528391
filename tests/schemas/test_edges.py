"""What a type's unit and range can hold is read to the last digit; what they cannot hold is a reason, never cut."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.schemas.judging import Verdict, judge

NANOS = 10**9
PARTS = {"ms": 10**6, "us": 10**3, "ns": 1}  # of a unit, billionths of a second
UNITS = st.sampled_from(["ms", "us", "ns"])
DIGITS = st.text("0123456789", max_size=9) | st.sampled_from(["123", "123000", "123456", "123456000", "123456789"])
FIRST = dt.datetime(1, 1, 1)
ENDS = [dt.datetime(1677, 9, 21, 0, 12, 43), dt.datetime(2262, 4, 11, 23, 47, 16)]  # of what 64 bits of billionths hold
SECONDS = st.integers(0, (dt.datetime(9999, 12, 31) - FIRST).days * 86_400) | st.builds(
    lambda end, some: int((end - FIRST).total_seconds()) + some, st.sampled_from(ENDS), st.integers(-2, 2)
)


def judged(values: pl.Series, dtype: Any, **facts: Any) -> Verdict:
    body = {"__annotations__": {"it": dtype}, "it": pa.Field(nullable=True, **facts), "__module__": __name__}
    return judge(values.alias("it").to_frame(), type("Model", (pa.DataFrameModel,), body))


def read(text: str, dtype: pl.DataType, *, inside: bool = False) -> int | None:
    """How the type counts the value; None where it is refused, and told as it was pulled."""
    written, kind = (f'["{text}"]', pl.List(dtype)) if inside else (text, dtype)
    verdict = judged(pl.Series([written], dtype=pl.String), kind)
    assert verdict.counts["good"] + verdict.counts["toxic"] == 1
    if verdict.counts["toxic"]:
        assert verdict.reasons.select("rule", "value").rows() == [("parse", written)]
        return None
    good = verdict.good["it"]
    told = judged(good, pl.String()).good["it"]
    assert judged(told, kind).good["it"].equals(good), "what we tell of a value is the value"
    return (good.explode() if inside else good).to_physical().item()


def held(nanos: int, unit: str) -> int | None:
    count, rest = divmod(nanos, PARTS[unit])
    return count if not rest and -(2**63) < count < 2**63 else None


@settings(max_examples=40)
@given(SECONDS, DIGITS, UNITS, st.sampled_from([None, "UTC"]), st.booleans())
def test_timestamps(seconds: int, digits: str, unit: Any, zone: str | None, inside: bool) -> None:
    wall = FIRST + dt.timedelta(seconds=seconds)
    text = wall.isoformat() + (f".{digits}" if digits else "") + ("Z" if zone else "")
    since = (wall - dt.datetime(1970, 1, 1)) // dt.timedelta(seconds=1)
    nanos = since * NANOS + int(digits.ljust(9, "0"))
    assert read(text, pl.Datetime(unit, zone), inside=inside) == held(nanos, unit)


@settings(max_examples=15)
@given(st.integers(0, 2_000), st.booleans(), st.sampled_from([None, "UTC", "Asia/Tokyo"]), st.booleans())
def test_the_first_and_last_billionths(of_end: int, first: bool, zone: str | None, inside: bool) -> None:
    count = of_end - (2**63 - 1) if first else 2**63 - 1 - of_end
    told = judged(pl.Series([count], dtype=pl.Int64).cast(pl.Datetime("ns", zone)), pl.String())
    assert read(told.good["it"].item(), pl.Datetime("ns", zone), inside=inside) == count
    micros = pl.Series([count // 1000], dtype=pl.Int64).cast(pl.Datetime("us", zone))
    typed = judged(micros, pl.Datetime("ns", zone)).good["it"].to_physical().to_list()
    assert typed == [whole for whole in [count // 1000 * 1000] if whole > -(2**63)]


@given(st.integers(0, 86_399), DIGITS, st.booleans())
def test_times_of_day(seconds: int, digits: str, inside: bool) -> None:
    text = str(dt.timedelta(seconds=seconds)).zfill(8) + (f".{digits}" if digits else "")
    assert read(text, pl.Time(), inside=inside) == seconds * NANOS + int(digits.ljust(9, "0"))


@settings(max_examples=40)
@given(st.integers(0, 9_223_372_038), DIGITS, UNITS, st.booleans())
def test_lengths_of_time(seconds: int, digits: str, unit: Any, negative: bool) -> None:
    days, rest = divmod(seconds, 86_400)
    text = ("-" if negative else "") + f"P{days}DT{rest}" + (f".{digits}" if digits else "") + "S"
    nanos = (seconds * NANOS + int(digits.ljust(9, "0"))) * (-1 if negative else 1)
    assert read(text, pl.Duration(unit)) == held(nanos, unit)


@pytest.mark.parametrize("dtype", [pl.Datetime("ms"), pl.Datetime("ms", "Europe/Berlin")])
def test_a_declared_format_is_no_way_around(dtype: pl.DataType) -> None:
    texts = pl.Series(["01.02.2024 12:00:00.123456", "01.02.2024 12:00:00.123"])
    verdict = judged(texts, dtype, metadata={"formats": ("%d.%m.%Y %H:%M:%S%.f",)})
    assert verdict.toxic["row"].to_list() == [0]


LEAST = pl.Series([1_704_067_200_123_456_789, None], dtype=pl.Int64)


@pytest.mark.parametrize("dtype", [pl.Datetime("ns"), pl.Datetime("ns", "Europe/Berlin"), pl.Duration("ns")])
def test_nested_values_keep_their_last_digits(dtype: Any) -> None:
    inner = LEAST.cast(dtype)
    pulled = pl.DataFrame({"a": inner, "b": [1, 2]}).to_struct()
    if not isinstance(dtype, pl.Duration):
        other = judged(pulled, pl.Struct({"b": pl.Int64, "a": dtype})).good["it"]
        assert other.struct.field("a").equals(inner, check_dtypes=True, null_equal=True)
    coarse = pl.Struct({"a": pl.Datetime("us"), "b": pl.Int64})
    assert judged(pulled, coarse).toxic["row"].to_list()[:1] == [0]
    assert all("456789" in text for text in judged(pulled, pl.String()).good["it"][:1])


@pytest.mark.parametrize(
    ("pulled", "declared", "fits"),
    [
        (pl.Series([[2**53], [2**53 + 1]]), pl.List(pl.Float64()), [[2.0**53]]),
        (pl.Series([[0.5], [0.1]]), pl.List(pl.Float32()), [[0.5]]),
        (pl.Series([[2**24], [2**24 + 1]]), pl.List(pl.Float32()), [[2.0**24]]),
    ],
)
def test_typed_numbers_inside_are_held_exactly_or_refused(pulled: pl.Series, declared: Any, fits: Any) -> None:
    assert judged(pulled, declared).good["it"].to_list() == fits


def test_days_beyond_any_calendar_are_told_by_number() -> None:
    day = pl.Series([2**31 - 1], dtype=pl.Int32).cast(pl.Date)
    time = pl.Series([2**62], dtype=pl.Int64).cast(pl.Datetime("ms"))
    assert judged(day, pl.Int8()).reasons["value"].to_list() == ["2147483647"]
    assert judged(time, pl.Datetime("us")).reasons["value"].to_list() == [str(2**62)]


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.none()


@given(st.lists(st.lists(NUMBERS, max_size=3) | st.none(), min_size=1, max_size=5), st.booleans())
def test_what_is_no_number_is_refused_at_any_depth(rows: list[list[float | None] | None], deep: bool) -> None:
    dtype: Any = pl.List(pl.Struct({"x": pl.Float64})) if deep else pl.List(pl.Float64)
    values = [None if row is None else [{"x": one} for one in row] if deep else row for row in rows]
    wrong = [any(one is not None and not math.isfinite(one) for one in row or []) for row in rows]
    verdict = judged(pl.Series(values, dtype=dtype), dtype)
    assert verdict.toxic["row"].to_list() == [at for at, it_is in enumerate(wrong) if it_is]
    right = [value for value, it_is in zip(values, wrong, strict=True) if not it_is]
    assert verdict.good["it"].to_list() == right


@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(-800_000, 3_000_000), max_size=3), max_size=5))
def test_days_inside_are_told_as_dates_or_by_number(rows: list[list[int]]) -> None:
    values = pl.Series(rows, dtype=pl.List(pl.Int32)).cast(pl.List(pl.Date))
    told = judged(values, pl.String()).good["it"]
    first, last = dt.date.min.toordinal(), dt.date.max.toordinal()
    for row, text in zip(rows, told, strict=True):
        ordinals = [day + dt.date(1970, 1, 1).toordinal() for day in row]
        far = any(not first <= ordinal <= last for ordinal in ordinals)
        assert json.loads(text) == (row if far else [dt.date.fromordinal(one).isoformat() for one in ordinals])
