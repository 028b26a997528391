"""What judging files leaves behind: good.parquet, toxic.parquet and reasons.csv, all of them or none."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl

from tilth.assets.parquet import Sheet, can_hold
from tilth.errors import TilthError
from tilth.pipelines.corrections import safe_texts
from tilth.schemas.pieces import listed
from tilth.schemas.reasons import REASONS
from tilth.schemas.spec import Spec

__all__ = ["Sheets", "writing"]

_NAMES = ("good.parquet", "toxic.parquet", "reasons.csv")
_TOXIC = {"file": pl.String(), "line": pl.Int64(), "key": pl.String(), "raw": pl.String(), "reasons": REASONS}


class Sheets:
    """The three files while they grow: one piece is written while the next one is judged."""

    def __init__(self, folder: Path, good: Sheet, toxic: Sheet, reasons: Path, writer: Executor) -> None:
        self.places = [folder / name for name in _NAMES]
        self._good, self._toxic, self._reasons, self._writer = good, toxic, reasons, writer
        self._before: Future[None] | None = None

    def add(self, good: pl.DataFrame, toxic: pl.DataFrame) -> None:
        """Some good rows in the contract's types; some toxic records as `_TOXIC`, and their reasons a line each.

        Errors of writing come with the next piece, or with `finish`.
        """
        self.finish()
        self._before = self._writer.submit(self._add, good, toxic)

    def finish(self) -> None:
        """Wait until all is written."""
        if self._before is not None:
            self._before.result()

    def _add(self, good: pl.DataFrame, toxic: pl.DataFrame) -> None:
        self._good.add(good)
        self._toxic.add(toxic)
        shown = listed(toxic, "file", "line").with_columns(safe_texts(pl.col(pl.String)))
        first = not self._reasons.exists()
        with self._reasons.open("ab") as file:  # the mark tells spreadsheets that it is UTF-8
            shown.write_csv(file, include_bom=first, include_header=first)


@contextmanager
def writing(folder: Path, spec: Spec, *, force: bool = False) -> Generator[Sheets]:
    """The files under other names until all are complete; nothing stays of them when something goes wrong.

    good.parquet is as the contract has it, reasons.csv safe to open in a spreadsheet.
    """
    for column in spec.columns:
        if not can_hold(column.dtype):
            what, where = "this type cannot be written to Parquet", f"{spec.name}.{column.name}"
            raise TilthError(what, where=where, got=str(column.dtype), next="the same command without --out")
    places = [folder / name for name in _NAMES]
    there = next((place for place in places if place.exists()), None)
    if there and not force:
        raise TilthError("this file exists", where=str(there), next="the same command with --force, or another --out")
    parts = [folder / f".{name}.part" for name in _NAMES]
    with ExitStack() as cleaning:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for part in parts:
                part.unlink(missing_ok=True)
                cleaning.callback(part.unlink, missing_ok=True)
            with (
                Sheet(parts[0], pl.Schema(spec.schema)) as good,
                Sheet(parts[1], pl.Schema(_TOXIC)) as toxic,
                ThreadPoolExecutor(1) as writer,
            ):
                sheets = Sheets(folder, good, toxic, parts[2], writer)
                yield sheets
                sheets.finish()
            for part, place in zip(parts, places, strict=True):
                part.replace(place)
        except OSError as error:
            what = f"cannot be written ({error.strerror or error})"
            raise TilthError(what, where=str(folder), next="give another --out, or free space") from error
