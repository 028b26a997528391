"""Values and names that trip databases up: they pass through every room as what they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from company import Scripted, declaration, frame_of, lake_in, run_of

from tilth.assets.declared import Deletes
from tilth.assets.night import Publishable, Published, ingest_table, publish_night, set_right
from tilth.assets.publishing.verify import verify
from tilth.assets.quarantine import open_entries
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column


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
