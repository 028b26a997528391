"""Keys that come more than once in a pull: found by their hashes, as they will be published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandera.polars as pa
import polars as pl

from tilth.assets.contested import repeated
from tilth.assets.declared import TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.landing import land
from tilth.assets.pulls import batches_of
from tilth.assets.ready import Counts, judge_pull
from tilth.schemas.contract import Contract, field
from tilth.schemas.judging import Judge

TABLE = TableDeclaration("orders", "c", "erp", "orders")


class Order(Contract):
    shop: str = field(key=True, standardise=("trim", "upper"))
    number: int = field(key=True)
    amount: int = field()


def _order(shop: str | None, number: int, amount: int = 1) -> dict[str, Any]:
    return {"shop": shop, "number": str(number), "amount": str(amount)}


def test_keys_are_compared_as_they_will_be_published(lake: Lake, run_at: Callable[[int], Run], source: Any) -> None:
    parts = [[_order("a", 1), _order("b", 1), _order(None, 9), _order(None, 9)], [_order(" A ", 1), _order("a", 2)]]
    pull_id = land(source(parts), TABLE, lake, run_at(0), key=["shop", "number"], columns=None)
    with lake.state.read() as connection:
        batches = batches_of(connection, pull_id)
    assert list(map(len, repeated(Judge.of(Order), batches, lake.storage).hashes)) == [1]
    assert judge_pull(pull_id, TABLE, Order, lake, run_at(0)) == Counts(6, 3, 1, 0, 2, 0)


class Measured(Contract):
    number: int = field(key=True)
    amount: int = field()

    @pa.check("amount")
    @classmethod
    def not_far_from_the_mean(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select((pl.col(data.key) - pl.col(data.key).mean()).abs() < 50)


def test_a_rule_that_compares_rows_sees_the_whole_pull(lake: Lake, run_at: Callable[[int], Run], source: Any) -> None:
    parts = [[_order("a", n, 10) for n in range(5)], [_order("a", 7, 100)]]  # alone, the last would be its own mean
    pull_id = land(source(parts), TABLE, lake, run_at(0), key=["number"], columns=None)
    assert judge_pull(pull_id, TABLE, Measured, lake, run_at(0)) == Counts(6, 5, 0, 0, 1, 0)
