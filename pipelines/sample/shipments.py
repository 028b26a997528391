"""The carrier's drop files: CSV with semicolons, decimal commas, German dates and a column that says what to do.

A `D` in the column `op` is a tombstone. A file that arrives late must neither be lost nor overwrite newer records.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from random import Random

from tilth.pipelines.sample.ledger import Drop
from tilth.pipelines.sample.truth import Book, Reason, Toxic

__all__ = ["shipments"]

_COLUMNS = (
    "op", "shipment_no", "order_id", "shipped_on", "delivered_on", "weight_kg", "freight_eur", "carrier", "changed_at"
)  # fmt: skip
_CARRIERS = ("DHL", "DPD", "GLS", "Spedition Höß")
_FIRST, _SECOND, _LATE, _THIRD = (
    f"shipments/VS_{name}.csv" for name in ("20251101", "20251102", "20251031_nachtrag", "20251103")
)

Planted = tuple[str, str, dict[str, str], tuple[Reason, ...]]


def shipments(night: int, book: Book, *, seed: int, rows: int, orders: int) -> list[Drop]:
    """The files in the share that night; every one before stays."""
    ordinary = [_ordinary(Random(f"{seed}/shipments/{day}"), day, rows, orders) for day in (1, 2, 3)]
    drops = [_first(ordinary[0], book if night == 1 else None)]
    if night >= 2:
        drops += _second(ordinary[1], book if night == 2 else None)
    if night >= 3:
        drops.append(_drop(_THIRD, ordinary[2]))
        if night == 3:
            book.inserted(_keys(ordinary[2]))
    return drops


def _first(ordinary: Sequence[dict[str, str]], book: Book | None) -> Drop:
    planted: list[Planted] = [
        ("unparsable date", "900001", {"shipped_on": "gestern"}, (("parse", "shipped_on"),)),
        ("impossible date", "900002", {"shipped_on": "31.02.2025"}, (("parse", "shipped_on"),)),
        ("decimal garbage", "900003", {"weight_kg": "1.2.3,4"}, (("parse", "weight_kg"),)),
        ("unknown code", "900004", {"carrier": "UPSS"}, (("isin", "carrier"),)),
        ("negative quantity", "900005", {"weight_kg": "-3,5"}, (("greater_than", "weight_kg"),)),
        ("orphan", "900006", {"order_id": "999995"}, (("reference", "order_id"),)),
        ("conflicting duplicate", "900007", {"carrier": "DHL"}, (("unique", "shipment_no"),)),
        ("conflicting duplicate", "900007", {"carrier": "GLS"}, (("unique", "shipment_no"),)),
        (
            "end before start", "900008", {"delivered_on": "01.10.2025"},
            (("delivered_after_shipped", "shipped_on,delivered_on"),),
        ),
        ("orphan (its order is committed late)", "900012", {"order_id": "900200"}, (("reference", "order_id"),)),
        ("missing key", "", {}, (("not_null", "shipment_no"),)),
    ]  # fmt: skip
    sound = [_row(number) for number in ("900010", "900010", "900020", "900021", "900030")]
    old = _row("900011", freight_eur="5,00", changed_at="01.11.2025 06:00:00")
    rows = [*ordinary, *sound, old, _row("900011"), *(_row(key, **different) for _, key, different, _ in planted)]
    if book is not None:
        book.inserted([*_keys(ordinary), *_keys(sound), "S-900011"])
        book.counted("duplicate")
        book.counted("superseded")
        _refused(book, _FIRST, planted, start=len(rows) - len(planted))
    return _drop(_FIRST, rows)


def _second(ordinary: Sequence[dict[str, str]], book: Book | None) -> list[Drop]:
    newer = "02.11.2025 18:00:00"
    changed = [_row(number, freight_eur="7,77", changed_at=newer) for number in ("900001", "900010")]
    gone = [_row(number, op="D", changed_at=newer) for number in ("900020", "900021", "900099")]
    planted: list[Planted] = [("missing key of a tombstone", "", {"op": "D"}, (("not_null", "shipment_no"),))]
    rows = [*ordinary, *changed, *gone, *(_row(key, **different) for _, key, different, _ in planted)]
    older = "31.10.2025 07:00:00"
    late = [_row(number, freight_eur="1,11", changed_at=older) for number in ("900030", "900031")]
    if book is not None:
        book.inserted([*_keys(ordinary), "S-900001", "S-900031"])
        book.mended("S-900001")
        book.counted("updated")
        book.counted("superseded")
        book.deleted(_keys(gone))
        book.replayed(["S-900012"])
        book.shown("S-900010", freight_eur="7.77")
        book.shown("S-900030", freight_eur="12.50")
        book.shown("S-900031", freight_eur="1.11")
        _refused(book, _SECOND, planted, start=len(rows) - len(planted))
    return [_drop(_LATE, late), _drop(_SECOND, rows)]


def _refused(book: Book, file: str, planted: Sequence[Planted], *, start: int) -> None:
    for record, (kind, number, raw, reasons) in enumerate(planted, start):
        key = f"S-{number}" if number else None
        book.refused(Toxic(kind, key, reasons, file, record, record + 2, raw))


def _row(number: str, **different: str) -> dict[str, str]:
    return {
        "op": "U",
        "shipment_no": f"S-{number}" if number else "",
        "order_id": "1",
        "shipped_on": "30.10.2025",
        "delivered_on": "",
        "weight_kg": "1.250,500",
        "freight_eur": "12,50",
        "carrier": "DHL",
        "changed_at": "01.11.2025 17:30:00",
        **different,
    }


def _ordinary(rng: Random, day: int, rows: int, orders: int) -> list[dict[str, str]]:
    return [
        _row(
            f"{day}{number:05}",
            order_id=str(rng.randrange(1, orders + 1)),
            weight_kg=f"{rng.randrange(1, 900)},{rng.randrange(1_000):03}",
            delivered_on=f"{rng.randrange(1, 29):02}.12.2025" if rng.random() < 0.7 else "",
            carrier=rng.choice(_CARRIERS),
        )
        for number in range(1, rows + 1)
    ]


def _keys(rows: Iterable[dict[str, str]]) -> list[str]:
    return list(dict.fromkeys(row["shipment_no"] for row in rows))


def _drop(name: str, rows: Iterable[dict[str, str]]) -> Drop:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerows([_COLUMNS, *([row[name] for name in _COLUMNS] for row in rows)])
    return Drop(name, text.getvalue().encode("utf-8"))
