"""Asking rules of parsed values: all row rules in one pass, the others one by one.

A verdict is a series of true, false and null; what null means is the caller's (`ignore_na`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandera.backends.polars.builtin_checks  # noqa: F401  # pyright: ignore[reportUnusedImport]  (registers)
import polars as pl
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.backends.polars.checks import PolarsCheckBackend

from tilth.errors import ContractError
from tilth.schemas.breaking import BREAKS, unbroken
from tilth.schemas.rules import Rule

__all__ = ["asked", "backend_of", "verdicts"]


def verdicts(rules: Sequence[Rule], values: pl.DataFrame, where: str) -> list[pl.Series]:
    """One series per rule, as long as `values`."""
    fast = {f"{number}": rule.expression for number, rule in enumerate(rules) if rule.expression is not None}
    try:
        known = values.select(**fast) if fast else pl.DataFrame()
    except BREAKS:  # a strict cast met a value it cannot take, or a function one that Python has not: find the rows
        known = pl.DataFrame({f"{number}": _alone(rules[number], values, where) for number in map(int, fast)})
    return [
        known[f"{number}"] if rule.expression is not None else _materialised(rule, values, where)
        for number, rule in enumerate(rules)
    ]


def backend_of(check: Check) -> PolarsCheckBackend:
    """Pandera's own way of calling a check on polars frames."""
    name = getattr(check._check_fn, "__name__", "")  # pyright: ignore[reportPrivateUsage]
    if Check.is_builtin_check(name):  # copies of a schema hold copies of the function, made before it knew polars
        check._check_fn = Check.get_builtin_check_fn(name)  # pyright: ignore[reportPrivateUsage]
    return PolarsCheckBackend(check)


def _alone(rule: Rule, values: pl.DataFrame, where: str) -> pl.Series:
    """The verdict of one rule: rows for which it cannot be evaluated fail it."""
    assert rule.expression is not None
    try:
        return unbroken(rule.expression, values)
    except (NameError, ImportError) as error:  # mistakes of the contract: no data can mend them
        place = rule.where or f"{where}.{rule.column or rule.name}"
        raise ContractError(f"check {rule.name} failed: {_said(error)}", where=place) from error


def _materialised(rule: Rule, values: pl.DataFrame, where: str) -> pl.Series:
    if not values.height:
        return pl.Series([], dtype=pl.Boolean)
    return asked(rule.check, values, rule.target, rule.where or f"{where}.{rule.column or rule.name}")


def asked(check: Check, values: pl.DataFrame, target: str, where: str) -> pl.Series:
    """What a check's own function says of a frame, row by row; ContractError when it says nothing that can be used."""
    try:
        backend, data = backend_of(check), PolarsData(values.lazy(), target)
        said: Any = backend.apply(data) if check.element_wise else backend.check_fn(data)
        found = said.collect() if isinstance(said, pl.LazyFrame) else said
    except (Exception, pl.exceptions.PanicException) as error:
        raise ContractError(f"check {check.name} failed: {_said(error)}", where=where) from error
    if isinstance(found, bool):
        return pl.repeat(found, values.height, dtype=pl.Boolean, eager=True)
    if not isinstance(found, pl.DataFrame) or not found.width:
        raise _no_verdict(check, where, type(said).__name__)
    strange = [str(dtype) for dtype in found.dtypes if not isinstance(dtype, pl.Boolean | pl.Null)]
    if strange:
        raise _no_verdict(check, where, f"values of {', '.join(dict.fromkeys(strange))}")
    verdict = found.select(pl.fold(pl.lit(True), lambda a, b: a & b, pl.all())).to_series()
    verdict = verdict if found.width > 1 else found.to_series().cast(pl.Boolean)
    if len(verdict) == values.height:
        return verdict
    if len(verdict) == 1:
        return pl.repeat(verdict[0], values.height, dtype=pl.Boolean, eager=True)
    what, got = f"check {check.name} gives {len(verdict)} verdicts", f"{values.height} rows"
    raise ContractError(what, where=where, expected="one, or one a row", got=got)


def _no_verdict(check: Check, where: str, got: str) -> ContractError:
    expected = "a LazyFrame of one Boolean a row, or True or False"
    return ContractError(f"check {check.name} gives no verdict", where=where, expected=expected, got=got)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0]
