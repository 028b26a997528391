"""What the sample company's ready data is: one class a table, pure declarations."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import pandera.polars as pa
import polars as pl

from tilth.schemas.contract import Contract, field

__all__ = [
    "Company",
    "Contact",
    "Customer",
    "CustomerLink",
    "Invoice",
    "LedgerEntry",
    "OneCustomer",
    "Order",
    "OrderLine",
    "OrderRevenue",
    "PriceListEntry",
    "Product",
    "Shipment",
]

GERMAN_DATE = "%d.%m.%Y"
COUNTRIES = ["AT", "CH", "CZ", "DE", "DK", "FR", "IT", "NL", "PL", "SE"]

Instant = Annotated[pl.Datetime, "us", "UTC"]
Money = Annotated[pl.Decimal, 14, 2]


class Customer(Contract):
    """People and companies that we sell to, as the ERP knows them."""

    customer_id: int = field(key=True, ge=1, term="customer number")
    account: str = field(description="The customer's account in the web shop.", str_matches=r"^[0-9a-f-]{36}$")
    name: str = field(
        standardise=("nfc", "collapse_spaces"), str_length={"max_value": 80}, no_mojibake=True, pii="name"
    )
    email: str = field(nullable=True, standardise="email", email=True, pii="email")
    phone: str = field(nullable=True, standardise="phone_digits", pii="phone", description="Digits, with a leading +.")
    country: str = field(standardise="country_code", isin=COUNTRIES, term="ISO 3166-1 alpha-2")
    city: str = field(nullable=True, standardise=("nfc", "collapse_spaces"), no_mojibake=True)
    vat_no: str = field(nullable=True, standardise="alphanumeric_upper", term="VAT number")
    credit_limit: Annotated[pl.Decimal, 12, 2] = field(nullable=True, ge=0, unit="EUR")
    registered_on: dt.date = field(formats=GERMAN_DATE, description="The day of the first contact.")
    profile: str = field(nullable=True, description="What sales noted, as JSON.")
    updated_at: Instant = field(description="When the ERP last changed the record.")


class Product(Contract):
    """What we sell. The ERP has no key on this table, so anything may be in it twice."""

    sku: str = field(key=True, standardise=("trim", "upper"), str_length={"max_value": 20}, term="article number")
    name: str = field(standardise=("nfc", "collapse_spaces"), str_length={"max_value": 120}, no_mojibake=True)
    category: str = field(isin=["BAD", "BUE", "GAR", "KUE", "WKZ"], description="Bath, office, garden, kitchen, tools.")
    list_price: Annotated[pl.Decimal, 12, 4] = field(ge=0, unit="EUR")
    weight_kg: Annotated[pl.Decimal, 10, 3] = field(nullable=True, ge=0, unit="kg", description="Text in the ERP.")
    vat_rate: Annotated[pl.Decimal, 4, 2] = field(ge=0, le=100, unit="%")
    attributes: str = field(nullable=True, description="Colours, packs and the like, as JSON.")
    updated_at: Instant = field(description="When the ERP last changed the record.")


class Order(Contract):
    """Orders of our customers, from the first draft on."""

    order_id: int = field(key=True, ge=1)
    order_no: str = field(unique=True, str_matches=r"^A-[0-9]{8}$", term="order number")
    customer_id: int = field(references="customers.customer_id")
    status: str = field(isin=["draft", "open", "shipped", "billed", "cancelled"])
    ordered_at: Instant = field()
    deliver_from: dt.date = field(nullable=True, description="The first day on which the customer takes delivery.")
    deliver_until: dt.date = field(nullable=True, description="The last one.")
    currency: str = field(isin=["CHF", "EUR"], term="ISO 4217")
    note: str = field(nullable=True, str_length={"max_value": 500}, no_mojibake=True)
    extra: str = field(nullable=True, description="How the order reached us, as JSON.")
    updated_at: Instant = field(description="When the ERP last changed the record.")

    @pa.dataframe_check
    @classmethod
    def ends_after_start(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """delivery ends on or after the day it begins"""
        return data.lazyframe.select(pl.col("deliver_until") >= pl.col("deliver_from"))


class OrderLine(Contract):
    """What was ordered: articles, quantities and prices."""

    order_id: int = field(key=True, references="orders.order_id")
    line_no: int = field(key=True, ge=1)
    sku: str = field(standardise=("trim", "upper"), references="products.sku", term="article number")
    quantity: Annotated[pl.Decimal, 10, 3] = field(gt=0, unit="pieces")
    unit_price: Annotated[pl.Decimal, 12, 4] = field(ge=0, description="In the order's currency.")
    discount_percent: Annotated[pl.Decimal, 5, 2] = field(nullable=True, ge=0, le=100, unit="%")
    updated_at: Instant = field(description="When the ERP last changed the record.")


class Invoice(Contract):
    """What we billed. Dates are text in the ERP, and the invoice number is no key there."""

    invoice_no: str = field(key=True, standardise=("trim", "upper"), str_matches=r"^RE-[0-9]{8}$")
    order_id: int = field(references="orders.order_id")
    issued_on: dt.date = field(formats=GERMAN_DATE)
    due_on: dt.date = field(formats=GERMAN_DATE)
    net: Money = field(unit="EUR")
    vat: Money = field(unit="EUR")
    gross: Money = field(unit="EUR")
    iban: str = field(nullable=True, standardise="alphanumeric_upper", pii="bank account")
    paid_at: Instant = field(nullable=True)
    updated_at: Instant = field(description="When the ERP last changed the record.")

    @pa.dataframe_check
    @classmethod
    def due_after_issue(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """due on or after the day of issue"""
        return data.lazyframe.select(pl.col("due_on") >= pl.col("issued_on"))

    @pa.dataframe_check
    @classmethod
    def gross_adds_up(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """gross = net + vat"""
        return data.lazyframe.select(pl.col("gross") == pl.col("net") + pl.col("vat"))


class LedgerEntry(Contract):
    """Bookings of the general ledger, as the old accounting system drops them. They have no key."""

    booking_no: str = field(str_matches=r"^[0-9]{10}$")
    account: str = field(str_matches=r"^[0-9]{6}$", term="account of the chart SKR03")
    booked_on: dt.date = field(formats="%d%m%Y")
    text: str = field(nullable=True, no_mojibake=True)
    amount: Annotated[pl.Decimal, 15, 2] = field(decimal=",", unit="EUR", description="Negative: a reversal.")
    currency: str = field(isin=["EUR"], term="ISO 4217")
    side: str = field(isin=["S", "H"], description="S debit (Soll), H credit (Haben).")


class Shipment(Contract):
    """What left the warehouse, told by the carriers' files."""

    shipment_no: str = field(key=True, standardise=("trim", "upper"))
    order_id: int = field(references="orders.order_id")
    shipped_on: dt.date = field(formats=GERMAN_DATE)
    delivered_on: dt.date = field(nullable=True, formats=GERMAN_DATE)
    weight_kg: Annotated[pl.Decimal, 10, 3] = field(gt=0, decimal=",", thousands=".", unit="kg")
    freight_eur: Annotated[pl.Decimal, 10, 2] = field(ge=0, decimal=",", thousands=".", unit="EUR")
    carrier: str = field(standardise=("nfc", "trim"), isin=["DHL", "DPD", "GLS", "Spedition Höß"])
    changed_at: Instant = field(formats="%d.%m.%Y %H:%M:%S", time_zone="Europe/Berlin")

    @pa.dataframe_check
    @classmethod
    def delivered_after_shipped(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """delivered on or after the day it was shipped"""
        return data.lazyframe.select(pl.col("delivered_on") >= pl.col("shipped_on"))


class PriceListEntry(Contract):
    """Prices for the branches; every file is the whole list."""

    sku: str = field(source="Artikel", key=True, standardise=("trim", "upper"), term="article number")
    name: str = field(source="Bezeichnung", nullable=True, standardise=("nfc", "collapse_spaces"), no_mojibake=True)
    price: Annotated[pl.Decimal, 12, 2] = field(source="Preis", gt=0, unit="EUR")
    currency: str = field(source="Währung", isin=["EUR"], term="ISO 4217")
    valid_from: dt.date = field(source="Gültig ab", formats=("%Y-%m-%d", GERMAN_DATE))
    valid_until: dt.date = field(source="Gültig bis", formats=("%Y-%m-%d", GERMAN_DATE), nullable=True)

    @pa.dataframe_check
    @classmethod
    def ends_after_start(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """valid until the day it begins, or longer"""
        return data.lazyframe.select(pl.col("valid_until") >= pl.col("valid_from"))


class Company(Contract):
    """Companies that sales talks to, as the CRM knows them."""

    company_id: str = field(source="id", key=True, str_matches=r"^CO-[0-9]{6}$")
    name: str = field(standardise=("nfc", "collapse_spaces"), str_length={"max_value": 80}, no_mojibake=True)
    vat_no: str = field(nullable=True, standardise="alphanumeric_upper", term="VAT number")
    domain: str = field(nullable=True, standardise=("trim", "lower"), description="Of their e-mail addresses.")
    website: str = field(nullable=True, standardise="trim")
    employees: int = field(nullable=True, ge=1)
    country: str = field(source="address.country", standardise="country_code", isin=COUNTRIES)
    city: str = field(source="address.city", nullable=True, standardise=("nfc", "collapse_spaces"), no_mojibake=True)
    tags: str = field(nullable=True, description="What sales noted, as a JSON list.")
    created_at: Instant = field()
    updated_at: Instant = field(description="When the CRM last changed the record.")


class Contact(Contract):
    """People at those companies."""

    contact_id: str = field(source="id", key=True, str_matches=r"^CT-[0-9]{7}$")
    company_id: str = field(references="companies.company_id")
    name: str = field(
        standardise=("nfc", "collapse_spaces"), str_length={"max_value": 80}, no_mojibake=True, pii="name"
    )
    email: str = field(nullable=True, standardise="email", email=True, pii="email")
    phone: str = field(nullable=True, standardise="phone_digits", pii="phone")
    job_title: str = field(nullable=True, standardise=("nfc", "collapse_spaces"), str_length={"max_value": 60})
    country: str = field(standardise="country_code", isin=COUNTRIES, term="ISO 3166-1 alpha-2")
    score: Annotated[pl.Decimal, 5, 2] = field(nullable=True, ge=0, le=100, unit="%", description="How likely to buy.")
    marketing_consent: bool = field(description="Whether they agreed to be written to.")
    preferences: str = field(nullable=True, description="Language and channels, as JSON.")
    created_at: Instant = field()
    updated_at: Instant = field(description="When the CRM last changed the record.")


class OrderRevenue(Contract):
    """What each order is worth, with its customer: orders, lines and customers of one release."""

    order_id: int = field(key=True)
    order_no: str = field(term="order number")
    customer_id: int = field()
    customer_name: str = field(pii="name")
    country: str = field(term="ISO 3166-1 alpha-2")
    ordered_at: Instant = field()
    currency: str = field(term="ISO 4217")
    lines: int = field(ge=1)
    revenue: Annotated[pl.Decimal, 18, 2] = field(ge=0, description="Net of discounts, in the order's currency.")


class CustomerLink(Contract):
    """Which company of the CRM and which customer of the ERP are one and the same, and what tells it."""

    company_id: str = field(key=True, term="company of the CRM")
    customer_id: int = field(term="customer number")
    rule: str = field(isin=["vat_number", "email_domain", "name"], description="The first rule that joined the two.")
    value: str = field(description="What both have in common, in the rule's normal form.")


class OneCustomer(Contract):
    """Everybody we do business with, once: what the ERP and the CRM know of each."""

    party: str = field(key=True, description="erp:NUMBER for customers of the ERP, crm:ID for companies without one.")
    customer_id: int = field(nullable=True, term="customer number")
    company_id: str = field(nullable=True, term="company of the CRM")
    rule: str = field(nullable=True, description="What told that the two are one; empty: only one system knows them.")
    name: str = field(pii="name", description="As the ERP has it, else the CRM.")
    vat_no: str = field(nullable=True, term="VAT number", description="As the ERP has it, else the CRM.")
    country: str = field(term="ISO 3166-1 alpha-2")
    city: str = field(nullable=True, description="As the ERP has it, else the CRM.")
    domain: str = field(nullable=True, description="Of their e-mail addresses.")
    contacts: int = field(ge=0, description="People at the company whom the CRM knows.")
    orders: int = field(ge=0, description="Orders in the ERP.")
    last_order_at: Instant = field(nullable=True, description="When the last of them was placed.")
