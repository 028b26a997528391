"""From pandera checks to rules: each check's own function is called once, with a frame that writes down.

The frame knows its columns but holds no data: touching the data raises. What the function selects from it is the
rule, if it looks at one row at a time. A check that cannot be written down this way is called with the
materialised frame later (`Rule.expression` is None), as pandera would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl
from pandera.api.checks import Check
from pandera.api.polars.container import DataFrameSchema
from pandera.api.polars.types import PolarsData
from polars.io.plugins import register_io_source

from tilth.errors import ContractError
from tilth.schemas.authored import place_of
from tilth.schemas.cheaper import cheaper
from tilth.schemas.evaluate import backend_of
from tilth.schemas.relations import Sum
from tilth.schemas.rules import Kind, Rule, expected_by, sum_check
from tilth.schemas.spec import Severity, Spec
from tilth.schemas.trial import called, no_column, tried

__all__ = ["compile_rules"]


def compile_rules(schema: DataFrameSchema, spec: Spec) -> tuple[Rule, ...]:
    """Every check of the model, column checks first, in the order of the model; then its sums."""
    compiler = _Compiler(spec)
    rules: list[Rule] = []
    for column in spec.columns:
        checks = schema.columns[column.name].checks
        rules += [compiler.rule(check, column.name, column.severity) for check in checks]
    rules += [compiler.rule(check, "*", "error") for check in schema.checks or ()]
    return (*rules, *(compiler.rule(sum_check(one), "*", one.severity) for one in spec.rules if isinstance(one, Sum)))


class _Compiler:
    """One contract at work: the frame that writes down, and a frame of nulls to try expressions on."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.schema = spec, spec.schema
        self.recorder = _Recorder.of(self.schema)
        self.nulls = pl.DataFrame({name: [None, None] for name in self.schema}, schema=self.schema)

    def rule(self, check: Check, target: str, severity: Severity) -> Rule:
        """The check as a rule; ContractError when it cannot be one, whatever the data."""
        where = place_of(check, self.spec.name, target)
        expression = _recorded(check, target, self.recorder.anew())
        if expression is not None and not check.element_wise and not self._proved(expression, check, where):
            expression = None
        if expression is not None and check.element_wise:
            called(check, target, self.schema[target], where)
        if expression is None:
            tried(check, target, self.nulls, where)
        else:
            expression = cheaper(check, target, self.schema.get(target), expression)
        roots = set(expression.meta.root_names()) if expression is not None else set[str]()
        columns = tuple(name for name in self.schema if name in roots) if target == "*" else (target,)
        kind: Kind = "row" if expression is not None else "table" if _one_verdict(check) else "set"
        return Rule(
            name=str(check.name), column=",".join(columns) or None, columns=columns, expected=expected_by(check),
            severity="warn" if check.raise_warning else severity, kind=kind, ignore_na=check.ignore_na,
            expression=expression, check=check, target=target, where=where,
        )  # fmt: skip

    def _proved(self, expression: pl.Expr, check: Check, where: str) -> bool:
        """Two rows of nulls in, two verdicts out; an expression that polars refuses is a mistake in the contract."""
        roots = expression.meta.root_names()
        for strange in (name for name in roots if name not in self.schema):
            raise no_column(check, strange, where, self.schema)
        probe = self.nulls[list(dict.fromkeys(roots))]
        try:
            made = probe.select(expression)
        except pl.exceptions.PolarsError as error:
            said = str(error).split("\n", maxsplit=1)[0]
            raise ContractError(f"check {check.name} cannot be evaluated: {said}", where=where) from error
        if made.dtypes != [pl.Boolean()]:
            got = ", ".join(map(str, made.dtypes))
            raise ContractError(f"check {check.name} gives no verdict", where=where, expected="Boolean", got=got)
        return made.height == probe.height


def _one_verdict(check: Check) -> bool:
    return check.registry_name == "unique_values_eq"


class _NotRecorded(Exception):
    """The check looked at data while it was being written down."""


def _no_data(*_: object) -> Iterator[pl.DataFrame]:
    raise _NotRecorded
    yield pl.DataFrame()  # makes this a generator, as polars wants it


class _Recorder(pl.LazyFrame):
    """A frame of known columns without data. Frames made from it by anything but one `select` say nothing."""

    fresh = False
    selected: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, schema: dict[str, pl.DataType]) -> _Recorder:
        """A frame of these columns that has not selected anything yet."""
        return cls._around(register_io_source(_no_data, schema=pl.Schema(schema))).anew()

    def anew(self) -> _Recorder:
        """The same columns, nothing selected."""
        made = self._around(self)
        made.fresh = True
        return made

    @classmethod
    def _around(cls, frame: pl.LazyFrame) -> _Recorder:
        made = cls.__new__(cls)
        made._ldf = frame._ldf
        return made

    def select(self, *exprs: Any, **named_exprs: Any) -> _Recorder:
        """Write down what is selected."""
        made = self._around(super().select(*exprs, **named_exprs))
        if self.fresh:
            made.selected = (*exprs, *named_exprs.values())
        return made


def _recorded(check: Check, target: str, recorder: _Recorder) -> pl.Expr | None:
    """The check as one row-local expression, or None."""
    if check.element_wise:
        return _element_wise(check, target)
    try:
        result = backend_of(check).check_fn(PolarsData(recorder, target))
    except Exception:  # whatever a check does with a frame that is none: it is called with a real one later
        return None
    chosen = result.selected if isinstance(result, _Recorder) else None
    parts = list(_flat(chosen)) if chosen else []
    if not parts or not all(isinstance(part, pl.Expr) and _row_local(part) for part in parts):
        return None
    return parts[0] if len(parts) == 1 else pl.fold(pl.lit(True), lambda a, b: a & b, parts)


def _element_wise(check: Check, target: str) -> pl.Expr | None:
    if target == "*":
        return None
    function = backend_of(check).check_fn

    def verdict(value: Any) -> bool:
        try:
            return bool(function(value))
        except Exception:  # cannot be evaluated: does not hold
            return False

    return pl.col(target).map_elements(verdict, return_dtype=pl.Boolean)


def _flat(parts: Sequence[Any]) -> Iterable[Any]:
    for part in parts:
        if isinstance(part, str):
            yield pl.col(part)
        elif isinstance(part, list | tuple):
            yield from _flat(part)
        else:
            yield part


def _row_local(expression: pl.Expr) -> bool:
    """Whether every node looks at one row only (`is_row_separable` looks at the root node alone)."""
    nodes = [expression]
    try:
        while nodes:
            node = nodes.pop()
            if not node.meta.is_row_separable():
                return False
            nodes.extend(node.meta.pop())
        return not expression.meta.has_multiple_outputs() and bool(expression.meta.root_names())
    except pl.exceptions.PolarsError:  # wildcards and functions of Python have no such meta data
        return False
