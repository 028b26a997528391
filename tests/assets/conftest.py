"""A lake in a temporary folder, and a source that keeps the connector protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tilth.assets.database import open_state
from tilth.assets.lake import Lake, Run
from tilth.assets.storage import LocalStorage
from tilth.connectors.protocol import Batch, Complete, Dataset, Fault, Health, ObjectInfo, Origin, Pull
from tilth.errors import SourceError

Row = Mapping[str, Any]
CLOCK = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@dataclass
class Source:
    """Rows in memory: `parts` are the batches of a complete pull, each rows, tombstones or a fault."""

    parts: list[Sequence[Row] | Fault] = field(default_factory=list)
    deleted: Sequence[Row] = ()
    fails_before: int | None = None  # raises SourceError in place of this part
    whole: bool = True
    sha256: str | None = None
    asked: list[Pull] = field(default_factory=list)

    def check(self) -> Health:
        return Health(True, "in memory")

    def discover(self) -> Sequence[ObjectInfo]:
        return ()

    def dataset(self, object: str) -> Dataset:
        return Dataset("memory", object)

    def inspect(self, request: Pull) -> Sequence[str]:
        return () if request.object else ("no object",)

    def pull(self, request: Pull) -> Iterator[Batch]:
        self.asked.append(request)
        offset = 0
        first = int(str(request.resume["next"])) if request.resume else 0
        for number, part in enumerate(self.parts):
            origin = Origin("erp", request.object, "f.csv" if self.sha256 else None, self.sha256, offset)
            fault = part if isinstance(part, Fault) else None
            rows = [{"file": "f.csv", "bytes": 7, "sha256": "ab"}] if isinstance(part, Fault) else part
            offset += len(rows)
            if number == self.fails_before:
                raise SourceError("it hung up", where="source erp", next="tilth sources check erp")
            if number >= first:
                yield Batch(self.table(rows, request), origin, resume={"next": number + 1}, fault=fault)
        done = Complete({"at": len(self.parts)}, request.whole or self.whole, CLOCK)
        deleted = pa.Table.from_pylist(list(self.deleted)).to_batches()[0] if self.deleted else None
        last = Origin("erp", request.object)
        yield Batch(pa.table({}), last, complete=done, deleted=None if request.keys_only else deleted)

    @staticmethod
    def table(rows: Sequence[Row], request: Pull) -> pa.Table:
        table = pa.Table.from_pylist(list(rows))
        return table.select(list(request.key)) if request.keys_only else table


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    return Lake(LocalStorage(tmp_path / "lake"), state, tmp_path / "curated.duckdb")


@pytest.fixture
def run_at() -> Callable[[int], Run]:
    """The run of a day: run_at(0) is the first night."""
    return lambda day: Run(f"run-{day}", f"night-{day}", CLOCK + timedelta(days=day))


@pytest.fixture
def source() -> type[Source]:
    return Source
