"""What an analyst finds in `_catalog`: shape, meaning, freshness now, statistics that follow change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from publisher import SPEC, START, events_of, facts_of, lake_at, publish

from tilth.assets import state
from tilth.assets.declared import Freshness
from tilth.assets.lake import Lake, Run
from tilth.assets.publishing.catalog import write_catalog
from tilth.assets.publishing.engine import connect, create
from tilth.assets.publishing.facts import BatchFact, CatalogFacts, QualityFact, QuarantineFact, RunFact, TableFacts
from tilth.assets.publishing.gathering import asked, gather
from tilth.assets.publishing.manifest import Manifest, TableRelease
from tilth.assets.quarantine import record
from tilth.schemas.judging import Quality

SURFACE = {
    "tables": "name description owner rows release published_at licence purposes fingerprint",
    "columns": "table column type unit description term pii key nullable null_share distinct min max",
    "freshness": "table data_as_of published_at deadline late_after state age",
    "quality": "run table rule column severity checked failed stale_keys",
    "quarantine": "table rule open oldest",
    "lineage": "table column input input_column transformation kind origin",
}


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    create(tmp_path / "curated.duckdb")
    con = connect(tmp_path / "curated.duckdb")
    con.execute("CREATE TABLE alpha (id BIGINT, written BIGINT, person VARCHAR, _batch BIGINT)").fetchall()
    con.execute("INSERT INTO alpha SELECT range, 1, nullif('p' || range % 4, 'p3'), 1 FROM range(100)").fetchall()
    yield con
    con.close()


def manifest(number: int = 1, **more: object) -> Manifest:
    counts = {"pulled": 5, "inserted": 100, "rows_after": 100}
    table = TableRelease("published", 100, data_as_of=START, changed_in=number, counts=counts)
    at = START + timedelta(days=number)
    return Manifest(number, f"run-{number}", number - 1 or None, at, {"alpha": replace(table, **more)})  # type: ignore[arg-type]


def written(con: duckdb.DuckDBPyConnection, facts: CatalogFacts) -> None:
    con.begin()
    write_catalog(con, facts)
    con.commit()


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in con.execute(sql).fetchall()]


def test_columns_stand_as_the_surface_names_them(con: duckdb.DuckDBPyConnection) -> None:
    written(con, CatalogFacts(manifest(), [facts_of("alpha")]))
    for table, names in SURFACE.items():
        found = [str(row[0]) for row in rows(con, f"DESCRIBE _catalog.{table}")]
        assert found[: len(names.split())] == names.split()


def test_everything_in_the_catalogue_is_explained(con: duckdb.DuckDBPyConnection) -> None:
    written(con, CatalogFacts(manifest(), [facts_of("alpha")]))
    silent = "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = '_catalog' AND comment IS NULL"
    assert rows(con, silent) == []
    assert rows(con, "SELECT table_name FROM duckdb_tables() WHERE comment IS NULL") == []
    assert rows(con, "SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL") == []


def test_tables_and_columns_carry_the_contracts_words(con: duckdb.DuckDBPyConnection) -> None:
    written(con, CatalogFacts(manifest(), [facts_of("alpha")]))
    table = "SELECT description, owner, rows, release, licence, purposes, state FROM _catalog.tables"
    assert rows(con, table) == [
        ("Rows that carry their release's number", "team:a", 100, 1, "CC-BY-4.0", ["analytics"], "published")
    ]
    comments = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'alpha' ORDER BY column_index"
    assert rows(con, comments) == [
        ("id", "The row's number"),
        ("written", "The release that wrote it [release]"),
        ("person", "Person"),
        ("_batch", "The batch that the row came in: see _catalog.batches"),
    ]
    facts = 'type, unit, pii, key, nullable, null_share, "distinct", min, max'
    columns = f"SELECT {facts} FROM _catalog.columns ORDER BY position"
    assert rows(con, columns) == [
        ("BIGINT", None, None, True, False, 0.0, 100, "0", "99"),
        ("BIGINT", "release", None, False, False, 0.0, 1, "1", "1"),
        ("VARCHAR", None, "name", False, True, 0.25, 3, None, None),  # no value of personal data
        ("BIGINT", None, None, False, True, None, None, None, None),
    ]


def test_hostile_names_and_words_are_only_words(con: duckdb.DuckDBPyConnection) -> None:
    name, words = 'al"pha; --', 'it\'s "quoted"; DROP TABLE alpha; --'
    con.execute('ALTER TABLE alpha RENAME TO "al""pha; --"').fetchall()
    facts = facts_of("alpha")
    facts = replace(facts, declaration=replace(facts.declaration, name=name, description=words))
    one = manifest()
    written(con, CatalogFacts(replace(one, tables={name: one.tables["alpha"]}), [facts]))
    assert rows(con, "SELECT comment FROM duckdb_tables() WHERE schema_name = 'main'") == [(words,)]
    assert rows(con, "SELECT name FROM _catalog.tables") == [(name,)]


def test_statistics_follow_the_data_when_it_changed(con: duckdb.DuckDBPyConnection) -> None:
    statistics = "SELECT max, statistics_of FROM _catalog.columns WHERE \"column\" = 'id'"
    written(con, CatalogFacts(manifest(1), [facts_of("alpha")]))
    con.execute("INSERT INTO alpha VALUES (500, 2, NULL, 2)").fetchall()
    written(con, CatalogFacts(manifest(2), [facts_of("alpha", changed=False)]))
    assert rows(con, statistics) == [("99", 1)]
    written(con, CatalogFacts(manifest(3), [facts_of("alpha")]))
    assert rows(con, statistics) == [("500", 3)]


def test_statistics_of_a_large_table_wait_for_a_share_of_its_rows(con: duckdb.DuckDBPyConnection) -> None:
    of = "SELECT DISTINCT statistics_of FROM _catalog.columns WHERE statistics_of IS NOT NULL"
    total = 300_000
    written(con, CatalogFacts(manifest(1, rows=total), [facts_of("alpha")]))
    for number in (2, 3, 4):  # each changes 2 %
        counts = {"inserted": total // 100, "updated": 0, "closed": total // 100, "removed": 0}
        written(con, CatalogFacts(manifest(number, rows=total, counts=counts), [facts_of("alpha")]))
        assert rows(con, of) == [(4 if number == 4 else 1,)]


@pytest.mark.parametrize(
    ("promise", "age", "state_now"),
    [
        (Freshness(None, timedelta(hours=26)), timedelta(hours=25, minutes=59), "fresh"),
        (Freshness(None, timedelta(hours=26)), timedelta(hours=26, minutes=1), "late"),
        (Freshness("0 6 * * *"), timedelta(days=2, minutes=1), "late"),
        (Freshness("0 6 * * *"), timedelta(minutes=1), "fresh"),
        (Freshness(), timedelta(days=900), "no promise"),
    ],
)
def test_freshness_is_computed_when_asked(
    con: duckdb.DuckDBPyConnection, promise: Freshness, age: timedelta, state_now: str
) -> None:
    facts = facts_of("alpha")
    facts = replace(facts, declaration=replace(facts.declaration, freshness=promise))
    as_of = datetime.now(UTC) - age
    written(con, CatalogFacts(manifest(data_as_of=as_of), [facts], "Europe/Berlin"))
    ((found, seconds, words),) = rows(con, "SELECT state, age_s, age FROM _catalog.freshness")
    assert found == state_now
    assert abs(int(str(seconds)) - age.total_seconds()) < 60
    assert ("d" in str(words)) == (age >= timedelta(days=1))
    assert con.sql("SELECT * FROM _catalog.freshness").pl().height == 1  # every type goes to polars too


def test_a_held_table_keeps_the_time_it_was_published(con: duckdb.DuckDBPyConnection) -> None:
    when = "SELECT published_at, trouble FROM _catalog.promises"
    written(con, CatalogFacts(manifest(1), [facts_of("alpha")]))
    written(con, CatalogFacts(manifest(2, state="held", reason="too toxic"), [facts_of("alpha")]))
    assert rows(con, when) == [(START + timedelta(days=1), "too toxic")]
    assert rows(con, "SELECT release, state, reason FROM _catalog.tables") == [(2, "held", "too toxic")]


def test_a_table_without_data_is_late_when_something_is_promised(con: duckdb.DuckDBPyConnection) -> None:
    one = manifest()
    new = TableRelease("new", 0)
    written(con, CatalogFacts(replace(one, tables={**one.tables, "beta": new}), [facts_of("alpha"), facts_of("beta")]))
    assert rows(con, "SELECT state, age, late_after FROM _catalog.freshness WHERE \"table\" = 'beta'") == [
        ("late", None, None)
    ]
    assert rows(con, "SELECT rows, state FROM _catalog.tables WHERE name = 'beta'") == [(0, "new")]


def test_history_grows_and_a_rerun_changes_nothing(con: duckdb.DuckDBPyConnection) -> None:
    run = RunFact("run-1", "n", "publish", START, None, None)
    facts = CatalogFacts(
        manifest(1),
        [facts_of("alpha")],
        runs=[run],
        quality=[QualityFact("run-1", "alpha", "isin", "written", "error", 10, 1)],
        quarantine=[QuarantineFact("alpha", "isin", 1, START)],
        batches=[BatchFact(7, "erp", "alpha", None, START, "run-1")],
    )
    written(con, facts)
    written(con, facts)
    ended = replace(run, finished_at=START + timedelta(minutes=1), exit=0)
    written(con, CatalogFacts(manifest(2), [facts_of("alpha")], runs=[ended]))
    assert rows(con, "SELECT release, run_id, rows FROM _catalog.releases ORDER BY ALL") == [
        (1, "run-1", 100), (2, "run-2", 100)
    ]  # fmt: skip
    assert rows(con, "SELECT run_id, exit FROM _catalog.runs") == [("run-1", 0)]
    assert rows(con, "SELECT run, rule, failed FROM _catalog.quality") == [("run-1", "isin", 1)]
    assert rows(con, "SELECT * FROM _catalog.quarantine") == []
    assert rows(con, "SELECT batch, source FROM _catalog.batches") == [(7, "erp")]
    assert rows(con, "SELECT release, pulled, inserted, discarded FROM _catalog.conservation ORDER BY ALL") == [
        (1, 5, 100, None), (2, 5, 100, None)
    ]  # fmt: skip


def test_keys_that_stay_in_an_older_version_are_counted(con: duckdb.DuckDBPyConnection) -> None:
    quality = [QualityFact("run-1", "alpha", rule, None, "error", 10, 3) for rule in ("isin", "parse", "unique")]
    keys = [("alpha", "isin", "5"), ("alpha", "isin", "5"), ("alpha", "isin", "7"), ("alpha", "isin", "900")]
    keys += [("alpha", "parse", "no number"), ("alpha", "parse", "9"), ("beta", "unique", "1")]
    open_keys = pl.DataFrame(keys, schema={"table": pl.String, "rule": pl.String, "key": pl.String}, orient="row")
    written(con, CatalogFacts(manifest(), [facts_of("alpha")], quality=quality, open_keys=open_keys))
    assert rows(con, "SELECT rule, stale_keys FROM _catalog.quality ORDER BY rule") == [
        ("isin", 2), ("parse", 1), ("unique", 0)
    ]  # fmt: skip


def test_keys_of_several_columns_are_counted_too(con: duckdb.DuckDBPyConnection) -> None:
    spec = replace(SPEC, key=("id", "person"))
    facts = replace(facts_of("alpha"), spec=spec)
    keys = [("alpha", "isin", '["4","p0"]'), ("alpha", "isin", '["4","p1"]')]
    open_keys = pl.DataFrame(keys, schema={"table": pl.String, "rule": pl.String, "key": pl.String}, orient="row")
    quality = [QualityFact("run-1", "alpha", "isin", None, "error", 10, 3)]
    written(con, CatalogFacts(manifest(), [facts], quality=quality, open_keys=open_keys))
    assert rows(con, "SELECT stale_keys FROM _catalog.quality") == [(1,)]


def test_a_table_that_left_is_forgotten(con: duckdb.DuckDBPyConnection) -> None:
    written(con, CatalogFacts(manifest(), [facts_of("alpha")]))
    con.execute("DROP TABLE alpha").fetchall()
    written(con, CatalogFacts(replace(manifest(2), tables={}), []))
    for table in ("tables", "columns", "freshness"):
        assert rows(con, f"SELECT * FROM _catalog.{table}") == []
    assert rows(con, "SELECT release FROM _catalog.releases ORDER BY 1") == [(1,), (2,)]


def test_a_catalogue_of_another_shape_is_carried_over(con: duckdb.DuckDBPyConnection) -> None:
    written(con, CatalogFacts(manifest(), [facts_of("alpha")]))
    con.execute("ALTER TABLE _catalog.releases DROP COLUMN previous").fetchall()
    con.execute("ALTER TABLE _catalog.runs ADD COLUMN retired INTEGER").fetchall()
    con.execute("COMMENT ON TABLE _catalog.releases IS 'an older shape'").fetchall()
    written(con, CatalogFacts(manifest(2), [facts_of("alpha")]))
    assert rows(con, "SELECT release, previous FROM _catalog.releases ORDER BY 1") == [(1, None), (2, 1)]
    assert "retired" not in [row[0] for row in rows(con, "DESCRIBE _catalog.runs")]
    left = "SELECT table_name FROM duckdb_tables() WHERE schema_name = '_catalog' AND starts_with(table_name, 'old')"
    assert rows(con, left) == []


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = lake_at(tmp_path / "project")
    yield lake
    lake.state.close()


def test_facts_are_those_the_previous_catalogue_lacks(lake: Lake) -> None:
    _night(lake, 1)
    first = _gathered(lake, 1)
    assert [row.run_id for row in first.runs] == ["ingest-1", "publish-1"]
    assert [(row.run, row.rule, row.checked, row.failed) for row in first.quality] == [("ingest-1", "isin", 20, 3)]
    assert [(row.batch, row.source, row.file) for row in first.batches] == [(1, "erp", "a.csv")]
    publish(lake)
    _night(lake, 2)
    second = _gathered(lake, 2)
    assert "ingest-2" in [row.run_id for row in second.runs]
    assert "ingest-1" not in [row.run_id for row in second.runs]
    assert [row.run for row in second.quality] == ["ingest-2"]


def test_the_quarantine_is_told_as_the_release_leaves_it(lake: Lake) -> None:
    manifest = publish(lake)
    with lake.state.begin() as connection:
        more = events_of(7, None).with_columns(rules=pl.lit(["isin", "parse"]), batch_id=pl.lit(None, pl.Int64))
        record(connection, "alpha", more, Run("judge", "n", START), path="toxic/x.parquet")
    path = "settled/alpha/next.events.parquet"
    with lake.storage.create(path) as file:
        events_of(2, 1).write_parquet(file)  # opens e2, replays e1
    table = replace(manifest.tables["alpha"], events=path)
    told = gather(lake, replace(manifest, release=2, tables={"alpha": table}), [], Run("r", "n", START))
    assert {(row.rule, row.open) for row in told.quarantine} == {("isin", 1), ("parse", 1), ("reference", 1)}
    assert told.open_keys is not None
    assert sorted(told.open_keys["key"].to_list()) == ["2", "7", "7"]


def _night(lake: Lake, number: int) -> None:
    """What an ingest leaves in the state."""
    at = START + timedelta(days=number, minutes=-30)
    run = {"run_id": f"ingest-{number}", "night": "n", "kind": "ingest", "started_at": at, "exit": 0}
    pull = {"table_name": "alpha", "number": number, "kind": "rows", "source": "erp", "object": "a", "state": "judged"}
    pull |= {"run_id": f"ingest-{number}", "whole": False, "started_at": at}
    found = {"run_id": f"ingest-{number}", "table_name": "alpha", "rule": "isin", "column": "written"}
    with lake.state.begin() as connection:
        connection.execute(sa.insert(state.runs).values(**run, finished_at=at + timedelta(minutes=1)))
        key = connection.execute(sa.insert(state.pulls).values(**pull)).inserted_primary_key
        origin = {"source": "erp", "object": "a", "file": "a.csv", "sha256": "ab", "offset": 0, "line": 1}
        batch = {"pull_id": key[0] if key else 0, "number": 1, "kind": "rows", "path": f"raw/{number}", "rows": 20}
        connection.execute(sa.insert(state.batches).values(**batch, bytes=1, origin=origin))
        for checked, failed in ((15, 1), (5, 2)):
            values = {**found, "severity": "error", "checked": checked, "failed": failed}
            connection.execute(sa.insert(state.quality).values(values))


def _gathered(lake: Lake, number: int) -> CatalogFacts:
    table = TableRelease("published", 20, pulls=((1, number),))
    at = START + timedelta(days=number)
    facts: list[TableFacts] = []
    return gather(
        lake,
        Manifest(number, f"publish-{number}", None, at, {"alpha": table}),
        facts,
        Run(f"publish-{number}", "n", at),
    )


def test_what_was_refused_is_told_beside_what_was_asked_again() -> None:
    first, again = Quality("total", "net", "warn", 5, 2), Quality("total", "net", "warn", 3, 1)
    other = Quality("row_count", None, "error", 1, 1)
    found = asked(Run("r", "n", START), {"alpha": (again,), "beta": (other,)}, {"alpha": (first, other)})
    said = sorted((one.table, one.rule, one.checked, one.failed) for one in found)
    assert said == [("alpha", "row_count", 1, 1), ("alpha", "total", 3, 1), ("beta", "row_count", 1, 1)]
    assert {one.run for one in found} == {"r"}
