"""One project, opened: its declarations, and the ways to its lake, its sources and its contracts.

Opening reads YAML only. What costs (the state database, drivers, contract modules) is opened by who asks for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tilth.assets.declaration import raise_mistakes
from tilth.assets.declarations import Declarations, read_defs
from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.marked import mistake
from tilth.errors import DeclarationError
from tilth.pipelines.contracts import contract_class
from tilth.pipelines.settings import PROJECT_FILE, Connection, Settings, find_project, read_connections, read_settings

if TYPE_CHECKING:
    from tilth.assets.lake import Lake
    from tilth.connectors.protocol import Connector

__all__ = ["Project", "open_lake", "open_project", "read_project", "systems"]


@dataclass(frozen=True, slots=True)
class Project:
    """One project's settings and declarations."""

    settings: Settings
    connections: Mapping[str, Connection]
    declarations: Declarations
    _lakes: list[Lake] = field(default_factory=list["Lake"], repr=False, compare=False)

    @property
    def tables(self) -> Mapping[str, TableDeclaration]:
        """The tables pulled from sources, by name."""
        return self.declarations.tables

    @property
    def derived(self) -> Mapping[str, DerivedDeclaration]:
        """The tables made from other tables, by name."""
        return self.declarations.derived

    def lake(self) -> Lake:
        """The project's storage and state, opened once."""
        if not self._lakes:
            self._lakes.append(open_lake(self.settings))
        return self._lakes[0]

    def connector(self, name: str) -> Connector:
        """The connector of one connection."""
        from tilth.connectors.registry import connector

        connection = self.connection(name)
        return connector(connection.kind, name, connection.settings, base=self.settings.folder)

    def deliver(self) -> None:
        """Deliver the lineage that waits; what goes wrong with that is told by the status."""
        from tilth.pipelines.lineage import deliver_after_a_run

        deliver_after_a_run(self.settings, self.lake())

    def connection(self, name: str) -> Connection:
        """One connection by name."""
        if name not in self.connections:
            where = self.settings.connections.name
            raise mistake(f"no connection is named {name}", where=where, got=name, known=self.connections)
        return self.connections[name]

    def kind(self, table: TableDeclaration) -> str:
        """The kind of system that a table comes from."""
        return self.connection(table.source).kind

    def contract(self, declaration: TableDeclaration | DerivedDeclaration) -> type:
        """The contract class of a declaration."""
        where = self.declarations.where(declaration.name, "contract") or declaration.where
        return contract_class(declaration.contract, code=self.settings.code, where=where)

    def systems(self) -> AbstractContextManager[object]:
        """The systems that the sources reach, running: the sample's own; nothing to do for any other project."""
        return systems(self.settings)


def open_project(folder: Path | None = None, *, queries: bool = True) -> Project:
    """The project in `folder` or above it; raises every mistake in it at once.

    Without `queries` the SQL of derived tables is not read: their inputs are as declared.
    """
    project, mistakes = read_project(folder, queries=queries)
    raise_mistakes(mistakes)
    return project


def read_project(folder: Path | None = None, *, queries: bool = True) -> tuple[Project, list[DeclarationError]]:
    """The project as far as it can be read, and every mistake in its connections and declarations."""
    settings = read_settings(find_project(folder))
    connections, mistakes = read_connections(settings)
    sources = None if mistakes and not connections else connections.keys()
    declarations = read_defs(settings.defs, base=settings.folder, sources=sources, queries=queries)
    return Project(settings, connections, declarations), [*mistakes, *declarations.mistakes]


def open_lake(settings: Settings) -> Lake:
    """Storage and state of a project, whatever its declarations say; the state is made or upgraded if need be."""
    from tilth.assets.database import open_state
    from tilth.assets.lake import Lake
    from tilth.assets.storage import LocalStorage

    return Lake(
        storage=LocalStorage(settings.storage),
        state=open_state(settings.state),
        curated=settings.curated,
        time_zone=settings.time_zone,
        keep_releases=settings.keep.releases,
        project=settings.name,
        lineage=settings.lineage.on,
    )


def systems(settings: Settings) -> AbstractContextManager[object]:
    """The systems of a project that brings its own (`systems:` in tilth.yaml), else nothing."""
    if settings.systems is None:
        return nullcontext()
    try:
        company = importlib.import_module(settings.systems).company
    except (ImportError, AttributeError) as error:
        what = f"systems: {settings.systems} cannot be used"
        got = f"{type(error).__name__}: {error}"
        expected = "a module with company(folder)"
        raise DeclarationError(what, where=PROJECT_FILE, expected=expected, got=got, next="tilth check") from error
    return cast("AbstractContextManager[object]", company(settings.folder))
