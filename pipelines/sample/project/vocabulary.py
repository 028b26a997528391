"""What the contracts have in common: dates, countries, the life of an order, types of moments and money."""

from __future__ import annotations

from typing import Annotated

import polars as pl

__all__ = ["COUNTRIES", "GERMAN_DATE", "STATUSES", "Instant", "Money"]

GERMAN_DATE = "%d.%m.%Y"
COUNTRIES = ["AT", "CH", "CZ", "DE", "DK", "FR", "IT", "NL", "PL", "SE"]
STATUSES = {
    "draft": ["open", "shipped", "billed", "cancelled"],
    "open": ["shipped", "billed", "cancelled"],
    "shipped": ["billed"],
    "billed": [],
    "cancelled": [],
}
"""Of an order, with what the next pull may find; a day may take it several steps on."""

Instant = Annotated[pl.Datetime, "us", "UTC"]
Money = Annotated[pl.Decimal, 14, 2]
