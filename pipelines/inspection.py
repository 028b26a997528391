"""What `tilth check` looks at: declarations, contracts and sources, each against the other, without pulling.

Every problem is an error value with the file and line to correct; nothing stops the rest from being looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tilth.assets.declaration import raise_mistakes
from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.marked import mistake
from tilth.errors import ContractError, DeclarationError, SourceError, TilthError
from tilth.pipelines.contracts import placed
from tilth.pipelines.inspected_rules import relation_problems
from tilth.pipelines.paths import path_problems
from tilth.pipelines.project import Project, read_project
from tilth.pipelines.rehearsal import query_problems
from tilth.pipelines.ruling import rule_problems, slow_rules

if TYPE_CHECKING:
    from tilth.connectors.protocol import Connector
    from tilth.schemas.match import Match
    from tilth.schemas.spec import Column, Spec

__all__ = ["Inspection", "inspect_project", "refuse_mistakes"]

Declared = TableDeclaration | DerivedDeclaration


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was looked at, and what is wrong."""

    project: Project
    problems: tuple[TilthError, ...]
    answered: Mapping[str, str]  # source → what it says of itself
    warnings: tuple[str, ...] = ()  # what works, and costs


def inspect_project(folder: Path | None, *, reach: bool = True) -> Inspection:
    """Look at everything; with `reach` also at the sources, whose systems must be running."""
    project, mistakes = read_project(folder)
    specs, wrong = _declared_problems(project)
    problems: list[TilthError] = [*mistakes, *wrong, *query_problems(project, specs)]
    answered: dict[str, str] = {}
    for source in project.connections if reach else ():
        problems += _source_problems(project, source, specs, answered)
    return Inspection(project, tuple(_once(problems)), answered, slow_rules(project, specs))


def refuse_mistakes(project: Project) -> None:
    """Raise all that is wrong between declarations and contracts: what `tilth check` refuses, no night goes on with."""
    raise_mistakes([*_once(_declared_problems(project)[1])])


def _declared_problems(project: Project) -> tuple[dict[str, Spec], list[TilthError]]:
    """Each contract that can be used, and what is wrong (paths, too) without asking any source."""
    specs: dict[str, Spec] = {}
    problems: list[TilthError] = [*path_problems(project.settings)]
    for declared in [*project.tables.values(), *project.derived.values()]:
        try:
            specs[declared.name] = _spec(project, declared)
            problems += rule_problems(project, declared)
        except TilthError as error:
            problems.append(error)
    for name, spec in specs.items():
        problems += _contract_problems(project, name, spec, specs)
    return specs, problems


def _spec(project: Project, declared: Declared) -> Spec:
    from tilth.schemas.contract import spec_of
    from tilth.schemas.reading import refuse_unpublishable

    model = project.contract(declared)
    try:
        spec = spec_of(model)
        refuse_unpublishable(spec)
        return spec
    except ContractError as error:
        raise placed(error, model, code=project.settings.code) from error


def _once(problems: list[TilthError]) -> Iterator[TilthError]:
    """Each problem once: two tables of one contract tell of the same mistake in it."""
    seen: set[str] = set()
    for problem in problems:
        if str(problem) not in seen:
            seen.add(str(problem))
            yield problem


def _contract_problems(
    project: Project, name: str, spec: Spec, specs: Mapping[str, Spec]
) -> Iterator[DeclarationError]:
    """What a declaration asks of its contract and the contract does not have, and references that lead nowhere."""
    declared = project.tables.get(name) or project.derived[name]
    where = project.declarations.where
    columns = [column.name for column in spec.columns]
    if isinstance(declared, TableDeclaration):
        yield from _key_problems(project, declared, spec)
        yield from _format_problems(project, declared)
        if declared.version and declared.version not in columns:
            what = f"version: {spec.name} has no column {declared.version}"
            yield mistake(what, where=where(name, "version"), got=declared.version, known=columns)
    consent = declared.rights.consent_column
    if consent and consent not in columns:
        what = f"rights.consent_column: {spec.name} has no column {consent}"
        yield mistake(what, where=where(name, "rights"), got=consent, known=columns)
    if isinstance(declared, DerivedDeclaration) and declared.match:
        yield from _match_problems(declared.match, where(name, "match"), specs)
    yield from relation_problems(project, name, spec, specs)
    for column in spec.columns:
        if column.references:
            yield from _reference_problem(project, name, spec, column, specs)


def _match_problems(match: Match, where: str, specs: Mapping[str, Spec]) -> Iterator[DeclarationError]:
    """Columns that the rules compare and that their table does not have."""
    asked = [match.left, *((match.left[0], rule.left) for rule in match.rules)]
    asked += [match.right, *((match.right[0], rule.right) for rule in match.rules)]
    for table, column in dict.fromkeys(asked):
        if table in specs and column not in specs[table].schema:
            what = f"match: {table} has no column {column}"
            yield mistake(what, where=where, got=column, known=specs[table].schema)


def _key_problems(project: Project, declared: TableDeclaration, spec: Spec) -> Iterator[DeclarationError]:
    if spec.key:
        return
    where = project.declarations.where
    expected = f"a column of {spec.name} with key=True"
    if declared.load == "merge":
        what = f"load: merge puts records together by key, and {spec.name} has none"
        yield mistake(what, where=where(declared.name, "load"), expected=f"{expected}, or load: append")
    if declared.deletes.kind != "none":
        what = f"deletes are told by key, and {spec.name} has none"
        yield mistake(what, where=where(declared.name, "deletes"), expected=expected)


def _format_problems(project: Project, declared: TableDeclaration) -> Iterator[DeclarationError]:
    """Mistakes in the `format:` of files, which no file is needed to see."""
    connection = project.connections.get(declared.source)
    if connection is None or connection.kind != "files":
        return
    from tilth.connectors.files.formats import form_of

    for problem in form_of(declared.format)[1]:
        yield mistake(problem, where=project.declarations.where(declared.name, "format"))


def _reference_problem(
    project: Project, name: str, spec: Spec, referring: Column, specs: Mapping[str, Spec]
) -> Iterator[DeclarationError]:
    column, (table, target) = f"{spec.name}.{referring.name}", referring.references or ("", "")
    known = [*project.tables, *project.derived]
    where = project.declarations.where(name, "contract")
    if table not in known:
        yield mistake(
            f"{column} refers to the table {table}, which nothing declares", where=where, got=table, known=known
        )
    elif table in specs and target not in specs[table].schema:
        what = f"{column} refers to {table}.{target}, which {specs[table].name} does not have"
        yield mistake(what, where=where, got=target, known=specs[table].schema)
    elif table in specs:
        from tilth.schemas.dtypes import kind_of

        ours, theirs = kind_of(referring.dtype), kind_of(specs[table].schema[target])
        if ours != theirs:
            what = f"{column} is {ours}, and what it refers to, {table}.{target}, is {theirs}"
            yield mistake(what, where=where, expected="one type for both")


def _source_problems(
    project: Project, source: str, specs: Mapping[str, Spec], answered: dict[str, str]
) -> Iterator[TilthError]:
    """A source that cannot be opened or reached is one problem; else what its tables ask of it."""
    try:
        connector = project.connector(source)
        health = connector.check()
    except DeclarationError as error:
        yield _placed(error, project.connections[source].where)
        return
    except TilthError as error:
        yield error
        return
    if not health.ok:
        step = f"tilth sources check {source}, or correct {source} in {project.settings.connections.name}"
        yield SourceError("is not well", where=f"source {source}", got=health.detail, next=step)
        return
    answered[source] = health.detail
    for table in project.tables.values():
        if table.source == source and table.name in specs:
            yield from _object_problems(project, connector, table, specs[table.name])


def _object_problems(
    project: Project, connector: Connector, table: TableDeclaration, spec: Spec
) -> Iterator[TilthError]:
    from tilth.connectors.protocol import Pull

    needed = [column.source for column in spec.columns if column.required]
    flag = table.deletes.column
    columns = dict.fromkeys([*needed, flag] if flag else needed)
    key = [column.source for column in spec.columns if column.key]
    replaces, told = table.load == "replace", table.deletes.kind == "tombstones"
    request = Pull(
        table.object, tuple(key), tuple(columns), table.cursor, options=table.format, replaces=replaces, tombstones=told
    )
    asked = [request]
    if table.deletes.kind == "compare_keys":
        asked.append(replace(request, columns=tuple(key), whole=True, keys_only=True))
    try:
        said = dict.fromkeys(problem for one in asked for problem in connector.inspect(one))
    except TilthError as error:
        yield error
        return
    for problem in said:
        if problem.startswith("format") and project.connections[table.source].kind == "files":
            continue  # told already, whether the source answers or not
        key_of = "deletes" if problem.startswith("deletes") else "format" if "the option " in problem else "object"
        where = project.declarations.where(table.name, key_of)
        step = f"tilth sources check {table.source}, or correct the declaration"
        yield DeclarationError(f"source {table.source}, object {table.object}: {problem}", where=where, next=step)


def _placed(error: DeclarationError, where: str) -> DeclarationError:
    """The error of a connection, at its line."""
    what = f"{error.where}: {error.what}" if error.where else error.what
    step = error.next or "tilth check"
    return DeclarationError(what, where=where, expected=error.expected, got=error.got, kept=error.kept, next=step)
