"""What changes in the ERP in the second and third night, each change with the outcome it must have."""

from __future__ import annotations

from tilth.pipelines.sample.erp_changes import Change, Erp, line_key, refuse
from tilth.pipelines.sample.erp_rows import History, sound
from tilth.pipelines.sample.truth import Book, Truth

__all__ = ["second", "third"]


def second(truth: Truth, history: History) -> Erp:
    """The second night: changed, new, deleted, corrected, late and newly toxic records."""
    erp = Erp()
    _second_customers(erp, truth["customers"], range(3, history.customers, 25))
    _second_products(erp, truth["products"], range(2, history.products, 20))
    _second_orders(erp, truth["orders"], history.billed_next)
    _second_lines(erp, truth["order_lines"], range(6, history.orders, 60))
    _second_invoices(erp, truth["invoices"])
    return erp


def _second_customers(erp: Erp, book: Book, some: range) -> None:
    for key in some:
        erp.update("customers", {"customer_id": key}, city="Köln-Mülheim", country="DE")
    book.counted("updated", len(some))
    new = [*range(900101, 900106), 900110]  # the last one is whom order 900010 waited for
    for key in new:
        erp.insert("customers", key)
    book.inserted(map(str, new))
    erp.update("customers", {"customer_id": 900001}, email="info@example.com")
    book.inserted(["900001"])
    book.mended("900001")
    book.shown("900001", email="info@example.com")
    erp.update("customers", {"customer_id": 900003}, registered_on="31.02.2024")
    book.mended("900003")
    refuse(book, "impossible date", "900003", ("parse", "registered_on"))
    for key in (900030, 900031):
        erp.update("customers", {"customer_id": key}, is_deleted=True)
    book.deleted(["900030", "900031"])
    erp.update("customers", {"customer_id": 900040}, email="kaputt")
    refuse(book, "bad e-mail (an update)", "900040", ("email", "email"))
    book.shown("900040", email="kunde900040@example.com")
    erp.insert("customers", 900120, country="AT")
    refuse(book, "another country for a known city", "900120", ("functional_dependency", "city,country"))


def _second_products(erp: Erp, book: Book, some: range) -> None:
    for number in some:
        erp.update("products", {"sku": f"A-{number:06}"}, list_price="99.9900")
    book.counted("updated", len(some))
    erp.insert("products", 1100)
    book.inserted(["X-1100"])
    erp.delete("products", sku="X-1001", list_price="21.5000")
    erp.update("products", {"sku": "X-1001"}, list_price="20.0000")
    book.inserted(["X-1001"])
    book.mended("X-1001", entries=2)
    for sku in ("X-1020", "X-1021"):
        erp.delete("products", sku=sku)
    book.removed(["X-1020", "X-1021"])


def _second_orders(erp: Erp, book: Book, some: range) -> None:
    for key in some:
        erp.update("orders", {"order_id": key}, status="billed", note="bezahlt – erledigt")
    book.counted("updated", len(some))
    for key in range(900101, 900105):
        erp.insert("orders", key, customer_id=900101)
    erp.insert("orders", 900120, order_no="A-00000001")
    refuse(book, "number given twice", "900120", ("unique", "order_no"))
    erp.update("orders", {"order_id": 900040}, status="open")
    refuse(book, "open after it was cancelled (an update)", "900040", ("transition", "status"))
    book.shown("900040", status="cancelled")
    erp.update("orders", {"order_id": 900004}, status="shipped")
    book.mended("900004")
    for key in (900030, 900031):
        erp.update("orders", {"order_id": key}, is_deleted=True)
    book.deleted(["900030", "900031"])
    erp.late.append(Change("orders", values=sound("orders", 900200)))
    book.inserted(["900101", "900102", "900103", "900104", "900004", "900200"])
    book.replayed(["900001", "900010"])


def _second_lines(erp: Erp, book: Book, some: range) -> None:
    for order in some:
        erp.update("order_lines", {"order_id": order, "line_no": 1}, quantity="7.000")
    book.counted("updated", len(some))
    new = [(order, line) for order in range(900101, 900105) for line in (1, 2)]
    for order, line in new:
        erp.insert("order_lines", order, line_no=line, sku="X-1100" if line == 2 else "A-000001")
    late = [(900200, 1), (900200, 2)]
    erp.late += [Change("order_lines", values=sound("order_lines", order, line_no=line)) for order, line in late]
    erp.update("order_lines", {"order_id": 1, "line_no": 901}, quantity="3.000")
    book.mended(line_key(1, 901))
    book.inserted([line_key(*key) for key in (*new, *late, (1, 901))])
    book.replayed([line_key(900001, 1), line_key(900001, 2), line_key(900010, 1)])
    erp.update("order_lines", {"order_id": 2, "line_no": 1}, quantity="-5.000")
    refuse(book, "negative quantity (an update)", line_key(2, 1), ("greater_than", "quantity"))


def _second_invoices(erp: Erp, book: Book) -> None:
    for order in range(900101, 900105):
        erp.insert("invoices", order, order_id=order)
    book.inserted(f"RE-{order:08}" for order in range(900101, 900105))
    book.replayed(["RE-00900001"])


def third(truth: Truth) -> Erp:
    """The third night: what was broken by an update is put right. The last rows and deletes may be read again."""
    erp = Erp()
    erp.update("customers", {"customer_id": 900040}, email="neu@example.com")
    erp.update("order_lines", {"order_id": 2, "line_no": 1}, quantity="5.000")
    erp.update("orders", {"order_id": 900040}, status="cancelled")
    erp.update("customers", {"customer_id": 900120}, country="DE")
    truth["customers"].inserted(["900120"])
    truth["customers"].mended("900120")
    for table, key in (("customers", "900040"), ("orders", "900040"), ("order_lines", line_key(2, 1))):
        truth[table].counted("updated")
        truth[table].mended(key)
    truth["customers"].shown("900040", email="neu@example.com")
    truth["order_lines"].shown(line_key(2, 1), quantity="5.000")
    for table in ("customers", "products", "orders", "order_lines", "invoices"):
        truth[table].uncertain = ("pulled", "unchanged", "duplicate", "deleted")  # `closed` is certain
    return erp
