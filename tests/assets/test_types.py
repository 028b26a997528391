"""Types beyond numbers, text and dates: what a contract may hold is pulled, judged, published and compared."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from company import lake_in
from test_odd_values import night, seen

from tilth.assets.quarantine import open_entries
from tilth.errors import ContractError
from tilth.schemas.contract import Contract
from tilth.schemas.contract import field as column

STATES = pl.Enum(["new", "paid"])


class Wide(Contract):
    """One column of every type that the curated file can hold."""

    id: int = column(key=True)
    state: STATES = column()  # type: ignore[valid-type]
    kind: pl.Categorical = column(nullable=True)
    at: pl.Time = column(nullable=True)
    image: pl.Binary = column(nullable=True)
    tags: pl.List(pl.String) = column(nullable=True)  # type: ignore[valid-type]
    place: pl.Struct({"lat": pl.Float64, "lon": pl.Float64}) = column(nullable=True)  # type: ignore[valid-type]
    pair: pl.Array(pl.Int16, 2) = column(nullable=True)  # type: ignore[valid-type]
    big: pl.UInt64 = column(nullable=True)
    price: pl.Decimal(38, 2) = column(nullable=True)  # type: ignore[valid-type]
    words: pl.Array(pl.Categorical, 2) = column(nullable=True)  # type: ignore[valid-type]


ONE = {
    "id": "1", "state": "new", "kind": "a", "at": "23:59:58.5", "image": "00ff", "tags": '["x", "y"]', "pair": "[1, 2]",
    "place": '{"lon": 2.0, "lat": 1}', "big": str(2**64 - 1), "price": "1" * 36 + ".50", "words": '["b", "a"]',
}  # fmt: skip
TEXT = dict.fromkeys(ONE, pa.string())
TYPED: dict[str, Any] = {
    "id": pa.int64(), "state": pa.string(), "kind": pa.dictionary(pa.int32(), pa.string()), "at": pa.time64("us"),
    "image": pa.binary(), "tags": pa.list_(pa.string()), "place": pa.struct({"lat": pa.float64(), "lon": pa.float64()}),
    "pair": pa.list_(pa.int16()), "big": pa.uint64(), "price": pa.decimal128(38, 2), "words": pa.list_(pa.string()),
}  # fmt: skip
SAME = {
    "id": 1, "state": "new", "kind": "a", "at": time(23, 59, 58, 500000), "image": b"\x00\xff", "tags": ["x", "y"],
    "place": {"lat": 1.0, "lon": 2.0}, "pair": [1, 2], "big": 2**64 - 1, "price": ONE["price"], "words": ["b", "a"],
}  # fmt: skip


def test_every_type_is_published_and_compared(tmp_path: Path) -> None:
    second, third = {"id": "2", "state": "paid"}, {"id": "3", "state": "old", "tags": "[1]"}
    counts = night(tmp_path, Wide, [ONE, second, third], TEXT).tables["things"].counts
    assert (counts["inserted"], counts["quarantined"]) == (2, 1)
    columns = 'id, state, kind, "at", image, tags, place, pair, big, price::VARCHAR, words'
    (row,) = seen(tmp_path, f"SELECT {columns} FROM things WHERE id = 1")
    assert row == tuple(SAME.values())
    with lake_in(tmp_path).state.read() as connection:
        assert set(open_entries(connection, "things")["rules"].item()) == {"parse"}
    changed = second | {"tags": "[]", "place": "{}"}
    counts = night(tmp_path, Wide, [ONE, changed, third], TEXT, 2).tables["things"].counts
    assert (counts["unchanged"], counts["updated"], counts["quarantined"]) == (1, 1, 0)
    typed = SAME | {"price": Decimal(ONE["price"])}
    counts = night(tmp_path, Wide, [typed], TYPED, 3).tables["things"].counts
    assert (counts["unchanged"], counts["updated"]) == (1, 0)


def test_a_type_that_cannot_be_published_stops_before_anything_is_judged(tmp_path: Path) -> None:
    class Long(Contract):
        """Lasts."""

        id: int = column(key=True)
        took: pl.Duration = column()

    with pytest.raises(ContractError, match=r"Long\.took: this type can be judged, and not published"):
        night(tmp_path, Long, [{"id": 1, "took": "PT1S"}], {"id": pa.int64(), "took": pa.string()})


def test_a_strict_contract_sees_the_columns_that_it_does_not_ask_for(tmp_path: Path) -> None:
    class Closed(Contract):
        """Nothing but these."""

        id: int = column(key=True)
        name: str = column()

        class Config:
            strict = True

    columns = {"id": pa.int64(), "name": pa.string(), "more": pa.string()}
    rows = [{"id": 1, "name": "a", "more": "x"}]
    counts = night(tmp_path, Closed, rows, columns).tables["things"].counts
    assert (counts["inserted"], counts["quarantined"]) == (0, 1)
    counts = night(tmp_path, Closed, rows, columns, 2, cursor="more").tables["things"].counts
    assert (counts["inserted"], counts["open_after"]) == (1, 0)
