"""What `tilth check` looks at in rules that reach beyond their table, and in rules that a derived table cannot keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tilth.assets.marked import mistake

if TYPE_CHECKING:
    from tilth.errors import DeclarationError
    from tilth.pipelines.project import Project
    from tilth.schemas.relations import Total
    from tilth.schemas.spec import Spec

__all__ = ["relation_problems"]


def relation_problems(project: Project, name: str, spec: Spec, specs: Mapping[str, Spec]) -> Iterator[DeclarationError]:
    """Totals that lead nowhere or cannot be exact; rules of pulled tables in the contract of a derived one."""
    from tilth.schemas.relations import TableRule, Total

    where = project.declarations.where(name, "contract")
    totals = [rule for rule in spec.rules if isinstance(rule, Total)]
    if name in project.derived:
        changing = [c.name for c in spec.columns if c.transitions is not None or c.initial is not None]
        told = [*(f"transitions of {column}" for column in changing), *(f"the total {rule.column}" for rule in totals)]
        told += [
            f"{rule.name} over a pull" for rule in spec.rules if isinstance(rule, TableRule) and rule.over == "pull"
        ]
        for what in told:
            yield mistake(
                f"{spec.name}: {what}: a derived table is built, not pulled",
                where=where,
                expected="the rule in the contract of a table that is pulled",
            )
        return
    for rule in totals:
        yield from _total_problems(project, f"{spec.name}.rules: {rule.column}", rule, spec, specs, where)


def _total_problems(
    project: Project, who: str, rule: Total, spec: Spec, specs: Mapping[str, Spec], where: str
) -> Iterator[DeclarationError]:
    from tilth.schemas.dtypes import kind_of
    from tilth.schemas.reading_rules import exact

    if rule.table not in project.tables:
        derived = rule.table in project.derived
        why = "a derived table, which nobody new comes to" if derived else "and nothing declares such a table"
        what = f"{who} is the sum of {rule.table}.{rule.amount}, {why}"
        yield mistake(what, where=where, got=rule.table, known=[*project.tables])
        return
    if rule.table not in specs:
        return  # its own contract cannot be used: told there
    theirs = specs[rule.table].schema
    for column in (rule.amount, *(their for _, their in rule.by)):
        if column not in theirs:
            what = f"{who} is told by {rule.table}.{column}, which {specs[rule.table].name} does not have"
            yield mistake(what, where=where, got=column, known=theirs)
    if rule.amount in theirs and not exact(theirs[rule.amount]):
        what = f"{who} is the sum of {rule.table}.{rule.amount}, {theirs[rule.amount]}, which is not exact"
        yield mistake(what, where=where, expected="a Decimal or int column")
    for own, their in rule.by:
        if their in theirs and kind_of(spec.schema[own]) != kind_of(theirs[their]):
            what = f"{own} is {kind_of(spec.schema[own])}, and {rule.table}.{their} is {kind_of(theirs[their])}"
            yield mistake(f"{who}: {what}", where=where, expected="one type for both")
