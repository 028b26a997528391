"""Rules of a whole table, asked of the candidate: one that does not hold holds the table, and blames no row."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted
from tilth.schemas.judging import Quality
from tilth.schemas.relations import Number, TableRule
from tilth.schemas.spec import Spec
from tilth.schemas.table_rules import refusal, verdict_on

__all__ = ["refusal_of"]


def refusal_of(
    candidate: Candidate, table: str, spec: Spec, pulled: str | None, also: Sequence[str] = ()
) -> tuple[Sequence[Quality], str | None]:
    """The verdicts on a table as it would be published, and why it is not to be; `pulled`: what comes to it, as SQL.

    What is said of pulls is not asked where nothing comes. `also`: what else is wrong with it.
    """
    verdicts: list[Quality] = []
    wrong = [*also]
    for rule in spec.rules:
        rows = quoted(table) if isinstance(rule, TableRule) and rule.over == "table" else pulled
        if isinstance(rule, TableRule) and rows is not None:
            found = _measured(candidate, rows, rule)
            verdicts.append(verdict_on(rule, found))
            said = refusal(rule, found)
            wrong += [said] if said is not None and rule.severity == "error" else []
    step = f'\n  next: mend it and tilth run, or tilth publish accept {table} --why "…"'
    return verdicts, "; ".join(wrong) + step if wrong else None


def _measured(candidate: Candidate, rows: str, rule: TableRule) -> Number | None:
    column = quoted(rule.column or "")
    what = {"row_count": "count(*)", "null_share": f"avg(({column} IS NULL)::INT)"}
    what["value_share"] = f"avg(coalesce({column} = ?, false)::INT)"
    sql = what.get(rule.measure, f"{'avg' if rule.measure == 'mean' else rule.measure}({column})")
    ((found,),) = candidate.run(f"SELECT {sql} FROM {rows}", [rule.value] if rule.measure == "value_share" else [])
    return found if isinstance(found, int | float | Decimal) else None
