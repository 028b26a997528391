"""What a declaration says, as values: the one meaning shared by YAML, Python, the command line and dagster.

No reading of files here (see `declaration.py`), no dagster (see `table.py`, `derived.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from tilth.schemas.match import Match

__all__ = ["Deletes", "DerivedDeclaration", "Freshness", "Rights", "TableDeclaration", "Toxic"]

Load = Literal["merge", "append", "replace"]
Beyond = Literal["hold", "publish", "fail"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is promised: data no older than `max_age`, published by `deadline` (cron, project time zone)."""

    deadline: str | None = None
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Toxic:
    """How much may be toxic before the table is held."""

    max_share: float = 1.0
    min_rows: int = 1
    beyond: Beyond = "hold"


@dataclass(frozen=True, slots=True)
class Deletes:
    """How the source tells of deleted records: not at all, tombstones, a flag column, or by comparing keys."""

    kind: Literal["none", "tombstones", "column", "compare_keys"] = "none"
    column: str | None = None  # the source's column, for kind "column": true means deleted
    every: timedelta = timedelta(days=1)  # for kind "compare_keys"


@dataclass(frozen=True, slots=True)
class Rights:
    """What the data may be used for."""

    licence: str | None = None
    consent_column: str | None = None
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableDeclaration:
    """One table pulled from a source (`type: tilth.assets.Table`)."""

    name: str
    contract: str  # module.Class, from the project's code folder, else a full import path
    source: str  # a connection's name
    object: str
    cursor: str | None = None  # a source column
    load: Load = "merge"
    version: str | None = None  # a contract column; default: the contract column read from `cursor`
    deletes: Deletes = Deletes()
    owner: str | None = None
    description: str | None = None  # default: the contract's docstring
    freshness: Freshness = Freshness()
    toxic: Toxic = Toxic()
    rights: Rights = Rights()
    format: Mapping[str, object] = field(default_factory=dict)  # handed to the connector as Pull.options
    where: str = ""  # file:line of the declaration


@dataclass(frozen=True, slots=True)
class DerivedDeclaration:
    """One table made from other tables by a SQL query (`type: tilth.assets.Derived`).

    Rules that match two tables are a query too: `match` says which rows have no partner.
    """

    name: str
    contract: str
    sql: str  # the query text; DuckDB dialect; reads published tables by name
    inputs: tuple[str, ...]  # the tables the query reads
    match: Match | None = None
    owner: str | None = None
    description: str | None = None
    freshness: Freshness = Freshness()
    toxic: Toxic = Toxic()
    rights: Rights = Rights()
    where: str = ""
