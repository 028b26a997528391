"""Values and names that trip databases up: they pass through every room as what they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Optional

import polars as pl
import pyarrow as pa
import pytest
from company import Scripted, declaration, frame_of, lake_in, run_of

from tilth.assets.declared import Deletes, TableDeclaration
from tilth.assets.landable import landable
from tilth.assets.night import Publishable, Published, ingest_table, publish_night, set_right
from tilth.assets.publishing.verify import verify
from tilth.assets.quarantine import open_entries
from tilth.connectors.registry import connector
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column
from tilth.schemas.judging import judge


def night(
    folder: Path, contract: type, rows: Sequence[dict[str, Any]], columns: dict[str, Any], number: int = 1, **more: Any
) -> Published:
    """One night over one table, named `things`; nothing is wrong after it."""
    lake, run = lake_in(folder), run_of(number)
    table = declaration("things", **({"deletes": Deletes(), "version": None} | more))
    set_right(lake)
    ingest_table(table, contract, lambda: Scripted(rows, columns, whole=True), lake, run)
    published = publish_night([Publishable(table, contract)], lake, run)
    assert verify(lake).problems == ()
    return published


def seen(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return frame_of(folder / "curated.duckdb", sql).rows()


class Named(Contract):
    """Known by a text."""

    name: str = column(key=True)
    amount: int = column(ge=0)


def test_what_follows_a_nul_is_part_of_a_key(tmp_path: Path) -> None:
    """SQLite's JSON ends a text there, and PostgreSQL refuses it: `a` would be overtaken by, or kept for, `a\\0b`."""
    columns = {"name": pa.string(), "amount": pa.int64()}
    rows = [{"name": "a\0b", "amount": -1}, {"name": "a\0c", "amount": 1}, {"name": "\u2400", "amount": -1}]
    night(tmp_path, Named, rows, columns, load="replace")
    assert seen(tmp_path, "SELECT name FROM things") == [("a\0c",)]
    published = night(tmp_path, Named, [{"name": "a", "amount": 1}, *rows], columns, 2, load="replace")
    assert published.tables["things"].counts["superseded_open"] == 0
    with lake_in(tmp_path).state.read() as connection:
        assert sorted(open_entries(connection, "things")["key"]) == ["a\u24000b", "\u2400\u2400"]
    night(tmp_path, Named, rows, columns, 3, load="replace")
    assert seen(tmp_path, "SELECT name FROM things") == [("a\0c",)]
    mended = [{"name": "a\0b", "amount": 2}, rows[1]]
    night(tmp_path, Named, mended, columns, 4, load="replace")
    assert sorted(seen(tmp_path, "SELECT name FROM things")) == [("a\0b",), ("a\0c",)]
    with lake_in(tmp_path).state.read() as connection:
        assert list(open_entries(connection, "things")["key"]) == ["\u2400\u2400"]


class Odd(Contract):
    """What odd columns hold."""

    id: int = column(key=True)
    every: int = column(source="*", nullable=True)
    match: int = column(source="^a.*$", nullable=True, ge=0)
    pair: str = column(source="%20 x", nullable=True)
    wide: str = column(source='a "wide" [one]', nullable=True)
    shown: str = column(source="ab", nullable=True)


WIDE = Decimal("12345678901234567890123456789012345678901234567890.0123456789")


def test_any_name_and_any_type_of_a_column_lands_and_is_read(tmp_path: Path) -> None:
    columns = {
        "id": pa.int64(),
        "ab": pa.map_(pa.string(), pa.int64()),
        "*": pa.string(),
        "^a.*$": pa.string(),
        "%20 x": pa.list_(pa.int64(), 2),
        'a "wide" [one]': pa.decimal256(60, 10),
    }
    rows: list[dict[str, Any]] = [
        {"id": 1, "*": "2", "^a.*$": "3", "%20 x": [1, 2], 'a "wide" [one]': WIDE, "ab": [("x", 1)]},
        {"id": 2, "*": "x", "^a.*$": "-3"},
    ]
    published = night(tmp_path, Odd, rows, columns)
    assert published.tables["things"].counts["quarantined"] == 1
    (row,) = seen(tmp_path, "SELECT id, every, match, pair, wide, shown FROM things")
    assert row == (1, 2, 3, "[1, 2]", str(WIDE), '[["x", 1]]')


class Timed(Contract):
    """When something happened, to the second."""

    id: int = column(key=True)
    clock: time = column(nullable=True)
    at: pl.Datetime("us", "UTC") = column(nullable=True)  # type: ignore[valid-type]
    all: pl.List(pl.Datetime("us", "UTC")) = column(nullable=True)  # type: ignore[valid-type]


def test_the_hour_24_and_zones_that_are_an_offset_are_pulled_as_what_they_are(tmp_path: Path) -> None:
    zone, noon = pa.timestamp("us", "+05:30"), datetime(2026, 1, 1, 12, tzinfo=UTC)
    columns = {"id": pa.int64(), "clock": pa.time64("us"), "at": zone, "all": pa.list_(zone)}
    clocks = pa.array([43_200_000_000, 86_400_000_000, None], pa.int64()).cast(pa.time64("us"))
    table = pa.table([pa.array([1, 2, 3]), clocks, pa.array([noon] * 3, zone), pa.array([[noon]] * 3, columns["all"])],
                     names=[*columns])  # fmt: skip
    made = landable(table)
    assert made.column("clock").to_pylist() == ["12:00:00", "24:00:00", None]
    assert landable(table.take([0])).schema.field("clock").type == pa.time64("us")
    verdict = judge(pl.DataFrame(made), Timed)
    assert verdict.good["clock"].to_list() == [time(12), None]
    assert verdict.good.select("at", "all").row(0) == (noon, [noon])
    assert verdict.reasons.select("row", "rule", "value").rows() == [(1, "parse", "24:00:00")]
    rows = [{"id": 1, "clock": time(12), "at": noon, "all": [noon]}]
    night(tmp_path, Timed, rows, columns)
    assert seen(tmp_path, 'SELECT clock, "at" = "all"[1], "at"::VARCHAR FROM things') == [
        (time(12), True, "2026-01-01 12:00:00+00")
    ]


def test_a_key_may_have_any_name_in_the_source(tmp_path: Path) -> None:
    class Keyed(Contract):
        """Known by an odd column."""

        id: int = column(key=True, source="^.*$")
        amount: int = column()

    columns = {"^.*$": pa.int64(), "amount": pa.int64()}
    rows = [{"^.*$": n, "amount": 1} for n in (1, 1, 2)] + [{"^.*$": 3, "amount": n} for n in (1, 2)]
    published = night(tmp_path, Keyed, rows, columns, deletes=Deletes("compare_keys"))
    counts = published.tables["things"].counts
    assert (counts["inserted"], counts["duplicate"], counts["quarantined"]) == (2, 1, 2)


def test_a_source_may_have_a_column_rowid(tmp_path: Path) -> None:
    class Rowid(Contract):
        """Numbered by its source."""

        id: int = column(key=True)
        row_number: int = column(source="rowid")

    columns = {"id": pa.int64(), "rowid": pa.int64()}
    for number in (1, 2):
        rows = [{"id": n, "rowid": number * 10 - n} for n in range(3)]
        night(tmp_path, Rowid, rows, columns, number)
        assert sorted(seen(tmp_path, "SELECT id, row_number FROM things")) == [(n, number * 10 - n) for n in range(3)]


def test_a_table_may_lack_an_optional_column(tmp_path: Path) -> None:
    class Loose(Contract):
        """Has a note where its source has one."""

        id: int = column(key=True)
        note: Optional[str] = column(nullable=True, standardise="trim")  # noqa: UP045 (how pandera says it)

    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("create table things (id integer primary key)")
        shop.execute("insert into things values (1)")
    lake, table = lake_in(tmp_path), declaration("things", deletes=Deletes(), version=None)
    for number in (1, 2):
        set_right(lake)
        made = connector("sqlite", "erp", {"path": "shop.db"}, base=tmp_path)
        ingest_table(table, Loose, lambda made=made: made, lake, run_of(number))
        assert publish_night([Publishable(table, Loose)], lake, run_of(number)).problems == ()
        assert seen(tmp_path, "SELECT id, note FROM things") == [(1, None if number == 1 else "x")]
        if number == 1:
            with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
                shop.execute("alter table things add note text default ' x '")


def test_a_project_may_stand_in_a_folder_of_any_name(tmp_path: Path) -> None:
    columns = {"name": pa.string(), "amount": pa.int64()}
    for beside in ("axb", "a"):  # what the names mean, as patterns
        (tmp_path / beside).mkdir()
        night(tmp_path / beside, Named, [{"name": beside, "amount": 1}], columns)
    for name in ("[a]", "a*b", "{a,b}", '100%20 it\'s "so" #1; ~'):
        folder = tmp_path / name
        folder.mkdir()
        for number in (1, 2):
            night(folder, Named, [{"name": name, "amount": number}, {"name": "b", "amount": -1}], columns, number)
            assert seen(folder, "SELECT name, amount FROM things") == [(name, number)]


@pytest.mark.parametrize("name", ["[a]", "a*b", "a?b", "back\\slash", '100%20 it\'s "so" #1', "**"])
def test_a_drop_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    for folder, text in ((name, "mine"), ("axb", "other"), ("a", "other")):
        (tmp_path / "drops" / folder).mkdir(parents=True)
        (tmp_path / "drops" / folder / f"{name}.csv").write_text(f"name,amount\n{text},1\n")
    made = connector("files", "erp", {"root": f"drops/{name}", "settle": "0s"}, base=tmp_path)
    table = TableDeclaration("things", "x.Named", "erp", "*.csv", format={"kind": "delimited"})
    lake, run = lake_in(tmp_path), run_of(1)
    set_right(lake)
    ingest_table(table, Named, lambda: made, lake, run)
    assert publish_night([Publishable(table, Named)], lake, run).problems == ()
    assert seen(tmp_path, "SELECT name FROM things") == [("mine",)]


class Dated(Contract):
    """Says in German when it changed, once as written and once as a day."""

    id: int = column(key=True)
    amount: int = column(ge=0)
    written: str = column(source="stand")
    changed: date = column(source="stand", formats="%d.%m.%Y")


def test_versions_of_files_are_compared_as_the_contract_reads_them(tmp_path: Path) -> None:
    drops = tmp_path / "drops"
    drops.mkdir()
    made = connector("files", "erp", {"root": "drops", "settle": "0s"}, base=tmp_path)
    table = TableDeclaration("things", "x.D", "erp", "*.csv", cursor="stand", format={"kind": "delimited"})
    lake = lake_in(tmp_path)
    for number, (stand, expected) in enumerate(
        [("02.12.2025", 1), ("31.01.2025", 1), ("01.02.2026", 3), ("31.12.2025", 3), ("02.02.2026", 5)], 1
    ):
        older = f"1,0,{int(stand[:2]) - 1:02}{stand[2:]}\n" if number % 2 else ""  # beside a version before it
        (drops / f"{number}.csv").write_text(f"id,amount,stand\n{older}1,{number},{stand}\n")
        set_right(lake)
        ingest_table(table, Dated, lambda: made, lake, run_of(number))
        publish_night([Publishable(table, Dated)], lake, run_of(number))
        assert seen(tmp_path, "SELECT amount FROM things") == [(expected,)]
