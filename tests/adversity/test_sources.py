"""Sources that are away, refuse, or give something else than declared: one message each, all others are published."""

from __future__ import annotations

import socket

import pytest
from adversity.shop import Said, Shop


def message(said: Said, where: str) -> str:
    """The one message about `where`."""
    (found,) = [text for text in said.errors if text.startswith(f"error: {where}")]
    assert said.err.count("error: ") == len(said.errors)
    assert "Traceback" not in said.err + said.out
    return found


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.long
def test_sources_that_are_away_or_refuse(shop: Shop) -> None:
    before = shop.rows()
    shop.write("wrong", "wr0ng-s3cret\n")
    shop.connect(north={"port": unused_port()}, west={"password": "file:wrong"}, desk={"root": "elsewhere"})
    shop.sql(
        "alter table items rename to itms",
        "insert into orders values (4, 2, 8)",
        "insert into customers values (3, 'Cy')",
        "insert into visits values (3, 'late')",
        "insert into itms values (3, 300)",
    )
    shop.drop("b.csv", "no;weight\n3;300\n")
    said = shop.tilth("run")
    assert (said.code, len(said.errors)) == (3, 4), said.err
    refused = message(said, "source north, object customers: the connection was refused: no server listens there")
    assert refused.endswith("next: tilth sources check north")
    wrong = message(said, "source west, object visits: the credentials were refused")
    assert "wr0ng" not in said.err + said.out
    assert wrong.endswith("next: tilth sources check west")
    missing = message(said, "source east, object items: there is no object items (expected itms)")
    assert missing.endswith("next: tilth sources check east")
    away = message(said, "source desk, object *.csv: ")
    assert "elsewhere cannot be read" in away
    assert away.endswith("next: tilth sources check desk")
    assert shop.rows() == before | {"orders": 4}
    states = shop.states()
    assert {name for name, state in states.items() if state == "failed"} == {"customers", "visits", "items", "parcels"}
    checked = shop.tilth("sources", "check")
    assert checked.code == 1
    assert "no server listens there" in checked.out + checked.err

    shop.connect()
    shop.sql("alter table itms rename to items")
    healed = shop.tilth("run")
    assert (healed.code, healed.errors) == (0, []), healed.err
    assert shop.rows() == {"customers": 3, "items": 3, "orders": 4, "parcels": 3, "spent": 2, "visits": 3}
    shop.proves_whole()


@pytest.mark.long
def test_what_a_source_has_is_no_longer_what_is_declared(shop: Shop) -> None:
    shop.sql(
        "alter table visits rename column note to notes",
        "alter table customers rename column updated_at to was",
        "alter table customers add column updated_at int default 1",
        "alter table items alter weight type text using weight::text",
        "update items set weight = '150' where id = 1",
        "insert into items values (3, 'heavy')",
        "insert into orders values (4, 2, 8)",
    )
    shop.drop("b.csv", b"%PDF-1.4\n\xe2\xe3")
    shop.drop("c.csv", "no;weight\n3;300\n")
    said = shop.tilth("run")
    assert (said.code, len(said.errors)) == (3, 2), said.err
    column = message(said, "source west, object visits: there is no column note (expected notes)")
    assert column.endswith("next: tilth sources check west")
    cursor = message(said, "source north, object customers: the column updated_at (INTEGER) cannot be a cursor")
    assert "(expected a date or time column)" in cursor
    assert shop.rows() == {"customers": 2, "items": 2, "orders": 4, "parcels": 3, "spent": 2, "visits": 2}
    assert shop.published("select id, weight from items order by 1") == [(1, 150), (2, 200)]
    toxic = {entry["table"]: entry["reasons"] for entry in shop.tilth("quarantine", "list", "--json").json}
    heavy = {"rule": "parse", "column": "weight", "value": "heavy", "expected": "integer"}
    unreadable = {"rule": "not_readable", "column": None, "value": "a PDF document", "expected": "text in utf-8"}
    assert toxic == {
        "items": [heavy | {"kind": "row", "severity": "error"}],
        "parcels": [unreadable | {"kind": "file", "severity": "error"}],
    }
    shop.proves_whole()

    shop.sql(
        "alter table visits rename column notes to note",
        "alter table customers drop column updated_at",
        "alter table customers rename column was to updated_at",
        "update items set weight = '333' where id = 3",
        "alter table items alter weight type int using weight::int",
    )
    shop.drop("b.csv", "no;weight\n4;400\n")
    healed = shop.tilth("run")
    assert (healed.code, healed.errors) == (0, []), healed.err
    assert shop.rows() == {"customers": 2, "items": 3, "orders": 4, "parcels": 4, "spent": 2, "visits": 2}
    shop.proves_whole()
