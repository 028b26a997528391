"""`tilth new table`: a declaration and a contract, drafted from what a live source offers."""

from __future__ import annotations

from typing import Annotated

import typer

from tilth.assets.marked import mistake
from tilth.connectors.protocol import ObjectInfo
from tilth.errors import DeclarationError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.project import Project, open_project

__all__ = ["table"]


def table(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The table's name: letters, digits and _.")],
    source: Annotated[str, typer.Option("--source", help="A connection in connections.yaml.")],
    object: Annotated[str | None, typer.Option("--object", help="What to pull; else NAME.", show_default=False)] = None,
) -> Answer:
    """Draft a table from a live source: defs/NAME/defs.yaml, and a class in contracts.py to be made stricter.

    Example: tilth new table customers --source erp --object public.customers
    """
    from tilth.pipelines.drafting import write_draft

    project = open_project(here(context).project)
    if not name.isidentifier() or name.startswith("_"):
        raise DeclarationError(
            "this cannot be a table's name",
            got=name,
            expected="letters, digits and _, a letter first",
            next="tilth new table NAME …",
        )
    if name.lower() in {known.lower() for known in (*project.tables, *project.derived)}:
        where = (project.tables.get(name) or project.derived.get(name) or next(iter(project.tables.values()))).where
        raise DeclarationError(f"there is a table {name} already", where=where, next="tilth new table OTHER …")
    with project.systems():
        info = _found(project, source, object or name)
    draft = write_draft(project.settings, name, source, info)
    notes = [f"  {note}" for note in draft.notes]
    view = "\n".join(["wrote:", *(f"  {file}" for file in draft.files), *notes, "  next: tilth check"])
    document = {
        "table": name,
        "source": source,
        "object": info.name,
        "files": list(draft.files),
        "notes": list(draft.notes),
    }
    return Answer(document, view)


def _found(project: Project, source: str, wanted: str) -> ObjectInfo:
    """The object the source calls so, or the pattern it matches."""
    offered = {info.name: info for info in project.connector(source).discover()}
    if wanted in offered:
        return offered[wanted]
    if project.connection(source).kind == "files" and any(sign in wanted for sign in "*?["):
        return ObjectInfo(wanted)
    raise mistake(f"source {source} has no object {wanted}", where=f"source {source}", got=wanted, known=offered)
