"""The chunks of the documents that a release has: cut from the elements that were kept when they were read.

Only documents that this release writes are cut again; all of them when the way of cutting has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.declared import Chunking, DerivedDeclaration
from tilth.assets.documents import Element, chunked
from tilth.assets.lake import Lake
from tilth.assets.parquet import Sheet
from tilth.assets.places import elements_path
from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.derive import Recipe
from tilth.assets.publishing.engine import literal, quoted
from tilth.schemas.spec import Spec

__all__ = ["chunks_of"]

_PLACE = ["_batch", "_ordinal"]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Cutting:
    """Documents on their way into chunks."""

    names: dict[Place, str]  # of the documents to be cut
    elements: dict[str, int]  # lake path → id of the pull, in the order of pulls
    lake: Lake
    chunking: Chunking
    spec: Spec

    def write(self, raw: Path) -> int:
        """Write all chunks, numbered; how many there are."""
        schema = pl.Schema({"_batch": pl.Int64(), "_ordinal": pl.Int64(), **self.spec.schema})
        with Sheet(raw, schema) as sheet:
            for path in self.elements:
                for name, elements in self._documents(path):
                    rows = [self._row(name, one) for one in chunked(name, elements, max_characters=self._most)]
                    frame = pl.DataFrame(rows, schema=self.spec.schema)
                    number = pl.int_range(sheet.rows, sheet.rows + len(rows), dtype=pl.Int64, eager=True)
                    sheet.add(frame.with_columns(pl.lit(0, pl.Int64).alias("_batch"), number.alias("_ordinal")))
        return sheet.rows

    @property
    def _most(self) -> int:
        return self.chunking.max_characters

    @staticmethod
    def _row(name: str, chunk: Any) -> dict[str, object]:
        return {
            "chunk_id": chunk.id,
            "document": name,
            "position": chunk.position,
            "heading_path": " > ".join(chunk.heading_path) or None,
            "part": chunk.part,
            "page_from": chunk.page_from,
            "page_to": chunk.page_to,
            "char_from": chunk.start,
            "char_to": chunk.end,
            "text": chunk.text,
        }

    def _documents(self, path: str) -> Iterator[tuple[str, list[Element]]]:
        """The wanted documents of one pull with their elements, which stand together in its file."""
        rows = (row for frame in parquet.pieces(self.lake.storage, path) for row in frame.iter_rows())
        for place, some in groupby(rows, key=lambda row: (row[0], row[1])):
            name = self.names.get(place)
            if name is not None:
                yield name, [Element(*facts) for _, _, _, *facts in some]


def chunks_of(
    candidate: Candidate, declaration: DerivedDeclaration, spec: Spec, lake: Lake, *, everything: bool
) -> Recipe:
    """How the chunks of a document set are made in this release; `everything`: of all its documents."""
    assert declaration.chunking is not None
    (documents,) = declaration.inputs
    table, now = quoted(documents), f"{literal(candidate.now.isoformat())}::TIMESTAMPTZ"
    condition = "true" if everything else f"_updated_at = {now}"
    found = candidate.run(f"SELECT _batch, _ordinal, document FROM {table} WHERE {condition}")
    names = {(int(str(batch)), int(str(ordinal))): str(name) for batch, ordinal, name in found}
    elements = _elements(lake, documents, {batch for batch, _ in names})
    cutting = _Cutting(names, elements, lake, declaration.chunking, spec)
    untouched = f"EXISTS (SELECT 1 FROM {table} d WHERE d.document = c.document AND d._updated_at <> {now})"
    return Recipe(cutting.write, spare="false" if everything else untouched)


def _elements(lake: Lake, table: str, batches: set[int]) -> dict[str, int]:
    """The files that the elements of these batches are in."""
    batch, pull = state.batches.c, state.pulls.c
    query = sa.select(batch.id, pull.id).join_from(state.batches, state.pulls).where(pull.table_name == table)
    with lake.state.read() as connection:
        pulls = sorted({pull_id for batch_id, pull_id in connection.execute(query) if batch_id in batches})
    return {elements_path(table, pull_id): pull_id for pull_id in pulls}
