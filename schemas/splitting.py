"""The judge of one frame: pulled records in, good ones and toxic ones with every reason out, in one pass.

Parse, standardise, then the rules. Whole columns at a time; only toxic records are looked at one reason at a time.
What must be unique needs all frames of a pull: see `repeats.py` and `resolve.py`; references are settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from tilth.schemas.compile import compile_rules
from tilth.schemas.dtypes import expected_value
from tilth.schemas.evaluate import verdicts
from tilth.schemas.expanding import schema_of
from tilth.schemas.looked import Judged, Looked, joined
from tilth.schemas.reading import spec_of
from tilth.schemas.reasons import Failure, key_text
from tilth.schemas.rules import Quality, Rule
from tilth.schemas.shape import misshapen
from tilth.schemas.spec import Spec, unjudged_by
from tilth.schemas.values import Values, flag_column, passing_through, read_values, tombstoned

__all__ = ["Judge"]


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

    def rows(self, *frames: pl.DataFrame) -> Judged:
        """Judge landed rows, several frames as one; columns that start with `_` pass through."""
        return self.look(*frames).parted()

    def look(self, *frames: pl.DataFrame) -> Looked:
        """What is wrong with each row; each frame answers for its own columns and types."""
        read = joined([self._read(raw) for raw in frames])
        values, failures, quality = read.values, list(read.failures), list(read.quality)
        pulled = frozenset(read.raw.columns)
        shown = {c.name: c.source for c in self.spec.columns if c.source in pulled}
        for rule, verdict in zip(self.rules, verdicts(self.rules, values.frame, self.spec.name), strict=True):
            failed, asked = _failed(rule, verdict, values)
            count = int(failed.sum()) if failed is not None else 0
            quality.append(Quality(rule.name, rule.column, rule.severity, asked, count))
            if failed is not None and (rule.severity == "error" or rule.kind == "row"):
                failures.append(_failure(rule, failed, shown))
        return Looked(self.spec, read.raw, values, failures, tuple(quality))

    def _read(self, raw: pl.DataFrame) -> Looked:
        """What is wrong before any rule: with the frame's columns, and with what could not be read."""
        dead, unsure = tombstoned(self.spec, raw, self.deleted)
        values = read_values(self.spec, raw, dead)
        failures, quality = _unreadable(self.spec, values, unsure, self.deleted)
        for failure, told in misshapen(self.spec, raw, values, self.beside):
            failures.append(failure)
            quality.append(told)
        return Looked(self.spec, raw, values, failures, tuple(quality))

    def tombstones(self, raw: pl.DataFrame) -> Judged:
        """Judge landed tombstones: only the key must be readable; what else they carry is kept where it can be read."""
        return self._dead(raw).parted()

    def _dead(self, raw: pl.DataFrame) -> Looked:
        dead = pl.repeat(True, raw.height, dtype=pl.Boolean, eager=True)
        values = read_values(self.spec, raw, dead)
        failures, quality = _unreadable(self.spec, values, None, None)
        return Looked(self.spec, raw, values, failures, tuple(quality))

    def told_of(self, raw: pl.DataFrame, *, tombstones: bool = False) -> pl.DataFrame:
        """What is to be said of landed rows that their company condemns: as `Judged.toxic`, reasons that only warn."""
        return (self._dead(raw) if tombstones else replace(self, rules=self._warning).look(raw)).told()

    def warnings(self, raw: pl.DataFrame) -> list[Failure]:
        """What only warns of rows that are good by themselves."""
        if not self._warning and all(column.severity == "error" for column in self.spec.columns):
            return []
        return replace(self, rules=self._warning).look(raw).failures

    @property
    def _warning(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.severity == "warn" and rule.kind == "row")

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
            if failed is not None:
                failures.append(Failure(rule, column.name, shown, expected, failed, severity=severity))
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
    return Failure(rule.name, rule.column, shown, rule.expected, failed, kind=rule.kind, severity=rule.severity)
