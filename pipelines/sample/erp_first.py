"""What is planted in the ERP from the beginning, each record with the outcome it must have.

Planted records have numbers above 900,000, so they never meet the ordinary ones. The truth is written down beside
each, so that nothing is planted without saying what must become of it.
"""

from __future__ import annotations

from tilth.pipelines.sample.erp_changes import Erp, line_key, refuse
from tilth.pipelines.sample.erp_rows import History, Value
from tilth.pipelines.sample.truth import Book, Reason, Truth

__all__ = ["first"]

_LONG = "Sehr geehrte Damen und Herren, wir bitten um Anlieferung an der Rückseite des Gebäudes. " * 8


def first(truth: Truth, history: History) -> Erp:
    """The planted records that are there from the beginning."""
    erp = Erp()
    _first_customers(erp, truth["customers"])
    _first_products(erp, truth["products"])
    _first_orders(erp, truth["orders"])
    _first_lines(erp, truth["order_lines"], beside=history.line_counts()[0])
    _first_invoices(erp, truth["invoices"])
    return erp


def _first_customers(erp: Erp, book: Book) -> None:
    planted: tuple[tuple[str, int, dict[str, Value], tuple[Reason, ...]], ...] = (
        ("bad e-mail", 900001, {"email": "info@@example.com"}, (("email", "email"),)),
        ("mojibake", 900002, {"name": "MÃ¼ller & SÃ¶hne"}, (("no_mojibake", "name"),)),
        ("unparsable date", 900003, {"registered_on": "unbekannt"}, (("parse", "registered_on"),)),
        ("impossible date", 900004, {"registered_on": "31.02.2023"}, (("parse", "registered_on"),)),
        ("unknown code", 900005, {"country": "XX"}, (("isin", "country"),)),
        ("over-long text", 900006, {"name": "Überseehandelsgesellschaft " * 8}, (("str_length", "name"),)),
        (
            "two at once", 900007, {"name": None, "credit_limit": "-1.00"},
            (("not_null", "name"), ("greater_than_or_equal_to", "credit_limit")),
        ),
    )  # fmt: skip
    for kind, key, different, reasons in planted:
        erp.insert("customers", key, **different)
        refuse(book, kind, str(key), *reasons)
    for key in (900020, 900021):
        erp.insert("customers", key, is_deleted=True)
    book.deleted(["900020", "900021"])
    for key in (900030, 900031, 900040):
        erp.insert("customers", key)
    book.inserted(["900030", "900031", "900040"])


def _first_products(erp: Erp, book: Book) -> None:
    for price in ("19.9000", "21.5000"):
        erp.insert("products", 1001, list_price=price)
        refuse(book, "conflicting duplicate", "X-1001", ("unique", "sku"))
    erp.insert("products", 1002, weight_kg="12,5,3 kg")
    refuse(book, "decimal garbage", "X-1002", ("parse", "weight_kg"))
    erp.insert("products", 1003, name="Schraube " * 30)
    refuse(book, "over-long text", "X-1003", ("str_length", "name"))
    erp.insert("products", 1004, category="ZZZ")
    refuse(book, "unknown code", "X-1004", ("isin", "category"))
    erp.insert("products", 1005, sku=None)
    refuse(book, "missing key", None, ("not_null", "sku"), name="Prüfartikel 1005")
    for _ in range(2):
        erp.insert("products", 1010)
    book.counted("duplicate")
    erp.insert("products", 1011, list_price="1.0000", updated_at="2025-03-01 00:00:00+00")
    erp.insert("products", 1011, list_price="2.0000", updated_at="2025-04-01 00:00:00+00")
    book.counted("superseded")
    for key in (1020, 1021):
        erp.insert("products", key)
    book.inserted(["X-1010", "X-1011", "X-1020", "X-1021"])
    book.shown("X-1011", list_price="2.0000")


def _first_orders(erp: Erp, book: Book) -> None:
    planted: tuple[tuple[str, int, dict[str, Value], tuple[Reason, ...]], ...] = (
        ("orphan (its customer is toxic)", 900001, {"customer_id": 900001}, (("reference", "customer_id"),)),
        (
            "end before start", 900003, {"deliver_until": "2025-11-01"},
            (("ends_after_start", "deliver_from,deliver_until"),),
        ),
        ("unknown code", 900004, {"status": "shiped"}, (("isin", "status"),)),
        ("orphan", 900005, {"customer_id": 999999}, (("reference", "customer_id"),)),
        ("over-long text", 900006, {"note": _LONG}, (("str_length", "note"),)),
        ("orphan (its customer comes later)", 900010, {"customer_id": 900110}, (("reference", "customer_id"),)),
    )  # fmt: skip
    for kind, key, different, reasons in planted:
        erp.insert("orders", key, **different)
        refuse(book, kind, str(key), *reasons)
    erp.insert("orders", 900020, is_deleted=True)
    book.deleted(["900020"])
    for key in (900030, 900031):
        erp.insert("orders", key, status="draft")
    erp.insert("orders", 900040, status="cancelled")
    book.inserted(["900030", "900031", "900040"])


def _first_lines(erp: Erp, book: Book, *, beside: int) -> None:
    assert beside < 901, "the planted lines of order 1 have numbers from 901"
    for order, line in ((900001, 1), (900001, 2), (900010, 1)):
        erp.insert("order_lines", order, line_no=line)
        refuse(book, "orphan (its order is one)", line_key(order, line), ("reference", "order_id"))
    planted: tuple[tuple[str, int, int, dict[str, Value], tuple[Reason, ...]], ...] = (
        ("negative quantity", 1, 901, {"quantity": "-3.000"}, (("greater_than", "quantity"),)),
        ("orphan", 999998, 1, {}, (("reference", "order_id"),)),
        ("unknown product", 1, 903, {"sku": "NOPE-1"}, (("reference", "sku"),)),
        ("orphan twice", 999997, 1, {"sku": "NOPE-2"}, (("reference", "order_id"), ("reference", "sku"))),
        (
            "discount out of range", 1, 905, {"discount_percent": "150.00"},
            (("less_than_or_equal_to", "discount_percent"),),
        ),
    )  # fmt: skip
    for kind, order, line, different, reasons in planted:
        erp.insert("order_lines", order, line_no=line, **different)
        refuse(book, kind, line_key(order, line), *reasons)


def _first_invoices(erp: Erp, book: Book) -> None:
    erp.insert("invoices", 900001, order_id=900001)
    refuse(book, "orphan (its order is one)", "RE-00900001", ("reference", "order_id"))
    planted: tuple[tuple[str, int, dict[str, Value], tuple[Reason, ...]], ...] = (
        ("impossible date", 900002, {"issued_on": "31.02.2025"}, (("parse", "issued_on"),)),
        ("end before start", 900003, {"due_on": "01.11.2025"}, (("due_after_issue", "issued_on,due_on"),)),
        ("orphan", 900004, {"order_id": 999996}, (("reference", "order_id"),)),
        ("sum that does not add up", 900006, {"gross": "120.00"}, (("gross_adds_up", "net,vat,gross"),)),
    )
    for kind, key, different, reasons in planted:
        erp.insert("invoices", key, **different)
        refuse(book, kind, f"RE-{key:08}", *reasons)
    for net in ("100.00", "200.00"):
        erp.insert("invoices", 900005, net=net, vat="0.00", gross=net)
        refuse(book, "conflicting duplicate", "RE-00900005", ("unique", "invoice_no"))
    erp.insert("invoices", 900007, invoice_no=None, order_id=2)
    refuse(book, "missing key", None, ("not_null", "invoice_no"), order_id="2", gross="119.00")
