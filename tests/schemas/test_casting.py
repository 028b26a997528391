"""Values the source typed are cast where nothing is lost, and unparsable where something would be."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles.parsing import UNPARSABLE

from tilth.schemas.casting import text_of
from tilth.schemas.parse import first_look, parse
from tilth.schemas.spec import Column

WHOLE = st.integers(-(2**63), 2**63 - 1)


def cast(values: list[Any], pulled: pl.DataType, declared: pl.DataType, **facts: Any) -> list[Any]:
    column = Column(name="value", source="raw", dtype=declared, **facts)
    raw = pl.Series("raw", values, dtype=pulled)
    value, wrong = parse(column, raw, raw.to_frame().select(first_look(column, raw)).to_series())
    assert value.dtype == declared and len(value) == len(values)
    mask = wrong.to_list() if wrong is not None else [False] * len(values)
    return [UNPARSABLE if bad else item for item, bad in zip(value.to_list(), mask, strict=True)]


@given(st.lists(st.none() | WHOLE, min_size=1))
def test_integers_into_narrower_types(values: list[int | None]) -> None:
    fits = [v if v is None or -128 <= v < 128 else UNPARSABLE for v in values]
    assert cast(values, pl.Int64(), pl.Int8()) == fits
    exact = [v if v is None or int(float(v)) == v else UNPARSABLE for v in values]
    assert cast(values, pl.Int64(), pl.Float64()) == exact
    small = [v if v is None or abs(v) < 10**10 else UNPARSABLE for v in values]
    assert cast(values, pl.Int64(), pl.Decimal(12, 2)) == small


@given(st.lists(st.none() | st.decimals(-(10**12), 10**12, places=4), min_size=1))
def test_decimals_into_other_scales(values: list[Decimal | None]) -> None:
    def fits(value: Decimal | None) -> Any:
        return value if value is None or (value == round(value, 2) and abs(value) < 10**10) else UNPARSABLE

    assert cast(values, pl.Decimal(38, 4), pl.Decimal(12, 2)) == [fits(v) for v in values]
    whole = [v if v is None or v == int(v) else UNPARSABLE for v in values]
    assert cast(values, pl.Decimal(38, 4), pl.Int64()) == whole
    assert cast(values, pl.Decimal(38, 4), pl.Float64()) == [v if v is None else float(v) for v in values]


DECIMALS = st.tuples(st.integers(1, 38), st.integers(0, 38)).map(lambda two: (max(two), two[1]))
SHORT = st.tuples(st.integers(-(10**17), 10**17), st.integers(-25, 25)).map(lambda two: float(f"{two[0]}e{two[1]}"))


def held(value: Decimal, precision: int, scale: int) -> Decimal | str:
    with localcontext(prec=400):
        scaled = value.scaleb(scale)
        return value if scaled == scaled.to_integral_value() and abs(scaled) < 10**precision else UNPARSABLE


@settings(max_examples=200)
@given(DECIMALS, st.lists(st.floats() | SHORT | SHORT.map(lambda few: round(few, 2)), min_size=1))
@example((18, 2), [783683191385294.5, 1.5e17, 1e16, 0.1, 2.675])
@example((38, 18), [630.81, 1.25e-7, -1e-18, 1e-19, 5e-324, -0.0, 12345678901234567890.0])
@example((5, 2), [1234.5, 1e300, 999.99, float("nan"), float("inf")])
@example((38, 0), [1e37, -1e37, 1e38, 9.999999999999999e37])
def test_floats_into_decimals_are_the_number_they_show(kind: tuple[int, int], values: list[float]) -> None:
    right = [held(Decimal(repr(v)), *kind) if math.isfinite(v) else UNPARSABLE for v in values]
    assert cast(values, pl.Float64(), pl.Decimal(*kind)) == right


WIDTHS = st.sampled_from([pl.Int8(), pl.Int64(), pl.UInt64(), pl.Int128(), pl.UInt128()])


@settings(max_examples=200)
@given(DECIMALS, WIDTHS, st.data())
def test_whole_numbers_into_decimals(kind: tuple[int, int], pulled: pl.DataType, data: st.DataObject) -> None:
    low, high = (pl.select(one).item() for one in (pulled.min(), pulled.max()))  # pyright: ignore
    values = data.draw(st.lists(st.integers(low, high) | st.integers(0, 127), min_size=1))
    assert cast(values, pulled, pl.Decimal(*kind)) == [held(Decimal(v), *kind) for v in values]


@settings(max_examples=200)
@given(DECIMALS, DECIMALS, st.data())
def test_decimals_into_decimals(pulled: tuple[int, int], kind: tuple[int, int], data: st.DataObject) -> None:
    precision, scale = pulled
    most = 10**precision - 1
    counts = data.draw(st.lists(st.integers(-most, most) | st.integers(-min(most, 999), min(most, 999)), min_size=1))
    with localcontext(prec=80):
        values = [Decimal(count).scaleb(-scale) for count in counts]
    assert cast(values, pl.Decimal(*pulled), pl.Decimal(*kind)) == [held(v, *kind) for v in values]
    texts = [f"{v:f}" for v in values]
    assert cast(texts, pl.String(), pl.Decimal(*kind)) == [held(v, *kind) for v in values]


def test_truth_into_decimals() -> None:
    assert cast([True, False, None], pl.Boolean(), pl.Decimal(5, 2)) == [1, 0, None]
    assert cast([True, False], pl.Boolean(), pl.Decimal(2, 2)) == [UNPARSABLE, 0]


@given(st.lists(st.floats(), min_size=1))
def test_floats_are_finite(values: list[float]) -> None:
    finite = [v if v == v and abs(v) != float("inf") else UNPARSABLE for v in values]
    assert cast(values, pl.Float64(), pl.Float64()) == finite
    whole = [int(v) if v == v and abs(v) < 2**63 and v == int(v) else UNPARSABLE for v in values]
    assert cast(values, pl.Float64(), pl.Int64()) == whole


@given(st.lists(st.none() | st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)), min_size=1))
def test_times_into_dates_only_at_midnight(values: list[datetime | None]) -> None:
    midnight = [v if v is None else v.date() if v.time() == datetime.min.time() else UNPARSABLE for v in values]
    assert cast(values, pl.Datetime("us"), pl.Date()) == midnight
    assert cast(values, pl.Datetime("us"), pl.Datetime("ms")) == [
        v if v is None or v.microsecond % 1000 == 0 else UNPARSABLE for v in values
    ]


def test_dates_and_zones() -> None:
    noon = datetime(2024, 6, 1, 12)
    aware = noon.replace(tzinfo=UTC)
    assert cast([date(2024, 6, 1)], pl.Date(), pl.Datetime("us")) == [datetime(2024, 6, 1)]
    assert cast([aware], pl.Datetime("us", "UTC"), pl.Datetime("us")) == [noon]
    assert cast([aware], pl.Datetime("us", "Europe/Berlin"), pl.Datetime("us")) == [UNPARSABLE]
    berlin = cast([aware], pl.Datetime("ns", "Europe/Berlin"), pl.Datetime("us"), time_zone="Europe/Berlin")
    assert berlin == [noon + timedelta(hours=2)]
    assert cast([noon], pl.Datetime("us"), pl.Datetime("us", "UTC"), time_zone="Europe/Berlin") == [
        aware - timedelta(hours=2)
    ]
    assert cast([aware], pl.Datetime("us", "UTC"), pl.Datetime("us", "UTC")) == [aware]
    assert cast([aware], pl.Datetime("us", "UTC"), pl.Datetime("us", "Europe/Berlin")) == [aware]
    assert cast([datetime(2024, 3, 31, 2, 30)], pl.Datetime("us"), pl.Datetime("us", "Europe/Berlin")) == [UNPARSABLE]


def test_truth_from_numbers() -> None:
    assert cast([1, 0, 2, None], pl.Int16(), pl.Boolean()) == [True, False, UNPARSABLE, None]
    assert cast([1.0, 0.5], pl.Float64(), pl.Boolean()) == [True, UNPARSABLE]
    assert cast([True, None], pl.Boolean(), pl.Int32()) == [1, None]
    assert cast([True], pl.Boolean(), pl.Date()) == [UNPARSABLE]


@pytest.mark.parametrize(
    ("values", "dtype", "texts"),
    [
        ([7, None], pl.Int64(), ["7", None]),
        ([Decimal("1.50")], pl.Decimal(12, 2), ["1.50"]),
        ([True], pl.Boolean(), ["true"]),
        ([date(2024, 6, 1)], pl.Date(), ["2024-06-01"]),
        ([datetime(2024, 6, 1, 12)], pl.Datetime("us"), ["2024-06-01T12:00:00.000000"]),
        ([datetime(2024, 6, 1, 12, tzinfo=UTC)], pl.Datetime("us", "UTC"), ["2024-06-01T12:00:00.000000+00:00"]),
        ([1.5], pl.Float64(), ["1.5"]),
        ([b"\x01\xff"], pl.Binary(), ["01ff"]),
        ([{"a": 1}], pl.Struct({"a": pl.Int64}), ['{"a":1}']),
        ([[1, 2]], pl.List(pl.Int64), ["[1,2]"]),
        ([timedelta(hours=1)], pl.Duration("us"), ["PT1H"]),
        (["x"], pl.Categorical(), ["x"]),
        ([None], pl.Null(), [None]),
    ],
)
def test_everything_has_a_text(values: list[Any], dtype: pl.DataType, texts: list[str | None]) -> None:
    raw = pl.Series("raw", values, dtype=dtype)
    assert raw.to_frame().select(text_of(pl.col("raw"), dtype)).to_series().to_list() == texts
    assert cast(values, dtype, pl.String()) == texts


def test_what_cannot_be_a_date_is_unparsable() -> None:
    assert cast([20240601, None], pl.Int64(), pl.Date()) == [UNPARSABLE, None]
    assert cast([[1]], pl.List(pl.Int64), pl.Int64()) == [UNPARSABLE]
    assert cast([None, None], pl.Null(), pl.Decimal(12, 2)) == [None, None]
    assert cast(["12", "x"], pl.Categorical(), pl.Int64()) == [12, UNPARSABLE]
