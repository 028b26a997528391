"""The names that DuckDB gives to a contract's types: what schemas in events say, whatever file the data is in."""

from __future__ import annotations

import polars as pl

__all__ = ["sql_type"]

_INTEGERS = {
    "Int8": "TINYINT",
    "Int16": "SMALLINT",
    "Int32": "INTEGER",
    "Int64": "BIGINT",
    "Int128": "HUGEINT",
    "UInt8": "UTINYINT",
    "UInt16": "USMALLINT",
    "UInt32": "UINTEGER",
    "UInt64": "UBIGINT",
    "UInt128": "UHUGEINT",
}
_OTHERS = {"String": "VARCHAR", "Boolean": "BOOLEAN", "Date": "DATE", "Float32": "FLOAT", "Float64": "DOUBLE"}
_SHORT = {"ms": "TIMESTAMP_MS", "us": "TIMESTAMP", "ns": "TIMESTAMP_NS"}


def sql_type(dtype: pl.DataType) -> str:
    """`DECIMAL(12,2)`, `TIMESTAMP WITH TIME ZONE`, …; a type that no contract can have keeps polars' name."""
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE" if dtype.time_zone else _SHORT[dtype.time_unit]
    name = str(dtype)
    return _INTEGERS.get(name) or _OTHERS.get(name) or name.upper()
