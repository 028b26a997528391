"""From a connection's kind to its connector.

A kind is one function: `def kind(name: str, *, setting: type, …) -> Connector`, with `base: Path` (the project
folder) when it wants it. A package adds a kind with an entry point in the group `tilth.connectors`; the kinds
that come with tilth are found the same way, without asking the installed packages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from tilth.connectors.protocol import Connector
from tilth.connectors.settings import arguments, near
from tilth.errors import DeclarationError

__all__ = ["connector", "kinds"]

GROUP = "tilth.connectors"
BUILT_IN = {
    "files": "tilth.connectors.files.connector:files",
    "mysql": "tilth.connectors.sql.kinds:mysql",
    "postgres": "tilth.connectors.sql.kinds:postgres",
    "rest": "tilth.connectors.http.rest:rest",
    "sql": "tilth.connectors.sql.kinds:sql",
    "sqlite": "tilth.connectors.sql.kinds:sqlite",
}


def kinds() -> list[str]:
    """The names of all kinds that a connection may have."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def connector(kind: str, name: str, settings: Mapping[str, object], *, base: Path) -> Connector:
    """The connector of the connection `name`; DeclarationError when its kind or a setting is wrong."""
    where = f"connection {name}"
    factory = _factory(kind, where)
    return factory(name, **arguments(factory, settings, base=base, where=where))


def _factory(kind: str, where: str) -> Callable[..., Connector]:
    points = [EntryPoint(kind, BUILT_IN[kind], GROUP)] if kind in BUILT_IN else entry_points(group=GROUP, name=kind)
    for point in points:
        try:
            return cast("Callable[..., Connector]", point.load())
        except (ImportError, AttributeError) as error:
            raise DeclarationError(f"the kind {kind} cannot be loaded ({error})", where=where) from error
    raise DeclarationError(f"unknown kind {kind}", where=where, expected=near(kind, kinds()), got=kind)
