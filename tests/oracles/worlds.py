"""An oracle of the sample's worlds: what is good in them, found by plain SQL and by reading the files.

Shares no code with the generator. Each rule is written out as a person would check it.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import psycopg
from python_calamine import load_workbook

__all__ = ["good_keys", "good_prices", "keys_hash", "ledger_files", "shipment_rows"]

_GOOD = r"""
create temp view good_customers as
    select customer_id, updated_at from customers
    where not is_deleted and length(name) <= 80 and name !~ '[ÃÂ][\u0080-\u00bf]'
        and country in ('AT', 'CH', 'CZ', 'DE', 'DK', 'FR', 'IT', 'NL', 'PL', 'SE')
        and (credit_limit is null or credit_limit >= 0)
        and (email is null or email ~ '^[^@]+@[^@]+\.[^@]+$')
        and registered_on ~ '^\d\d\.\d\d\.\d{4}$' and registered_on not like '31.02.%';
create temp view good_products as
    select sku from products p
    where sku is not null and length(name) <= 120 and category in ('BAD', 'BUE', 'GAR', 'KUE', 'WKZ')
        and (weight_kg is null or weight_kg ~ '^\d+(\.\d+)?$')
    group by sku, updated_at
    having count(distinct list_price) = 1 and updated_at = (select max(updated_at) from products where sku = p.sku);
create temp view good_orders as
    select order_id from orders
    where not is_deleted and customer_id in (select customer_id from good_customers_ever)
        and status in ('draft', 'open', 'shipped', 'billed', 'cancelled')
        and (deliver_until is null or deliver_until >= deliver_from)
        and (note is null or length(note) <= 500)
        and not (order_id > 900000 and order_no in (select order_no from orders where order_id < 900000));
create temp view good_order_lines as
    select order_id, line_no from order_lines
    where order_id in (select order_id from good_orders) and sku in (select sku from good_products)
        and quantity > 0 and (discount_percent is null or discount_percent between 0 and 100);
create temp view good_invoices as
    select invoice_no from invoices i
    where order_id in (select order_id from good_orders) and invoice_no is not null and net + vat = gross
        and issued_on not like '31.02.%' and to_date(due_on, 'DD.MM.YYYY') >= to_date(issued_on, 'DD.MM.YYYY')
        and (select count(*) from invoices where invoice_no = i.invoice_no) = 1;
"""
_KEYS = {
    "customers": "customer_id::text",
    "products": "sku",
    "orders": "order_id::text",
    "order_lines": """'["' || order_id || '","' || line_no || '"]'""",
    "invoices": "invoice_no",
}


def good_keys(url: str, *, published_before: Iterable[str]) -> dict[str, set[str]]:
    """The keys of good rows by table; `published_before`: customers whose last good version stays published."""
    with psycopg.connect(url) as connection:
        ever = ", ".join(f"({key})" for key in published_before) or "(-1)"
        views, rest = _GOOD.split("create temp view good_products", 1)
        connection.execute(views)
        connection.execute(
            f"create temp view good_customers_ever as select customer_id from good_customers union values {ever}"
        )
        connection.execute("create temp view good_products" + rest)
        return {
            table: {row[0] for row in connection.execute(f"select {key} from good_{table}")}
            for table, key in _KEYS.items()
        }


def keys_hash(keys: Iterable[str]) -> str:
    """As `truth.json` has it."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()


def ledger_files(folder: Path) -> dict[str, tuple[int | None, list[str]]]:
    """By name: what the trailer says (None: there is none), and the lines of bookings."""
    files: dict[str, tuple[int | None, list[str]]] = {}
    for path in folder.glob("ledger/*.txt"):
        lines = path.read_bytes().decode("cp1252").split("\r\n")
        trailer = [int(line[1:9]) for line in lines if line.startswith("E")]
        files[f"ledger/{path.name}"] = (trailer[0] if trailer else None, [x for x in lines if x.startswith("B")])
    return files


def shipment_rows(path: Path) -> list[dict[str, str]]:
    """The records of one CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def good_prices(path: Path) -> set[str]:
    """The articles of one price list that are in order."""
    rows = [dict(zip("abcdef", row, strict=True)) for row in load_workbook(path).get_sheet_by_index(0).to_python()[3:]]
    twice = {row["a"] for row in rows if sum(other["a"] == row["a"] for other in rows) > 1}
    good = (
        row
        for row in rows
        if row["a"] not in twice and row["a"] and re.fullmatch(r"[\d.]+", str(row["c"])) and row["d"] == "EUR"
    )
    return {
        str(row["a"]) for row in good if row["e"] != "31.02.2026" and (not row["f"] or _day(row["f"]) >= _day(row["e"]))
    }


def _day(cell: object) -> datetime:
    return datetime.fromisoformat(str(cell))
