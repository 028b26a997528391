"""A contract of one check, right or wrong."""

from __future__ import annotations

from typing import Any

import pandera.polars as pa

__all__ = ["schema"]


def schema(function: Any, **options: Any) -> pa.DataFrameSchema:
    """Two columns, of which `a` has the check."""
    checks = pa.Check(function, name="it", **options)
    return pa.DataFrameSchema({"a": pa.Column(int, checks), "b": pa.Column(str)}, name="Bad")
