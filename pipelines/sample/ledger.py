"""The general ledger's drop files: fixed width, cp1252, a trailer that counts; what is planted in them each night.

A line of bookings is 80 characters; the header begins with K, the trailer with E.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from tilth.pipelines.sample.truth import Book, Reason, Toxic

__all__ = ["Drop", "ledger"]

_ACCOUNTS = ("001200", "001400", "001776", "003400", "004400", "008400")
_TEXTS = ("Büromaterial", "Miete Lager Görlitz", "Frachtkosten €", "Löhne Säge", "Wareneingang 19 %", "Straßenmaut")


@dataclass(frozen=True, slots=True)
class Drop:
    """One file of a share: its name below the root, its bytes, and whether somebody is still writing it."""

    name: str
    content: bytes
    growing: bool = False


_PLANTED: Mapping[int, tuple[str, dict[str, str], Reason]] = MappingProxyType(
    {
        3: ("unparsable date", {"booked_on": "morgen"}, ("parse", "booked_on")),
        5: ("impossible date", {"booked_on": "31022025"}, ("parse", "booked_on")),
        7: ("decimal garbage", {"amount": "12,3x"}, ("parse", "amount")),
        9: ("mojibake", {"text": "BÃ¼romaterial"}, ("no_mojibake", "text")),
        11: ("unknown code", {"side": "Q"}, ("isin", "side")),
        13: ("missing value", {"account": ""}, ("not_null", "account")),
    }
)
"""By record, from 0: what is wrong with it, and why it must be refused."""


def ledger(night: int, book: Book, *, seed: int, rows: int) -> list[Drop]:
    """The files in the share that night, of about `rows` bookings each."""
    sizes = {day: rows + day for day in range(1, 6)}
    files = {day: _lines(Random(f"{seed}/ledger/{day}"), day, sizes[day]) for day in sizes}
    drops = [Drop(_name(1), _file(1, _plant(files[1])))]
    broken, whole = _file(2, files[2], told=sizes[2] + 7), _file(2, files[2])
    drops.append(Drop(_name(2), broken if night < 3 else whole))
    growing = b"".join(_encoded(line) for line in [_header(3), *files[3][: sizes[3] // 2]]) + b"B00000"
    drops.append(Drop(_name(3), growing, growing=True) if night == 1 else Drop(_name(3), _file(3, files[3])))
    drops += [Drop(_name(day), _file(day, files[day])) for day in range(4, night + 3)]
    _tell(book, night, sizes)
    return drops


def _tell(book: Book, night: int, sizes: Mapping[int, int]) -> None:
    if night == 1:
        for record, (kind, raw, reason) in _PLANTED.items():
            book.refused(Toxic(kind, None, (reason,), _name(1), record, record + 2, raw))
        book.refused(Toxic("wrong trailer", None, (("trailer_count", None),), _name(2), raw={"file": _name(2)}))
    fresh = {1: sizes[1] - len(_PLANTED), 2: sizes[3] + sizes[4], 3: sizes[2] + sizes[5]}
    book.inserted(keyless=fresh[night])


def _name(day: int) -> str:
    return f"ledger/GL_202511{day:02}.txt"


def _lines(rng: Random, day: int, rows: int) -> list[dict[str, str]]:
    return [
        {
            "booking_no": f"{day:02}{number:08}",
            "account": rng.choice(_ACCOUNTS),
            "booked_on": f"{day:02}112025",
            "text": rng.choice(_TEXTS),
            "amount": f"{rng.randrange(1, 90_000)},{rng.randrange(100):02}{rng.choice(['', '', '-'])}",
            "currency": "EUR",
            "side": rng.choice("SH"),
        }
        for number in range(1, rows + 1)
    ]


def _plant(lines: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    return [{**line, **_PLANTED[at][1]} if at in _PLANTED else line for at, line in enumerate(lines)]


def _file(day: int, lines: Sequence[dict[str, str]], *, told: int | None = None) -> bytes:
    trailer = f"E{len(lines) if told is None else told:08}"
    return b"".join(_encoded(line) for line in [_header(day), *lines, trailer])


def _header(day: int) -> str:
    return f"KHAUPTBUCH  202511{day:02}"


def _encoded(line: dict[str, str] | str) -> bytes:
    if isinstance(line, dict):
        line = (
            f"B{line['booking_no']:10}{line['account']:6}{line['booked_on']:8}{line['text']:30}"
            f"{line['amount']:>15}{line['currency']:3}{line['side']:1}"
        )
    return f"{line:80}\r\n".encode("cp1252")
