"""Files judged without a project: read as declared, judged as one pull, each toxic record told by file and line.

Memory does not grow with the files. Nothing is stored but what is asked for: good rows, toxic ones, and the reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from tilth.assets.declaration import raise_mistakes
from tilth.assets.spilled import Spilled
from tilth.pipelines.judged_faults import Reading
from tilth.pipelines.judged_files import Opened, opened
from tilth.pipelines.judged_out import writing
from tilth.schemas.pieces import Piece, listed, pieces
from tilth.schemas.splitting import Judge
from tilth.schemas.trial import findings, slow

__all__ = ["LISTED", "Judgement", "judge_files"]

LISTED = 10_000
"""How many toxic records are told; what is written holds all of them."""

_RULE = ("rule", "column", "expected")
_FIRST = ("row", "file", "line")  # of the record that is told as the first


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the records of some files, taken together as one pull."""

    counts: Mapping[str, int]  # pulled = good + duplicate + toxic
    records: Mapping[str, int]  # file → records
    rules: Sequence[Mapping[str, Any]]  # those that failed, most frequent first, each with its first record
    toxic: pl.DataFrame  # file, line, key, reasons: of the first LISTED toxic records
    unjudged: tuple[str, ...]  # what only other tables, or what is published, can tell
    held: Sequence[str]  # rules of the whole table that do not hold: it would not be published
    written: Sequence[Path]
    warnings: tuple[str, ...] = ()  # headers that look odd, and rules that work, and cost


def judge_files(
    files: Sequence[Path], contract: object, reading: Reading, *, out: Path | None = None, force: bool = False
) -> Judgement:
    """Judge files as one pull of one table, and write what became of it to the folder `out`.

    An error names the file that cannot be read, and where in it, or a rule whose verdicts nobody could rely on (several
    as an ExceptionGroup); nothing is written then.
    """
    with TemporaryDirectory(prefix="tilth-judge-") as folder:
        some = [opened(file, reading, Path(folder)) for file in files]
        judge = Judge.of(contract, pulled={name: dtype for one in some for name, dtype in one.schema.items()})
        raise_mistakes([*findings(judge.rules, judge.spec)])
        tally = _Tally(some)
        with writing(out, judge.spec, force=force) if out else nullcontext() as sheets:
            for piece in pieces(judge, lambda columns: _frames(some, columns), aside=Spilled):
                toxic = tally.add(piece)
                if sheets is not None:
                    sheets.add(piece.good, toxic)
        written = sheets.places if sheets is not None else ()
        records = Counter({str(file): 0 for file in files})
        for one in some:
            records[str(one.file)] += one.records
        doubts = (doubt for one in some if (doubt := one.doubt()))
        warnings = (*doubts, *(f"{one.where}: {one.what}" for one in slow(judge.rules)))
        return Judgement(
            tally.counts, records, tally.rules(), tally.toxic(), judge.unjudged, tally.held, written, warnings
        )


def _frames(files: Sequence[Opened], columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
    for one in files:
        yield from one.frames(columns)


class _Tally:
    """What is told of the pieces, as they come."""

    def __init__(self, files: Sequence[Opened]) -> None:
        self.files = files
        self.counts: Counter[str] = Counter()
        self.held: list[str] = []
        self._starts = pl.Series([0, *accumulate(one.records for one in files)], dtype=pl.Int64)
        self._toxic: list[pl.DataFrame] = []
        self._rules: pl.DataFrame | None = None

    def add(self, piece: Piece) -> pl.DataFrame:
        """The piece's toxic records: row, file, line, key, raw, reasons."""
        self.counts.update(piece.counts)
        self.held += piece.held
        toxic = self._placed(piece.toxic)
        left = LISTED - sum(frame.height for frame in self._toxic)
        self._toxic.append(toxic.head(left).drop("raw"))
        condemning = listed(toxic, *_FIRST).filter(pl.col("severity") == "error")
        found = condemning.with_columns(pl.lit(1, pl.Int64).alias("toxic"))
        rules = found if self._rules is None else pl.concat([self._rules, found.select(self._rules.columns)])
        first = pl.col("value", *_FIRST).sort_by("row").first()
        self._rules = rules.group_by(_RULE, maintain_order=True).agg(pl.col("toxic").sum(), first)
        return toxic

    def toxic(self) -> pl.DataFrame:
        """The first toxic records, file by file and line by line."""
        return pl.concat(self._toxic).sort("row").drop("row")

    def rules(self) -> list[dict[str, Any]]:
        """The rules that failed, most frequent first."""
        if self._rules is None:
            return []
        return self._rules.sort("toxic", descending=True, maintain_order=True).drop("row").to_dicts()

    def _placed(self, toxic: pl.DataFrame) -> pl.DataFrame:
        """The toxic records with the file and line of each."""
        of = self._starts.slice(1).search_sorted(toxic["row"], side="right")
        parts = [toxic.clear().select("row", file=pl.lit("", dtype=pl.String), line="row")]
        for index, one in enumerate(self.files):
            row = toxic["row"].filter(of == index)
            line = one.lines_of(row - self._starts[index]).alias("line")
            parts.append(pl.DataFrame([row, line]).select("row", file=pl.lit(str(one.file)), line="line"))
        return pl.concat(parts).join(toxic, on="row", maintain_order="left")
