"""The names that DuckDB gives to a contract's types: what schemas in events say, whatever file the data is in."""

from __future__ import annotations

from typing import Any

import polars as pl

__all__ = ["sql_type"]

_NAMES = {
    "Int8": "TINYINT", "Int16": "SMALLINT", "Int32": "INTEGER", "Int64": "BIGINT", "Int128": "HUGEINT",
    "UInt8": "UTINYINT", "UInt16": "USMALLINT", "UInt32": "UINTEGER", "UInt64": "UBIGINT", "UInt128": "UHUGEINT",
    "String": "VARCHAR", "Boolean": "BOOLEAN", "Date": "DATE", "Time": "TIME_NS", "Float32": "FLOAT",
    "Float64": "DOUBLE", "Binary": "BLOB",
}  # fmt: skip
_MOMENTS = {"ms": "TIMESTAMP_MS", "us": "TIMESTAMP", "ns": "TIMESTAMP_NS"}
_INSTANTS = {"ms": "TIMESTAMP WITH TIME ZONE", "us": "TIMESTAMP WITH TIME ZONE", "ns": "TIMESTAMPTZ_NS"}


def sql_type(dtype: Any) -> str:
    """`DECIMAL(12,2)`, `TIMESTAMPTZ_NS`, `BIGINT[]`, …; a type that the curated file cannot hold keeps polars' name."""
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return (_INSTANTS if dtype.time_zone else _MOMENTS)[dtype.time_unit]
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return "VARCHAR"
    if isinstance(dtype, pl.List | pl.Array):
        return f"{sql_type(dtype.inner)}[{dtype.size if isinstance(dtype, pl.Array) else ''}]"
    if isinstance(dtype, pl.Struct):
        import duckdb  # knows which names it quotes

        return str(duckdb.struct_type({one.name: sql_type(one.dtype) for one in dtype.fields}))
    return _NAMES.get(str(dtype)) or str(dtype).upper()
