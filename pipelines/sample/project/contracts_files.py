"""What partners drop as files: shipments and the price list."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import pandera.polars as pa
import polars as pl

from tilth.schemas.contract import Contract, field, row_count

from .vocabulary import GERMAN_DATE, Instant

__all__ = ["PriceListEntry", "Shipment"]


class Shipment(Contract):
    """What left the warehouse, told by the carriers' files."""

    shipment_no: str = field(key=True, standardise=("trim", "upper"), description="The carrier's number of the parcel.")
    order_id: int = field(references="orders.order_id", description="The order that was sent.")
    shipped_on: dt.date = field(formats=GERMAN_DATE, description="The day it left the warehouse.")
    delivered_on: dt.date = field(
        nullable=True, formats=GERMAN_DATE, description="The day it arrived; empty: on its way."
    )
    weight_kg: Annotated[pl.Decimal, 10, 3] = field(
        gt=0, decimal=",", thousands=".", unit="kg", description="Weight with its packing."
    )
    freight_eur: Annotated[pl.Decimal, 10, 2] = field(
        ge=0, decimal=",", thousands=".", unit="EUR", description="What the carrier asks for."
    )
    carrier: str = field(
        standardise=("nfc", "trim"), isin=["DHL", "DPD", "GLS", "Spedition Höß"], description="Who carries it."
    )
    changed_at: Instant = field(
        formats="%d.%m.%Y %H:%M:%S", time_zone="Europe/Berlin", description="When the carrier last changed the record."
    )

    @pa.dataframe_check
    @classmethod
    def delivered_after_shipped(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """delivered on or after the day it was shipped"""
        return data.lazyframe.select(pl.col("delivered_on") >= pl.col("shipped_on"))


class PriceListEntry(Contract):
    """Prices for the branches; every file is the whole list."""

    sku: str = field(
        source="Artikel",
        key=True,
        standardise=("trim", "upper"),
        term="article number",
        description="Our number of the article.",
    )
    name: str = field(
        source="Bezeichnung",
        nullable=True,
        standardise=("nfc", "collapse_spaces"),
        no_mojibake=True,
        description="What the branches call it.",
    )
    price: Annotated[pl.Decimal, 12, 2] = field(
        source="Preis", gt=0, unit="EUR", description="Price of a piece in the branches, tax included."
    )
    currency: str = field(source="Währung", isin=["EUR"], term="ISO 4217", description="Currency of the price.")
    valid_from: dt.date = field(
        source="Gültig ab", formats=("%Y-%m-%d", GERMAN_DATE), description="The first day of the price."
    )
    valid_until: dt.date = field(
        source="Gültig bis",
        formats=("%Y-%m-%d", GERMAN_DATE),
        nullable=True,
        description="The last one; empty: until further notice.",
    )
    rules = (row_count(at_least=50),)  # a shorter list was cut off

    @pa.dataframe_check
    @classmethod
    def ends_after_start(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """valid until the day it begins, or longer"""
        return data.lazyframe.select(pl.col("valid_until") >= pl.col("valid_from"))
