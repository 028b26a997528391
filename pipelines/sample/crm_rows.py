"""The CRM's companies and contacts: seeded records as its API gives them, and what one sound record of each looks like.

Planted records have numbers from 900,000 on (contacts: from 9,000,000), so they never meet the ordinary ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from tilth.pipelines.sample.erp_rows import History
from tilth.pipelines.sample.names import CITIES, FAMILY, GIVEN, JOBS, STREETS, ascii_name

__all__ = ["Record", "company_key", "contact_key", "keys", "ordinary", "sound"]

Record = dict[str, Any]
"""One record as JSON. `updated_at` None: the CRM itself says when."""

_FIRST = date(2025, 1, 2)
_DAYS = 300
_TAGS = (["Stammkunde"], ["Messe", "Köln"], [], None)


def company_key(number: int) -> str:
    """The key of a company."""
    return f"CO-{number:06}"


def contact_key(number: int) -> str:
    """The key of a contact."""
    return f"CT-{number:07}"


def sound(table: str, number: int, **different: Any) -> Record:
    """A record that is in order, except where it is meant to be `different`."""
    stamp = f"2025-11-02T08:{number % 60:02}:00Z"
    records: Mapping[str, Record] = {
        "companies": {
            "id": company_key(number), "name": f"Prüffirma {number}", "vat_no": None, "domain": None, "website": None,
            "employees": 12, "address": {"street": "Am Mühlgraben 1", "city": "Köln", "country": "DE"}, "tags": None,
        },
        "contacts": {
            "id": contact_key(number), "company_id": company_key(1), "name": f"Zoë Prüfer {number}",
            "email": f"zoe{number}@kontakt.example", "phone": "+49 221 1234-0", "job_title": "Einkäuferin",
            "country": "DE", "score": 12.5, "marketing_consent": True, "preferences": {"language": "de"},
        },
    }  # fmt: skip
    shared: Record = {"deleted": False, "created_at": "2024-07-01T09:00:00Z", "updated_at": stamp}
    return {**records[table], **shared, **different}


def keys(table: str, history: History) -> Iterator[str]:
    """The keys of the ordinary records."""
    if table == "companies":
        return map(company_key, range(1, history.companies + 1))
    return map(contact_key, range(1, history.contacts + 1))


def ordinary(table: str, history: History) -> Iterator[Record]:
    """The years of history, all sound."""
    rng = Random(f"{history.seed}/crm/{table}")
    return _companies(rng, history) if table == "companies" else _contacts(rng, history)


def _companies(rng: Random, history: History) -> Iterator[Record]:
    known = history.partners.companies
    for number in range(1, history.companies + 1):
        partner, (country, city) = known[number], rng.choice(CITIES)
        yield {
            "id": company_key(number),
            "name": partner.name,
            "vat_no": partner.vat_no,
            "domain": partner.domain,
            "website": f"https://www.{partner.domain}/" if partner.domain and rng.random() < 0.8 else None,
            "employees": rng.randrange(1, 900) if rng.random() < 0.8 else None,
            "address": {
                "street": f"{rng.choice(STREETS)} {rng.randrange(1, 90)}", "city": city, "country": country
            },
            "tags": rng.choice(_TAGS),
            "deleted": False,
            "created_at": "2024-01-15T12:00:00Z",
            "updated_at": _stamp(rng),
        }  # fmt: skip


def _contacts(rng: Random, history: History) -> Iterator[Record]:
    draw, companies = rng.random, history.companies
    for number in range(1, history.contacts + 1):
        given, family = rng.choice(GIVEN), rng.choice(FAMILY)
        email = f"{ascii_name(given)}.{ascii_name(family)}{number}@kontakt.example" if draw() < 0.9 else None
        yield {
            "id": contact_key(number),
            "company_id": company_key(1 + int(draw() * companies)),
            "name": f"{given} {family}",
            "email": email,
            "phone": f"+49 (0){int(200 + draw() * 700)} {int(10_000 + draw() * 80_000)}" if draw() < 0.7 else None,
            "job_title": rng.choice(JOBS) if draw() < 0.8 else None,
            "country": rng.choice(CITIES)[0],
            "score": int(draw() * 1_000) / 10 if draw() < 0.9 else None,
            "marketing_consent": draw() < 0.6,
            "preferences": {"language": rng.choice(("de", "fr", "pl")), "newsletter": draw() < 0.5},
            "deleted": False,
            "created_at": "2024-03-01T08:30:00Z",
            "updated_at": _stamp(rng),
        }


def _stamp(rng: Random) -> str:
    """A moment of the history, as the API writes it."""
    second = int(rng.random() * _DAYS * 86_400)
    day = _FIRST + timedelta(days=second // 86_400)
    return f"{day.isoformat()}T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}Z"
