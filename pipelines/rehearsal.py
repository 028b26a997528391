"""The queries of derived tables tried on empty tables: what would fail in the night, told by `tilth check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tilth.assets.marked import mistake
from tilth.errors import DeclarationError

if TYPE_CHECKING:
    from tilth.assets.declared import DerivedDeclaration
    from tilth.assets.publishing.candidate import Candidate
    from tilth.pipelines.project import Project
    from tilth.schemas.spec import Spec

__all__ = ["query_problems"]


def query_problems(project: Project, specs: Mapping[str, Spec]) -> Iterator[DeclarationError]:
    """What is wrong with each query: it cannot be run, or does not give what its contract asks for."""
    asked = [one for one in project.derived.values() if one.sql and {one.name, *one.inputs} <= specs.keys()]
    if not asked:
        return
    from tilth.assets.publishing.candidate import Candidate
    from tilth.assets.publishing.engine import connect

    con = connect(None)
    try:
        stage = Candidate(con, datetime.now(UTC))
        for name, spec in specs.items():
            stage.create(name, spec)
        for declared in asked:
            yield from _problems(project, declared, specs[declared.name], stage)
    finally:
        con.close()


def _problems(
    project: Project, declared: DerivedDeclaration, spec: Spec, stage: Candidate
) -> Iterator[DeclarationError]:
    import duckdb

    from tilth.assets.publishing.asking import one_statement

    way = (
        "match"
        if declared.match
        else "sql_file"
        if (declared.name, "sql_file") in project.declarations.lines
        else "sql"
    )
    where = project.declarations.where(declared.name, way)
    try:
        asked = f"DESCRIBE SELECT * FROM ({one_statement(declared.sql)}\n) q"
        given = [str(row[0]) for row in stage.run(asked)]
    except duckdb.Error as error:
        got = str(error).splitlines()[0]
        yield DeclarationError(f"{declared.name}: the query cannot be run", where=where, got=got, next="tilth check")
        return
    for column in spec.columns:
        if column.required and column.source not in given:
            what = f"{declared.name}: the query gives no column {column.source}, which {spec.name} asks for"
            yield mistake(what, where=where, got=column.source, known=given)
