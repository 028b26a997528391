"""What is made from the tables of both systems."""

from __future__ import annotations

from typing import Annotated

import polars as pl

from tilth.schemas.contract import Contract, field

from .vocabulary import Instant

__all__ = ["CustomerLink", "OneCustomer", "OrderRevenue"]


class OrderRevenue(Contract):
    """What each order is worth, with its customer: orders, lines and customers of one release."""

    order_id: int = field(key=True, description="The ERP's number of the order.")
    order_no: str = field(term="order number", description="The number that customers see.")
    customer_id: int = field(description="Who ordered.")
    customer_name: str = field(pii="name", description="Name of the customer.")
    country: str = field(term="ISO 3166-1 alpha-2", description="Where the customer lives or has its seat.")
    ordered_at: Instant = field(description="When it was placed.")
    currency: str = field(term="ISO 4217", description="Currency of the revenue.")
    lines: int = field(ge=1, description="How many lines the order has.")
    revenue: Annotated[pl.Decimal, 18, 2] = field(ge=0, description="Net of discounts, in the order's currency.")


class CustomerLink(Contract):
    """Which company of the CRM and which customer of the ERP are one and the same, and what tells it."""

    company_id: str = field(key=True, term="company of the CRM", description="The company in the CRM.")
    customer_id: int = field(term="customer number", description="The customer in the ERP who is the same.")
    rule: str = field(isin=["vat_number", "email_domain", "name"], description="The first rule that joined the two.")
    value: str = field(description="What both have in common, in the rule's normal form.")


class OneCustomer(Contract):
    """Everybody we do business with, once: what the ERP and the CRM know of each."""

    party: str = field(key=True, description="erp:NUMBER for customers of the ERP, crm:ID for companies without one.")
    customer_id: int = field(
        nullable=True, term="customer number", description="Their number in the ERP; empty: the CRM alone knows them."
    )
    company_id: str = field(
        nullable=True,
        term="company of the CRM",
        description="Their number in the CRM; empty: the ERP alone knows them.",
    )
    rule: str = field(nullable=True, description="What told that the two are one; empty: only one system knows them.")
    name: str = field(pii="name", description="As the ERP has it, else the CRM.")
    vat_no: str = field(nullable=True, term="VAT number", description="As the ERP has it, else the CRM.")
    country: str = field(term="ISO 3166-1 alpha-2", description="As the ERP has it, else the CRM.")
    city: str = field(nullable=True, description="As the ERP has it, else the CRM.")
    domain: str = field(nullable=True, description="Of their e-mail addresses.")
    contacts: int = field(ge=0, description="People at the company whom the CRM knows.")
    orders: int = field(ge=0, description="Orders in the ERP.")
    last_order_at: Instant = field(nullable=True, description="When the last of them was placed.")
