"""Two tables and sources that answer what a test says: real contracts, real storage, real state, real releases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa

from tilth.assets.database import open_state
from tilth.assets.declared import Deletes, TableDeclaration, Toxic
from tilth.assets.lake import Lake, Run
from tilth.assets.storage import LocalStorage
from tilth.connectors.protocol import Batch, Complete, Dataset, Health, ObjectInfo, Origin, Pull
from tilth.errors import SourceError
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

__all__ = ["Child", "Parent", "Scripted", "declaration", "lake_in", "run_of"]

DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Parent(Contract):
    """What others refer to."""

    id: int = column(key=True)
    content: int = column(ge=0)
    version: int = column(nullable=True)


class Child(Contract):
    """Refers to a parent."""

    id: int = column(key=True)
    content: int = column(ge=0)
    version: int = column(nullable=True)
    parent: int = column(nullable=True, references="parents.id")


def declaration(name: str, **more: object) -> TableDeclaration:
    """A table declared in Python."""
    known: dict[str, object] = {"deletes": Deletes("column", "gone"), "version": "version", "toxic": Toxic()}
    return TableDeclaration(name, f"company.{name}", "script", name, **(known | more))  # type: ignore[arg-type]


@dataclass
class Scripted:
    """A source that gives these rows, in batches of `size`; `breaks_after` batches it dies."""

    rows: Sequence[dict[str, object]]
    columns: dict[str, pa.DataType]
    whole: bool = False
    size: int = 3
    breaks_after: int | None = None
    time: datetime = DAY
    keys: Sequence[dict[str, object]] | None = None  # what a comparison of keys finds; default: the rows
    follows: bool = False  # goes on after what the last complete pull read
    file: str | None = None  # the sha256 of the one file that the rows come from
    asked: list[Pull] = field(default_factory=list)

    def check(self) -> Health:
        return Health(True, "scripted")

    def discover(self) -> Sequence[ObjectInfo]:
        return ()

    def dataset(self, object: str) -> Dataset:
        return Dataset("memory", object)

    def inspect(self, request: Pull) -> Sequence[str]:
        del request
        return ()

    def pull(self, request: Pull) -> Iterator[Batch]:
        self.asked.append(request)
        start = int(str(request.resume["at"])) if request.resume else 0
        if self.follows and request.cursor and not request.resume:
            start = int(str(request.cursor["pulled"]))
        schema = pa.schema(list(self.columns.items()))
        if request.keys_only:
            keys = pa.schema([(name, self.columns[name]) for name in request.key])
            found = self.rows if self.keys is None else self.keys
            table = pa.Table.from_pylist([{k: row[k] for k in request.key} for row in found], schema=keys)
            yield Batch(table, Origin("script", request.object), complete=Complete({}, True, self.time))
            return
        for number, at in enumerate(range(start, len(self.rows), self.size)):
            if self.breaks_after is not None and number >= self.breaks_after:
                raise SourceError("the line went dead", where="source script", next="tilth sources check script")
            part = list(self.rows[at : at + self.size])
            table = pa.Table.from_pylist(part, schema=schema)
            yield Batch(
                table, Origin("script", request.object, sha256=self.file, offset=at), resume={"at": at + len(part)}
            )
        done = Complete({"pulled": len(self.rows)}, self.whole, self.time)
        yield Batch(schema.empty_table(), Origin("script", request.object, offset=len(self.rows)), complete=done)


def lake_in(folder: Path) -> Lake:
    """A fresh project's lake."""
    storage = LocalStorage(folder / "lake")
    return Lake(storage, open_state(f"sqlite:///{folder / 'state.db'}"), folder / "curated.duckdb")


def run_of(number: int) -> Run:
    """The run of one night."""
    return Run(f"run-{number}", f"night-{number}", DAY + timedelta(days=number))


def frame_of(path: Path, sql: str) -> pl.DataFrame:
    """What a reader of the curated file sees."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as con:
        return con.sql(sql).pl()
