"""What is wrong with the columns of a frame as such, whatever its records hold: each is a reason on all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import polars as pl

from tilth.schemas.reasons import Failure
from tilth.schemas.rules import Quality
from tilth.schemas.spec import Spec
from tilth.schemas.values import Values

__all__ = ["misshapen"]


def misshapen(
    spec: Spec, raw: pl.DataFrame, values: Values, beside: Collection[str]
) -> Iterator[tuple[Failure, Quality]]:
    """Each fault, as a failure of all records but tombstones, and how many those are."""
    for rule, names, expected in _faults(spec, raw.columns, beside):
        failed = pl.repeat(True, raw.height, dtype=pl.Boolean, eager=True)
        failed = failed if values.dead is None else failed & ~values.dead
        column = ",".join(names)
        told = Quality(rule, column, "error", values.alive(key=False), int(failed.sum()))
        yield Failure(rule, column, (), expected, failed), told


def _faults(spec: Spec, pulled: Sequence[str], beside: Collection[str]) -> Iterator[tuple[str, list[str], str]]:
    """(rule, columns, expected); columns that start with `_`, or stand in `beside`, are the house's."""
    read = {column.source for column in spec.columns}
    theirs = [name for name in pulled if name in read or not (name.startswith("_") or name in beside)]
    for pattern in spec.absent:
        yield "column", [pattern], f"a column like {pattern} in the source"
    more = [name for name in theirs if name not in read]
    if spec.strict and more:
        yield "strict", more, "no columns but those of the contract"
    found = [name for name in theirs if name in read]
    wanted = [name for name in dict.fromkeys(column.source for column in spec.columns) if name in found]
    astray = next((name for name, right in zip(found, wanted, strict=True) if name != right), None)
    if spec.ordered and astray is not None:
        yield "ordered", [astray], f"columns in the order {', '.join(wanted)}"
