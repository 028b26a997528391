"""How the rules of a contract that look beyond one value are written.

    class Invoice(Contract):
        rules = (
            adds_up("net", "vat", to="gross"),
            functional_dependency("zip", "city", vote=True),
            ascending("number", within="book", by="issued_on"),
            total("net", of="invoice_lines.amount", by="invoice_no"),
            row_count(at_least=1),
        )

A plain pandera model says the same in its `Config.metadata`: `{"rules": (…,)}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import cast

from tilth.errors import ContractError
from tilth.schemas.relations import Ascending, FunctionalDependency, Measure, Number, Severity, Sum, TableRule, Total

__all__ = [
    "adds_up",
    "aggregate",
    "ascending",
    "functional_dependency",
    "null_share",
    "row_count",
    "total",
    "value_share",
]


def functional_dependency(
    determinant: str | Sequence[str], dependent: str | Sequence[str], *, vote: bool = False, severity: str = "error"
) -> FunctionalDependency:
    """Rows with equal `determinant` have equal `dependent`; with `vote` only the outvoted rows are blamed."""
    where = "functional_dependency()"
    return FunctionalDependency(
        _names(where, "determinant", determinant), _names(where, "dependent", dependent), vote, _severe(where, severity)
    )


def ascending(
    column: str,
    *,
    by: str,
    within: str | Sequence[str] = (),
    strict: bool = True,
    gapless: bool = False,
    severity: str = "error",
) -> Ascending:
    """`column` ascends in the order of `by`, within rows of equal `within`; `gapless`: by ones."""
    where = "ascending()"
    groups = _names(where, "within", within) if within else ()
    return Ascending(column, by, groups, strict, gapless, _severe(where, severity))


def adds_up(*parts: str, to: str, tolerance: Number | str = 0, severity: str = "error") -> Sum:
    """The columns `parts` of a record add up to its column `to`."""
    where = "adds_up()"
    return Sum(_names(where, "parts", parts), to, _amount(where, tolerance), _severe(where, severity))


def total(
    column: str, *, of: str, by: str | Mapping[str, str], tolerance: Number | str = 0, severity: str = "error"
) -> Total:
    """`column` is the sum of `of` ("table.column") over the rows of that table that belong to the record.

    `by`: the columns that tell which do, own column to theirs; a name alone when both are called the same.
    """
    where = "total()"
    table, dot, amount = of.partition(".")
    if not (table and dot and amount) or "." in amount:
        raise ContractError("of cannot be used", where=where, expected="'table.column'", got=repr(of))
    pairs = {by: by} if isinstance(by, str) else dict(by)
    if not pairs or not all(name for pair in pairs.items() for name in pair):
        raise ContractError("by cannot be used", where=where, expected="a column, or {own: theirs}", got=repr(by))
    return Total(column, table, amount, tuple(pairs.items()), _amount(where, tolerance), _severe(where, severity))


def row_count(
    *, at_least: int | None = None, at_most: int | None = None, over: str = "table", severity: str = "error"
) -> TableRule:
    """How many rows there are."""
    return _table("row_count()", "row_count", None, None, (at_least, at_most), over, severity)


def null_share(column: str, *, at_most: Number, over: str = "table", severity: str = "error") -> TableRule:
    """Which share of a column is missing, 0 to 1."""
    return _table("null_share()", "null_share", column, None, (None, at_most), over, severity)


def value_share(
    column: str,
    value: str | int | bool,
    *,
    at_least: Number | None = None,
    at_most: Number | None = None,
    over: str = "table",
    severity: str = "error",
) -> TableRule:
    """Which share of the rows has this value, 0 to 1."""
    return _table("value_share()", "value_share", column, value, (at_least, at_most), over, severity)


def aggregate(
    measure: str,
    column: str,
    *,
    at_least: Number | None = None,
    at_most: Number | None = None,
    over: str = "table",
    severity: str = "error",
) -> TableRule:
    """The `sum`, `mean`, `min` or `max` of a column of numbers."""
    if measure not in ("sum", "mean", "min", "max"):
        expected = "'sum', 'mean', 'min' or 'max'"
        raise ContractError("aggregate cannot be used", where="aggregate()", expected=expected, got=repr(measure))
    return _table("aggregate()", cast("Measure", measure), column, None, (at_least, at_most), over, severity)


def _table(
    where: str,
    measure: Measure,
    column: str | None,
    value: str | int | bool | None,
    bounds: tuple[Number | None, Number | None],
    over: str,
    severity: str,
) -> TableRule:
    low, high = bounds
    wrong = [bound for bound in bounds if bound is not None and _not_a_number(bound)]
    if wrong or (low is None and high is None) or (low is not None and high is not None and low > high):
        got = repr(wrong[0]) if wrong else f"{low!r} and {high!r}"
        raise ContractError("the bounds cannot be used", where=where, expected="at_least, at_most or both", got=got)
    if measure.endswith("_share") and any(bound is not None and not 0 <= bound <= 1 for bound in bounds):
        raise ContractError("a share is between 0 and 1", where=where, got=f"{high if high is not None else low}")
    if over not in ("table", "pull"):
        raise ContractError("over cannot be used", where=where, expected="'table' or 'pull'", got=repr(over))
    return TableRule(measure, column, value, low, high, over, _severe(where, severity))


def _not_a_number(value: object) -> bool:
    return isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value != value


def _names(where: str, what: str, given: object) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) and name for name in names):
        raise ContractError(
            f"{what} cannot be used", where=where, expected="a column, or a tuple of them", got=repr(given)
        )
    return tuple(cast("Sequence[str]", names))


def _amount(where: str, given: Number | str) -> Decimal:
    """A tolerance, exactly as it is written."""
    try:
        found = Decimal(str(given))
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0 or isinstance(given, bool):
        raise ContractError("tolerance cannot be used", where=where, expected="a number like '0.01'", got=repr(given))
    return found


def _severe(where: str, given: str) -> Severity:
    if given not in ("error", "warn"):
        raise ContractError("severity cannot be used", where=where, expected="'error' or 'warn'", got=repr(given))
    return given
