"""The judge of one frame: pulled records in, good ones and toxic ones with every reason out, in one pass.

Parse, standardise, then the rules. Whole columns at a time; only toxic records are looked at one reason at a time.
What must be unique needs all frames of a pull: see `repeats.py` and `resolve.py`; references are settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import polars as pl

from tilth.schemas.compile import compile_rules
from tilth.schemas.dtypes import expected_value
from tilth.schemas.evaluate import verdicts
from tilth.schemas.expanding import schema_of
from tilth.schemas.reading import spec_of
from tilth.schemas.reasons import Failure, as_json, key_text, reasons
from tilth.schemas.rules import Quality, Rule
from tilth.schemas.shape import misshapen
from tilth.schemas.spec import Spec, unjudged_by
from tilth.schemas.values import DELETED, Lacking, Values, flag_column, passing_through, read_values, tombstoned

__all__ = ["Judge", "Judged", "Looked", "copied"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the rows of one frame."""

    good: pl.DataFrame
    toxic: pl.DataFrame
    quality: tuple[Quality, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """One frame whose rows were judged, and not yet parted."""

    spec: Spec
    raw: pl.DataFrame
    values: Values
    failures: list[Failure]
    quality: tuple[Quality, ...]

    @property
    def condemned(self) -> pl.Series | None:
        """Which rows are toxic; None: no row is."""
        masks = [failure.failed for failure in self.failures]
        return reduce(_or, masks) if masks else None

    def parted(self) -> Judged:
        """Good rows, as they were read with what passes through and `_deleted`; toxic rows."""
        return Judged(self.good(self._everything()), self.toxic(), self.quality)

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
        condemned = self.condemned
        at = pl.Series([], dtype=pl.UInt32) if condemned is None else condemned.arg_true()
        rows, passing = copied(self.raw, at), self.values.passing
        read = list(dict.fromkeys([*self.spec.key, *(name for one in self.failures for name in one.read)]))
        values = copied(self.values.frame.select(read), at) if read else rows
        told = [
            key_text(values, self.spec.key).alias("key"),
            pl.repeat(None, len(at), dtype=pl.String, eager=True).alias("version"),
            as_json(rows, [name for name in rows.columns if name not in passing]).alias("raw"),
            reasons(self.failures, rows, values, at).alias("reasons"),
        ]
        return pl.DataFrame([*(rows[name] for name in passing), *told])


def copied(frame: pl.DataFrame, at: pl.Series) -> pl.DataFrame:
    """Some rows of a frame that will outlive it; without a copy their texts keep the bytes of all its texts alive."""
    return frame[at].with_columns(pl.col(pl.String) + "")


def _or(one: pl.Series, other: pl.Series) -> pl.Series:
    return one | other


@dataclass(frozen=True, slots=True)
class Judge:
    """A contract, compiled: make one per contract with `of` and use it for every batch."""

    spec: Spec
    rules: tuple[Rule, ...]
    deleted: str | None = None
    beside: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        model: object,
        *,
        deleted: str | None = None,
        pulled: Mapping[str, pl.DataType] | None = None,
        beside: Sequence[str] = (),
    ) -> Judge:
        """The judge of a pandera model.

        `deleted` is the source column that flags tombstones; `pulled` are the columns of the frame at hand, for models
        that leave names or types to the data; `beside` are source columns that a strict contract does not refuse.
        """
        spec = spec_of(model, pulled)
        beside = (*beside, *([deleted] if deleted else []))
        return cls(spec, compile_rules(schema_of(model, pulled), spec), deleted, beside)

    @property
    def needs_whole(self) -> bool:
        """Whether some rule looks at more than one record: then judge a pull as one frame."""
        return any(rule.kind != "row" for rule in self.rules)

    @property
    def unjudged(self) -> tuple[str, ...]:
        """What only other tables, or what is published, can tell."""
        return tuple(unjudged_by(self.spec))

    def rows(self, raw: pl.DataFrame, lacking: Lacking | None = None) -> Judged:
        """Judge landed rows; columns that start with `_` pass through. `lacking`: of frames that were put together."""
        return self.look(raw, lacking).parted()

    def look(self, raw: pl.DataFrame, lacking: Lacking | None = None) -> Looked:
        """What is wrong with each row."""
        dead, unsure = tombstoned(self.spec, raw, self.deleted)
        values = read_values(self.spec, raw, dead, lacking)
        failures, quality = _unreadable(self.spec, values, unsure, self.deleted)
        for failure, told in misshapen(self.spec, raw, values, self.beside, lacking or {}):
            failures.append(failure)
            quality.append(told)
        pulled = frozenset(raw.columns)
        shown = {c.name: c.source for c in self.spec.columns if c.source in pulled}
        for rule, verdict in zip(self.rules, verdicts(self.rules, values.frame, self.spec.name), strict=True):
            failed, asked = _failed(rule, verdict, values)
            count = int(failed.sum()) if failed is not None else 0
            quality.append(Quality(rule.name, rule.column, rule.severity, asked, count))
            if failed is not None and rule.severity == "error":
                failures.append(_failure(rule, failed, shown))
        return Looked(self.spec, raw, values, failures, tuple(quality))

    def tombstones(self, raw: pl.DataFrame) -> Judged:
        """Judge landed tombstones: only the key must be readable; what else they carry is kept where it can be read."""
        dead = pl.repeat(True, raw.height, dtype=pl.Boolean, eager=True)
        values = read_values(self.spec, raw, dead)
        failures, quality = _unreadable(self.spec, values, None, None)
        return Looked(self.spec, raw, values, failures, tuple(quality)).parted()

    def keys(self, raw: pl.DataFrame) -> pl.DataFrame:
        """What passes through, and `_key`: the key as text, null where it is missing or cannot be read."""
        only = replace(self.spec, columns=tuple(column for column in self.spec.columns if column.key))
        passing = [raw[name] for name in passing_through(self.spec, raw)]
        read = read_values(only, raw, None).frame if self.spec.key else raw
        return pl.DataFrame([*passing, key_text(read, self.spec.key).alias("_key")])


def _unreadable(
    spec: Spec, values: Values, unsure: pl.Series | None, flag: str | None
) -> tuple[list[Failure], list[Quality]]:
    """What was wrong before any rule: missing columns, unparsable values, nulls."""
    failures: list[Failure] = []
    if flag is not None and unsure is not None:
        failures.append(Failure("parse", flag, (flag,), expected_value(flag_column(spec, flag)), unsure))
    quality: list[Quality] = []
    for column in spec.columns:
        for rule, expected, failed in values.found[column.name]:
            severity = column.severity if rule == "not_null" else "error"
            shown = (column.source,) if rule != "column" else ()
            count = int(failed.sum()) if failed is not None else 0
            quality.append(Quality(rule, column.name, severity, values.alive(column.key), count))
            if failed is not None and severity == "error":
                failures.append(Failure(rule, column.name, shown, expected, failed))
    return failures, quality


def _failed(rule: Rule, verdict: pl.Series, values: Values) -> tuple[pl.Series | None, int]:
    """Which rows failed (None: no row), and how many were asked: not those whose values are already complained of."""
    nulls = verdict.null_count()
    settled = (nulls == 0 or rule.ignore_na) and verdict.all(ignore_nulls=True)
    skipped = values.skipped(rule.columns)
    if settled and skipped is None:
        return None, len(verdict) - (nulls if rule.ignore_na else 0)
    failed = ~verdict.fill_null(rule.ignore_na)
    asked = verdict.is_not_null() if rule.ignore_na else pl.repeat(True, len(verdict), eager=True)
    if skipped is not None:
        failed, asked = failed & ~skipped, asked & ~skipped
    return (failed if failed.any() else None), int(asked.sum())


def _failure(rule: Rule, failed: pl.Series, sources: Mapping[str, str]) -> Failure:
    shown = tuple(dict.fromkeys(sources[name] for name in rule.columns if name in sources))
    return Failure(rule.name, rule.column, shown, rule.expected, failed)
