"""The judge: pulled records in, good ones and toxic ones with every reason out, in one pass.

Parse, standardise, then the rules. Batches are judged eagerly and whole columns at a time; only toxic records are
looked at one reason at a time. References and uniqueness need other records: see `resolve.py` and settling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import polars as pl

from tilth.schemas.compile import compile_rules
from tilth.schemas.dtypes import expected_value
from tilth.schemas.evaluate import verdicts
from tilth.schemas.reading import schema_of, spec_of
from tilth.schemas.reasons import REASON, REASONS, Failure, as_json, key_text, reasons
from tilth.schemas.relations import DeclaredRule
from tilth.schemas.resolve import resolve
from tilth.schemas.rules import Quality, Rule
from tilth.schemas.spec import Spec, unjudged_by
from tilth.schemas.table_rules import verdicts_on_all
from tilth.schemas.together import blamed
from tilth.schemas.values import DELETED, Values, flag_column, passing_through, read_values, tombstoned

__all__ = ["REASON", "REASONS", "Judge", "Judged", "Quality", "Verdict", "judge", "resolve"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the rows of one frame."""

    good: pl.DataFrame
    toxic: pl.DataFrame
    quality: tuple[Quality, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """A contract, compiled: make one per contract with `of` and use it for every batch."""

    spec: Spec
    rules: tuple[Rule, ...]
    deleted: str | None = None

    @classmethod
    def of(cls, model: object, *, deleted: str | None = None) -> Judge:
        """The judge of a pandera model; `deleted` is the source column that flags tombstones."""
        spec = spec_of(model)
        return cls(spec, compile_rules(schema_of(model), spec), deleted)

    @property
    def needs_whole(self) -> bool:
        """Whether some rule looks at more than one record: then judge a pull as one frame."""
        return any(rule.kind != "row" for rule in self.rules)

    def rows(self, raw: pl.DataFrame) -> Judged:
        """Judge landed rows; columns that start with `_` pass through."""
        dead, unsure = tombstoned(self.spec, raw, self.deleted)
        values = read_values(self.spec, raw, dead)
        failures, quality = _unreadable(self.spec, values, unsure, self.deleted)
        for rule, verdict in zip(self.rules, verdicts(self.rules, values.frame, self.spec.name), strict=True):
            failed, asked = _failed(rule, verdict, values)
            count = int(failed.sum()) if failed is not None else 0
            quality.append(Quality(rule.name, rule.column, rule.severity, asked, count))
            if failed is not None and rule.severity == "error":
                failures.append(_failure(self.spec, rule, failed, raw))
        return self._split(raw, values, failures, tuple(quality))

    def tombstones(self, raw: pl.DataFrame) -> Judged:
        """Judge landed tombstones: only the key must be readable; what else they carry is kept where it can be read."""
        dead = pl.repeat(True, raw.height, dtype=pl.Boolean, eager=True)
        values = read_values(self.spec, raw, dead)
        failures, quality = _unreadable(self.spec, values, None, None)
        return self._split(raw, values, failures, tuple(quality))

    def keys(self, raw: pl.DataFrame) -> pl.DataFrame:
        """What passes through, and `_key`: the key as text, null where it is missing or cannot be read."""
        only = replace(self.spec, columns=tuple(column for column in self.spec.columns if column.key))
        passing = [raw[name] for name in passing_through(self.spec, raw)]
        read = read_values(only, raw, None).frame if self.spec.key else raw
        return pl.DataFrame([*passing, key_text(read, self.spec.key).alias("_key")])

    def _split(
        self, raw: pl.DataFrame, values: Values, failures: list[Failure], quality: tuple[Quality, ...]
    ) -> Judged:
        dead = values.dead if values.dead is not None else pl.repeat(False, raw.height, dtype=pl.Boolean, eager=True)
        passing = [raw[name] for name in values.passing]
        everything = pl.DataFrame([*passing, *values.frame.get_columns(), dead.alias(DELETED)])
        if not failures:
            return Judged(everything, self._toxic(raw, values, [], pl.Series([], dtype=pl.UInt32)), quality)
        condemned = reduce(lambda a, b: a | b, (failure.failed for failure in failures))
        toxic = self._toxic(raw, values, failures, condemned.arg_true())
        return Judged(everything.filter(~condemned), toxic, quality)

    def _toxic(self, raw: pl.DataFrame, values: Values, failures: list[Failure], at: pl.Series) -> pl.DataFrame:
        rows = raw[at]
        told = [
            key_text(values.frame[at], self.spec.key).alias("key"),
            pl.repeat(None, len(at), dtype=pl.String, eager=True).alias("version"),
            as_json(rows, [name for name in raw.columns if name not in values.passing]).alias("raw"),
            (reasons(failures, raw, at) if failures else pl.Series([], dtype=REASONS)).alias("reasons"),
        ]
        return pl.DataFrame([*(rows[name] for name in values.passing), *told])


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


def _failure(spec: Spec, rule: Rule, failed: pl.Series, raw: pl.DataFrame) -> Failure:
    sources = {column.name: column.source for column in spec.columns}
    shown = tuple(dict.fromkeys(sources[name] for name in rule.columns if sources[name] in raw.columns))
    return Failure(rule.name, rule.column, shown, rule.expected, failed)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The library face: what of a frame is ready, what is toxic and why, and how many of each."""

    good: pl.DataFrame  # contract columns
    toxic: pl.DataFrame  # row, key, raw, reasons
    reasons: pl.DataFrame  # row, rule, column, value, expected: one line a reason
    counts: Mapping[str, int]  # pulled = good + duplicate + toxic
    quality: tuple[Quality, ...]  # how often each rule was asked, and how often it failed
    unjudged: tuple[str, ...]  # what only other tables, or what is published, can tell
    held: tuple[str, ...] = ()  # rules of the whole table that do not hold: it would not be published


def judge(rows: pl.LazyFrame | pl.DataFrame, contract: object) -> Verdict:
    """Judge one frame as one pull: rows, then one record per key (equal ones are duplicates, others all toxic), then
    what must be unique beside it (all that share a value are toxic).
    """
    frame = rows.collect() if isinstance(rows, pl.LazyFrame) else rows
    work = _Work(Judge.of(contract), frame.with_columns(*_numbered(frame.height)))
    duplicates = work.one_per_key()
    for columns in work.judge.spec.unique:
        work.one_per_value(columns)
    for rule in work.judge.spec.rules:
        work.among_rows(rule)
    toxic = pl.concat(work.toxic).sort("_ordinal").select(pl.col("_ordinal").alias("row"), "key", "raw", "reasons")
    listed = toxic.select("row", "reasons").explode("reasons").unnest("reasons")
    counts = {"pulled": frame.height, "good": work.good.height, "duplicate": duplicates, "toxic": toxic.height}
    spec = work.judge.spec
    good, (whole, held) = work.good.select(list(spec.schema)), verdicts_on_all(work.good, spec.rules)
    return Verdict(good, toxic, listed, counts, (*work.quality, *whole), tuple(unjudged_by(spec)), held)


def _numbered(height: int) -> tuple[pl.Expr, pl.Expr]:
    return pl.lit(0, dtype=pl.Int64).alias("_batch"), pl.int_range(height, dtype=pl.Int64).alias("_ordinal")


class _Work:
    """One frame while it is judged: `good` shrinks, `toxic` grows."""

    def __init__(self, judge: Judge, raw: pl.DataFrame) -> None:
        judged = judge.rows(raw)
        self.judge, self.raw, self.good = judge, raw, judged.good
        self.toxic, self.quality = [judged.toxic], list(judged.quality)

    def one_per_key(self) -> int:
        """Records of one key: equal ones are duplicates (how many), others are all toxic."""
        spec = self.judge.spec
        if not spec.key:
            return 0
        contested = self.good.filter(pl.struct(spec.key).is_duplicated())
        outcomes = resolve(contested, spec.key, version=None, content=list(spec.schema)).select("_ordinal", "outcome")
        losers = outcomes.filter(pl.col("outcome") != "winner")
        condemned = losers.filter(pl.col("outcome") == "unique").join(self.good, on="_ordinal")
        checked = self.good.height
        self._condemn(condemned, spec.key, "one record per key and version", checked)
        self.good = self.good.join(losers, on="_ordinal", how="anti", maintain_order="left")
        return losers.height - condemned.height

    def one_per_value(self, columns: Sequence[str]) -> None:
        """Records that share a value which must be unique: all toxic."""
        present = pl.all_horizontal(pl.col(columns).is_not_null())
        shared = present & pl.struct(columns).is_duplicated()
        checked = int(self.good.select(present.sum()).item())
        self._condemn(self.good.filter(shared), columns, "a value that no other row has", checked)
        self.good = self.good.filter(~shared)

    def among_rows(self, rule: DeclaredRule) -> None:
        """Rows that break a dependency or a sequence among themselves."""
        before = self.good
        for found in blamed(before, rule):
            rows = before.filter(found.failed)
            if rule.severity == "warn":
                self.quality.append(Quality(found.rule, ",".join(found.columns), "warn", found.asked, rows.height))
                continue
            self._condemn(rows, found.columns, found.expected, found.asked, rule=found.rule)
            self.good = self.good.join(rows, on="_ordinal", how="anti", maintain_order="left")

    def _condemn(
        self, rows: pl.DataFrame, columns: Sequence[str], expected: str, checked: int, *, rule: str = "unique"
    ) -> None:
        named = ",".join(columns)
        self.quality.append(Quality(rule, named, "error", checked, rows.height))
        if rows.is_empty():
            return
        raw = self.raw[rows["_ordinal"]]
        pulled = [name for name in raw.columns if not name.startswith("_")]
        shown = key_text(rows, columns) if len(columns) == 1 else rows.select(_together(columns)).to_series()
        why = pl.struct(rule=pl.lit(rule), column=pl.lit(named), value=shown, expected=pl.lit(expected))
        told = [
            key_text(rows, self.judge.spec.key).alias("key"),
            pl.lit(None, dtype=pl.String).alias("version"),
            as_json(raw, pulled).alias("raw"),
        ]
        refused = raw.select("_batch", "_ordinal").with_columns(told)
        self.toxic.append(refused.with_columns(pl.concat_list(why).cast(REASONS).alias("reasons")))


def _together(columns: Sequence[str]) -> pl.Expr:
    return pl.concat_str([pl.col(name).cast(pl.String) for name in columns], separator=", ")
