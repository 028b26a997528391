"""Parquet as others write it: values that no data frame has are judged as what they are, never as missing ones."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tilth.pipelines.judged import judge_files
from tilth.pipelines.judged_faults import Reading
from tilth.schemas.contract import Contract, field

DAY = 86_400
NOON, UTC = dt.datetime(2026, 1, 1, 12), dt.UTC


def of_type(dtype: Any) -> type[Contract]:
    body = {"__annotations__": {"it": dtype}, "it": field(nullable=True), "__module__": __name__, "__doc__": "One."}
    return type("One", (Contract,), body)


def moments(kind: Any, *values: Any) -> Any:
    return pa.array(values, kind)


TIMES = [(unit, DAY * 10**digits) for unit, digits in (("s", 0), ("ms", 3), ("us", 6), ("ns", 9))]
CASES: list[tuple[Any, Any, list[Any], list[tuple[int, str]]]] = [  # values, type, what is good, what is told
    (moments(pa.timestamp("us", "+05:30"), NOON.replace(tzinfo=UTC), None), pl.Datetime("us", "UTC"),
     [NOON.replace(tzinfo=UTC), None], []),
    (moments(pa.list_(pa.timestamp("us", "-01:00")), [NOON.replace(tzinfo=UTC)]), pl.List(pl.Datetime("us", "UTC")),
     [[NOON.replace(tzinfo=UTC)]], []),
    (moments(pa.decimal256(50, 2), Decimal("1.50"), Decimal(10**40)), pl.Decimal(12, 2), [Decimal("1.50")],
     [(2, f"{10**40}.00")]),
    (moments(pa.map_(pa.string(), pa.int64()), [("a", 1)]), str, ['[{"key":"a","value":1}]'], []),
    (moments(pa.map_(pa.string(), pa.decimal256(50, 1)), [("a", Decimal("0.5"))]), str, ['[["a", "0.5"]]'], []),
    *((pa.array([0, day, None], pa.int32() if unit in ("s", "ms") else pa.int64()).cast(
        pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)), dt.time, [dt.time(), None], [(2, "24:00:00")])
      for unit, day in TIMES),
    (pa.array([DAY * 10**9 + 5], pa.int64()).cast(pa.time64("ns")), dt.time, [], [(1, "24:00:00.000000005")]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "dtype", "good", "told"), CASES, ids=[str(one[0].type) for one in CASES])
def test_no_value_becomes_another_one(
    tmp_path: Path, values: Any, dtype: Any, good: list[Any], told: list[str]
) -> None:
    file, out = tmp_path / "some.parquet", tmp_path / "out"
    for number in (1, 0):  # of times that the values are there
        pq.write_table(pa.table({"it": values}).slice(0, len(values) * number), file, row_group_size=1)
        judged = judge_files([file], of_type(dtype), Reading(), out=out, force=True)
        assert pl.read_parquet(out / "good.parquet")["it"].to_list() == good * number
        reasons = [(line, one["value"]) for _, line, _, [one] in judged.toxic.iter_rows()]
        assert reasons == told * number
