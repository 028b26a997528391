"""Asking rules of parsed values: all row rules in one pass, the others one by one.

A verdict is a series of true, false and null; what null means is the caller's (`ignore_na`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandera.backends.polars.builtin_checks  # noqa: F401  # pyright: ignore[reportUnusedImport]  (registers)
import polars as pl
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.backends.polars.checks import PolarsCheckBackend

from tilth.errors import ContractError
from tilth.schemas.rules import Rule

__all__ = ["backend_of", "verdicts"]


def verdicts(rules: Sequence[Rule], values: pl.DataFrame, where: str) -> list[pl.Series]:
    """One series per rule, as long as `values`."""
    fast = {f"{number}": rule.expression for number, rule in enumerate(rules) if rule.expression is not None}
    try:
        known = values.select(**fast) if fast else pl.DataFrame()
    except pl.exceptions.PolarsError:  # a strict cast met a value it cannot take: find the rows
        known = pl.DataFrame({name: _one_by_one(expression, values) for name, expression in fast.items()})
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


def _one_by_one(expression: pl.Expr, values: pl.DataFrame) -> pl.Series:
    """Rows for which a rule cannot be evaluated fail it; found by halving."""
    try:
        return values.select(verdict=expression)["verdict"]
    except pl.exceptions.PolarsError:
        if values.height <= 1:
            return pl.Series("verdict", [False] * values.height, dtype=pl.Boolean)
        half = values.height // 2
        return pl.concat([_one_by_one(expression, values[:half]), _one_by_one(expression, values[half:])])


def _materialised(rule: Rule, values: pl.DataFrame, where: str) -> pl.Series:
    if not values.height:
        return pl.Series([], dtype=pl.Boolean)
    try:
        said = backend_of(rule.check).apply(PolarsData(values.lazy(), rule.target))
        found = said if isinstance(said, bool) else said.collect().to_series()
    except Exception as error:
        what = f"check {rule.name} failed: {type(error).__name__}: {error}"
        raise ContractError(what, where=f"{where}.{rule.column or rule.name}") from error
    if isinstance(found, bool):
        return pl.repeat(found, values.height, eager=True)
    if len(found) == values.height:
        return found
    if len(found) == 1:
        return pl.repeat(found[0], values.height, dtype=pl.Boolean, eager=True)
    raise ContractError(
        f"check {rule.name} gives {len(found)} verdicts",
        where=f"{where}.{rule.column or rule.name}",
        expected="one, or one a row",
    )
