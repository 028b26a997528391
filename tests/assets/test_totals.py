"""Totals across tables: whoever comes first, nobody is published until the sum fits, and nobody is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from company import Scripted, lake_in
from houses import House, plain

from tilth.assets.declared import Deletes
from tilth.schemas.contract import Contract, aggregate, total
from tilth.schemas.contract import field as column

INT, TEXT, MONEY = pa.int64(), pa.string(), pa.decimal128(12, 2)
Row = dict[str, object]


class Invoice(Contract):
    """Its net is the sum of its lines."""

    no: int = column(key=True)
    net: pl.Decimal(12, 2) = column(nullable=True)  # type: ignore[valid-type]
    rules = (total("net", of="lines.amount", by={"no": "invoice"}),)


class Line(Contract):
    """Refers to its invoice."""

    id: int = column(key=True)
    invoice: int = column(references="invoices.no")
    amount: pl.Decimal(12, 2) = column(nullable=True)  # type: ignore[valid-type]


class Loose(Contract):
    """A line that refers to nothing."""

    id: int = column(key=True)
    invoice: str = column(nullable=True)
    amount: pl.Decimal(12, 2) = column(nullable=True)  # type: ignore[valid-type]


class Roughly(Invoice):
    """A cent more or less."""

    rules = (total("net", of="lines.amount", by={"no": "invoice"}, tolerance="0.01"),)


class Counted(Invoice):
    """Only counted."""

    rules = (total("net", of="lines.amount", by={"no": "invoice"}, severity="warn"),)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(lake_in(tmp_path))
    house.tables["invoices"] = (plain("invoices"), Invoice)
    house.tables["lines"] = (plain("lines", deletes=Deletes("column", "gone")), Line)
    yield house
    assert not house.problems()


def invoices(house: House, *rows: tuple[int, str | None]) -> None:
    told: list[Row] = [{"no": no, "net": Decimal(net) if net is not None else None} for no, net in rows]
    house.ingest("invoices", Scripted(told, {"no": INT, "net": MONEY}))


def lines(house: House, *rows: Sequence[object]) -> None:
    told: list[Row] = []
    for id, invoice, amount, *gone in rows:
        money = Decimal(str(amount)) if amount is not None else None
        told.append({"id": id, "invoice": invoice, "amount": money, "gone": bool(gone)})
    kind = TEXT if any(isinstance(row["invoice"], str) for row in told) else INT
    house.ingest("lines", Scripted(told, {"id": INT, "invoice": kind, "amount": MONEY, "gone": pa.bool_()}))


def published(house: House) -> tuple[list[object], list[object]]:
    house.publish()
    found = house.rows("SELECT no FROM invoices ORDER BY no"), house.rows("SELECT id FROM lines ORDER BY id")
    return [no for (no,) in found[0]], [id for (id,) in found[1]]


def waiting(house: House) -> set[tuple[object, ...]]:
    return set(house.rows('SELECT "table", rule, open FROM _catalog.quarantine'))


def test_what_fits_is_published_together(house: House) -> None:
    invoices(house, (1, "3.00"), (2, "0.00"), (3, None))
    lines(house, (1, 1, "1.10"), (2, 1, "1.90"), (3, 1, None))
    assert published(house) == ([1, 2, 3], [1, 2, 3])
    assert waiting(house) == set()


def test_an_invoice_waits_for_its_last_line_and_its_lines_with_it(house: House) -> None:
    invoices(house, (1, "3.00"), (2, "5.00"), (3, "1.00"))
    lines(house, (1, 1, "1.00"), (3, 2, "5.00"))
    assert published(house) == ([2], [3])
    assert waiting(house) == {("invoices", "total", 2), ("lines", "reference", 1)}
    assert published(house) == ([2], [3])
    invoices(house, (3, "0.00"))
    assert published(house) == ([2, 3], [3])
    lines(house, (2, 1, "2.00"))
    assert published(house) == ([1, 2, 3], [1, 2, 3])
    assert waiting(house) == set()


def test_lines_that_come_first_wait_for_their_invoice(house: House) -> None:
    lines(house, (1, 1, "1.00"), (2, 1, "2.00"))
    assert published(house) == ([], [])
    invoices(house, (1, "3.00"))
    assert published(house) == ([1], [1, 2])


def test_a_line_that_makes_a_published_total_wrong_waits_for_the_invoice_that_knows_of_it(house: House) -> None:
    invoices(house, (1, "3.00"))
    lines(house, (1, 1, "3.00"))
    assert published(house) == ([1], [1])
    lines(house, (2, 1, "4.00"))
    assert published(house) == ([1], [1])
    assert waiting(house) == {("lines", "total", 1)}
    invoices(house, (1, "7.00"))
    assert published(house) == ([1], [1, 2])
    assert house.rows("SELECT net FROM invoices") == [(Decimal("7.00"),)]


def test_a_changed_a_moved_and_a_deleted_line_are_newcomers_too(house: House) -> None:
    invoices(house, (1, "3.00"), (2, "4.00"))
    lines(house, (1, 1, "3.00"), (2, 2, "4.00"))
    assert published(house) == ([1, 2], [1, 2])
    lines(house, (1, 1, "3.50"))
    assert published(house) == ([1, 2], [1, 2])
    lines(house, (1, 2, "3.00"))  # moved: wrong for both, and newer than the change, whose entry it ends
    assert published(house) == ([1, 2], [1, 2])
    assert waiting(house) == {("lines", "total", 1)}
    lines(house, (2, 2, "4.00", "gone"))
    assert published(house) == ([1, 2], [1, 2])
    assert house.rows("SELECT invoice, amount FROM lines ORDER BY id") == [(1, Decimal("3.00")), (2, Decimal("4.00"))]
    invoices(house, (1, "0.00"), (2, "3.00"))
    assert published(house) == ([1, 2], [1])
    assert house.rows("SELECT invoice, amount FROM lines ORDER BY id") == [(2, Decimal("3.00"))]
    assert waiting(house) == set()


def test_the_same_again_is_no_newcomer(house: House) -> None:
    house.tables["invoices"] = (plain("invoices"), Counted)
    invoices(house, (1, "3.00"))
    lines(house, (1, 1, "1.00"))
    assert published(house) == ([1], [1])
    counted = house.rows("SELECT checked, failed FROM _catalog.quality WHERE rule = 'total' AND severity = 'warn'")
    assert counted == [(1, 1)]
    house.tables["invoices"] = (plain("invoices"), Invoice)
    invoices(house, (1, "3.00"))
    lines(house, (1, 1, "1.00"))
    assert published(house) == ([1], [1])
    assert waiting(house) == set()
    lines(house, (2, 1, "2.00"))
    assert published(house) == ([1], [1, 2])


def test_a_tolerance_is_kept_exactly(house: House) -> None:
    house.tables["invoices"] = (plain("invoices"), Roughly)
    invoices(house, (1, "3.00"), (2, "3.00"), (3, "3.00"))
    lines(house, (1, 1, "3.01"), (2, 2, "2.99"), (3, 3, "3.02"))
    assert published(house) == ([1, 2], [1, 2])


def test_lines_that_refer_to_nothing_and_name_the_invoice_in_text(house: House) -> None:
    house.tables["lines"] = (plain("lines", deletes=Deletes("column", "gone")), Loose)
    lines(house, (1, "1", "1.00"), (2, "none", "5.00"), (3, "2", "1.00"))
    assert published(house) == ([], [1, 2, 3])
    invoices(house, (1, "1.00"), (2, "2.00"))
    assert published(house) == ([1], [1, 2, 3])
    lines(house, (4, "2", "1.00"))
    assert published(house) == ([1, 2], [1, 2, 3, 4])
    assert waiting(house) == set()


def test_a_table_waits_for_lines_that_were_never_published(house: House) -> None:
    invoices(house, (1, "1.00"))
    published = house.publish(["invoices"])
    assert published.held == ("invoices",)
    reason = published.tables["invoices"].reason or ""
    assert "its net is the sum of lines.amount, which is not published" in reason
    lines(house, (1, 1, "1.00"))
    house.publish()
    assert house.rows("SELECT no FROM invoices") == [(1,)]


class Order(Contract):
    """In a circle with its lines: it names the first of them."""

    no: int = column(key=True)
    net: pl.Decimal(12, 2) = column(nullable=True)  # type: ignore[valid-type]
    first: int = column(nullable=True, references="lines.id")
    rules = (total("net", of="lines.amount", by={"no": "invoice"}),)


def test_who_refers_to_a_record_that_waits_for_its_sum_waits_too(house: House) -> None:
    """In a circle what arrives together counts as there: an invoice that waits does not."""
    house.tables["invoices"] = (plain("invoices"), Order)
    kinds = {"no": INT, "net": MONEY, "first": INT}
    house.ingest("invoices", Scripted([{"no": 1, "net": Decimal(5), "first": 1}], kinds))
    lines(house, (1, 1, "3.00"))
    assert published(house) == ([], [])
    lines(house, (2, 1, "2.00"))
    assert published(house) == ([1], [1, 2])
    assert waiting(house) == set()


class Small(Invoice):
    """Beside its total a bound on all of them."""

    rules = (total("net", of="lines.amount", by={"no": "invoice"}), aggregate("max", "net", at_most=100))


def test_rules_of_the_whole_table_are_asked_without_those_who_wait_for_their_sum(house: House) -> None:
    house.tables["invoices"] = (plain("invoices"), Small)
    invoices(house, (1, "1000.00"), (2, "5.00"))
    lines(house, (1, 1, "10.00"), (2, 2, "5.00"))
    assert published(house) == ([2], [2])
    lines(house, (3, 1, "990.00"))
    assert house.publish().held == ("invoices",)
    assert house.rows("SELECT no FROM invoices") == [(2,)]
