"""What a text means as a number, a date or a time: Python's own decimal and datetime, one text at a time."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

__all__ = ["UNPARSABLE", "read_date", "read_decimal", "read_float", "read_integer", "read_timestamp"]

UNPARSABLE = "unparsable"


def _number(text: str, decimal: str, thousands: str | None) -> Decimal | str | None:
    text = text.strip()
    if not text:
        return None
    negative = False
    if text.startswith("(") and text.endswith(")"):
        negative, text = True, text[1:-1]
    elif text.endswith("-"):
        negative, text = True, text[:-1]
    elif text[0] in "+-":
        negative, text = text[0] == "-", text[1:]
    whole, point, fraction = text.partition(decimal)
    if thousands and thousands in whole:
        head, *groups = whole.split(thousands)
        if not 1 <= len(head) <= 3 or any(len(group) != 3 for group in groups):
            return UNPARSABLE
        whole = head + "".join(groups)
    digits = whole + fraction
    if not digits or not all(c in "0123456789" for c in digits) or (point and not whole and not fraction):
        return UNPARSABLE
    number = Decimal(f"{whole or '0'}.{fraction or '0'}")
    return -number if negative else number


def read_decimal(
    text: str, precision: int, scale: int, *, decimal: str = ".", thousands: str | None = None
) -> Decimal | str | None:
    """The number, exactly; too many digits before or after the point are unparsable."""
    number = _number(text, decimal, thousands)
    if not isinstance(number, Decimal):
        return number
    scaled = number.scaleb(scale)
    if scaled != scaled.to_integral_value() or abs(scaled) >= 10**precision:
        return UNPARSABLE
    return number


def read_integer(text: str, low: int, high: int) -> int | str | None:
    """A whole number within bounds; `12.0` is one."""
    number = _number(text, ".", None)
    if not isinstance(number, Decimal):
        return number
    return int(number) if number == number.to_integral_value() and low <= number <= high else UNPARSABLE


def read_float(text: str) -> float | str | None:
    """A finite number, the nearest float."""
    bare = text.strip()
    if not bare:
        return None
    if bare.startswith("(") and bare.endswith(")") and bare[1:2] not in ("+", "-"):
        bare = "-" + bare[1:-1]
    elif bare.endswith("-") and bare[:1] not in ("+", "-"):
        bare = "-" + bare[:-1]
    if not re.fullmatch(r"[0-9.eE+-]+", bare):
        return UNPARSABLE
    try:
        value = float(bare)
    except (ValueError, InvalidOperation):
        return UNPARSABLE
    return value if abs(value) != float("inf") else UNPARSABLE


def read_date(text: str, form: str, sample: str) -> date | str | None:
    """A date by strptime, as long as the sample and with digits where it has digits."""
    text = text.strip()
    if not text:
        return None
    shape = [c.isdigit() or c for c in sample]
    if [(c in "0123456789") or c for c in text] != shape:
        return UNPARSABLE
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return UNPARSABLE


_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


def read_timestamp(text: str, zone: str | None) -> datetime | str | None:
    """An ISO timestamp as UTC: naive texts are local to `zone`; hours that are skipped or doubled are unparsable."""
    text = text.strip()
    if not text:
        return None
    match = _TIMESTAMP.fullmatch(text)
    fraction = (match[3] or "").ljust(9, "0") if match else ""
    if match is None or fraction[6:] != "000":
        return UNPARSABLE
    try:
        wall = datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(microsecond=int(fraction[:6]))
        if match[4] is None:
            return _local(wall, zone or "UTC")
        sign = -1 if match[4][0] == "-" else 1
        digits = match[4].replace("Z", "+00").replace(":", "")[1:].ljust(4, "0")
        return wall.replace(tzinfo=timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))))
    except (ValueError, OverflowError):
        return UNPARSABLE


def _local(wall: datetime, zone: str) -> datetime | str:
    first, second = (wall.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        return UNPARSABLE
    return first
