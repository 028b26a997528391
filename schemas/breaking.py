"""Rules that polars cannot evaluate for some rows: which rows those are, in as few looks as may be.

A strict cast ends the whole column at the first value it cannot take. So each is asked again without being strict: a
null where there was a value is a row that breaks it. What breaks for another reason is found by halving.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

__all__ = ["BREAKS", "unbroken"]

BREAKS = (Exception, pl.exceptions.PanicException)
"""What a rule may raise: polars' own, and Python's for values that Python does not have, such as a day after 9999."""

_ELSEWHERE = ("Ternary", "Eval")  # what stands in these is asked of some rows, or of elements: it breaks no whole row


def unbroken(expression: pl.Expr, values: pl.DataFrame) -> pl.Series:
    """The verdict on each row, false where the rule cannot be evaluated for that row alone."""
    values = values[list(dict.fromkeys(expression.meta.root_names()))]
    bad = _broken(expression, values)
    if bad is None or not bad.any():
        return _halved(expression, values)
    verdict = pl.repeat(False, values.height, dtype=pl.Boolean, eager=True)
    return verdict.scatter((~bad).arg_true(), _halved(expression, values.filter(~bad)))


def _halved(expression: pl.Expr, values: pl.DataFrame) -> pl.Series:
    try:
        return values.select(verdict=expression)["verdict"]
    except BREAKS as error:
        if isinstance(error, NameError | ImportError):
            raise
        if values.height <= 1:
            return pl.Series("verdict", [False] * values.height, dtype=pl.Boolean)
        half = values.height // 2
        return pl.concat([_halved(expression, values[:half]), _halved(expression, values[half:])])


def _broken(expression: pl.Expr, values: pl.DataFrame) -> pl.Series | None:
    """Which rows hold what a strict cast in the expression cannot take; None where that cannot be told."""
    try:
        loose: list[tuple[Any, Any]] = []
        _loosened(json.loads(expression.meta.serialize(format="json")), loose)
        broken = [values.select(before.is_not_null() & after.is_null()).to_series() for before, after in _pairs(loose)]
    except BREAKS:  # functions of Python cannot be written down, for one
        return None
    firsts = [found.arg_true()[0] for found in broken if found.any()]
    if not all(_breaks(expression, values[int(first)]) for first in firsts):
        return None
    return pl.DataFrame([one.alias(f"{at}") for at, one in enumerate(broken)]).max_horizontal() if broken else None


def _pairs(loose: list[tuple[Any, Any]]) -> Iterator[tuple[pl.Expr, pl.Expr]]:
    for before, after in loose:
        asked = _expression(before)
        if asked.meta.root_names():  # else it is the same for all rows
            yield asked, _expression(after)


def _expression(tree: Any) -> pl.Expr:
    return pl.Expr.deserialize(json.dumps(tree).encode(), format="json")


def _breaks(expression: pl.Expr, row: pl.DataFrame) -> bool:
    try:
        row.select(expression)
    except BREAKS:
        return True
    return False


def _loosened(tree: Any, found: list[tuple[Any, Any]]) -> Any:
    """The tree of an expression without strict casts; puts what each is asked of, and the cast, into `found`."""
    if isinstance(tree, list):
        return [_loosened(one, found) for one in tree]
    if not isinstance(tree, dict):
        return tree
    node: dict[str, Any] = tree
    if any(name in node for name in _ELSEWHERE):
        return node
    made = {name: _loosened(one, found) for name, one in node.items()}
    cast, function = made.get("Cast"), made.get("Function")
    if isinstance(cast, dict) and cast.get("options") == "Strict":
        made["Cast"] = cast | {"options": "NonStrict"}
        found.append((cast["expr"], made))
    elif isinstance(function, dict) and '"strict": true' in (said := json.dumps(function["function"])):
        loose = json.loads(said.replace('"strict": true', '"strict": false'))
        made["Function"] = function | {"function": loose}
        found.append((function["input"][0], made))
    return made
