"""Frames whose rows were judged: parted into good and toxic rows, or put together with others of their pull."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import polars as pl

from tilth.schemas.casting import exactly, text_of, with_own_texts
from tilth.schemas.reasons import Failure, as_json, key_text, reasons
from tilth.schemas.rules import Quality
from tilth.schemas.spec import Spec
from tilth.schemas.values import DELETED, Found, Values

__all__ = ["Judged", "Looked", "joined"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the rows of one frame."""

    good: pl.DataFrame
    toxic: pl.DataFrame
    quality: tuple[Quality, ...]


@dataclass(frozen=True)
class Looked:
    """One frame whose rows were judged, and not yet parted."""

    spec: Spec
    raw: pl.DataFrame
    values: Values
    failures: list[Failure]
    quality: tuple[Quality, ...]

    @cached_property
    def condemned(self) -> pl.Series | None:
        """Which rows are toxic; None: no row is."""
        masks = [failure.failed for failure in self.failures if failure.severity == "error"]
        return reduce(_or, masks) if masks else None

    def parted(self) -> Judged:
        """Good rows, as they were read with what passes through and `_deleted`; toxic rows."""
        at = self._condemned_at()
        return Judged(self.good(self._everything()), self._told(at, self._read(at)), self.quality)

    def told(self) -> pl.DataFrame:
        """As `toxic`, of all rows: what their values are, and reasons that only warn."""
        at = pl.int_range(self.raw.height, dtype=pl.UInt32, eager=True)
        warned = replace(self, failures=[failure for failure in self.failures if failure.severity == "warn"])
        return warned._told(at, self._read(at))

    def good(self, frame: pl.DataFrame, *, without: pl.Series | None = None) -> pl.DataFrame:
        """The rows of a frame (as long as this one) that are not toxic; rows `without` are left out, too."""
        condemned = self.condemned
        away = without if condemned is None else condemned if without is None else condemned | without
        return frame if away is None else frame.filter(~away)

    def _everything(self) -> pl.DataFrame:
        dead = self.values.dead
        if dead is None:
            dead = pl.repeat(False, self.raw.height, dtype=pl.Boolean, eager=True)
        passing = [self.raw[name] for name in self.values.passing]
        return pl.DataFrame([*passing, *self.values.frame.get_columns(), dead.alias(DELETED)])

    def toxic(self) -> pl.DataFrame:
        """What passes through, key, version, raw and reasons of the toxic rows."""
        return self._told(self._condemned_at())

    def _condemned_at(self) -> pl.Series:
        condemned = self.condemned
        return pl.Series([], dtype=pl.UInt32) if condemned is None else condemned.arg_true()

    def _read(self, at: pl.Series) -> pl.Series:
        """What was read of the values of these rows: a JSON object of texts by contract column; null: nothing."""
        read = self.values.frame[at]
        return as_json(read, read.columns).alias("read")

    def _told(self, at: pl.Series, *more: pl.Series) -> pl.DataFrame:
        rows, passing = with_own_texts(self.raw[at]), self.values.passing
        read = list(dict.fromkeys([*self.spec.key, *(name for one in self.failures for name in one.read)]))
        values = with_own_texts(self.values.frame.select(read)[at]) if read else rows
        told = [
            key_text(values, self.spec.key).alias("key"),
            pl.repeat(None, len(at), dtype=pl.String, eager=True).alias("version"),
            as_json(rows, [name for name in rows.columns if name not in passing]).alias("raw"),
            *more,
            reasons(self.failures, rows, values, at).alias("reasons"),
        ]
        return pl.DataFrame([*(rows[name] for name in passing), *told])


def _or(one: pl.Series, other: pl.Series) -> pl.Series:
    return one | other


def joined(parts: Sequence[Looked]) -> Looked:
    """Frames of one pull, each read by itself, as one: values have the contract's types, whatever the frames had."""
    if len(parts) == 1:
        return parts[0]
    heights = [part.raw.height for part in parts]
    frame = pl.concat([part.values.frame for part in parts])
    dead = _end_to_end([part.values.dead for part in parts], heights)
    found = {
        name: _found_together([part.values.found.get(name, []) for part in parts], heights) for name in frame.columns
    }
    passing = list(dict.fromkeys(name for part in parts for name in part.values.passing))
    failures = _failures_together(parts, heights)
    quality = tuple(one for part in parts for one in part.quality)
    values = Values(frame, passing, found, dead)
    return Looked(parts[0].spec, _raw_together([part.raw for part in parts]), values, failures, quality)


def _end_to_end(masks: Sequence[pl.Series | None], heights: Sequence[int]) -> pl.Series | None:
    """The masks of several frames as one; None where none has any."""
    if all(mask is None for mask in masks):
        return None
    return pl.concat(
        pl.repeat(False, height, dtype=pl.Boolean, eager=True) if mask is None else mask
        for mask, height in zip(masks, heights, strict=True)
    )


def _found_together(parts: Sequence[list[Found]], heights: Sequence[int]) -> list[Found]:
    rules = dict.fromkeys((rule, expected) for found in parts for rule, expected, _ in found)
    masks = [{(rule, expected): failed for rule, expected, failed in found} for found in parts]
    return [(*rule, _end_to_end([mask.get(rule) for mask in masks], heights)) for rule in rules]


def _failures_together(parts: Sequence[Looked], heights: Sequence[int]) -> list[Failure]:
    told = [{failure: failure.failed for failure in part.failures} for part in parts]
    together: list[Failure] = []
    for said in dict.fromkeys(said for failures in told for said in failures):
        failed = _end_to_end([failures.get(said) for failures in told], heights)
        together += [replace(said, failed=failed)] if failed is not None else []
    return together


def _raw_together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Columns as they were pulled; those of several types as the texts that are shown of them."""
    types: dict[str, set[pl.DataType]] = {}
    for frame in frames:
        for name, dtype in frame.schema.items():
            types.setdefault(name, set()).add(dtype)
    mixed = [name for name, several in types.items() if len(several) > 1]
    told = [f.with_columns(text_of(exactly(n), f.schema[n]).alias(n) for n in mixed if n in f.schema) for f in frames]
    return pl.concat(told, how="diagonal")
