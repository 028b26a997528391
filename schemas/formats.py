"""Date and time formats, made strict.

chrono (inside polars) accepts `2024-1-5`, `+024-01-05` and blanks for `%Y-%m-%d`. So each format also becomes a
regular expression of fixed lengths that a text must match as a whole before polars may read it.
"""

from __future__ import annotations

import datetime as dt
import re

__all__ = ["ISO_DATE", "ISO_DATETIME", "ISO_TIME", "UnknownDirective", "fraction_of"]
__all__ += ["has_clock", "has_day", "has_offset", "native", "pattern", "sample"]

ISO_DATE = "%Y-%m-%d"
ISO_TIME = "%H:%M:%S%.f"
ISO_DATETIME = (
    r"^((?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-5][0-9])"
    r"(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$"
)

_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"  # year 0 is no date in Python
_TWO = "[0-9]{2}"
_OFFSET = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
_DAY = {
    "%Y": _YEAR, "%y": _TWO, "%m": _TWO, "%d": _TWO, "%j": "[0-9]{3}", "%F": f"{_YEAR}-{_TWO}-{_TWO}",
    "%b": "[A-Za-z]{3}", "%B": "[A-Za-z]+", "%a": "[A-Za-z]{3}", "%A": "[A-Za-z]+",
}  # fmt: skip
_CLOCK = {
    "%H": _TWO, "%I": _TWO, "%M": _TWO, "%S": "[0-5][0-9]", "%p": "(?:AM|PM|am|pm)", "%T": f"{_TWO}:{_TWO}:[0-5][0-9]",
    "%.f": r"(?:\.[0-9]{1,DIGITS})?", ".%f": r"\.[0-9]{1,DIGITS}", "%f": "[0-9]{1,DIGITS}",
}  # fmt: skip
_DIRECTIVES = {**_DAY, **_CLOCK, "%z": _OFFSET, "%:z": _OFFSET, "%%": "%"}
_NATIVE = {".%f": "%.f", "%f": "%9f", "%z": "%#z", "%:z": "%#z"}
_TOKEN = re.compile(r"\.%f|%(?:\.f|:z|.)|[^%.]+|.", re.DOTALL)


class UnknownDirective(ValueError):
    """A format holds a directive that cannot be made strict."""


def pattern(format: str, *, digits: int = 6) -> str:
    """The regular expression of the texts that this format accepts, with so many digits of a second's fraction."""
    return "^" + "".join(_strict(token, digits) for token in _tokens(format)) + "$"


def fraction_of(format: str, *, digits: int = 6) -> str | None:
    """The same in three groups, the middle one the fraction of a second; None where the format has none without point.

    `123` after `%S,` is a thousand times more than a count of billionths, which is what chrono takes it for.
    """
    tokens = _tokens(format)
    if "%f" not in tokens:
        return None
    at = tokens.index("%f")
    before, after = ("".join(_strict(t, digits) for t in some) for some in (tokens[:at], tokens[at + 1 :]))
    return f"^({before})({_strict('%f', digits)})({after})$"


def _tokens(format: str) -> list[str]:
    return _TOKEN.findall(format)


def _strict(token: str, digits: int) -> str:
    known = _DIRECTIVES.get(token)
    if known is None and token.startswith("%"):
        raise UnknownDirective(token)
    return re.escape(token) if known is None else known.replace("DIGITS", str(digits))


def native(format: str) -> str:
    """The same format as chrono spells it; `%f` for digits filled up to nine (see `fraction_of`)."""
    return "".join(_NATIVE.get(token, token) for token in _tokens(format))


def sample(format: str, moment: dt.datetime, *, offset: str) -> str:
    """How this format writes a moment; `offset` is that of its zone."""
    fixed = {"%.f": ".5", "%z": offset, "%:z": offset}
    tokens = (fixed.get(token, token) for token in _tokens(format))
    return "".join(moment.strftime(token) if token in _DIRECTIVES else token for token in tokens)


def has_offset(format: str) -> bool:
    """Whether texts of this format carry their own time zone."""
    return not {"%z", "%:z"}.isdisjoint(_tokens(format))


def has_clock(format: str) -> bool:
    """Whether texts of this format carry a time of day."""
    return not _CLOCK.keys().isdisjoint(_tokens(format))


def has_day(format: str) -> bool:
    """Whether texts of this format carry a day, or a part of one."""
    return not _DAY.keys().isdisjoint(_tokens(format))
