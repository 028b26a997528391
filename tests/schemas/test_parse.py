"""Text becomes the declared type exactly, or is unparsable: against Python's decimal and datetime."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles.parsing import UNPARSABLE, read_date, read_decimal, read_float, read_integer, read_timestamp

from tilth.schemas.parse import first_look, parse
from tilth.schemas.spec import Column

BLANKS = st.sampled_from(["", " ", "\t", "\u00a0"])


def read(column: Column, texts: list[str | None]) -> list[Any]:
    """What our parser makes of the texts, with UNPARSABLE where it says so."""
    pulled = pl.Series(column.source, texts, dtype=pl.String)
    value, wrong = parse(column, pulled, pulled.to_frame().select(first_look(column, pulled)).to_series())
    assert value.dtype == column.dtype
    assert wrong is None or not (wrong & value.is_not_null()).any()
    mask = wrong.to_list() if wrong is not None else [False] * len(texts)
    return [UNPARSABLE if bad else item for item, bad in zip(value.to_list(), mask, strict=True)]


def column(dtype: pl.DataType, **facts: Any) -> Column:
    return Column(name="value", source="raw", dtype=dtype, **facts)


@st.composite
def numbers(draw: st.DrawFn, marks: str) -> str:
    """Numbers as people and systems write them, and near misses."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.text(alphabet="0123456789+-() e_٣" + marks, max_size=12))
    whole = draw(st.text("0123456789", max_size=12))
    if draw(st.booleans()) and marks[1:]:
        whole = f"{int(whole or '0'):,}".replace(",", marks[1])
    number = whole + draw(st.sampled_from(["", marks[0]])) + draw(st.text("01234560", max_size=4))
    shape = draw(st.sampled_from(["{}", "{}", "-{}", "+{}", "({})", "{}-", "(-{})"]))
    return draw(BLANKS) + shape.format(number) + draw(BLANKS)


@given(st.lists(numbers("."), min_size=1, max_size=20))
@example(["1.505"])
@example(
    ["12345678901.00", "1234567890.12", "-9999999999.99", "1.5000", ".", "", "1e3", "nan", "inf", "- 1", "1.", ".5"]
)
def test_decimals_are_exact_or_unparsable(texts: list[str]) -> None:
    expected = [read_decimal(text, 12, 2) for text in texts]
    assert read(column(pl.Decimal(12, 2)), list(texts)) == expected


@given(st.lists(numbers(",."), min_size=1, max_size=20))
@example([",001", ",0100", ",00"])
@example(["1.234,50", "1.23,5", "(1,50)", "1,50-", "1234,5", "1.234.567", ",5", "1,505", "0.001,5", "1,500"])
def test_decimals_with_comma_and_thousands(texts: list[str]) -> None:
    expected = [read_decimal(text, 12, 2, decimal=",", thousands=".") for text in texts]
    assert read(column(pl.Decimal(12, 2), decimal=",", thousands="."), list(texts)) == expected


@given(st.lists(numbers("."), min_size=1, max_size=20))
@example(["9223372036854775807", "9223372036854775808", "-9223372036854775808", "12.0", "12.5", "007", "1_0", "٣"])
def test_integers(texts: list[str]) -> None:
    assert read(column(pl.Int64()), list(texts)) == [read_integer(t, -(2**63), 2**63 - 1) for t in texts]
    assert read(column(pl.UInt8()), list(texts)) == [read_integer(t, 0, 255) for t in texts]


@given(st.lists(numbers(".") | st.floats(allow_nan=True).map(str), min_size=1, max_size=20))
@example(["1e999", "nan", "NaN", "inf", "-Infinity", "1e5", "1E-5", ".5", "5.", "(1.5)", "1.5-", "0x1"])
def test_floats_are_the_nearest_and_finite(texts: list[str]) -> None:
    assert read(column(pl.Float64()), list(texts)) == [read_float(text) for text in texts]


@st.composite
def dates(draw: st.DrawFn, form: str) -> str:
    text = draw(st.dates()).strftime(form)
    if draw(st.integers(0, 2)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(["", " ", "0", "3", "9", "-", "+", "\u00a0", "x"])) + text[at + 1 :]
    return draw(BLANKS) + text + draw(BLANKS)


@given(st.lists(dates("%Y-%m-%d"), min_size=1, max_size=20))
@example(["2024-1-5", "+024-01-05", "2024- 1-05", "2024-02-30", "2024-02-29", "0000-01-01", "0001-01-01", "9999-12-31"])
@example(["2024-\u00a01-5", "2024-01-05T00:00:00", "20240105", "٢٠٢٤-٠١-٠٥"])
def test_iso_dates_have_a_fixed_length(texts: list[str]) -> None:
    assert read(column(pl.Date()), list(texts)) == [read_date(text, "%Y-%m-%d", "2024-12-31") for text in texts]


@given(st.lists(dates("%d.%m.%Y"), min_size=1, max_size=20))
@example(["31.12.2024", "1.1.2024", "30.02.2024", "31.12.24", "12/31/2024"])
def test_declared_dates(texts: list[str]) -> None:
    declared = column(pl.Date(), formats=("%d.%m.%Y",))
    assert read(declared, list(texts)) == [read_date(text, "%d.%m.%Y", "31.12.2024") for text in texts]


def test_several_formats_are_tried_in_order() -> None:
    declared = column(pl.Date(), formats=("%d.%m.%Y", "%Y%m%d", "%d-%b-%y"))
    assert read(declared, ["31.12.2024", "20241231", "31-Dec-24", "2024-12-31", None]) == [
        *[date(2024, 12, 31)] * 3,
        UNPARSABLE,
        None,
    ]


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    text = draw(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))).strftime("%Y-%m-%dT%H:%M:%S")
    text = text.replace("T", draw(st.sampled_from(["T", "T", " ", "t", ""])))
    text += draw(st.sampled_from(["", "", ".5", ".123456", ".123456000", ".1234567", "."]))
    return text + draw(st.sampled_from(["", "", "Z", "+02:00", "-0530", "+01", "+2", "+02:00:00", " Z", "+99:00"]))


@pytest.mark.parametrize("zone", ["Europe/Berlin", None])
@settings(max_examples=60)
@given(texts=st.lists(timestamps(), min_size=1, max_size=15))
@example(texts=["2024-03-31T02:30:00", "2024-10-27T02:30:00", "2024-10-27 02:30:00+01:00", "2024-06-01 10:00:00"])
@example(texts=["2024-06-01T24:00:00", "2024-06-01T23:59:60", "2024-06-01", "2024-02-30T10:00:00", "2024-06-01T10:00"])
def test_timestamps_become_instants(zone: str | None, texts: list[str]) -> None:
    expected = [read_timestamp(text, zone) for text in texts]
    got = read(column(pl.Datetime("us", "UTC"), time_zone=zone), list(texts))
    assert got == [e.astimezone(UTC) if isinstance(e, datetime) else e for e in expected]


def test_timestamps_without_zone_take_no_foreign_offset() -> None:
    naive = column(pl.Datetime("us"))
    wall = datetime(2024, 6, 1, 10)
    texts: list[str | None] = ["2024-06-01T10:00:00", "2024-06-01T10:00:00Z", "2024-06-01T12:00:00+02:00"]
    assert read(naive, texts) == [wall, wall, UNPARSABLE]
    assert read(column(pl.Datetime("us"), time_zone="Europe/Berlin"), texts[2:]) == [datetime(2024, 6, 1, 12)]


def test_declared_timestamps() -> None:
    declared = column(pl.Datetime("us", "Europe/Berlin"), formats=("%d.%m.%Y %H:%M", "%Y%m%d%H%M%S%z"))
    berlin = datetime(2024, 6, 1, 8, 30, tzinfo=UTC)
    assert read(declared, ["01.06.2024 10:30", "20240601083000Z", "20240601103000+0200", "1.6.2024 10:30", " "]) == [
        *[berlin] * 3,
        UNPARSABLE,
        None,
    ]


def test_booleans_follow_the_vocabulary() -> None:
    declared = column(pl.Boolean(), true=("ja", "1"), false=("nein", "0"))
    assert read(declared, ["ja", "JA", " Nein ", "0", "true", "", None, "jA"]) == [
        True, True, False, False, UNPARSABLE, None, None, True,
    ]  # fmt: skip


@given(st.lists(st.none() | st.text(alphabet=" \t\n\u00a0\u2003aÄ~", max_size=4), max_size=12))
def test_blank_text_is_null_and_other_text_stays_as_it_is(texts: list[str | None]) -> None:
    assert read(column(pl.String()), texts) == [t if t and t.strip() else None for t in texts]


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2, allow_nan=False, allow_infinity=False))
def test_what_decimal_writes_is_read_back(number: Decimal) -> None:
    assert read(column(pl.Decimal(12, 2)), [str(number), f"{number:.6f}"]) == [number, number]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_float_writes_is_read_back(number: float) -> None:
    (got,) = read(column(pl.Float64()), [repr(number)])
    assert got == number and math.copysign(1, got) == math.copysign(1, number)
