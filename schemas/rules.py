"""Rules: what is judged of a record, in the words of reasons and the quality table.

Names are pandera's check names, the names of custom check methods, and ours: `parse`, `not_null`, `column`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Any, Literal

import pandera.polars as pa
import polars as pl
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData

from tilth.schemas.relations import Sum
from tilth.schemas.spec import Severity

__all__ = ["EMAIL", "NO_MOJIBAKE", "Kind", "Quality", "Rule", "expected_by", "named_check", "sum_check", "summed"]

EMAIL, NO_MOJIBAKE = "email", "no_mojibake"

Kind = Literal["row", "set", "table"]
"""row: looks at one record; set: needs all records of the pull; table: gives one verdict on all of them.

Reasons also know `join`, of rules that need another table or what is published, and `file`: a whole file is refused.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled check. Without an expression, pandera's own function is called on the whole frame (slow)."""

    name: str
    column: str | None  # as reasons name it: one column, several joined by ",", or None
    columns: tuple[str, ...]  # the columns it looks at
    expected: str
    severity: Severity
    kind: Kind
    ignore_na: bool
    expression: pl.Expr | None
    check: Check
    target: str  # what pandera's function gets as key: a column, or "*"
    where: str = ""  # class and field, with file and line of a check that somebody wrote

    @property
    def slow(self) -> bool:
        """Whether Python or a materialised frame is needed."""
        return self.expression is None or self.check.element_wise


@dataclass(frozen=True, slots=True)
class Quality:
    """How often one rule was asked, and how often it failed."""

    rule: str
    column: str | None
    severity: Severity
    checked: int
    failed: int
    measured: str | None = None  # of a rule of the whole table: what is bounded, and how; several share a name

    @property
    def asked(self) -> tuple[str, str | None, Severity, str | None]:
        """What tells it from others."""
        return self.rule, self.column, self.severity, self.measured


def _email(data: PolarsData) -> pl.LazyFrame:
    label = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    pattern = rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{label}(?:\.{label})+$"
    text = pl.col(data.key)
    return data.lazyframe.select(text.str.contains(pattern) & ~text.str.contains("..", literal=True))


def _no_mojibake(data: PolarsData) -> pl.LazyFrame:
    # U+FFFD; C1 controls; UTF-8 read as latin-1 or cp1252: a lead byte and what its follow byte became; such a BOM
    cp1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
    follow = f"[\u0080-\u00bf{cp1252}]"
    pattern = f"[\ufffd\u0080-\u009f]|[\u00c2-\u00df]{follow}|\u00e2{follow}{follow}|\u00ef\u00bb\u00bf|\u00f0\u0178"
    return data.lazyframe.select(~pl.col(data.key).str.contains(pattern))


_NAMED: Mapping[str, tuple[Callable[[PolarsData], pl.LazyFrame], str]] = MappingProxyType(
    {
        EMAIL: (_email, "an e-mail address"),
        NO_MOJIBAKE: (_no_mojibake, "text in one encoding, without traces of another"),
    }
)


def named_check(name: str) -> Check:
    """One of the checks that `field` adds by name."""
    function, words = _NAMED[name]
    return pa.Check(function, name=name, error=words)


def sum_check(rule: Sum) -> Check:
    """Columns that add up, exactly: whole numbers as decimals, which do not wrap around."""

    def adds_up(data: PolarsData) -> pl.LazyFrame:
        schema = data.lazyframe.collect_schema()
        floats = any(schema[name].is_float() for name in rule.columns)
        *parts, whole = [_exact(name, schema[name], floats) for name in rule.columns]
        off = (reduce(lambda a, b: a + b, parts) - whole).abs()
        return data.lazyframe.select(off <= pl.lit(float(rule.tolerance) if floats else rule.tolerance))

    return pa.Check(adds_up, name=rule.name, error=rule.expected)


def _exact(name: str, dtype: pl.DataType, floats: bool) -> pl.Expr:
    if floats:
        return pl.col(name).cast(pl.Float64)
    return pl.col(name).cast(pl.Decimal(38, 0)) if dtype.is_integer() else pl.col(name)


def expected_by(check: Check) -> str:
    """What the check expects, in words."""
    said = _said(check.registry_name or "", check.statistics) if check.statistics else ""
    text = said or check.error or check.description or ""
    return str(text).strip().split("\n", maxsplit=1)[0] or f"{check.name} to hold"


def _said(name: str, given: Mapping[str, Any]) -> str:
    low, high = given.get("min_value"), given.get("max_value")
    signs = {"greater_than": f"> {low}", "greater_than_or_equal_to": f">= {low}", "less_than": f"< {high}"}
    signs |= {"less_than_or_equal_to": f"<= {high}", "equal_to": f"= {given.get('value')}"}
    signs |= {"not_equal_to": f"not {given.get('value')}", "str_matches": f"text like {_pattern(given)}"}
    signs |= {"str_contains": f"text with {_pattern(given)}", "str_length": _length(given)}
    signs |= {"isin": f"one of {_listed(given.get('allowed_values'))}"}
    signs |= {"notin": f"none of {_listed(given.get('forbidden_values'))}"}
    return signs.get(name, "")


def _pattern(given: Mapping[str, Any]) -> str:
    pattern = given.get("pattern")
    return str(getattr(pattern, "pattern", pattern))


def _length(given: Mapping[str, Any]) -> str:
    low, high, exact = given.get("min_value"), given.get("max_value"), given.get("exact_value")
    if exact is not None:
        return f"{exact} characters"
    parts = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
    return f"{' and '.join(filter(None, parts))} characters"


def _listed(values: Any) -> str:
    texts = [str(value) for value in values or ()]
    texts = sorted(texts) if isinstance(values, set | frozenset) else texts
    return ", ".join(texts[:20]) + (f" and {len(texts) - 20} more" if len(texts) > 20 else "")


def summed(quality: Sequence[Quality]) -> tuple[Quality, ...]:
    """One line a rule, in the order in which the rules are met first."""
    sums: dict[tuple[str, str | None, Severity, str | None], Counter[str]] = {}
    for one in quality:
        sums.setdefault(one.asked, Counter()).update(checked=one.checked, failed=one.failed)
    return tuple(
        Quality(rule, column, severity, of["checked"], of["failed"], measured)
        for (rule, column, severity, measured), of in sums.items()
    )
