"""Every polars type: judged as it comes, read from text exactly or not at all, told canonically."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.errors import ContractError
from tilth.schemas.contract import spec_of
from tilth.schemas.dtypes import publishable
from tilth.schemas.judging import Verdict, judge
from tilth.schemas.nested import from_json, json_text
from tilth.schemas.reading import refuse_unpublishable

pytestmark = pytest.mark.filterwarnings("ignore:.*support is not guaranteed")

WORDS = pl.Enum(["new", "paid", "gone"])
INNER = pl.Struct({"day": pl.Date, "tags": pl.List(pl.String), "price": pl.Decimal(9, 2)})
UNPUBLISHED = [pl.Int128(), pl.UInt128(), pl.Float16(), pl.Duration("us"), pl.Null()]
VALUES: list[tuple[pl.DataType, list[Any], list[str | None]]] = [  # type, values, the same as text
    (pl.Categorical(), ["a b", None], ["a b", ""]),
    (WORDS, ["paid", "new"], ["paid", " new "]),
    (pl.Time(), [dt.time(23, 59, 58), dt.time(1, 2, 3, 400000)], ["23:59:58", "01:02:03.4"]),
    (pl.Duration("us"), [dt.timedelta(days=1, hours=2), -dt.timedelta(seconds=90)], ["P1DT2H", "-00:01:30"]),
    (pl.Duration("ms"), [dt.timedelta(milliseconds=1), dt.timedelta(weeks=1)], ["PT0.001S", "P1W"]),
    (pl.Binary(), [b"\x00\xff", b"a"], ["00fF", "61"]),
    (pl.Int128(), [2**100, -5], [str(2**100), "(5)"]),
    (pl.UInt128(), [2**100, 5], [str(2**100), "5.0"]),
    (pl.Float16(), [1.5, -0.25], ["1.5", "-2.5e-1"]),
    (pl.Float32(), [1.5, None], ["1.5", " "]),
    (pl.UInt64(), [2**64 - 1, 0], [str(2**64 - 1), "0"]),
    (pl.Decimal(38, 10), [Decimal(10**27), Decimal("-0.5")], ["1" + "0" * 27, "-0.5000000000000"]),
    (pl.Null(), [None, None], ["", None]),
    (pl.List(pl.Int64), [[1, None], []], ["[1, null]", "[]"]),
    (pl.List(pl.Decimal(9, 2)), [[Decimal("1.50")], None], ["[1.50]", ""]),
    (pl.Array(pl.Int8, 2), [[1, 2], [3, 4]], ["[1,2]", "[3,4.0]"]),
    (
        INNER,
        [
            {"day": dt.date(2024, 2, 29), "tags": ["x"], "price": Decimal("1.50")},
            {"day": None, "tags": None, "price": None},
        ],
        ['{"price":1.5,"day":"2024-02-29","tags":["x"]}', "{}"],
    ),
    (
        pl.List(pl.Struct({"at": pl.Datetime("us", "UTC"), "ok": pl.Boolean})),
        [[{"at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "ok": True}]],
        ['[{"at":"2024-01-01T00:00:00Z","ok":true}]'],
    ),
    (
        pl.Struct({"t": pl.Time, "b": pl.Binary, "f": pl.Float64, "w": WORDS, "u": pl.UInt8}),
        [{"t": dt.time(1), "b": b"a", "f": 1.0, "w": "new", "u": 255}],
        ['{"t":"01:00:00","b":"61","f":1,"w":"new","u":255}'],
    ),
]
WRONG: list[tuple[pl.DataType, list[str], str]] = [  # type, texts of none of its values, what is expected
    (WORDS, ["Paid", "old", "new paid"], "one of new, paid, gone"),
    (pl.Time(), ["24:00:00", "1:00:00", "12:00", "12:00:60", "noon"], "time like 23:59:58"),
    (
        pl.Duration("us"),
        ["P", "PT", "P1M", "P1Y", "1:2:3", "1h", "P1DT", "PT0.0000001S", "00:60:00"],
        "length of time like P1DT2H30M or 26:30:00",
    ),
    (pl.Duration("ms"), ["PT0.0001S"], "length of time like P1DT2H30M or 26:30:00"),
    (pl.Binary(), ["f", "zz", "0x00", "61 62"], "bytes as hexadecimal digits"),
    (pl.Int128(), [str(2**127), "1.5"], "integer of 128 bits"),
    (pl.UInt128(), ["-1", str(2**128)], "integer of 128 bits"),
    (pl.Float16(), ["1e9", "inf", "x"], "number"),
    (pl.Decimal(38, 10), ["1" + "0" * 28, "0.00000000001"], "decimal(38,10)"),
    (pl.Null(), ["x", "null"], "no value"),
    (
        pl.List(pl.Int64),
        ["[1.5]", '["1"]', "1", "[1", "[true]", "[NaN]", "{}", "[9223372036854775808]", "[1] x"],
        "JSON of List(Int64)",
    ),
    (pl.Array(pl.Int8, 2), ["[1]", "[1,2,3]", "[1,200]"], "JSON of Array(Int8, shape=(2,))"),
    (
        pl.Struct({"a": pl.Decimal(3, 1), "d": pl.Date}),
        ['{"b":1}', '{"a":1,"a":2}', '{"a":1.25}', '{"a":100}', '{"d":"2024-1-5"}', '{"d":"2024-02-30"}', "[]", '"x"'],
        "JSON of Struct({'a': Decimal(precision=3, scale=1), 'd': Date})",
    ),
    (pl.List(pl.Duration), ['["1 h"]'], "JSON of List(Duration(time_unit='us'))"),
    (
        pl.List(pl.Datetime("us")),
        ['["2024-01-01T00:00:00Z"]'],
        "JSON of List(Datetime(time_unit='us', time_zone=None))",
    ),
    (pl.List(pl.Time), ['["01:00:00+01:00"]', "[1]"], "JSON of List(Time)"),
    (pl.List(pl.Binary), ['["6 1"]', '["6"]'], "JSON of List(Binary)"),
]


def of_type(dtype: Any, **facts: Any) -> type[pa.DataFrameModel]:
    """A model of one nullable column `it`."""
    dtype = type(dtype) if isinstance(dtype, pl.Int128 | pl.UInt128 | pl.Float16) else dtype  # as pandera takes them
    body = {"__annotations__": {"it": dtype}, "it": pa.Field(nullable=True, **facts), "__module__": __name__}
    return type("Model", (pa.DataFrameModel,), body)


def judged(values: pl.Series, dtype: Any, **facts: Any) -> Verdict:
    return judge(values.alias("it").to_frame(), of_type(dtype, **facts))


@pytest.mark.parametrize(("dtype", "values", "texts"), VALUES, ids=[f"{n} {v[0]}" for n, v in enumerate(VALUES)])
def test_values_of_every_type_as_they_come_and_as_text(dtype: pl.DataType, values: Any, texts: Any) -> None:
    typed = pl.Series(values, dtype=dtype)
    assert judged(typed, dtype).good["it"].equals(typed, check_dtypes=True, null_equal=True)
    read = judged(pl.Series(texts, dtype=pl.String), dtype)
    assert read.counts["toxic"] == 0 and read.good.schema["it"] == dtype
    assert read.good["it"].to_list() == values
    told = judged(pl.concat([typed, pl.Series([None], dtype=dtype)]), pl.String).good["it"]
    again = judged(told, dtype).good["it"]  # what we tell of a value is the value
    assert again.to_list() == [*values, None]


@pytest.mark.parametrize(("dtype", "texts", "expected"), WRONG, ids=[f"{n} {v[0]}" for n, v in enumerate(WRONG)])
def test_texts_that_are_no_value_of_the_type(dtype: pl.DataType, texts: list[str], expected: str) -> None:
    verdict = judged(pl.Series([*texts, ""], dtype=pl.String), dtype)
    assert verdict.reasons.select("rule", "value", "expected").rows() == [("parse", text, expected) for text in texts]
    assert verdict.good["it"].to_list() == [None]


@pytest.mark.parametrize(
    ("pulled", "declared", "fits", "not_"),
    [
        (pl.List(pl.Int64), pl.List(pl.Int8), [[1], [], None, [None]], [[300], [1, 128]]),
        (pl.Array(pl.Int64, 1), pl.List(pl.Int64), [[1]], []),
        (pl.List(pl.Int64), pl.Array(pl.Int64, 2), [[1, 2], None], [[1]]),
        (pl.Array(pl.Int64, 2), pl.Array(pl.Int64, 1), [], [[1, 2]]),
        (pl.List(pl.Int64), pl.List(pl.Time), [[]], [[1]]),
        (pl.List(pl.String), pl.List(pl.Date), [["2024-02-29"]], [["2024-02-30"]]),
        (pl.Struct({"a": pl.Int64, "b": pl.Int64}), pl.Struct({"a": pl.Int64}), [], [{"a": 1, "b": 2}]),
        (pl.Struct({"a": pl.Int64}), pl.Struct({"b": pl.String, "a": pl.Int16}), [{"a": 1}], [{"a": 70000}]),
        (pl.Duration("us"), pl.Duration("ms"), [dt.timedelta(milliseconds=2)], [dt.timedelta(microseconds=2)]),
        (pl.Categorical(), WORDS, ["new"], ["old"]),
        (pl.Enum(["1", "x"]), pl.Int8(), ["1"], ["x"]),
        (pl.Categorical(), pl.Boolean(), ["yes"], ["x"]),
        (pl.Int64(), pl.Enum(["1", "2"]), [1, None], [3]),
        (pl.Boolean(), pl.Categorical(), [True], []),
        (pl.Date(), pl.Enum(["2024-02-29"]), [dt.date(2024, 2, 29)], [dt.date(2024, 2, 28)]),
        (pl.Int64(), pl.Time(), [], [1]),
        (pl.Int64(), pl.Int128(), [-1], []),
        (pl.Int128(), pl.Int8(), [1], [2**100]),
        (pl.List(pl.Int64), pl.Struct({"a": pl.Int64}), [], [[1]]),
        (pl.Float64(), pl.Float16(), [0.5], [0.1, 1e9]),
    ],
)
def test_typed_values_keep_what_they_are_or_are_unparsable(pulled: Any, declared: Any, fits: Any, not_: Any) -> None:
    verdict = judged(pl.Series([*fits, *not_], dtype=pulled), declared)
    assert verdict.good["it"].len() == len(fits) and verdict.toxic.height == len(not_)
    assert set(verdict.reasons["rule"]) <= {"parse"}


def test_a_missing_field_of_a_struct_is_null() -> None:
    verdict = judged(
        pl.Series([{"a": 1}], dtype=pl.Struct({"a": pl.Int64})), pl.Struct({"b": pl.String, "a": pl.Int16})
    )
    assert verdict.good["it"].to_list() == [{"b": None, "a": 1}]


def test_rules_on_other_types_are_asked() -> None:
    class Odd(pa.DataFrameModel):
        tags: pl.List(pl.String)  # type: ignore[valid-type]
        place: pl.Struct({"lat": pl.Float64})  # type: ignore[valid-type]
        at: pl.Time = pa.Field(ge=dt.time(6))
        took: pl.Duration = pa.Field(lt=dt.timedelta(hours=2))
        state: WORDS = pa.Field(isin=["new", "paid"])  # type: ignore[valid-type]

        @pa.check("tags")
        def few(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col(data.key).list.len() < 3)

        @pa.dataframe_check
        def north(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("place").struct.field("lat") > 0)

    rows = {
        "tags": ['["a"]', '["a","b","c"]'], "place": ['{"lat":1.5}', '{"lat":-1}'], "at": ["06:00:00", "05:59:59"],
        "took": ["PT1H", "02:00:00"], "state": ["new", "gone"],
    }  # fmt: skip
    verdict = judge(pl.DataFrame(rows), Odd)
    assert verdict.good.height == 1
    assert verdict.reasons.select("row", "rule", "column", "value").rows() == [
        (1, "few", "tags", '["a","b","c"]'),
        (1, "greater_than_or_equal_to", "at", "05:59:59"),
        (1, "less_than", "took", "02:00:00"),
        (1, "isin", "state", "gone"),
        (1, "north", "place", '{"lat":-1}'),
    ]


def test_raw_values_are_told_canonically() -> None:
    kind = pl.Struct({"b": pl.List(pl.Decimal(5, 2)), "a": pl.Datetime("us"), "é": pl.String})
    value = {"b": [Decimal("1.50"), None], "a": dt.datetime(2024, 1, 1), "é": 'q"'}
    verdict = judge(pl.DataFrame({"it": [value], "n": [1]}, schema={"it": kind, "n": pl.Int64}), of_type(pl.Int8))
    told = '{"a":"2024-01-01T00:00:00.000000","b":[1.50,null],"é":"q\\""}'
    assert verdict.reasons["value"].to_list() == [told]
    assert json.loads(verdict.toxic["raw"][0]) == {"it": told, "n": "1"}


FINE = st.floats(allow_nan=False, allow_infinity=False)
ZONED = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))
LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (pl.Int8(), st.integers(-128, 127)),
    (pl.UInt64(), st.integers(0, 2**64 - 1)),
    (pl.Int128(), st.integers(-(2**127), 2**127 - 1)),
    (pl.Float64(), FINE),
    (pl.Boolean(), st.booleans()),
    (pl.String(), st.text()),
    (pl.Binary(), st.binary(max_size=4)),
    (pl.Date(), st.dates()),
    (pl.Time(), st.times()),
    (pl.Datetime("us"), st.datetimes(dt.datetime(1, 1, 1))),
    (pl.Datetime("us", "UTC"), ZONED),
    (pl.Decimal(9, 2), st.decimals(-(10**6), 10**6, places=2)),
    (WORDS, st.sampled_from(WORDS.categories.to_list())),
]
Typed = tuple[Any, st.SearchStrategy[Any]]


def listed(inner: Typed) -> Typed:
    return pl.List(inner[0]), st.lists(st.none() | inner[1], max_size=3)


def paired(inner: Typed) -> Typed:
    return pl.Array(inner[0], 2), st.lists(st.none() | inner[1], min_size=2, max_size=2)


def named(fields: dict[str, Typed]) -> Typed:
    values = st.fixed_dictionaries({name: st.none() | some for name, (_, some) in fields.items()})
    return pl.Struct({name: dtype for name, (dtype, _) in fields.items()}), values


def nested(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    fields = st.dictionaries(st.sampled_from(["b", "a", "é", 'q"', ""]), inner, min_size=1, max_size=3)
    return inner.map(listed) | fields.map(named)


KINDS = st.recursive(st.sampled_from(LEAVES) | st.sampled_from(LEAVES).map(paired), nested, max_leaves=4)


@given(KINDS.map(listed), st.data())
def test_nested_values_of_any_type_are_what_is_told_of_them(kind: Typed, data: st.DataObject) -> None:
    dtype, values = kind
    series = pl.Series(data.draw(st.lists(st.none() | values, max_size=3)), dtype=dtype)
    told = json_text(series)
    again = from_json(told, dtype)
    assert again.to_list() == series.to_list()
    assert json_text(again).to_list() == told.to_list()
    for text in told.drop_nulls():
        parsed = json.loads(text)
        assert json.dumps(parsed, sort_keys=True) == json.dumps(parsed), "names are sorted"


@given(st.dictionaries(st.text(min_size=1), st.lists(st.integers(-(2**63), 2**63 - 1) | st.none()), min_size=1))
def test_canonical_json_is_json_of_sorted_names(value: dict[str, list[int | None]]) -> None:
    series = pl.Series([value], dtype=pl.Struct(dict.fromkeys(value, pl.List(pl.Int64))))
    (text,) = json_text(series).to_list()
    assert text == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert from_json(pl.Series([text]), series.dtype).to_list() == [value]


@given(st.integers(-(10**15), 10**15))
def test_lengths_of_time(micros: int) -> None:
    value = dt.timedelta(microseconds=micros)
    rest, sign = abs(value), "-" if micros < 0 else ""
    hours, minutes = divmod(int(rest.total_seconds()) // 60, 60)
    clock = f"{sign}{hours}:{minutes:02}:{rest.seconds % 60:02}.{rest.microseconds:06}"
    period = f"{sign}P{rest.days}DT{rest.seconds}.{rest.microseconds:06}S"
    assert judged(pl.Series([clock, period]), pl.Duration("us")).good["it"].to_list() == [value, value]


@pytest.mark.parametrize("dtype", UNPUBLISHED)
def test_what_duckdb_cannot_hold_is_judged_and_not_published(dtype: pl.DataType) -> None:
    for kind in (dtype, pl.List(dtype), pl.Struct({"a": dtype})):
        assert not publishable(kind)
        with pytest.raises(ContractError, match="judged, and not published") as caught:
            refuse_unpublishable(spec_of(of_type(kind)))
        assert caught.value.where == "Model.it"
    refuse_unpublishable(spec_of(of_type(pl.List(pl.Struct({"a": pl.Time, "b": WORDS})))))


@pytest.mark.parametrize(
    ("inner", "text", "read"),
    [
        (pl.Int64(), "1e1000000", None),
        (pl.Int8(), "1e-1000000000", None),
        (pl.Int64(), "1e3", 1000),
        (pl.Decimal(38, 2), "12345678901234567890123456789.125", None),
        (pl.Decimal(38, 2), "9" * 36 + ".99", Decimal("9" * 36 + ".99")),
        (pl.Decimal(38, 2), "12345678901234567890123456789012345.1234", None),
        (pl.Float32(), "3.4e39", None),
        (pl.Datetime("ns"), '"2300-01-01T00:00:00"', None),
        (pl.Datetime("ms"), '"2024-01-01T00:00:00.1234"', None),
        (pl.Datetime("ms"), '"2024-01-01T00:00:00.1230"', dt.datetime(2024, 1, 1, 0, 0, 0, 123_000)),
        (pl.Datetime("us"), '"2024-01-01T00:00:00.1234567"', None),
        (pl.Time(), '"12:00:00.1234567891"', None),
    ],
)
def test_inside_a_list_a_value_is_read_exactly_or_not_at_all(inner: pl.DataType, text: str, read: Any) -> None:
    values = from_json(pl.Series("a", [f"[{text}]"]), pl.List(inner))
    assert values.to_list() == [None if read is None else [read]]
