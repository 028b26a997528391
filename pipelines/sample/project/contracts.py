"""What the sample company's ready data is: one class a table, pure declarations.

The tables of the ERP stand here; those of other systems beside it, one file a system.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import pandera.polars as pa
import polars as pl

from tilth.schemas.contract import Contract, field, functional_dependency, null_share

from .contracts_crm import Company, Contact
from .contracts_derived import CustomerLink, OneCustomer, OrderRevenue
from .contracts_files import PriceListEntry, Shipment
from .vocabulary import COUNTRIES, GERMAN_DATE, STATUSES, Instant, Money

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


class Customer(Contract):
    """People and companies that we sell to, as the ERP knows them."""

    customer_id: int = field(key=True, ge=1, term="customer number", description="The ERP's number of the customer.")
    account: str = field(description="The customer's account in the web shop.", str_matches=r"^[0-9a-f-]{36}$")
    name: str = field(
        standardise=("nfc", "collapse_spaces"),
        str_length={"max_value": 80},
        no_mojibake=True,
        pii="name",
        description="Name of the person or company.",
    )
    email: str = field(
        nullable=True, standardise="email", email=True, pii="email", description="Where bills and notices go."
    )
    phone: str = field(nullable=True, standardise="phone_digits", pii="phone", description="Digits, with a leading +.")
    country: str = field(
        standardise="country_code",
        isin=COUNTRIES,
        term="ISO 3166-1 alpha-2",
        description="Where the customer lives or has its seat.",
    )
    city: str = field(
        nullable=True, standardise=("nfc", "collapse_spaces"), no_mojibake=True, description="Town of the address."
    )
    vat_no: str = field(
        nullable=True,
        standardise="alphanumeric_upper",
        term="VAT number",
        description="VAT identification number, without spaces.",
    )
    credit_limit: Annotated[pl.Decimal, 12, 2] = field(
        nullable=True, ge=0, unit="EUR", description="How much may be open at most."
    )
    registered_on: dt.date = field(formats=GERMAN_DATE, description="The day of the first contact.")
    profile: str = field(nullable=True, description="What sales noted, as JSON.")
    updated_at: Instant = field(description="When the ERP last changed the record.")
    rules = (functional_dependency("city", "country"), null_share("email", at_most=0.5))


class Product(Contract):
    """What we sell. The ERP has no key on this table, so anything may be in it twice."""

    sku: str = field(
        key=True,
        standardise=("trim", "upper"),
        str_length={"max_value": 20},
        term="article number",
        description="Our number of the article.",
    )
    name: str = field(
        standardise=("nfc", "collapse_spaces"),
        str_length={"max_value": 120},
        no_mojibake=True,
        description="What the article is called.",
    )
    category: str = field(isin=["BAD", "BUE", "GAR", "KUE", "WKZ"], description="Bath, office, garden, kitchen, tools.")
    list_price: Annotated[pl.Decimal, 12, 4] = field(
        ge=0, unit="EUR", description="Price of a piece before discounts and tax."
    )
    weight_kg: Annotated[pl.Decimal, 10, 3] = field(nullable=True, ge=0, unit="kg", description="Text in the ERP.")
    vat_rate: Annotated[pl.Decimal, 4, 2] = field(ge=0, le=100, unit="%", description="Rate of the value added tax.")
    attributes: str = field(nullable=True, description="Colours, packs and the like, as JSON.")
    updated_at: Instant = field(description="When the ERP last changed the record.")


class Order(Contract):
    """Orders of our customers, from the first draft on."""

    order_id: int = field(key=True, ge=1, description="The ERP's number of the order.")
    order_no: str = field(
        unique=True, str_matches=r"^A-[0-9]{8}$", term="order number", description="The number that customers see."
    )
    customer_id: int = field(references="customers.customer_id", description="Who ordered.")
    status: str = field(isin=[*STATUSES], transitions=STATUSES, description="How far it is, from draft to billed.")
    ordered_at: Instant = field(description="When it was placed.")
    deliver_from: dt.date = field(nullable=True, description="The first day on which the customer takes delivery.")
    deliver_until: dt.date = field(nullable=True, description="The last one.")
    currency: str = field(isin=["CHF", "EUR"], term="ISO 4217", description="Currency of its prices.")
    note: str = field(
        nullable=True,
        str_length={"max_value": 500},
        no_mojibake=True,
        description="What the customer asked for, in words.",
    )
    extra: str = field(nullable=True, description="How the order reached us, as JSON.")
    updated_at: Instant = field(description="When the ERP last changed the record.")

    @pa.dataframe_check
    @classmethod
    def ends_after_start(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """delivery ends on or after the day it begins"""
        return data.lazyframe.select(pl.col("deliver_until") >= pl.col("deliver_from"))


class OrderLine(Contract):
    """What was ordered: articles, quantities and prices."""

    order_id: int = field(key=True, references="orders.order_id", description="The order that the line belongs to.")
    line_no: int = field(key=True, ge=1, description="Position of the line in its order.")
    sku: str = field(
        standardise=("trim", "upper"),
        references="products.sku",
        term="article number",
        description="The article that was ordered.",
    )
    quantity: Annotated[pl.Decimal, 10, 3] = field(gt=0, unit="pieces", description="How much of it.")
    unit_price: Annotated[pl.Decimal, 12, 4] = field(ge=0, description="In the order's currency.")
    discount_percent: Annotated[pl.Decimal, 5, 2] = field(
        nullable=True, ge=0, le=100, unit="%", description="Taken off the line's price."
    )
    updated_at: Instant = field(description="When the ERP last changed the record.")


class Invoice(Contract):
    """What we billed. Dates are text in the ERP, and the invoice number is no key there."""

    invoice_no: str = field(
        key=True, standardise=("trim", "upper"), str_matches=r"^RE-[0-9]{8}$", description="Number of the invoice."
    )
    order_id: int = field(references="orders.order_id", description="The order that is billed.")
    issued_on: dt.date = field(formats=GERMAN_DATE, description="Day of issue.")
    due_on: dt.date = field(formats=GERMAN_DATE, description="The last day to pay.")
    net: Money = field(unit="EUR", description="Amount before tax.")
    vat: Money = field(unit="EUR", description="Value added tax.")
    gross: Money = field(unit="EUR", description="Amount to pay: net and tax.")
    iban: str = field(
        nullable=True,
        standardise="alphanumeric_upper",
        pii="bank account",
        description="The account that it is paid from.",
    )
    paid_at: Instant = field(nullable=True, description="When the money came; empty: not yet.")
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

    booking_no: str = field(str_matches=r"^[0-9]{10}$", description="Number of the booking; both of its sides have it.")
    account: str = field(
        str_matches=r"^[0-9]{6}$", term="account of the chart SKR03", description="The account that is booked on."
    )
    booked_on: dt.date = field(formats="%d%m%Y", description="Day of the booking.")
    text: str = field(nullable=True, no_mojibake=True, description="What it was for.")
    amount: Annotated[pl.Decimal, 15, 2] = field(decimal=",", unit="EUR", description="Negative: a reversal.")
    currency: str = field(isin=["EUR"], term="ISO 4217", description="Currency of the amount.")
    side: str = field(isin=["S", "H"], description="S debit (Soll), H credit (Haben).")
