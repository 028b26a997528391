"""What is planted in the CRM, and what changes in it in the third night, each record with the outcome it must have.

In the second night the CRM is down: nothing comes, and what was published stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tilth.pipelines.sample.crm_rows import Record, company_key, contact_key, keys, sound
from tilth.pipelines.sample.erp_changes import refuse
from tilth.pipelines.sample.erp_rows import History
from tilth.pipelines.sample.truth import Book, Reason, Truth

__all__ = ["TABLES", "Crm", "crm"]

TABLES = ("companies", "contacts")

_CO, _CT = 900_000, 9_000_000
_LATE = "2025-11-03T08:00:00Z"

Planted = tuple[str, int, dict[str, Any], tuple[Reason, ...]]


@dataclass(slots=True)
class Crm:
    """What the CRM holds beside its history: further records, and values of records that changed, by table and key.

    What has no `updated_at` changed in that night.
    """

    records: dict[str, list[Record]] = field(default_factory=lambda: {table: [] for table in TABLES})
    changes: dict[str, dict[str, Record]] = field(default_factory=lambda: {table: {} for table in TABLES})

    def insert(self, table: str, number: int, **different: Any) -> None:
        """A further record, sound but for what is `different`."""
        self.records[table].append(sound(table, number, **different))

    def update(self, table: str, key: str, **values: Any) -> None:
        """Other values of a record of the history or of a further one."""
        self.changes[table][key] = {**values, "updated_at": None}


def crm(night: int, truth: Truth, history: History) -> Crm | None:
    """What the CRM holds that night, all before included; None: it is down."""
    companies, contacts = (truth[table] for table in TABLES)
    if night == 2:
        companies.state = contacts.state = "failed"
        return None
    found = Crm()
    _first_companies(found, companies if night == 1 else Book("companies"))
    _first_contacts(found, contacts if night == 1 else Book("contacts"))
    if night == 1:
        companies.inserted(keys("companies", history))
        contacts.inserted(keys("contacts", history))
    else:
        _third_companies(found, companies, range(7, history.companies, 50))
        _third_contacts(found, contacts, range(5, history.contacts, 40))
    return found


def _first_companies(found: Crm, book: Book) -> None:
    planted: Sequence[Planted] = (
        ("unknown code", 1, {"address": {"city": "Köln", "country": "XX"}}, (("isin", "country"),)),
        ("missing value", 2, {"name": None}, (("not_null", "name"),)),
        ("over-long text", 3, {"name": "Überseehandelsgesellschaft " * 8}, (("str_length", "name"),)),
        ("negative quantity", 4, {"employees": -4}, (("greater_than_or_equal_to", "employees"),)),
        ("wrong type of a number", 5, {"employees": "etwa 50"}, (("parse", "employees"),)),
        ("mojibake", 6, {"name": "MÃ¼ller & SÃ¶hne"}, (("no_mojibake", "name"),)),
        ("conflicting duplicate", 7, {"employees": 7}, (("unique", "company_id"),)),
        ("conflicting duplicate", 7, {"employees": 8}, (("unique", "company_id"),)),
    )
    for kind, number, different, reasons in planted:
        found.insert("companies", _CO + number, **different)
        refuse(book, kind, company_key(_CO + number), *reasons)
    found.insert("companies", _CO + 20, deleted=True)
    book.deleted([company_key(_CO + 20)])
    for number in (30, 40):
        found.insert("companies", _CO + number)
    book.inserted(company_key(_CO + number) for number in (30, 40))


def _first_contacts(found: Crm, book: Book) -> None:
    planted: Sequence[Planted] = (
        ("bad e-mail", 1, {"email": "zoe@@kontakt.example"}, (("email", "email"),)),
        ("unknown code", 2, {"country": "XX"}, (("isin", "country"),)),
        ("over-long text", 3, {"job_title": "Leiterin der Beschaffung " * 4}, (("str_length", "job_title"),)),
        ("impossible date", 4, {"created_at": "2025-02-30T09:00:00Z"}, (("parse", "created_at"),)),
        ("wrong type of a number", 5, {"score": "hoch"}, (("parse", "score"),)),
        ("nested where a number is", 6, {"score": {"value": 7}}, (("parse", "score"),)),
        ("missing value", 7, {"name": None}, (("not_null", "name"),)),
        ("orphan", 8, {"company_id": "CO-999999"}, (("reference", "company_id"),)),
        ("orphan (its company is toxic)", 9, {"company_id": company_key(_CO + 1)}, (("reference", "company_id"),)),
        ("conflicting duplicate", 10, {"phone": "+49 221 1"}, (("unique", "contact_id"),)),
        ("conflicting duplicate", 10, {"phone": "+49 221 2"}, (("unique", "contact_id"),)),
        ("missing consent", 11, {"marketing_consent": None}, (("not_null", "marketing_consent"),)),
        ("two at once", 12, {"score": 101, "country": None}, (
            ("not_null", "country"), ("less_than_or_equal_to", "score"),
        )),
    )  # fmt: skip
    for kind, number, different, reasons in planted:
        found.insert("contacts", _CT + number, **different)
        refuse(book, kind, contact_key(_CT + number), *reasons)
    found.insert("contacts", _CT + 13, id=None)
    refuse(book, "missing key", None, ("not_null", "contact_id"), email=f"zoe{_CT + 13}@kontakt.example")
    for number in (20, 21):
        found.insert("contacts", _CT + number, deleted=True)
    book.deleted([contact_key(_CT + number) for number in (20, 21)])
    for number in (30, 30, 40, 50, 51):  # one of them comes twice
        found.insert("contacts", _CT + number)
    book.counted("duplicate")
    found.insert("contacts", _CT + 31, job_title="Azubi")
    found.insert("contacts", _CT + 31, job_title="Leitung", updated_at=_LATE)
    book.counted("superseded")
    book.inserted(contact_key(_CT + number) for number in (30, 31, 40, 50, 51))
    book.shown(contact_key(_CT + 31), job_title="Leitung")


def _third_companies(found: Crm, book: Book, some: range) -> None:
    for number in some:
        found.update("companies", company_key(number), employees=number)
    book.counted("updated", len(some))
    for number in (100, 101):
        found.insert("companies", _CO + number, updated_at=None)
    found.update("companies", company_key(_CO + 1), address={"city": "Köln", "country": "DE"})
    book.inserted(company_key(_CO + number) for number in (1, 100, 101))
    book.mended(company_key(_CO + 1))
    found.update("companies", company_key(_CO + 30), deleted=True)
    book.deleted([company_key(_CO + 30)])
    found.update("companies", company_key(_CO + 40), name=None)
    refuse(book, "missing value (an update)", company_key(_CO + 40), ("not_null", "name"))
    book.shown(company_key(_CO + 40), name=f"Prüffirma {_CO + 40}")


def _third_contacts(found: Crm, book: Book, some: range) -> None:
    for number in some:
        found.update("contacts", contact_key(number), job_title="Geschäftsführerin")
    book.counted("updated", len(some))
    for number in range(101, 106):
        found.insert("contacts", _CT + number, company_id=company_key(_CO + 100), updated_at=None)
    found.update("contacts", contact_key(_CT + 1), email="zoe@kontakt.example")
    book.inserted(contact_key(_CT + number) for number in (1, *range(101, 106)))
    book.mended(contact_key(_CT + 1))
    book.shown(contact_key(_CT + 1), email="zoe@kontakt.example")
    book.replayed([contact_key(_CT + 9)])
    found.update("contacts", contact_key(_CT + 4), created_at="2025-13-01T09:00:00Z")
    book.mended(contact_key(_CT + 4))
    refuse(book, "impossible date", contact_key(_CT + 4), ("parse", "created_at"))
    gone = [contact_key(_CT + number) for number in (50, 51, 99)]  # nobody has ever seen the last one
    for key in gone[:2]:
        found.update("contacts", key, deleted=True)
    found.insert("contacts", _CT + 99, deleted=True, updated_at=None)
    book.deleted(gone)
    found.update("contacts", contact_key(_CT + 40), email="kaputt")
    refuse(book, "bad e-mail (an update)", contact_key(_CT + 40), ("email", "email"))
    book.shown(contact_key(_CT + 40), email=f"zoe{_CT + 40}@kontakt.example")
