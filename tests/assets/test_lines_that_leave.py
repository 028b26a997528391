"""Lines that leave because their source does not have them any more: a total that is wrong then holds their table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from company import Scripted, lake_in
from houses import House, plain
from test_totals import INT, MONEY, Counted, Invoice, Line, Row, invoices

from tilth.assets.declared import Deletes

LINES = [(1, 1, "1.00"), (2, 1, "2.00"), (3, 2, "5.00")]


@pytest.fixture(params=["picture", pytest.param("keys", marks=pytest.mark.long)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Two invoices and their lines, published."""
    house = House(lake_in(tmp_path))
    pictures, deletes = request.param == "picture", Deletes("compare_keys", every=timedelta(0))
    declared = plain("lines", load="replace") if pictures else plain("lines", deletes=deletes)
    house.tables = {"invoices": (plain("invoices"), Invoice), "lines": (declared, Line)}
    invoices(house, (1, "3.00"), (2, "5.00"))
    lines(house, *LINES)
    assert house.publish().held == ()
    yield house
    assert not house.problems()


def lines(house: House, *rows: tuple[int, int, str]) -> None:
    """All that the source has."""
    told: list[Row] = [{"id": id, "invoice": invoice, "amount": Decimal(amount)} for id, invoice, amount in rows]
    house.ingest("lines", Scripted(told, {"id": INT, "invoice": INT, "amount": MONEY}, whole=True))


def published(house: House) -> tuple[list[object], list[object]]:
    found = house.rows("SELECT net::VARCHAR FROM invoices ORDER BY no"), house.rows("SELECT id FROM lines ORDER BY id")
    return [net for (net,) in found[0]], [id for (id,) in found[1]]


def test_a_total_that_leaving_lines_make_wrong_holds_their_table_until_it_is_right(house: House) -> None:
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"), (4, 3, "9.00"))
    invoices(house, (2, "5.00"), (3, "9.00"))
    found = house.publish()
    assert found.held == ("lines",)
    reason = found.tables["lines"].reason or ""
    assert "total is wrong for 1 of invoices: no 1: net 3.00, sum of lines.amount 1.00" in reason
    assert 'tilth publish accept lines --why "…"' in reason
    assert published(house) == (["3.00", "5.00"], [1, 2, 3])
    invoices(house, (1, "1.00"))
    assert house.publish().held == ()
    assert published(house) == (["1.00", "5.00", "9.00"], [1, 3, 4])


def test_lines_and_the_invoice_that_knows_of_it_go_together(house: House) -> None:
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"))
    invoices(house, (1, "1.00"))
    assert house.publish().held == ()
    assert published(house) == (["1.00", "5.00"], [1, 3])


def test_newcomers_of_the_family_do_not_hide_that_lines_left(house: House) -> None:
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"))
    invoices(house, (1, "7.00"))
    assert house.publish().held == ("lines",)
    assert published(house) == (["3.00", "5.00"], [1, 2, 3])


def test_what_is_accepted_is_published_and_counted_and_told_once(house: House) -> None:
    counted = "SELECT run, failed FROM _catalog.quality WHERE rule = 'total' AND \"table\" = 'lines' AND failed > 0"
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"))
    assert house.publish().held == ("lines",)
    refused = house.rows(counted)
    house.accept("lines")
    assert house.publish().held == ()
    assert published(house) == (["3.00", "5.00"], [1, 3])
    assert [failed for _, failed in refused] == [1]
    assert [failed for _, failed in house.rows(counted)] == [1, 1]  # of the content refused, and of what was published
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"))
    assert house.publish().held == ()


def three(house: House) -> None:
    """A third invoice, of two lines."""
    lines(house, *LINES, (4, 3, "1.00"), (5, 3, "3.00"))
    invoices(house, (3, "4.00"))
    assert house.publish().held == ()


def test_an_acceptance_is_of_the_sums_that_were_told_and_of_no_others(house: House) -> None:
    three(house)
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"), (4, 3, "1.00"), (5, 3, "3.00"))
    assert "no 1:" in (house.publish().tables["lines"].reason or "")
    lines(house, *LINES, (4, 3, "1.00"))
    house.accept("lines")
    held = house.publish()
    assert held.held == ("lines",) and "no 3:" in (held.tables["lines"].reason or "")


def test_what_is_accepted_is_published_beside_what_it_was_told_beside(house: House) -> None:
    three(house)
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"), (4, 3, "1.00"))
    invoices(house, (3, "1.00"))  # knows that a line left
    assert "for 1 of invoices: no 1:" in (house.publish().tables["lines"].reason or "")
    house.accept("lines")
    assert house.plan().together("lines") == ("invoices", "lines")
    assert house.publish(house.plan().together("lines")).held == ()
    assert published(house) == (["3.00", "5.00", "1.00"], [1, 3, 4])


def test_a_total_that_only_warns_counts_the_families_of_lines_that_left(house: House) -> None:
    house.tables["invoices"] = (plain("invoices"), Counted)
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"))
    assert house.publish().held == ()
    counted = "SELECT checked, failed FROM _catalog.quality WHERE rule = 'total' AND severity = 'warn' AND failed > 0"
    assert house.rows(counted) == [(1, 1)]
