"""A table made from published tables, by a query or by cutting documents: built, judged and merged like any other.

A query is asked whole again when one of its inputs changed; rows that come out equal stay as they are. Toxic rows are
mended upstream: an entry that no longer comes out of the build is superseded.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

from tilth.assets.declared import DerivedDeclaration
from tilth.assets.parquet import Sheet
from tilth.assets.publishing.asking import numbered
from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.engine import literal, parquet, quoted
from tilth.assets.publishing.merge import Keyed, begin_table, merge_round, settled_counts
from tilth.assets.publishing.merged import Merged
from tilth.assets.publishing.refusing import (
    counted,
    named,
    refuse_after_all_gaps,
    refuse_among_rows,
    warn_among_rows,
)
from tilth.assets.publishing.removal import clear, remove_absent
from tilth.assets.publishing.settle import begin_settling
from tilth.assets.quarantine import EVENTS, plan_opening
from tilth.assets.refusals import as_entries, built_toxic, refused_rows
from tilth.assets.toxic import TOXIC
from tilth.errors import DeclarationError
from tilth.schemas.contract import Spec
from tilth.schemas.judging import Judge, Quality
from tilth.schemas.rules import summed

__all__ = ["Derived", "Recipe", "derive", "derived_version", "query_recipe"]

_BATCH_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived table as it was built."""

    merged: Merged
    quality: tuple[Quality, ...]
    built: int
    toxic: pl.DataFrame  # TOXIC: all of this build


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the rows of a derived table are made."""

    write: Callable[[Path], int]  # writes them to a file, each with `_batch` and `_ordinal`; how many there are
    spare: str = "false"  # SQL on `c`: the published rows that this build says nothing of


def query_recipe(candidate: Candidate, declaration: DerivedDeclaration, spec: Spec) -> Recipe:
    """The rows are those of the declared query."""
    return Recipe(partial(_query, candidate, declaration, [column.source for column in spec.columns]))


def derived_version(declaration: DerivedDeclaration, spec: Spec, time_zone: str) -> str:
    """What the table's content depends on beside its inputs: the contract, how it is made, and whose days count."""
    how = declaration.sql or repr(declaration.chunking)
    how += f" in {time_zone}" if declaration.sql and time_zone != "UTC" else ""
    return f"{spec.version}-{hashlib.sha256(how.encode()).hexdigest()[:8]}"


def derive(
    candidate: Candidate,
    declaration: DerivedDeclaration,
    judge: Judge,
    recipe: Recipe,
    open: pl.DataFrame,
    folder: Path,
) -> Derived:
    """Build the table in the candidate; `open` are its open entries, `folder` takes the result while it is judged."""
    raw, good = folder / f"{declaration.name}.built.parquet", folder / f"{declaration.name}.good.parquet"
    try:
        counts = Counter(pulled=recipe.write(raw))
        toxic, quality = _judge(judge, raw, good)
        tied, among = _tied(candidate, judge, raw, good)
        toxic = pl.concat([toxic, tied])
        _merge(candidate, declaration, judge.spec, good, counts, recipe.spare)
        quality += (*among, *_partners(candidate, declaration))
    finally:
        for path in (raw, good):
            path.unlink(missing_ok=True)
    found = built_toxic(toxic.sort("_ordinal"), declaration.name, judge)
    return Derived(_quarantined(found, open, counts), quality, counts["pulled"], found)


def _query(candidate: Candidate, declaration: DerivedDeclaration, sources: Sequence[str], raw: Path) -> int:
    try:
        rows = numbered(candidate, declaration.sql, sources)
        return candidate.number(f"COPY ({rows}) TO {literal(str(raw))} (FORMAT parquet)")
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        what, got = f"the query of {declaration.name} cannot be run", str(error).splitlines()[0]
        raise DeclarationError(what, where=declaration.where, got=got, next="tilth check") from error


def _judge(judge: Judge, raw: Path, good: Path) -> tuple[pl.DataFrame, tuple[Quality, ...]]:
    """Judge the query's result into the file `good`, by pieces where rules allow; the toxic rows, what was checked."""
    schema = pl.Schema({"_batch": pl.Int64(), "_ordinal": pl.Int64(), **judge.spec.schema, "_deleted": pl.Boolean()})
    with pq.ParquetFile(raw) as file, Sheet(good, schema) as sheet:
        empty = pl.from_arrow(file.schema_arrow.empty_table())
        assert isinstance(empty, pl.DataFrame)
        toxic = [judge.rows(empty).toxic]
        quality: list[Quality] = []
        for batch in [file.read()] if judge.needs_whole else file.iter_batches(batch_size=_BATCH_ROWS):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            judged = judge.rows(frame)
            sheet.add(judged.good)
            toxic.append(judged.toxic)
            quality += judged.quality
    return pl.concat(toxic), summed(quality)


def _tied(candidate: Candidate, judge: Judge, raw: Path, good: Path) -> tuple[pl.DataFrame, tuple[Quality, ...]]:
    """The rows that their company condemns: whose key, or other unique values, another row of the build has too, and
    those that break a rule among rows.
    """
    spec, rows = judge.spec, parquet(str(good))
    begin_settling(candidate, "tilth_tied")
    groups = [(spec.key, "one row per key")] if spec.key else []
    groups += [(columns, "a value that no other row has") for columns in spec.unique]
    for columns, expected in groups:
        names, filled = comma(columns), " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
        repeated = f"SELECT {names} FROM {rows} WHERE {filled} GROUP BY {names} HAVING count(*) > 1"
        candidate.run(
            f"INSERT INTO tilth_tied SELECT _batch, _ordinal, 'unique', ?, NULL, ? FROM {rows} "
            f"SEMI JOIN ({repeated}) USING ({names})",
            [",".join(columns), expected],
        )
    quality = _among_rows(candidate, spec, rows)
    found = candidate.frame(f"SELECT q.* FROM {parquet(str(raw))} q SEMI JOIN tilth_tied USING (_ordinal)")
    tied = candidate.frame("SELECT * FROM tilth_tied ORDER BY ALL")
    return refused_rows(judge.told_of(found), tied, judge), quality


def _among_rows(candidate: Candidate, spec: Spec, rows: str) -> tuple[Quality, ...]:
    """Put the rows that break a dependency or a sequence into `tilth_tied`: all are new, and none stands before."""
    rules = [*named(spec)]
    if not rules:
        return ()
    candidate.view("tilth_new", f"SELECT * FROM {rows} ANTI JOIN tilth_tied USING (_batch, _ordinal)")
    candidate.view("tilth_stays", f"SELECT * FROM {rows} WHERE false")
    asked = candidate.number("SELECT count(*) FROM tilth_new")
    while refuse_after_all_gaps(candidate, spec, _no_more, "tilth_tied") + refuse_among_rows(
        candidate, spec, _no_more, "tilth_tied"
    ):
        pass
    begin_settling(candidate, "tilth_warned")
    warn_among_rows(candidate, spec)
    return tuple(counted(candidate, *rule, asked, "tilth_tied") for rule in rules)


def _no_more() -> None:
    """Views are always in line with what is refused by now."""


def _merge(
    candidate: Candidate, declaration: DerivedDeclaration, spec: Spec, good: Path, counts: Counter[str], spare: str
) -> None:
    name = declaration.name
    counts["rows_before"] = candidate.rows(name) if name in candidate.tables() else 0
    if not candidate.fits(name, spec):
        counts["removed"] += counts["rows_before"]
        candidate.drop(name)
    candidate.create(name, spec)
    begin_table(candidate)
    candidate.scratch("tilth_file_of", "batch BIGINT, sha256 VARCHAR, start BIGINT")
    candidate.view("tilth_incoming", f"SELECT * FROM {parquet(str(good))} ANTI JOIN tilth_tied USING (_ordinal)")
    keyed = Keyed(name, "derived", spec.key, tuple(spec.schema), None, origin=False)
    if not spec.key:
        counts["removed"] += clear(candidate, name)
    written = merge_round(candidate, keyed)
    if spec.key:
        candidate.view("tilth_kept", f"SELECT {comma(spec.key)} FROM tilth_incoming")
        counts["removed"] += remove_absent(candidate, keyed, spare=spare)
    states = settled_counts(candidate)
    counts.update(updated=states.get("replaced", 0), unchanged=states.get("unchanged", 0))
    counts.update(inserted=written - counts["updated"], rows_after=candidate.rows(name))


def _partners(candidate: Candidate, declaration: DerivedDeclaration) -> Iterator[Quality]:
    """How many rows of each matched table have no partner; such a row is no fault, and is counted by name."""
    match = declaration.match
    for (table, key), column in zip((match.left, match.right), match.columns, strict=True) if match else ():
        without = f"{quoted(table)} t ANTI JOIN {quoted(declaration.name)} p ON p.{quoted(column)} = t.{quoted(key)}"
        alone = candidate.number(f"SELECT count(*) FROM {without}")
        yield Quality("partner", table, "warn", candidate.rows(table), alone)


def _quarantined(toxic: pl.DataFrame, open: pl.DataFrame, counts: Counter[str]) -> Merged:
    """Entries for new toxic rows; entries that the query no longer gives are superseded."""
    gone = open.filter(~pl.col("id").is_in(toxic["id"].to_list()))
    planned = plan_opening(as_entries(toxic, pull_id=None, number=0), open.join(gone, on="id", how="anti"))
    ended = gone.rename({"id": "entry_id", "_batch": "batch_id", "_ordinal": "ordinal"})
    ended = ended.with_columns(event=pl.lit("superseded")).select(EVENTS.names()).cast(EVENTS)
    counts.update(
        quarantined=planned.opened.height,
        duplicate=planned.seen.height,
        superseded_open=gone.height + len(planned.superseded),
        open_before=open.height,
    )
    counts["open_after"] = open.height + planned.opened.height - counts["superseded_open"]
    seen = planned.events.filter(pl.col("event") != "seen")  # it is built anew every time
    return Merged(counts, pl.concat([ended, seen]), planned.opened.select(TOXIC.names()), pl.DataFrame())
