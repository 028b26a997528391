"""The ERP's years of history: seeded rows of every table, and what one sound record of each looks like.

Rows are tuples in the order of `COLUMNS`; the sound records are what planted ones differ from in one thing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from types import MappingProxyType
from uuid import UUID

from tilth.pipelines.sample.names import ARTICLES, CATEGORIES, CITIES, FAMILY, FIRMS, GIVEN, MATERIALS, ascii_name
from tilth.pipelines.sample.partners import Partners, partners

__all__ = ["COLUMNS", "History", "Row", "Value", "sound"]

Value = str | int | bool | None
Row = tuple[Value, ...]

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "customers": ("customer_id", "account", "name", "email", "phone", "country", "city", "vat_no", "credit_limit",
                      "registered_on", "profile", "is_deleted", "updated_at"),
        "products": ("sku", "name", "category", "list_price", "weight_kg", "vat_rate", "attributes", "updated_at"),
        "orders": ("order_id", "order_no", "customer_id", "status", "ordered_at", "deliver_from", "deliver_until",
                   "currency", "note", "extra", "is_deleted", "updated_at"),
        "order_lines": ("order_id", "line_no", "sku", "quantity", "unit_price", "discount_percent", "updated_at"),
        "invoices": ("invoice_no", "order_id", "issued_on", "due_on", "net", "vat", "gross", "iban", "paid_at",
                     "updated_at"),
    }
)  # fmt: skip

_FIRST = date(2025, 1, 2)
_DAYS = 300
_CHANNELS = ("Telefon", "Fax", "EDI")
_STATUS = ("open", "shipped", "billed", "billed", "cancelled")
_NOTES = (None, None, None, "Bitte bis 8 Uhr anliefern – Rampe 3", "Rückfragen: Fr. Höß", "livrer à l'arrière")


def _german(day: date) -> str:
    return day.strftime("%d.%m.%Y")


def sound(table: str, key: int, **different: Value) -> dict[str, Value]:
    """A record that is in order, except where it is meant to be `different`."""
    stamp = f"2025-11-02 08:{key % 60:02}:00+00"
    records: Mapping[str, dict[str, Value]] = {
        "customers": {
            "customer_id": key, "account": str(UUID(int=key)), "name": f"Prüfkunde {key} GmbH",
            "email": f"kunde{key}@example.com", "phone": "+49 221 1234-0", "country": "DE", "city": "Köln",
            "vat_no": None, "credit_limit": "5000.00", "registered_on": "01.07.2024", "profile": None,
            "is_deleted": False,
        },
        "products": {
            "sku": f"X-{key}", "name": f"Prüfartikel {key}", "category": "BUE", "list_price": "19.9000",
            "weight_kg": "1.25", "vat_rate": "19.00", "attributes": None,
        },
        "orders": {
            "order_id": key, "order_no": f"A-{key:08}", "customer_id": 1, "status": "open",
            "ordered_at": "2025-10-30 09:15:00+00", "deliver_from": "2025-11-05", "deliver_until": "2025-11-07",
            "currency": "EUR", "note": None, "extra": None, "is_deleted": False,
        },
        "order_lines": {
            "order_id": key, "line_no": 1, "sku": "A-000001", "quantity": "2.000", "unit_price": "10.0000",
            "discount_percent": None,
        },
        "invoices": {
            "invoice_no": f"RE-{key:08}", "order_id": 1, "issued_on": "03.11.2025", "due_on": "17.11.2025",
            "net": "100.00", "vat": "19.00", "gross": "119.00", "iban": "DE02 1203 0000 0000 2020 51",
            "paid_at": None,
        },
    }  # fmt: skip
    return {**records[table], "updated_at": stamp, **different}


@dataclass(slots=True)
class History:
    """Ordinary rows, all sound: `lines` order lines and what belongs to them. Iterate in the tables' order."""

    seed: int
    lines: int
    orders: int = 0  # known once the lines were made

    @property
    def customers(self) -> int:
        """How many customers there are; their ids begin with 1."""
        return max(60, self.lines // 40)

    @property
    def products(self) -> int:
        """How many products there are; their numbers begin with 1."""
        return max(60, self.lines // 100)

    @property
    def companies(self) -> int:
        """How many companies the CRM has."""
        return max(60, self.lines * 3 // 200)

    @property
    def billed_next(self) -> range:
        """The ordinary orders that are shipped, and billed in the second night."""
        return range(4, self.orders, 50)

    @property
    def contacts(self) -> int:
        """How many contacts the CRM has."""
        return max(200, self.lines // 10)

    @property
    def partners(self) -> Partners:
        """Which customers and companies are the same."""
        return partners(self.seed, customers=self.customers, companies=self.companies)

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of one table; each table draws from a generator of its own."""
        rng = Random(f"{self.seed}/{table}")
        makers = {
            "customers": self._customers, "products": self._products, "orders": self._orders,
            "order_lines": self._lines, "invoices": self._invoices,
        }  # fmt: skip
        return makers[table](rng)

    def keys(self, table: str) -> Iterator[str]:
        """The key texts of the rows of one table."""
        if table == "customers":
            return (str(n) for n in range(1, self.customers + 1))
        if table == "products":
            return (f"A-{n:06}" for n in range(1, self.products + 1))
        counts = self.line_counts()
        if table == "order_lines":
            return (f'["{order}","{line}"]' for order, n in enumerate(counts, 1) for line in range(1, n + 1))
        orders = range(1, len(counts) + 1)
        return (str(n) for n in orders) if table == "orders" else (f"RE-{n:08}" for n in orders if n % 10)

    def line_counts(self) -> list[int]:
        """How many lines each order has, orders 1, 2, 3 …"""
        rng, counts, left = Random(f"{self.seed}/sizes"), list[int](), self.lines
        while left > 0:
            counts.append(min(left, 1 + int(rng.random() * 9)))
            left -= counts[-1]
        self.orders = len(counts)
        return counts

    def _customers(self, rng: Random) -> Iterator[Row]:
        known = self.partners.customers
        for n in range(1, self.customers + 1):
            given, family, (country, city) = rng.choice(GIVEN), rng.choice(FAMILY), rng.choice(CITIES)
            company = rng.random() < 0.5
            name = f"{family} {rng.choice(FIRMS)}" if company else f"{given} {family}"
            email = f"{ascii_name(given)}.{ascii_name(family)}{n}@example.org" if rng.random() < 0.9 else None
            phone = f"+49 (0){rng.randrange(200, 999)} {rng.randrange(10_000, 99_999)}" if rng.random() < 0.7 else None
            limit = f"{rng.randrange(0, 50_000)}.{rng.randrange(100):02}" if company else None
            profile = json.dumps({"kind": "company" if company else "person", "newsletter": rng.random() < 0.3})
            registered = _german(_FIRST - timedelta(days=rng.randrange(4_000)))
            account = str(UUID(int=rng.getrandbits(128), version=4))
            vat, stamp = f"DE9{n:08}" if company and n % 3 == 0 else None, _stamp(rng)
            if (partner := known.get(n)) is not None:
                name, vat = partner.name or name, partner.vat_no
                email = f"einkauf@{partner.domain}" if partner.domain else email
            yield n, account, name, email, phone, country, city, vat, limit, registered, profile, False, stamp

    def _products(self, rng: Random) -> Iterator[Row]:
        for n in range(1, self.products + 1):
            name = f"{rng.choice(MATERIALS)}{rng.choice(ARTICLES)} {rng.randrange(10, 99)}"
            price = f"{rng.randrange(1, 900)}.{rng.randrange(10_000):04}"
            weight = f"{rng.randrange(0, 40)}.{rng.randrange(1_000):03}" if rng.random() < 0.9 else None
            extras = json.dumps({"colour": rng.choice(["weiß", "grün", None]), "packs": [1, rng.randrange(2, 50)]})
            rate = rng.choice(["19.00", "7.00"])
            yield f"A-{n:06}", name, rng.choice(CATEGORIES), price, weight, rate, extras, _stamp(rng)

    def _orders(self, rng: Random) -> Iterator[Row]:
        draw, days = rng.random, [(_FIRST + timedelta(days=n)).isoformat() for n in range(_DAYS + 20)]
        for n in range(1, len(self.line_counts()) + 1):
            day, minute = int(draw() * _DAYS), int(draw() * 1440)
            ordered = f"{days[day]} {minute // 60:02}:{minute % 60:02}:00+00"
            earliest = day + 1 + int(draw() * 8)
            latest = days[earliest + int(draw() * 9)] if draw() < 0.9 else None
            extra = f'{{"channel": "{_CHANNELS[int(draw() * len(_CHANNELS))]}"}}' if draw() < 0.5 else None
            customer, status = 1 + int(draw() * self.customers), _STATUS[int(draw() * len(_STATUS))]
            status = "shipped" if n in self.billed_next else status
            currency, note = "CHF" if draw() < 0.2 else "EUR", _NOTES[int(draw() * len(_NOTES))]
            yield (
                n, f"A-{n:08}", customer, status, ordered, days[earliest], latest, currency, note, extra, False,
                _stamp(rng),
            )  # fmt: skip

    def _lines(self, rng: Random) -> Iterator[Row]:
        draw, stamps, skus = rng.random, [_stamp(rng) for _ in range(5_000)], self.products
        for order, count in enumerate(self.line_counts(), 1):
            for line in range(1, count + 1):
                part = draw()
                quantity = f"{1 + int(part * 40)}.{'500' if part < 0.1 else '000'}"
                price = f"{int(draw() * 900)}.{int(part * 10_000):04}"
                discount = "5.00" if part > 0.9 else None
                yield (
                    order,
                    line,
                    f"A-{1 + int(draw() * skus):06}",
                    quantity,
                    price,
                    discount,
                    stamps[int(draw() * 5_000)],
                )

    def _invoices(self, rng: Random) -> Iterator[Row]:
        draw, days = rng.random, [_FIRST + timedelta(days=n) for n in range(_DAYS + 20)]
        german, iso = [_german(day) for day in days], [day.isoformat() for day in days]
        for order in range(1, len(self.line_counts()) + 1):
            if order % 10 == 0:  # not billed yet
                continue
            issued, net = int(draw() * _DAYS), 1_000 + int(draw() * 899_000)
            vat = net * 19 // 100
            paid = f"{iso[issued + 9]} 12:00:00+00" if draw() < 0.8 else None
            iban = f"DE{10 + int(draw() * 89)} {int(draw() * 10**18):018}" if draw() < 0.8 else None
            yield (
                f"RE-{order:08}", order, german[issued], german[issued + 14], _money(net), _money(vat),
                _money(net + vat), iban, paid, _stamp(rng),
            )  # fmt: skip


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _stamp(rng: Random) -> str:
    """A moment of the history, as the database reads it; months have 28 days here, which is enough of them."""
    second, micro = divmod(int(rng.random() * _DAYS * 86_400_000_000), 1_000_000)
    day, hour, minute = second // 86_400, second // 3600 % 24, second // 60 % 60
    return f"2025-{1 + day // 28:02}-{1 + day % 28:02} {hour:02}:{minute:02}:{second % 60:02}.{micro:06}+00"
