"""Values the source typed are cast where nothing is lost, and unparsable where something would be."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
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


@given(st.lists(st.floats() | st.integers(-(10**11), 10**11).map(lambda n: n / 100), min_size=1))
def test_floats_into_decimals_only_when_exact_to_the_scale(values: list[float]) -> None:
    def fits(value: float) -> Any:
        if value != value or abs(value) == float("inf"):
            return UNPARSABLE
        number = Decimal(repr(value))
        return number if number == round(number, 2) and abs(number) < 10**10 else UNPARSABLE

    assert cast(values, pl.Float64(), pl.Decimal(12, 2)) == [fits(v) if abs(v) < 1e20 else UNPARSABLE for v in values]


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
