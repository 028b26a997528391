"""An oracle of the sample's worlds: what is good in them, found by plain SQL and by reading the files.

Shares no code with the generator. Each rule is written out as a person would check it.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import http.client
import json
import re
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from python_calamine import load_workbook

__all__ = [
    "crm_records",
    "good_crm",
    "good_keys",
    "good_prices",
    "keys_hash",
    "ledger_files",
    "matched",
    "shipment_rows",
]

_COUNTRIES = ("AT", "CH", "CZ", "DE", "DK", "FR", "IT", "NL", "PL", "SE")

_GOOD = r"""
create temp view good_customers as
    select customer_id, updated_at from customers c
    where not is_deleted and length(name) <= 80 and name !~ '[ÃÂ][\u0080-\u00bf]'
        and country in ('AT', 'CH', 'CZ', 'DE', 'DK', 'FR', 'IT', 'NL', 'PL', 'SE')
        and (credit_limit is null or credit_limit >= 0)
        and (email is null or email ~ '^[^@]+@[^@]+\.[^@]+$')
        and registered_on ~ '^\d\d\.\d\d\.\d{4}$' and registered_on not like '31.02.%'
        and not exists (
            select from customers o
            where o.city = c.city and o.country <> c.country and o.country <> 'XX' and o.customer_id < c.customer_id
        );
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


def crm_records(url: str, client: str, secret: str) -> dict[str, list[dict[str, Any]]]:
    """Everything the CRM has, read with patience: whatever is not a whole page is asked for again."""
    found: dict[str, list[dict[str, Any]]] = {}
    token = _token(url, client, secret)
    for name in ("companies", "contacts"):
        records, cursor, asked = list[dict[str, Any]](), "", 0
        while cursor is not None:
            asked += 1
            assert asked < 500, "the CRM does not come to an end"
            try:
                page = json.loads(
                    _get(f"{url}/v1/{name}?limit=500&cursor={quote(cursor)}" if cursor else f"{url}/v1/{name}", token)
                )
                assert len(page["data"]) == page["page"]["count"]
            except (OSError, ValueError, AssertionError, http.client.HTTPException) as error:
                if isinstance(error, urllib.error.HTTPError) and error.code == 401:
                    token = _token(url, client, secret)
                continue
            records += page["data"]
            cursor, total = page["page"]["next"], page["page"]["total"]
        assert len(records) == total
        found[name] = records
    return found


def _token(url: str, client: str, secret: str) -> str:
    pair = base64.b64encode(f"{client}:{secret}".encode()).decode()
    request = urllib.request.Request(f"{url}/oauth/token", b"grant_type=client_credentials")
    request.add_header("Authorization", f"Basic {pair}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())["access_token"]


def _get(url: str, token: str) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def good_crm(
    records: Mapping[str, Sequence[dict[str, Any]]], *, published_before: Iterable[str]
) -> dict[str, set[str]]:
    """The keys of good records; `published_before`: companies whose last good version stays published."""
    companies = {r["id"] for r in _newest(records["companies"]) if _good_company(r)}
    parents = companies.union(published_before)
    contacts = {r["id"] for r in _newest(records["contacts"]) if _good_contact(r) and r["company_id"] in parents}
    return {"companies": companies, "contacts": contacts}


def _newest(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last version of each key, where there is one."""
    by_key: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        by_key[record["id"]].append(record)
    found: list[dict[str, Any]] = []
    for key, versions in by_key.items():
        last = max(version["updated_at"] for version in versions)
        newest = [version for version in versions if version["updated_at"] == last]
        if key and all(version == newest[0] for version in newest) and not newest[0]["deleted"]:
            found.append(newest[0])
    return found


def _good_company(record: dict[str, Any]) -> bool:
    name, employees = record["name"], record["employees"]
    return (
        bool(name)
        and len(name) <= 80
        and not re.search("[ÃÂ][\u0080-\u00bf]", name)
        and record["address"]["country"] in _COUNTRIES
        and (employees is None or (type(employees) is int and employees >= 1))
    )


def _good_contact(record: dict[str, Any]) -> bool:
    score, email = record["score"], record["email"]
    try:
        datetime.fromisoformat(record["created_at"])
    except ValueError:
        return False
    return (
        bool(record["name"])
        and (email is None or re.fullmatch(r"[^@]+@[^@]+\.[^@]+", email) is not None)
        and len(record["job_title"] or "") <= 60
        and record["country"] in _COUNTRIES
        and (score is None or (type(score) in (int, float) and 0 <= score <= 100))
        and type(record["marketing_consent"]) is bool
    )


def matched(url: str, companies: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Which company is which customer, by the first rule that tells: a value that just one of each side has."""
    with psycopg.connect(url) as connection:
        customers = connection.execute("select customer_id::text, vat_no, email, name from customers").fetchall()
    ours = {
        key: (_plain_vat(vat), (mail or "").rpartition("@")[2].lower(), _plain_name(name))
        for key, vat, mail, name in customers
    }
    theirs = {
        r["id"]: (_plain_vat(r["vat_no"]), (r["domain"] or "").lower(), _plain_name(r["name"])) for r in companies
    }
    found: dict[str, tuple[str, str]] = {}
    for place, rule in ((0, "vat_number"), (1, "email_domain"), (2, "name")):
        left, right = (Counter(values[place] for values in side.values()) for side in (ours, theirs))
        by_value = {values[place]: key for key, values in ours.items()}
        for key, values in theirs.items():
            value = values[place]
            if value and left[value] == right[value] == 1:
                found.setdefault(key, (by_value[value], rule))
    return found


def _plain_vat(text: str | None) -> str:
    return re.sub("[^A-Z0-9]", "", (text or "").upper())


def _plain_name(text: str | None) -> str:
    lower = (text or "").lower()
    for letter, spelled in {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}.items():
        lower = lower.replace(letter, spelled)
    words = re.sub(r"[\W_]+", " ", lower).split()
    return " ".join(word for word in words if word not in ("gmbh", "ag", "kg", "ohg", "co"))
