"""The rules of a project's contracts, tried before any record is judged: what is wrong, and what takes the slow way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.errors import ContractError
from tilth.pipelines.contracts import placed, shown_place
from tilth.pipelines.project import Project

__all__ = ["rule_problems", "slow_rules"]


def rule_problems(project: Project, declared: TableDeclaration | DerivedDeclaration) -> Iterator[ContractError]:
    """Each rule that cannot be asked, or whose verdicts nobody could rely on, at its file and line."""
    from tilth.schemas.judging import Judge
    from tilth.schemas.trial import findings

    model, code = project.contract(declared), project.settings.code
    try:
        judge = Judge.of(model)
    except ContractError as error:
        yield placed(error, model, code=code)
        return
    yield from (placed(error, model, code=code) for error in findings(judge.rules, judge.spec))


def slow_rules(project: Project, names: Iterable[str]) -> tuple[str, ...]:
    """What is said of the rules of these tables that take the slow way, each once."""
    from tilth.schemas.judging import Judge
    from tilth.schemas.trial import slow

    told: dict[str, None] = {}
    for name in names:
        model = project.contract(project.tables.get(name) or project.derived[name])
        try:
            rules = Judge.of(model).rules
        except ContractError:  # told as a problem
            continue
        for one in slow(rules):
            told[f"{shown_place(one.where, model, code=project.settings.code)}: {one.what}"] = None
    return tuple(told)
