"""Which output columns of a query depend on an input column: change the input's values, ask DuckDB again, look.

Slow and obvious: it knows nothing of SQL. What moves depends on what was changed; what does not move may still
depend on it, for other values than these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb

__all__ = ["Columns", "moved"]

Columns = Mapping[str, tuple[str, Sequence[object]]]
"""Column → DuckDB type, values."""


def moved(sql: str, data: Mapping[str, Columns]) -> Iterator[tuple[str, str, str]]:
    """(table, column, output column) for every output that moves when that input column alone is changed."""
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        for table, columns in data.items():
            _load(con, table, columns)
        before = _result(con, sql)
        assert before == _result(con, sql), "the query gives another result each time"
        for table, columns in data.items():
            for column in columns:
                found: set[str] = set()
                for changed in _changed(columns, column):
                    _load(con, table, changed)
                    after = _result(con, sql)
                    found |= {name for name, values in before.items() if after[name] != values}
                yield from ((table, column, output) for output in sorted(found))
            _load(con, table, columns)


def _load(con: duckdb.DuckDBPyConnection, table: str, columns: Columns) -> None:
    kinds = ", ".join(f'"{name}" {kind}' for name, (kind, _) in columns.items())
    con.execute(f'CREATE OR REPLACE TABLE "{table}" ({kinds})')
    rows = list(zip(*(values for _, values in columns.values()), strict=True))
    marks = ", ".join([f"({', '.join('?' * len(columns))})"] * len(rows))
    if rows:
        con.execute(f'INSERT INTO "{table}" VALUES {marks}', [value for row in rows for value in row])


def _result(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, list[str]]:
    """What each output column holds, as a bag of values."""
    found = con.execute(f"SELECT q.* FROM ({sql}) q")
    names = [str(name[0]).lower() for name in found.description]
    rows = found.fetchall()
    return {name: sorted(repr(row[number]) for row in rows) for number, name in enumerate(names)}


def _changed(columns: Columns, column: str) -> Iterator[Columns]:
    """Other values in one column: turned round, shifted, all alike, partly missing, and ones that were not there."""
    kind, values = columns[column]
    filled = [value for value in values if value is not None] or [None]
    ways = [values[::-1], [*values[1:], *values[:1]], [filled[0]] * len(values)]
    ways += [[None if n % 2 else value for n, value in enumerate(values)], [_other(value) for value in values]]
    for other in ways:
        yield {**columns, column: (kind, other)}


def _other(value: object) -> object:
    if isinstance(value, int):
        return value + 7
    if isinstance(value, list):
        return [*value, 5]
    return f"{value}?" if isinstance(value, str) else value
