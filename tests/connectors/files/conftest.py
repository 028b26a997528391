"""A real folder of drops for the tests, and what a pull of it brought."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings

from tilth.connectors.files.connector import FilesConnector
from tilth.connectors.protocol import Batch, Complete, Fault, Pull

__all__ = ["Folder", "Taken", "examples"]


def examples(count: int = 100) -> settings:
    """Hypothesis, the same every time and without a clock."""
    return settings(max_examples=count, derandomize=True, deadline=None)


Record = dict[str, str | None]


@dataclass
class Taken:
    """All that one pull (perhaps in several goes) brought."""

    batches: list[Batch] = field(default_factory=list)

    @property
    def rows(self) -> list[Record]:
        return [row for batch in self.batches if not batch.fault for row in batch.rows.to_pylist()]

    @property
    def deleted(self) -> list[Record]:
        return [row for batch in self.batches if batch.deleted is not None for row in batch.deleted.to_pylist()]

    @property
    def faults(self) -> list[Fault]:
        return [batch.fault for batch in self.batches if batch.fault]

    @property
    def rules(self) -> list[str]:
        return [fault.rule for fault in self.faults]

    @property
    def files(self) -> list[str | None]:
        return list(dict.fromkeys(batch.origin.file for batch in self.batches if batch.origin.file))

    @property
    def complete(self) -> Complete:
        last = self.batches[-1].complete
        assert last is not None, "the pull did not complete"
        return last


@dataclass
class Folder:
    """A root with files in it; the cursor moves with each complete pull, as in landing."""

    root: Path
    options: Mapping[str, object]
    object: str = "*"
    settle: timedelta = timedelta(0)
    batch_rows: int = 100_000
    cursor: Mapping[str, object] | None = None

    @property
    def connector(self) -> FilesConnector:
        return FilesConnector("legacy", self.root, self.settle)

    def put(self, name: str, content: bytes | str, *, encoding: str = "utf-8", age_s: float = 3600) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        written = path.stat().st_mtime - age_s
        os.utime(path, (written, written))
        return path

    def request(self, **changes: Any) -> Pull:
        asked = Pull(self.object, options=self.options, cursor=self.cursor, batch_rows=self.batch_rows)
        return replace(asked, **changes)

    def pull(self, **changes: Any) -> Taken:
        taken = Taken(list(self.batches(**changes)))
        self.cursor = json.loads(json.dumps(taken.complete.cursor))
        return taken

    def batches(self, **changes: Any) -> Iterator[Batch]:
        return self.connector.pull(self.request(**changes))
