"""What a declaration says, as values: the one meaning shared by YAML, Python, the command line and dagster.

No reading of files here (see `declaration.py`), no dagster (see `table.py`, `derived.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from tilth.schemas.match import Match

__all__ = ["Chunking", "Deletes", "DerivedDeclaration", "Freshness", "Parsing", "Rights", "TableDeclaration", "Toxic"]

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
    min_rows: int = 1  # the share counts from so many pulled records on
    beyond: Beyond = "hold"
    max_rows: int | None = None  # toxic records, whatever their share


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
class Parsing:
    """How documents are taken apart, and what one of them may cost."""

    encoding: str | None = None  # code page of text that is not UTF-8
    warn: tuple[str, ...] = ()  # rules that are counted and condemn nothing
    max_bytes: int = 64_000_000
    max_unpacked_bytes: int = 256_000_000
    max_seconds: int = 20  # CPU
    max_wall_seconds: int = 180
    max_memory_mb: int = 1_536
    max_depth: int = 4  # of mails in mails


@dataclass(frozen=True, slots=True)
class Chunking:
    """How the text of documents is cut."""

    max_characters: int = 1_200


@dataclass(frozen=True, slots=True)
class TableDeclaration:
    """One table pulled from a source (`type: tilth.assets.Table`), or one document set (`tilth.assets.Documents`).

    A document set is a table whose records are documents: pulled, quarantined, published and proved like any other.
    """

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
    parsing: Parsing | None = None  # of a document set
    where: str = ""  # file:line of the declaration


@dataclass(frozen=True, slots=True)
class DerivedDeclaration:
    """One table made from other tables by a SQL query (`type: tilth.assets.Derived`), or the chunks of a document set.

    Rules that match two tables are a query too: `match` says which rows have no partner.
    """

    name: str
    contract: str
    sql: str  # the query text; DuckDB dialect; reads published tables by name
    inputs: tuple[str, ...]  # the tables the query reads
    match: Match | None = None
    chunking: Chunking | None = None  # in the query's stead: the chunks of the documents in its one input
    owner: str | None = None
    description: str | None = None
    freshness: Freshness = Freshness()
    toxic: Toxic = Toxic()
    rights: Rights = Rights()
    where: str = ""
