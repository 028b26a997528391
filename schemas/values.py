"""The contract's columns read from one landed frame: parsed, standardised, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from tilth.schemas.dtypes import expected_value
from tilth.schemas.parse import first_look, parse
from tilth.schemas.spec import Column, Spec
from tilth.schemas.standardise import standardised

__all__ = ["DELETED", "Found", "Values", "flag_column", "passing_through", "read_values"]
__all__ += ["tombstoned"]

DELETED = "_deleted"

Found = tuple[str, str, pl.Series | None]
"""A rule of ours, what it expects, and which rows failed it (None: no row)."""


@dataclass(frozen=True, slots=True)
class Values:
    """Contract columns in contract order, and what is known of each."""

    frame: pl.DataFrame
    passing: list[str]  # raw columns that pass through
    found: dict[str, list[Found]]  # by column
    dead: pl.Series | None  # which rows are tombstones; None: none are

    def skipped(self, columns: Iterable[str]) -> pl.Series | None:
        """Rows that a rule over these columns is not asked of: tombstones, and values already complained of."""
        masks = [failed for name in columns for _, _, failed in self.found[name] if failed is not None]
        masks += [self.dead] if self.dead is not None else []
        if not masks:
            return None
        first, *rest = masks
        for mask in rest:
            first = first | mask
        return first

    def alive(self, key: bool) -> int:
        """How many rows a rule on a column is asked of."""
        return self.frame.height if key or self.dead is None else self.frame.height - int(self.dead.sum())


def passing_through(spec: Spec, raw: pl.DataFrame) -> list[str]:
    """Raw columns that belong to the house (their names start with `_`), not to the source."""
    sources = {column.source for column in spec.columns}
    return [name for name in raw.columns if name.startswith("_") and name not in sources]


def read_values(spec: Spec, raw: pl.DataFrame, dead: pl.Series | None) -> Values:
    """Parse and standardise every contract column of `raw`."""
    pulled = frozenset(raw.columns)
    present = [column for column in spec.columns if column.source in pulled]
    looked = raw.select(first_look(column, raw[column.source]) for column in present)
    made: dict[str, pl.Series] = {}
    found: dict[str, list[Found]] = {}
    for column in spec.columns:
        if column.source in pulled:
            value, wrong = parse(column, raw[column.source], looked[column.name])
        else:
            value, wrong = pl.repeat(None, raw.height, dtype=column.dtype, eager=True).alias(column.name), None
        made[column.name] = value
        found[column.name] = [("parse", expected_value(column), wrong)]
    frame = _standardised(spec, pl.DataFrame(list(made.values())))
    frame = frame.with_columns(_filled(c, frame[c.name]) for c in spec.columns if c.default is not None)
    for column in spec.columns:
        here = column.source in pulled
        found[column.name] = _complaints(column, frame[column.name], found[column.name], dead, here)
    return Values(frame, passing_through(spec, raw), found, dead)


def _standardised(spec: Spec, frame: pl.DataFrame) -> pl.DataFrame:
    todo = [standardised(pl.col(c.name), c.standardise).alias(c.name) for c in spec.columns if c.standardise]
    return frame.with_columns(todo) if todo else frame


def _filled(column: Column, value: pl.Series) -> pl.Series:
    """Missing values become the default; those that could not be read are complained of all the same."""
    if not value.null_count():
        return value
    return value.zip_with(value.is_not_null(), pl.repeat(column.default, len(value), dtype=column.dtype, eager=True))


def _complaints(
    column: Column, value: pl.Series, parsed: list[Found], dead: pl.Series | None, here: bool
) -> list[Found]:
    asked = None if dead is None or column.key else ~dead
    if not here and column.required and not column.nullable:
        all_rows = pl.repeat(True, len(value), eager=True)
        return [("column", f"column {column.source} in the source", _narrow(all_rows, asked))]
    (rule, expected, wrong), *_ = parsed
    found: list[Found] = [(rule, expected, _narrow(wrong, asked))]
    if not column.nullable and (here or column.key):
        nulls = value.is_null() if value.null_count() else None
        if nulls is not None and wrong is not None:
            nulls = nulls & ~wrong
        found.append(("not_null", "a value", _narrow(nulls, asked)))
    return found


def _narrow(failed: pl.Series | None, asked: pl.Series | None) -> pl.Series | None:
    if failed is None:
        return None
    failed = failed if asked is None else failed & asked
    return failed if failed.any() else None


def tombstoned(spec: Spec, raw: pl.DataFrame, flag: str | None) -> tuple[pl.Series | None, pl.Series | None]:
    """Which rows a flag column declares deleted, and where the flag cannot be read. A time there means deleted.

    A flag that the contract has as a column is read as that column is: by its words, by its formats.
    """
    if flag is None or flag not in raw.columns or not raw.height:
        return None, None
    pulled, column = raw[flag], flag_column(spec, flag)
    if pulled.dtype.is_temporal():
        return pulled.is_not_null(), None
    value, wrong = parse(column, pulled, raw.select(first_look(column, pulled)).to_series())
    return value.is_not_null() if column.dtype.is_temporal() else value.fill_null(False), wrong


def flag_column(spec: Spec, flag: str) -> Column:
    """How the flag of deleted records is read."""
    known = (c for c in spec.columns if c.source == flag and (c.dtype.is_temporal() or isinstance(c.dtype, pl.Boolean)))
    return next(known, Column(name=flag, source=flag, dtype=pl.Boolean()))
