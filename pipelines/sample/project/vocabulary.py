"""What the contracts have in common: spellings of dates, countries, and the types of moments and money."""

from __future__ import annotations

from typing import Annotated

import polars as pl

__all__ = ["COUNTRIES", "GERMAN_DATE", "Instant", "Money"]

GERMAN_DATE = "%d.%m.%Y"
COUNTRIES = ["AT", "CH", "CZ", "DE", "DK", "FR", "IT", "NL", "PL", "SE"]

Instant = Annotated[pl.Datetime, "us", "UTC"]
Money = Annotated[pl.Decimal, 14, 2]
