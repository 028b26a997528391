"""Key texts read back into key values: the inverse of `reasons.key_text`, for the few keys that quarantine knows."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from tilth.schemas.reasons import unescaped
from tilth.schemas.spec import FALSE, TRUE, Spec
from tilth.schemas.values import read_values

__all__ = ["typed_keys"]


def typed_keys(texts: pl.Series, spec: Spec) -> pl.DataFrame:
    """One row a key text, one column a key column, in the contract's types; `texts` holds no nulls."""
    if len(spec.key) == 1:
        parts = [unescaped(texts).alias(spec.key[0])]
    else:
        lists = texts.str.json_decode(pl.List(pl.String))
        parts = [lists.list.get(place).alias(name) for place, name in enumerate(spec.key)]
    columns = tuple(
        replace(
            column, source=column.name, standardise=(), formats=(), decimal=".", thousands=None, true=TRUE, false=FALSE
        )
        for column in spec.columns
        if column.name in spec.key
    )
    return read_values(replace(spec, columns=columns), pl.DataFrame(parts), None).frame.select(spec.key)
