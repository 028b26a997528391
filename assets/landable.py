"""What a batch lands as: its own types, and text where Parquet or a data frame has no exact type for them.

Data frames know no hour 24, and would make it a missing value; no zones that are an offset, so those times are kept
in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any  # for what is Arrow's: pyarrow has no type stubs

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["in_odd_zone", "landable", "late", "unreadable", "with_texts"]

_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def landable(table: Any) -> Any:
    """The table, with columns as text that no later room could read: wide decimals, maps, intervals, unions, …"""
    odd = {at for at, field in enumerate(table.schema) if not _fits(field.type)}
    return with_texts(table, odd | late([table]))


def late(tables: Iterable[Any]) -> set[int]:
    """Which columns, all of the same tables, hold the hour 24."""
    return {
        at
        for table in tables
        for at, field in enumerate(table.schema)
        if pa.types.is_time(field.type) and (_last(table.column(at)) or 0) >= _DAY[field.type.unit]
    }


def unreadable(kind: Any) -> bool:
    """Whether no data frame reads values of this type from Parquet, be their zone UTC or not."""
    if pa.types.is_nested(kind):
        return any(unreadable(kind.field(at).type) for at in range(kind.num_fields))
    return pa.types.is_decimal(kind) and not _fits(kind)


def in_odd_zone(kind: Any) -> bool:
    """Whether values of this type are, or hold, times of a zone that is an offset."""
    if pa.types.is_nested(kind):
        return any(in_odd_zone(kind.field(at).type) for at in range(kind.num_fields))
    return pa.types.is_timestamp(kind) and (kind.tz or "").startswith(("+", "-"))


def with_texts(table: Any, odd: Collection[int]) -> Any:
    """The table with these columns as text, and times of odd zones in UTC."""
    for at, field in enumerate(table.schema):
        if at in odd:
            table = table.set_column(at, field.name, _texts(table.column(at)))
        elif (kind := _in_utc(field.type)) != field.type:
            table = table.set_column(at, field.name, table.column(at).cast(kind))
    return table


def _fits(kind: Any) -> bool:
    if pa.types.is_decimal(kind):
        return kind.precision <= 38 and 0 <= kind.scale <= kind.precision
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _fits(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_fits(field.type) for field in kind)
    odd = (pa.types.is_map, pa.types.is_fixed_size_list, pa.types.is_interval, pa.types.is_union)
    odd += (pa.types.is_run_end_encoded, pa.types.is_list_view, pa.types.is_large_list_view)
    return not (isinstance(kind, pa.BaseExtensionType) or any(is_odd(kind) for is_odd in odd))


def _in_utc(kind: Any) -> Any:
    """The type, with UTC for zones that are an offset; not inside maps and lists of fixed size."""
    if not in_odd_zone(kind):
        return kind
    if pa.types.is_timestamp(kind):
        return pa.timestamp(kind.unit, "UTC")
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_in_utc(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_in_utc(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_in_utc(field.type)) for field in kind])
    return kind


def _last(times: Any) -> int | None:
    """The latest time, as it is counted."""
    return pc.call_function("max", [_counted(times)]).as_py()


def _counted(times: Any) -> Any:
    return times.cast(pa.int32() if pa.types.is_time32(times.type) else pa.int64())


def _texts(column: Any) -> Any:
    if pa.types.is_time(column.type):
        return pa.chunked_array([_clocks(column)], pa.string())
    return pa.chunked_array([pa.array([_text(value) for value in column.to_pylist()], pa.string())])


def _clocks(times: Any) -> Any:
    """Times of day to the hour 24, which Python does not know either."""
    unit = _DAY[times.type.unit] // _DAY["s"]
    clocks = (None if count is None else _clock(count, unit) for count in _counted(times).to_pylist())
    return pa.array(clocks, pa.string())


def _clock(count: int, unit: int) -> str:
    seconds, rest = divmod(count, unit)
    fraction = f".{rest:0{len(str(unit)) - 1}}" if rest else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, default=_text, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
