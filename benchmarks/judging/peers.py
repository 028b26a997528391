"""How others judge the orders: each gives the good rows, the numbers of the toxic ones, and their reasons.

Reasons are rows of (row, rule, column), named as our judge names them, so that outputs can be compared. Each peer is
used as its own documentation has it; the hand-written query is the shortest correct one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import polars as pl

from benchmarks.judging.table import CHANNELS, COUNTRIES, CURRENCIES, NEEDED, STATES, Order

__all__ = ["PEERS", "Split", "by_tilth"]

_CUSTOMER, _EMAIL = r"^C[0-9]{8}$", r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$"
_FIRST, _LAST = dt.date(2015, 1, 1), dt.date(2026, 12, 31)
_GE, _SHIPPED, _TOTAL = "greater_than_or_equal_to", "ordered_on,shipped_on", "quantity,price,discount,total"


@dataclass(frozen=True, slots=True)
class Split:
    """What a judge made of the rows."""

    good: pl.DataFrame
    toxic: pl.Series  # row numbers
    reasons: pl.DataFrame  # row, rule, column


def by_tilth(rows: pl.DataFrame) -> Split:
    """Ours: beside what is compared, it keeps raw values as JSON, keys, pulled values and what was expected."""
    from tilth.schemas.judging import judge

    verdict = judge(rows, Order)
    return Split(verdict.good, verdict.toxic["row"], verdict.reasons.select("row", "rule", "column"))


def _failing() -> dict[tuple[str, str], pl.Expr]:
    col = pl.col
    failing = {("not_null", name): col(name).is_null() for name in NEEDED}
    total = col("quantity") * col("price") * (1 - col("discount").fill_null(0.0))
    failing |= {
        (_GE, "order_id"): col("order_id") < 1,
        ("str_matches", "customer_no"): ~col("customer_no").str.contains(_CUSTOMER),
        ("str_matches", "email"): ~col("email").str.contains(_EMAIL),
        ("isin", "country"): ~col("country").is_in(COUNTRIES),
        ("str_length", "postcode"): ~col("postcode").str.len_chars().is_between(4, 6),
        ("isin", "status"): ~col("status").is_in(STATES),
        ("isin", "channel"): ~col("channel").is_in(CHANNELS),
        ("isin", "currency"): ~col("currency").is_in(CURRENCIES),
        ("in_range", "quantity"): ~col("quantity").is_between(1, 1000),
        (_GE, "price"): col("price") < 0,
        ("less_than", "price"): col("price") >= 100_000,
        ("in_range", "discount"): ~col("discount").is_between(0.0, 0.9),
        (_GE, "ordered_on"): col("ordered_on") < _FIRST,
        ("less_than_or_equal_to", "ordered_on"): col("ordered_on") > _LAST,
        ("shipped_after_ordered", _SHIPPED): col("shipped_on") < col("ordered_on"),
        ("total_fits", _TOTAL): (col("total") - total).abs() >= 0.01,
        ("unique", "order_id"): col("order_id").is_not_null() & col("order_id").is_duplicated(),
    }
    return failing


def by_hand(rows: pl.DataFrame) -> Split:
    """Polars: all rules in one pass, then good rows, toxic rows, and a line for each failed rule."""
    failing = _failing()
    names = {f"_{number}": rule for number, rule in enumerate(failing)}
    asked = {name: failing[rule].fill_null(False) for name, rule in names.items()}
    marked = rows.with_row_index("row").with_columns(**asked).with_columns(_bad=pl.any_horizontal(*names))
    toxic = marked.filter("_bad")
    lines = [
        toxic.filter(n).select("row", rule=pl.lit(r), column=pl.lit(c), value=_shown(c)) for n, (r, c) in names.items()
    ]
    good = marked.filter(~pl.col("_bad")).select(rows.columns)
    return Split(good, toxic["row"], pl.concat(lines).select("row", "rule", "column"))


def _shown(column: str) -> pl.Expr:
    return pl.concat_str([pl.col(name).cast(pl.String) for name in column.split(",")], separator=",", ignore_nulls=True)


def by_dataframely(rows: pl.DataFrame) -> Split:
    """dataframely: a schema, `filter`, and the details of its failures."""
    good, failure = _dataframely().filter(rows.with_row_index("row"))
    details = failure.details()
    wrong = [(*told, rule) for rule, told in _DATAFRAMELY.items() if rule in details.columns]
    lines = [
        details.filter(pl.col(rule) == "invalid").select("row", rule=pl.lit(name), column=pl.lit(column))
        for name, column, rule in wrong
    ]
    return Split(good.drop("row"), details["row"], _no_null_twice(rows, pl.concat(lines)))


def _no_null_twice(rows: pl.DataFrame, reasons: pl.DataFrame) -> pl.DataFrame:
    """Without the reason that a missing key comes twice, which it does to pandera and dataframely."""
    missing = rows["order_id"].is_null().arg_true()
    return reasons.filter(~((pl.col("rule") == "unique") & pl.col("row").is_in(missing.implode())))


_DATAFRAMELY: dict[str, tuple[str, str]] = {
    **{f"{name}|nullability": ("not_null", name) for name in NEEDED},
    "primary_key": ("unique", "order_id"), "order_id|min": (_GE, "order_id"),
    "customer_no|regex": ("str_matches", "customer_no"), "email|regex": ("str_matches", "email"),
    "country|check": ("isin", "country"), "postcode|min_length": ("str_length", "postcode"),
    "postcode|max_length": ("str_length", "postcode"), "status|check": ("isin", "status"),
    "channel|check": ("isin", "channel"), "currency|check": ("isin", "currency"),
    "quantity|min": ("in_range", "quantity"), "quantity|max": ("in_range", "quantity"), "price|min": (_GE, "price"),
    "price|max_exclusive": ("less_than", "price"), "discount|min": ("in_range", "discount"),
    "discount|max": ("in_range", "discount"), "ordered_on|min": (_GE, "ordered_on"),
    "ordered_on|max": ("less_than_or_equal_to", "ordered_on"),
    "shipped_after_ordered": ("shipped_after_ordered", _SHIPPED), "total_fits": ("total_fits", _TOTAL),
}  # fmt: skip


def _dataframely() -> Any:
    import dataframely as dy

    def among(values: list[str]) -> Callable[[pl.Expr], pl.Expr]:
        return lambda value: value.is_in(values)

    class Orders(dy.Schema):
        row = dy.UInt32()
        order_id = dy.Int64(primary_key=True, min=1)
        customer_no = dy.String(nullable=False, regex=_CUSTOMER)
        email = dy.String(nullable=True, regex=_EMAIL)
        country = dy.String(nullable=False, check=among(COUNTRIES))
        postcode = dy.String(nullable=False, min_length=4, max_length=6)
        status = dy.String(nullable=False, check=among(STATES))
        channel = dy.String(nullable=False, check=among(CHANNELS))
        currency = dy.String(nullable=False, check=among(CURRENCIES))
        quantity = dy.Int64(nullable=False, min=1, max=1000)
        price = dy.Float64(nullable=False, min=0, max_exclusive=100_000)
        discount = dy.Float64(nullable=True, min=0.0, max=0.9)
        total = dy.Float64(nullable=False)
        ordered_on = dy.Date(nullable=False, min=_FIRST, max=_LAST)
        shipped_on = dy.Date(nullable=True)

        @dy.rule()
        def shipped_after_ordered(cls) -> pl.Expr:
            return cls.shipped_on.col >= cls.ordered_on.col

        @dy.rule()
        def total_fits(cls) -> pl.Expr:
            should = cls.quantity.col * cls.price.col * (1 - cls.discount.col.fill_null(0.0))
            return (cls.total.col - should).abs() < 0.01

    return Orders


def by_pandera(rows: pl.DataFrame) -> Split:
    """pandera: `validate(lazy=True)`, and its failure cases by index."""
    from pandera.errors import SchemaErrors

    schema = Order.to_schema()
    schema.unique = ["order_id"]
    try:
        return Split(schema.validate(rows, lazy=True), pl.Series([], dtype=pl.UInt32), _nothing())
    except SchemaErrors as errors:
        cases: pl.DataFrame = errors.failure_cases
    columns = {"shipped_after_ordered": _SHIPPED, "total_fits": _TOTAL, "unique": "order_id"}
    check = pl.col("check").str.replace("not_nullable", "not_null").str.replace("multiple_fields_uniqueness", "unique")
    named = cases.select(row=pl.col("index").cast(pl.UInt32), rule=check.str.extract(r"^(\w+)"), column="column")
    column = pl.col("rule").replace_strict(columns, default=pl.col("column"), return_dtype=pl.String)
    reasons = _no_null_twice(rows, named.with_columns(column=column))
    toxic = reasons["row"].drop_nulls().unique().sort()
    numbered = rows.with_row_index("row")
    return Split(numbered.filter(~pl.col("row").is_in(toxic.implode())).drop("row"), toxic, reasons)


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema={"row": pl.UInt32, "rule": pl.String, "column": pl.String})


def by_pointblank(rows: pl.DataFrame) -> Split:
    """pointblank: a step a rule, the rows that pass all, and an extract of each step's failing rows."""
    import pointblank as pb

    steps: list[tuple[str, str]] = []
    asked = pb.Validate(rows)
    for (rule, column), failing in _failing().items():
        steps.append((rule, column))
        if rule == "not_null":
            asked = asked.col_vals_not_null(column)
        elif rule == "isin":
            allowed = {"country": COUNTRIES, "status": STATES, "channel": CHANNELS, "currency": CURRENCIES}[column]
            asked = asked.col_vals_in_set(column, [*allowed, None])
        elif rule == "str_matches":
            asked = asked.col_vals_regex(column, _EMAIL if column == "email" else _CUSTOMER, na_pass=True)
        else:
            asked = asked.col_vals_expr(~failing.fill_null(False))
    done = asked.interrogate(extract_limit=rows.height, get_first_n=None)
    extracts: Mapping[int, Any] = done.get_data_extracts()
    lines = [
        extracts[number].select(row=pl.col("_row_num_").cast(pl.UInt32) - 1, rule=pl.lit(rule), column=pl.lit(column))
        for number, (rule, column) in enumerate(steps, 1)
        if isinstance(extracts.get(number), pl.DataFrame) and extracts[number].height
    ]
    reasons = pl.concat(lines) if lines else _nothing()
    return Split(done.get_sundered_data("pass"), reasons["row"].unique().sort(), reasons)


def by_duckdb(rows: pl.DataFrame) -> Split:
    """DuckDB: one query marks the rows with their failed rules, three read it."""
    import duckdb

    from benchmarks.judging.sql import marked, repeated

    with duckdb.connect() as con:
        con.register("orders", rows.with_row_index("row").to_arrow())
        con.execute(repeated("orders"))
        con.execute(f"CREATE TEMP TABLE marked AS {marked('orders')}")
        good = con.sql("SELECT * EXCLUDE (row, failed) FROM marked WHERE len(failed) = 0").pl()
        toxic = con.sql("SELECT row FROM marked WHERE len(failed) > 0").pl()["row"]
        lines = con.sql("SELECT row, unnest(failed, recursive := true) FROM marked WHERE len(failed) > 0").pl()
    return Split(good, toxic, lines)


PEERS: Mapping[str, Callable[[pl.DataFrame], Split]] = MappingProxyType(
    {
        "polars by hand": by_hand,
        "dataframely": by_dataframely,
        "pandera failure cases": by_pandera,
        "pointblank": by_pointblank,
        "duckdb": by_duckdb,
    }
)
"""Name → how it judges."""
