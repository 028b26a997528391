"""Rules of a whole table, asked of the candidate: one that does not hold holds the table, and blames no row."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.causes import Cause, degree
from tilth.assets.publishing.engine import quoted
from tilth.schemas.judging import Quality
from tilth.schemas.relations import Number, TableRule
from tilth.schemas.spec import Spec
from tilth.schemas.table_rules import bound, refusal, verdict_on

__all__ = ["verdicts_on"]


def verdicts_on(
    candidate: Candidate, table: str, spec: Spec, pulled: str | None
) -> tuple[Sequence[Quality], Sequence[Cause]]:
    """The verdicts on a table as it would be published, and what holds it; `pulled`: what comes to it, as SQL.

    What is said of pulls is not asked where nothing comes.
    """
    verdicts: list[Quality] = []
    wrong: list[Cause] = []
    for rule in spec.rules:
        rows = quoted(table) if isinstance(rule, TableRule) and rule.over == "table" else pulled
        if isinstance(rule, TableRule) and rows is not None:
            found = _measured(candidate, rows, rule)
            verdicts.append(verdict_on(rule, found))
            said = refusal(rule, found)
            if said is not None and found is not None and rule.severity == "error":
                name, how_bad = bound(rule, found)
                wrong.append(Cause(name, said, degree(how_bad)))
    return verdicts, wrong


def _measured(candidate: Candidate, rows: str, rule: TableRule) -> Number | None:
    column = quoted(rule.column or "")
    what = {"row_count": "count(*)", "null_share": f"avg(({column} IS NULL)::INT)"}
    what["value_share"] = f"avg(coalesce({column} = ?, false)::INT)"
    sql = what.get(rule.measure, f"{'avg' if rule.measure == 'mean' else rule.measure}({column})")
    ((found,),) = candidate.run(f"SELECT {sql} FROM {rows}", [rule.value] if rule.measure == "value_share" else [])
    return found if isinstance(found, int | float | Decimal) else None
