"""What a batch lands as: its own types, and text where Parquet or a data frame has no exact type for them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any  # for what is Arrow's: pyarrow has no type stubs

import pyarrow as pa

__all__ = ["landable"]


def landable(table: Any) -> Any:
    """The table, with columns as text that no later room could read: wide decimals, maps, intervals, unions, …"""
    for at, field in enumerate(table.schema):
        if not _fits(field.type):
            table = table.set_column(at, field.name, _texts(table.column(at)))
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


def _texts(column: Any) -> Any:
    return pa.chunked_array([pa.array([_text(value) for value in column.to_pylist()], pa.string())])


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, default=_text, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
