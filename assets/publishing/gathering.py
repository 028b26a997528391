"""What the catalogue says of runs, rules, quarantine and batches: read from the state, before the release exists.

The state does not know yet what this release causes; its quarantine events are taken from the manifest's files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl
import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.lives import OPENED, last_status, opening_event
from tilth.assets.provenance.naming import words
from tilth.assets.provenance.pulled import source_places
from tilth.assets.provenance.tracing import Origin, trace
from tilth.assets.publishing.facts import (
    BatchFact,
    CatalogFacts,
    LineageFact,
    QualityFact,
    QuarantineFact,
    RunFact,
    TableFacts,
)
from tilth.assets.publishing.manifest import Manifest, in_ranges
from tilth.assets.publishing.release import Releases
from tilth.assets.quarantine import open_entries
from tilth.connectors.protocol import Dataset
from tilth.schemas.judging import Quality

__all__ = ["Verdicts", "asked", "gather"]

Verdicts = Mapping[str, Sequence[Quality]]
"""Table → what rules found."""

_AT = pl.Datetime("us", "UTC")
_OPEN = pl.Schema({"table": pl.String(), "id": pl.String(), "key": pl.String(), "rule": pl.String(), "at": _AT})


def asked(run: Run, published: Verdicts, refused: Verdicts) -> list[QualityFact]:
    """What a publish asked: of the tables as they are published, and of candidates that were `refused`.

    A rule that was asked again, beside the last good content of such a table, counts as it was asked last.
    """
    again = {(table, one.asked) for table, told in published.items() for one in told}
    before = [(table, one) for table, told in refused.items() for one in told if (table, one.asked) not in again]
    last = [(table, one) for table, told in published.items() for one in told]
    return [
        QualityFact(run.id, table, one.rule, one.column, one.severity, one.checked, one.failed, one.measured)
        for table, one in (*before, *last)
    ]


def gather(
    lake: Lake, manifest: Manifest, tables: Sequence[TableFacts], run: Run, *, quality: Sequence[QualityFact] = ()
) -> CatalogFacts:
    """The facts of the release `manifest`; `quality` is what this publish checked itself."""
    previous = Releases(lake.curated).current()
    with lake.state.read() as connection:
        runs = _runs(connection, previous, run)
        open_ = pl.concat(
            [pl.DataFrame(schema=_OPEN), *(_open(connection, lake, name, manifest) for name in manifest.tables)]
        )
        return CatalogFacts(
            manifest,
            tables,
            lake.time_zone,
            runs=runs,
            quality=[*_quality(connection, [row.run_id for row in runs]), *quality],
            quarantine=_quarantine(open_),
            batches=_batches(connection, manifest, previous),
            open_keys=open_.select("table", "rule", "key"),
            lineage=[*_lineage(connection, tables)],
        )


def _runs(connection: sa.Connection, previous: Manifest | None, run: Run) -> list[RunFact]:
    """The runs that had not ended when the previous release was published: later ones, and those it saw going on."""
    of = state.runs.c
    query = sa.select(of.run_id, of.night, of.kind, of.started_at, of.finished_at, of.exit)
    if previous is not None:
        query = query.where(of.finished_at.is_(None) | (of.finished_at >= previous.published_at))
    rows = [RunFact(*row) for row in connection.execute(query.order_by(of.started_at))]
    known = any(row.run_id == run.id for row in rows)
    return rows if known else [*rows, RunFact(run.id, run.night, "publish", run.at, None, None)]


def _quality(connection: sa.Connection, runs: Sequence[str]) -> list[QualityFact]:
    of = state.quality.c
    what = (of.run_id, of.table_name, of.rule, of.column, of.severity)
    query = sa.select(*what, sa.func.sum(of.checked), sa.func.sum(of.failed)).where(of.run_id.in_(runs))
    rows = connection.execute(query.group_by(*what).order_by(*what))
    return [QualityFact(*row[:5], int(row[5]), int(row[6])) for row in rows]


def _open(connection: sa.Connection, lake: Lake, table: str, manifest: Manifest) -> pl.DataFrame:
    """The table's open entries once this release is current: a row for each rule, and since when it is open."""
    last, one, opening = last_status(table), state.events.alias(), state.events.c
    told = sa.join(last, one, one.c.id == last.c.id).join(state.events, opening.id == opening_event(last, one))
    since = sa.select(opening.entry_id, opening.at).select_from(told).where(one.c.event.in_(OPENED))
    at = pl.DataFrame(
        [tuple(row) for row in connection.execute(since)],
        schema={"id": pl.String(), "at": _AT},
        orient="row",
    )
    now = open_entries(connection, table).select("id", "key", "rules").join(at, on="id", how="left")
    path = manifest.tables[table].events
    if path is not None:
        now = _after(now, parquet.read(lake.storage, path), manifest)
    rules = now.explode("rules", empty_as_null=True).rename({"rules": "rule"})
    return rules.select(pl.lit(table).alias("table"), "id", "key", pl.col("rule").fill_null("?"), "at").cast(_OPEN)


def _after(now: pl.DataFrame, events: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """Open entries after a release's events: the last event of an entry decides."""
    last = events.filter(pl.col("event") != "seen").unique("entry_id", keep="last", maintain_order=True)
    stay = now.join(last, left_on="id", right_on="entry_id", how="anti")
    opened = last.filter(pl.col("event") == "opened").select(pl.col("entry_id").alias("id"), "key", "rules")
    at = pl.lit(manifest.published_at).dt.convert_time_zone("UTC").cast(_AT).alias("at")
    return pl.concat([stay, opened.with_columns(at).cast(stay.schema)])


def _quarantine(open_: pl.DataFrame) -> list[QuarantineFact]:
    counted = open_.group_by("table", "rule").agg(pl.col("id").n_unique().alias("open"), pl.col("at").min())
    return [QuarantineFact(*row) for row in counted.sort("table", "rule").iter_rows()]


def _lineage(connection: sa.Connection, tables: Sequence[TableFacts]) -> Iterator[LineageFact]:
    """Where every column comes from; a source stands where its last pull found it."""
    declared = [table.declaration for table in tables]
    places = source_places(connection, [one for one in declared if isinstance(one, TableDeclaration)])
    for traced in trace([(table.declaration, table.spec) for table in tables], places):
        for origin, found in (("source", traced.sources), ("table", traced.steps)):
            for one in found:
                yield _fact(traced.table, one, origin)


def _fact(table: str, one: Origin, origin: str) -> LineageFact:
    source = words(one.input) if isinstance(one.input, Dataset) else one.input
    if one.edge is None:
        return LineageFact(table, one.column, source, None, one.told or None, None, origin)
    how = f"{one.edge.kind}: {one.edge.told}" if one.edge.told else one.edge.kind
    kind = "direct" if one.edge.direct else "indirect"
    return LineageFact(table, one.column, source, one.edge.column, how, kind, origin)


def _batches(connection: sa.Connection, manifest: Manifest, previous: Manifest | None) -> list[BatchFact]:
    """The batches of the pulls that this release contains and the previous one does not."""
    pull, batch = state.pulls.c, state.batches.c
    query = (
        sa.select(batch.id, pull.source, pull.object, batch.origin, pull.started_at, pull.run_id, pull.number)
        .join_from(state.batches, state.pulls)
        .order_by(batch.id)
    )
    found: list[BatchFact] = []
    for name, table in manifest.tables.items():
        old = previous.tables.get(name) if previous else None
        seen = old.pulls if old else ()
        low = min((low for low, _ in table.pulls), default=0)
        if seen and seen[0][0] == low:
            low = seen[0][1] + 1  # whatever the first range held is in the catalogue already
        rows = connection.execute(query.where(pull.table_name == name, pull.number >= low))
        for id, source, object, origin, at, run_id, number in rows:
            if in_ranges(table.pulls, number) and not in_ranges(seen, number):
                found.append(BatchFact(id, source, object, origin.get("file"), at, run_id))
    return found
