"""The 28 rules as one DuckDB query, for a relation in memory and for Parquet files."""

from __future__ import annotations

from benchmarks.judging.table import CHANNELS, COUNTRIES, CURRENCIES, NEEDED, STATES

__all__ = ["marked", "repeated", "split_files"]

_LISTS = {"country": COUNTRIES, "status": STATES, "channel": CHANNELS, "currency": CURRENCIES}


def _rules() -> list[tuple[str, str, str]]:
    """Rule, column, and the condition that fails it."""
    rules = [("not_null", name, f"{name} IS NULL") for name in NEEDED]
    rules += [("isin", name, f"{name} NOT IN ({', '.join(map(repr, values))})") for name, values in _LISTS.items()]
    return [
        *rules,
        ("greater_than_or_equal_to", "order_id", "order_id < 1"),
        ("str_matches", "customer_no", "NOT regexp_matches(customer_no, '^C[0-9]{8}$')"),
        ("str_matches", "email", r"NOT regexp_matches(email, '^[^@\s]+@[^@\s]+\.[a-z]{2,}$')"),
        ("str_length", "postcode", "length(postcode) NOT BETWEEN 4 AND 6"),
        ("in_range", "quantity", "quantity NOT BETWEEN 1 AND 1000"),
        ("greater_than_or_equal_to", "price", "price < 0"),
        ("less_than", "price", "price >= 100000"),
        ("in_range", "discount", "discount NOT BETWEEN 0.0::DOUBLE AND 0.9::DOUBLE"),
        ("greater_than_or_equal_to", "ordered_on", "ordered_on < DATE '2015-01-01'"),
        ("less_than_or_equal_to", "ordered_on", "ordered_on > DATE '2026-12-31'"),
        ("shipped_after_ordered", "ordered_on,shipped_on", "shipped_on < ordered_on"),
        (
            "total_fits",
            "quantity,price,discount,total",
            "abs(total - quantity * price * (1 - coalesce(discount, 0.0::DOUBLE))) >= 0.01",
        ),
        ("unique", "order_id", "order_id IN (FROM repeated)"),
    ]


def marked(rows: str) -> str:
    """The query: each row with the list of the rules that it fails; `repeated` holds the keys that come twice."""
    lines = ", ".join(
        f"CASE WHEN {fails} THEN {{'rule': '{rule}', 'column': '{column}'}} END" for rule, column, fails in _rules()
    )
    return f"SELECT *, list_filter([{lines}], lambda line: line IS NOT NULL) AS failed FROM {rows}"


def repeated(rows: str) -> str:
    """The statement that finds the keys that come twice."""
    keys = f"SELECT order_id FROM {rows} WHERE order_id IS NOT NULL GROUP BY order_id HAVING count(*) > 1"
    return f"CREATE OR REPLACE TEMP TABLE repeated AS {keys}"


def split_files(rows: str, good: str, toxic: str) -> list[str]:
    """The statements that write good rows to one Parquet file, and toxic ones with their reasons to another."""
    fails = " OR ".join(f"coalesce({condition}, false)" for _, _, condition in _rules())
    kind = "(FORMAT parquet, COMPRESSION lz4_raw)"
    return [
        repeated(rows),
        f"COPY (SELECT * EXCLUDE file_row_number FROM {rows} WHERE NOT ({fails})) TO '{good}' {kind}",
        f"COPY ({marked(rows)} WHERE {fails}) TO '{toxic}' {kind}",
    ]
