"""A small publisher: each release writes its number into every row of every table, and moves one quarantine entry.

Run as a program it does so in processes of their own, stopping dead where it is told.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.database import open_state
from tilth.assets.declared import Freshness, Rights, TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.places import events_path, toxic_path
from tilth.assets.publishing.catalog import write_catalog
from tilth.assets.publishing.engine import connect
from tilth.assets.publishing.facts import TableFacts
from tilth.assets.publishing.gathering import gather
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.assets.publishing.reconcile import confirm, intend, reconcile
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.verify import check_file
from tilth.assets.quarantine import EVENTS
from tilth.assets.storage import LocalStorage
from tilth.schemas.spec import Column, Spec

START = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
STEPS = ("begun", "written", "sealed", "intended", "switched", "confirmed", "collected")
SPEC = Spec(
    "Numbers",
    "Rows that carry their release's number",
    "0123456789ab",
    (
        Column("id", "id", pl.Int64(), key=True, description="The row's number"),
        Column("written", "written", pl.Int64(), unit="release", description="The release that wrote it"),
        Column("person", "person", pl.String(), nullable=True, pii="name"),
    ),
    ("id",),
    (),
)


def lake_at(root: Path) -> Lake:
    """The project in `root`."""
    database = open_state(f"sqlite:///{root / 'state.db'}")
    return Lake(LocalStorage(root / "lake"), database, root / "curated.duckdb", "Europe/Berlin", 3)


def facts_of(name: str, *, changed: bool = True) -> TableFacts:
    """A declared table."""
    promise = Freshness("0 6 * * *", timedelta(hours=26))
    rights = Rights("CC-BY-4.0", None, ("analytics",))
    declaration = TableDeclaration(name, "c.Numbers", "erp", name, owner="team:a", freshness=promise, rights=rights)
    return TableFacts(SPEC, declaration, changed)


def events_of(number: int, previous: int | None) -> pl.DataFrame:
    """Release n opens the entry n and replays the one of the release before."""
    rows: list[dict[str, object]] = [{"entry_id": f"e{number}", "event": "opened", "key": str(number)}]
    rows += [{"entry_id": f"e{previous}", "event": "replayed", "key": str(previous)}] if previous else []
    more = {"rules": ["reference"], "contract_version": SPEC.version, "version": None, "pull_id": None}
    return pl.DataFrame([{**more, "batch_id": number, "ordinal": 0, **row} for row in rows], schema=EVENTS)


def publish(
    lake: Lake,
    *,
    tables: Sequence[str] = ("alpha", "beta"),
    rows: int = 2_000,
    step: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """One release, in the order that a real publish keeps."""
    releases = Releases(lake.curated)
    current = releases.current()
    with lake.state.read() as connection:
        number = releases.next_number(connection.execute(sa.select(state.releases.c.release)).scalars())
    run = Run(f"run-{number}-{os.getpid()}", "night", START + timedelta(days=number))
    draft = releases.begin(run.id)
    step("begun")
    for suffix, path in (("events", events_path("alpha", run.id)), ("toxic", toxic_path("alpha", run.id))):
        with lake.storage.create(path) as file:
            frame = (
                events_of(number, current.release if current else None)
                if suffix == "events"
                else pl.DataFrame({"id": [f"e{number}"]})
            )
            frame.write_parquet(file)
    before = {name: table.rows for name, table in current.tables.items()} if current else {}
    entries = {name: _entry(run, name, rows, number, before.get(name, 0)) for name in tables}
    manifest = Manifest(number, run.id, current.release if current else None, run.at, entries)
    _write(lake, draft.path, manifest, run, rows)
    step("written")
    check_file(draft.path, manifest)
    release = releases.seal(draft, manifest)
    step("sealed")
    intend(release, lake)
    step("intended")
    releases.switch(release)
    step("switched")
    confirm(manifest, lake)
    step("confirmed")
    releases.collect(lake.keep_releases)
    step("collected")
    return manifest


def _entry(run: Run, name: str, rows: int, number: int, before: int) -> TableRelease:
    updated = min(rows, before)
    counts = {"pulled": rows, "updated": updated, "inserted": rows - updated, "rows_before": before, "rows_after": rows}
    paths: dict[str, str] = {}
    if name == "alpha":
        paths = {"events": events_path(name, run.id), "toxic": toxic_path(name, run.id)}
        opens = {"quarantined": 1, "pulled": rows + (not before), "replayed": int(before > 0)}
        counts |= {"open_before": int(before > 0), "open_after": 1, **opens}
    as_of = run.at - timedelta(minutes=5)
    return TableRelease(
        "published", rows, None, SPEC.version, data_as_of=as_of, changed_in=number, counts=counts, **paths
    )


def _write(lake: Lake, path: Path, manifest: Manifest, run: Run, rows: int) -> None:
    con = connect(path)
    try:
        con.begin()
        present = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'").fetchall()
        for (name,) in present:
            if name not in manifest.tables:
                con.execute(f"DROP TABLE {name}").fetchall()
        for name in manifest.tables:
            columns = "id BIGINT, written BIGINT, person VARCHAR, _source VARCHAR, _batch BIGINT, _ordinal BIGINT"
            con.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})").fetchall()
            con.execute(f"DELETE FROM {name}").fetchall()
            con.execute(
                f"INSERT INTO {name} SELECT range, {manifest.release}, 'p' || range, 'erp', 1, range FROM range({rows})"
            ).fetchall()
        write_catalog(con, gather(lake, manifest, [facts_of(name) for name in manifest.tables], run))
        con.commit()
        con.execute("CHECKPOINT").fetchall()
    finally:
        con.close()


def _run(root: Path, stop: str) -> None:
    """Start as every run does, then publish; after the step `stop`, die as by kill -9. Tells each step."""
    lake = lake_at(root)
    reconcile(lake)
    Releases(lake.curated).sweep()

    def step(name: str) -> None:
        print(name, flush=True)
        if name == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    print(os.getpid(), flush=True)
    while True:
        publish(lake, step=step)
        if stop != "forever":
            return


def _serve() -> None:
    """Fork a publisher for each line "ROOT<tab>STOP": the imports are paid once."""
    for line in sys.stdin:
        root, stop = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            _run(Path(root), stop)
            os._exit(0)
        print("ended", os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    _serve()
