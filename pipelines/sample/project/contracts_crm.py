"""What the CRM knows: companies and the people at them."""

from __future__ import annotations

from typing import Annotated

import polars as pl

from tilth.schemas.contract import Contract, field

from .vocabulary import COUNTRIES, Instant

__all__ = ["Company", "Contact"]


class Company(Contract):
    """Companies that sales talks to, as the CRM knows them."""

    company_id: str = field(
        source="id", key=True, str_matches=r"^CO-[0-9]{6}$", description="The CRM's number of the company."
    )
    name: str = field(
        standardise=("nfc", "collapse_spaces"),
        str_length={"max_value": 80},
        no_mojibake=True,
        description="Name of the company.",
    )
    vat_no: str = field(
        nullable=True,
        standardise="alphanumeric_upper",
        term="VAT number",
        description="VAT identification number, without spaces.",
    )
    domain: str = field(nullable=True, standardise=("trim", "lower"), description="Of their e-mail addresses.")
    website: str = field(nullable=True, standardise="trim", description="Address of their pages.")
    employees: int = field(nullable=True, ge=1, description="How many people work there.")
    country: str = field(
        source="address.country", standardise="country_code", isin=COUNTRIES, description="Where its seat is."
    )
    city: str = field(
        source="address.city",
        nullable=True,
        standardise=("nfc", "collapse_spaces"),
        no_mojibake=True,
        description="Town of its seat.",
    )
    tags: str = field(nullable=True, description="What sales noted, as a JSON list.")
    created_at: Instant = field(description="When sales entered it.")
    updated_at: Instant = field(description="When the CRM last changed the record.")


class Contact(Contract):
    """People at those companies."""

    contact_id: str = field(
        source="id", key=True, str_matches=r"^CT-[0-9]{7}$", description="The CRM's number of the person."
    )
    company_id: str = field(references="companies.company_id", description="The company they work for.")
    name: str = field(
        standardise=("nfc", "collapse_spaces"),
        str_length={"max_value": 80},
        no_mojibake=True,
        pii="name",
        description="Name of the person.",
    )
    email: str = field(
        nullable=True, standardise="email", email=True, pii="email", description="Their address at work."
    )
    phone: str = field(nullable=True, standardise="phone_digits", pii="phone", description="Digits, with a leading +.")
    job_title: str = field(
        nullable=True,
        standardise=("nfc", "collapse_spaces"),
        str_length={"max_value": 60},
        description="What they do there.",
    )
    country: str = field(
        standardise="country_code", isin=COUNTRIES, term="ISO 3166-1 alpha-2", description="Where they work."
    )
    score: Annotated[pl.Decimal, 5, 2] = field(nullable=True, ge=0, le=100, unit="%", description="How likely to buy.")
    marketing_consent: bool = field(description="Whether they agreed to be written to.")
    preferences: str = field(nullable=True, description="Language and channels, as JSON.")
    created_at: Instant = field(description="When sales entered them.")
    updated_at: Instant = field(description="When the CRM last changed the record.")
