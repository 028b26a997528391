"""Date and time formats, made strict.

chrono (inside polars) accepts `2024-1-5`, `+024-01-05` and blanks for `%Y-%m-%d`. So each format also becomes a
regular expression of fixed lengths that a text must match as a whole before polars may read it.
"""

from __future__ import annotations

import re

__all__ = ["ISO_DATE", "ISO_DATETIME", "ISO_TIME", "UnknownDirective", "has_offset", "native", "pattern"]

ISO_DATE = "%Y-%m-%d"
ISO_TIME = "%H:%M:%S%.f"
ISO_DATETIME = (
    r"^((?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-5][0-9])"
    r"(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$"
)

_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"  # year 0 is no date in Python
_TWO = "[0-9]{2}"
_DIRECTIVES = {
    "Y": _YEAR, "y": _TWO, "m": _TWO, "d": _TWO, "j": "[0-9]{3}", "H": _TWO, "I": _TWO, "M": _TWO, "S": "[0-5][0-9]",
    "p": "(?:AM|PM|am|pm)", "b": "[A-Za-z]{3}", "B": "[A-Za-z]+",
    "a": "[A-Za-z]{3}", "A": "[A-Za-z]+", "z": r"(?:Z|[+-][0-9]{2}:?[0-9]{2})", ":z": r"(?:Z|[+-][0-9]{2}:?[0-9]{2})",
    "T": f"{_TWO}:{_TWO}:[0-5][0-9]", "F": f"{_YEAR}-{_TWO}-{_TWO}", "%": "%",
}  # fmt: skip
_FRACTION = {".f": r"(?:\.[0-9]{{1,{}}})?", "f": "[0-9]{{1,{}}}"}
_TOKEN = re.compile(r"%(\.f|:z|.)", re.DOTALL)


class UnknownDirective(ValueError):
    """A format holds a directive that cannot be made strict."""


def pattern(format: str, *, digits: int = 6) -> str:
    """The regular expression of the texts that this format accepts, with so many digits of a second's fraction."""
    known = _DIRECTIVES | {name: fraction.format(digits) for name, fraction in _FRACTION.items()}
    parts, at = list[str](), 0
    for match in _TOKEN.finditer(format):
        parts.append(re.escape(format[at : match.start()]))
        if match[1] not in known:
            raise UnknownDirective(match[0])
        parts.append(known[match[1]])
        at = match.end()
    rest = format[at:]
    if "%" in rest:
        raise UnknownDirective("%")
    return f"^{''.join(parts)}{re.escape(rest)}$"


def native(format: str) -> str:
    """The same format as chrono spells it (Python's `.%f` is `%.f`, `%z` also takes `Z` and `+01:00`)."""
    return format.replace(".%f", "%.f").replace("%:z", "%#z").replace("%z", "%#z")


def has_offset(format: str) -> bool:
    """Whether texts of this format carry their own time zone."""
    return "%z" in format or "%:z" in format
