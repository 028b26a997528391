"""A table of 16 columns under 28 rules, with 25 kinds of planted errors, judged one row at a time in plain Python.

re, datetime, decimal, json: neither polars nor pandera nor anything of ours. Texts are read by `oracles.parsing`.
"""

from __future__ import annotations

import functools
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from oracles.parsing import UNPARSABLE, read_date, read_decimal, read_float, read_integer, read_timestamp

__all__ = ["COLUMNS", "FAULTS", "Judgement", "Reason", "judged", "planted"]

Row = dict[str, str | None]
Reason = tuple[int, str, str, str | None]
"""Row, rule, column, value as pulled."""

COLUMNS = (
    "id", "ordered", "shipped", "quantity", "price", "total", "currency", "weight", "email", "name", "zip", "country",
    "express", "changed", "phone", "tracking",
)  # fmt: skip
_NULLABLE = {"shipped", "weight", "email", "phone", "tracking"}
_CURRENCIES, _COUNTRIES = ("EUR", "USD", "CHF"), ("DE", "AT", "CH", "NL")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_ID, _ZIP = re.compile("SH-[0-9]{8}"), re.compile("[0-9]{5}")


@functools.lru_cache(50_000)
def _date(text: str) -> Any:
    return read_date(text, "%d.%m.%Y", "31.12.2024")


@functools.lru_cache(50_000)
def _truth(text: str) -> Any:
    word = text.strip().lower()
    return None if not word else {"ja": True, "j": True, "nein": False, "n": False}.get(word, UNPARSABLE)


def _text(*does: Callable[[str], str]) -> Callable[[str], Any]:
    def read(text: str) -> str | None:
        if not text.strip():
            return None
        for one in does:
            text = one(text)
        return text

    return read


_READ: Mapping[str, Callable[[str], Any]] = {
    "id": _text(str.strip, str.upper), "ordered": _date, "shipped": _date,
    "quantity": lambda text: read_integer(text, -(2**63), 2**63 - 1),
    "price": lambda text: read_decimal(text, 12, 2, decimal=",", thousands="."),
    "total": lambda text: read_decimal(text, 14, 2, decimal=",", thousands="."),
    "currency": _text(), "weight": read_float, "email": _text(str.strip, str.lower), "name": _text(), "zip": _text(),
    "country": _text(str.strip, str.upper), "express": _truth,
    "changed": lambda text: read_timestamp(text, "Europe/Berlin"), "phone": _text(), "tracking": _text(),
}  # fmt: skip


def _mojibake(text: str) -> bool:
    """UTF-8 that was read as cp1252, or what no text holds."""
    if any(c == "\ufffd" or "\x80" <= c <= "\x9f" for c in text):
        return True
    try:
        return text.encode("cp1252").decode("utf-8") != text
    except UnicodeError:
        return False


def _check_digit(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    return sum(digits[:-1]) % 10 == digits[-1]


_ALONE: Sequence[tuple[str, str, Callable[[Any], bool]]] = [  # column, rule, what must hold of a value
    ("id", "str_matches", lambda v: bool(_ID.fullmatch(v))),
    ("ordered", "greater_than_or_equal_to", lambda v: v >= date(2015, 1, 1)),
    ("quantity", "in_range", lambda v: 1 <= v <= 999),
    ("price", "greater_than_or_equal_to", lambda v: v >= 0),
    ("price", "less_than", lambda v: v < 100_000),
    ("total", "greater_than_or_equal_to", lambda v: v >= 0),
    ("currency", "isin", lambda v: v in _CURRENCIES),
    ("weight", "greater_than", lambda v: v > 0),
    ("weight", "less_than", lambda v: v < 5_000),
    ("email", "email", lambda v: bool(_EMAIL.fullmatch(v)) and ".." not in v),
    ("name", "str_length", lambda v: 2 <= len(v) <= 40),
    ("name", "notin", lambda v: v not in ("TEST", "DUMMY")),
    ("name", "no_mojibake", lambda v: not _mojibake(v)),
    ("name", "no_double_blanks", lambda v: "  " not in v),
    ("zip", "str_matches", lambda v: bool(_ZIP.fullmatch(v))),
    ("zip", "not_equal_to", lambda v: v != "00000"),
    ("country", "isin", lambda v: v in _COUNTRIES),
    ("changed", "greater_than_or_equal_to", lambda v: v >= datetime(2015, 1, 1, tzinfo=UTC)),
    ("phone", "str_startswith", lambda v: v.startswith("+")),
    ("phone", "str_length", lambda v: 8 <= len(v) <= 16),
    ("tracking", "str_endswith", lambda v: v.endswith("Z")),
    ("tracking", "check_digit", _check_digit),
]
_TOGETHER: Sequence[tuple[str, tuple[str, ...], Callable[..., bool | None]]] = [  # None: cannot be told, which passes
    ("shipped_after_order", ("ordered", "shipped"), lambda o, s: None if s is None else s >= o),
    ("total_is_product", ("quantity", "price", "total"), lambda q, p, t: q * p == t),
    ("express_has_phone", ("express", "phone"), lambda e, p: not e or p is not None),
    ("changed_after_order", ("ordered", "changed"), lambda o, c: c >= datetime(o.year, o.month, o.day, tzinfo=UTC)),
]  # with the key and the tracking number, which no two rows share: 28


@dataclass
class Judgement:
    """What became of the rows."""

    good: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    reasons: list[Reason] = field(default_factory=list[Reason])
    duplicates: int = 0


def judged(rows: Sequence[Row]) -> Judgement:
    """Every row judged by itself, then against the others."""
    made = Judgement()
    for number, row in enumerate(rows):
        values, faults = _row(row)
        made.reasons += [(number, *fault) for fault in faults]
        if not faults:
            made.good[number] = values
    _one_per_key(made)
    _one_per_value(made, "tracking")
    made.reasons.sort(key=lambda reason: (reason[0], reason[1], reason[2]))
    return made


def _row(row: Row) -> tuple[dict[str, Any], list[tuple[str, str, str | None]]]:
    values: dict[str, Any] = {}
    faults: list[tuple[str, str, str | None]] = []
    for name in COLUMNS:
        text = row[name]
        values[name] = None if text is None else _READ[name](text)
        if values[name] is UNPARSABLE:
            faults.append(("parse", name, text))
        elif values[name] is None and name not in _NULLABLE:
            faults.append(("not_null", name, text))
    wrong = {name for _, name, _ in faults}
    for name, rule, holds in _ALONE:
        if name not in wrong and values[name] is not None and not holds(values[name]):
            faults.append((rule, name, row[name]))
    for rule, names, holds in _TOGETHER:
        if not wrong.intersection(names) and holds(*(values[name] for name in names)) is False:
            shown = json.dumps(
                {name: row[name] for name in names}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            )
            faults.append((rule, ",".join(names), shown))
    return values, faults


def _one_per_key(made: Judgement) -> None:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for number, values in made.good.items():
        groups[values["id"]].append(number)
    for key, numbers in groups.items():
        first, *others = numbers
        if all(made.good[other] == made.good[first] for other in others):
            made.duplicates += len(others)
            gone = others
        else:
            made.reasons += [(number, "unique", "id", key) for number in numbers]
            gone = numbers
        for number in gone:
            del made.good[number]


def _one_per_value(made: Judgement, name: str) -> None:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for number, values in made.good.items():
        if values[name] is not None:
            groups[values[name]].append(number)
    for value, numbers in groups.items():
        if len(numbers) > 1:
            made.reasons += [(number, "unique", name, value) for number in numbers]
            for number in numbers:
                del made.good[number]


def _german(number: Decimal) -> str:
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


def _tracking(number: int) -> str:
    digits = f"{number:09}"
    return f"T{digits}{sum(map(int, digits)) % 10}Z"


def _good(number: int, dice: random.Random) -> Row:
    ordered = date(2016, 1, 1) + timedelta(days=dice.randrange(3_000))
    quantity, price = dice.randrange(1, 1_000), Decimal(dice.randrange(0, 9_999_999)) / 100
    changed = datetime(2024, 6, 1, 5, 30, dice.randrange(60)) + timedelta(days=dice.randrange(100))
    return {
        "id": dice.choice([f"SH-{number:08}", f" sh-{number:08}"]),
        "ordered": ordered.strftime("%d.%m.%Y"),
        "shipped": dice.choice([None, "", (ordered + timedelta(days=dice.randrange(9))).strftime("%d.%m.%Y")]),
        "quantity": dice.choice([str(quantity), f"{quantity}.0", f"+{quantity}"]),
        "price": dice.choice([_german(price), str(price).replace(".", ",")]),
        "total": _german(quantity * price),
        "currency": dice.choice(_CURRENCIES),
        "weight": dice.choice([None, f"{dice.uniform(0.1, 4_999):.3f}", "1.5e2"]),
        "email": dice.choice([None, f"u{number}@example.com", f" U.{number}@mail.Example.org"]),
        "name": dice.choice(["Ann Lee", "Jürgen Groß", "Zoë", "O'Neil & Söhne", "Łukasz Żak"]),
        "zip": f"{dice.randrange(1, 100_000):05}",
        "country": dice.choice(["DE", "at", " CH ", "NL"]),
        "express": dice.choice(["nein", "N", "NEIN"]),
        "changed": dice.choice([f"{changed}", f"{changed.isoformat()}Z", f"{changed.isoformat()}.25+02:00"]),
        "phone": dice.choice([None, f"+49{dice.randrange(10**7, 10**10)}"]),
        "tracking": _tracking(number) if dice.random() < 0.3 else None,
    }


_MOMENTS = (  # skipped, doubled, no time, no hour, too early, too early where it was written
    "2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-06-01", "2024-06-01 24:00:00", "2014-12-31 23:59:59",
    "2015-01-01 00:59:59",
)  # fmt: skip


def _changes(dice: random.Random) -> Mapping[str, Row]:
    """Each kind of error, as the cells that it changes."""
    return {
        "no such day": {dice.choice(["ordered", "shipped"]): "31.02.2022"},
        "american date": {"ordered": "12/31/2021"},
        "short date": {"shipped": "1.2.2022"},
        "early date": {"ordered": "31.12.2014", "shipped": None},
        "shipped before order": {"ordered": "05.05.2020", "shipped": "04.05.2020"},
        "words for numbers": {"quantity": dice.choice(["ten", "1,5", "0x10", "1 000"])},
        "number out of range": {"quantity": dice.choice(["0", "1000", "-3"])},
        "too many digits": {"price": "1,505"},
        "english number": {"price": "1,234.50", "total": "12.34"},
        "negative amount": {"price": dice.choice(["(1,50)", "1,50-", "-1,50"])},
        "price too high": {"price": "100.000,00"},
        "wrong sum": {"total": "0,01"},
        "unknown currency": {"currency": dice.choice(["eur", "GBP", " EUR"])},
        "weight": {"weight": dice.choice(["0", "-1", "5000", "nan", "inf", "12kg"])},
        "e-mail": {"email": dice.choice(["@x.de", "a@b", "a..b@example.com", "a b@example.com", "n/a"])},
        "encoding": {"name": dice.choice(["JÃ¼rgen", "fÃ¶n", "Zo\ufffd", "M\x9aller"])},
        "name": {"name": dice.choice(["X", "y" * 41, "TEST", "DUMMY", "Ann  Lee"])},
        "zip": {"zip": dice.choice(["1234", "123456", "A1234", "00000", " 1234"])},
        "country": {"country": dice.choice(["UK", "D", "Germany"])},
        "truth": {"express": dice.choice(["yes", "1", "wahr"])},
        "moment": {"changed": dice.choice(_MOMENTS)},
        "phone": {"phone": dice.choice(["030 1234567", "+49", "+4912345678901234"])},
        "express without phone": {"express": "ja", "phone": None},
        "tracking": {"tracking": dice.choice(["T0000000011Y", "T0000000012Z"])},
        "missing": {dice.choice([name for name in COLUMNS if name not in _NULLABLE]): dice.choice([None, "", " "])},
    }  # fmt: skip


FAULTS = tuple(_changes(random.Random(0)))


def planted(count: int, seed: int, share: float = 0.08, repeated: float = 0.01) -> Iterator[Row]:
    """Rows: about `share` have one or several errors, `repeated` a key, a tracking number or all of the row before."""
    dice = random.Random(seed)
    last: Row | None = None
    for number in range(count):
        row = _good(number, dice)
        if dice.random() < share:
            changes = _changes(dice)
            for kind in dice.sample(FAULTS, dice.choice([1, 1, 1, 2, 4])):
                row |= changes[kind]
        elif last is not None and dice.random() < repeated:
            again = dice.choice(["row", "key", "tracking"])
            row = dict(last) if again == "row" else row | ({"id": last["id"]} if again == "key" else {})
            row |= {"tracking": last["tracking"]} if again == "tracking" else {}
        yield row
        last = row
