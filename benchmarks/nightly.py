"""PostgreSQL → curated DuckDB, a whole night through the command line's own code, against a hand-written script.

`python -m benchmarks.nightly [--rows N]` prints a JSON object a line: the first night, and a second with 1 % of the
rows changed. CPU seconds are those of the Python process alone (the database server and the copying of the curated
file are processes of their own), above those of an empty night of the same kind, which are reported beside: a first
night makes its databases, whatever it pulls. The script does the same work in the fewest lines: ADBC → polars → good
and toxic rows → DuckDB, switched in atomically; it keeps no quarantine with reasons, no states, no proof.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["main"]

_COLUMNS = "id, code, name, email, country, amount, quantity, ratio, created, updated_at, active, note"
_TABLE = """
CREATE TABLE sales (id bigint PRIMARY KEY, code text, name text, email text, country text, amount numeric(12,2),
  quantity integer, ratio double precision, created date, updated_at timestamptz, active boolean, note text);
INSERT INTO sales SELECT g, 'C' || lpad(g::text, 9, '0'), 'Name ' || (g * 7919::bigint % 100003),
  CASE WHEN g % 200 = 0 THEN 'nobody' ELSE 'user' || g || '@example.com' END,
  (ARRAY['DE','FR','PL','IT','NL','XX'])[1 + g % 5], (g * 37::bigint % 1000000) / 100.0,
  CASE WHEN g % 300 = 0 THEN -1 ELSE (g % 50)::int END, g / 7.0, date '2024-01-01' + (g % 700)::int,
  now() - interval '3 days' + g * interval '1 millisecond', g % 3 = 0, CASE WHEN g % 4 = 0 THEN 'note ' || g END
  FROM generate_series(1, {rows}) g;
CREATE INDEX ON sales (updated_at, id);
CREATE TABLE nothing (LIKE sales INCLUDING ALL);
ANALYZE sales;
"""
_MEASURED = ("script", "empty first", "first", "empty", "second")
_CHANGE = "UPDATE sales SET amount = amount + 1, updated_at = now() - interval '1 hour' WHERE id % 100 = {part}"
_CONTRACT = '''
from decimal import Decimal
import datetime
from tilth.schemas.contract import Contract, field

class Sale(Contract):
    """One sale."""
    id: int = field(key=True, ge=1)
    code: str = field(str_length={"min_value": 10, "max_value": 10})
    name: str = field()
    email: str = field(str_matches=r"^[^@ ]+@[^@ ]+\\.[a-z]+$")
    country: str = field(isin=["DE", "FR", "PL", "IT", "NL"])
    amount: Decimal = field(ge=0, dtype_kwargs={"precision": 12, "scale": 2})
    quantity: int = field(ge=0, le=1000)
    ratio: float = field(ge=0)
    created: datetime.date = field()
    updated_at: datetime.datetime = field(dtype_kwargs={"time_zone": "UTC"})
    active: bool = field()
    note: str = field(nullable=True)
'''
_FILES = {
    "tilth.yaml": "name: bench\nconnections: connections.yaml\ndefs: defs\n",
    "defs/sales/defs.yaml": "type: tilth.assets.Table\nattributes:\n  name: sales\n  contract: contracts.Sale\n"
    "  source: erp\n  object: sales\n  cursor: updated_at\n",
    "contracts.py": _CONTRACT,
}


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark, or one measured child of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "FOLDER"))
    asked = parser.parse_args(argv)
    if asked.child:
        _measured(*asked.child)
        return
    for line in _compare(asked.rows, asked.rounds):
        print(json.dumps(line), flush=True)


def _compare(rows: int, rounds: int) -> list[dict[str, Any]]:
    from tilth.pipelines.sample.postgres import postgres

    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder) / "pg") as server:
        _sql(server.url, _TABLE.format(rows=rows))
        nights: dict[str, list[dict[str, float]]] = {
            n: [] for n in ("script", "empty first", "first", "empty", "second")
        }
        for number in range(rounds):
            place = Path(folder) / str(number)
            _project(place / "nothing", server, "nothing")
            nights["empty first"].append(_child("night", place / "nothing"))
            _project(place, server, "sales")
            nights["script"].append(_child("script", place))
            nights["first"].append(_child("night", place))
            assert _rows(place / "script.duckdb") == _rows(place / "data" / "curated.duckdb"), "not the same rows"
            nights["empty"].append(_child("night", place))
            _sql(server.url, _CHANGE.format(part=number))
            nights["second"].append(_child("night", place))
        return _lines(rows, nights)


def _lines(rows: int, nights: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    middle = {name: {k: sorted(m[k] for m in many)[len(many) // 2] for k in many[0]} for name, many in nights.items()}
    empty_first, empty = middle["empty first"]["cpu_s"], middle["empty"]["cpu_s"]
    first, second = middle["first"]["cpu_s"] - empty_first, middle["second"]["cpu_s"] - empty
    script = middle["script"]["cpu_s"] - middle["script"]["start_s"]
    shared = {"bench": "nightly", "rows": rows}
    one = {
        "case": "first",
        "empty_night_cpu_s": round(empty_first, 2),
        "peer": "script",
        "ratio": round(first / script, 2),
    }
    two = {"case": "second, 1 % changed", "empty_night_cpu_s": round(empty, 2), "peer": "our first night"}
    return [
        shared | one | _figures(first, script, middle["first"], middle["script"]),
        shared | two | {"ratio": round(second / first, 3)} | _figures(second, first, middle["second"], middle["first"]),
    ]


def _figures(ours: float, peer: float, our: dict[str, float], their: dict[str, float]) -> dict[str, Any]:
    cpu = {"ours_cpu_s": round(ours, 2), "peer_cpu_s": round(peer, 2)}
    return cpu | {"ours_rss_mb": round(our["rss_mb"]), "peer_rss_mb": round(their["rss_mb"])}


def _project(place: Path, server: Any, table: str) -> None:
    for name, text in _FILES.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("object: sales", f"object: {table}"))
    (place / "password").write_text(server.password)
    connection = f"kind: postgres, host: {server.host}, port: {server.port}, database: {server.database}"
    (place / "connections.yaml").write_text(f"erp: {{{connection}, user: {server.user}, password: file:password}}\n")
    (place / "url").write_text(server.url)


def _child(what: str, place: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.nightly", "--child", what, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _measured(what: str, folder: str) -> None:
    """One measured piece of work in this process."""
    place = Path(folder)
    start = 0.0
    if what == "script":
        start = _script(place)
    else:
        from tilth.pipelines.night import run_night
        from tilth.pipelines.project import open_project

        result = run_night(open_project(place))
        assert result.exit == 0, result
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "start_s": start, "rss_mb": used.ru_maxrss / 1024}))


def _script(place: Path) -> float:
    """The shortest correct script; gives the CPU its imports cost."""
    import adbc_driver_postgresql.dbapi as adbc
    import duckdb
    import polars as pl

    used = resource.getrusage(resource.RUSAGE_SELF)
    with adbc.connect((place / "url").read_text()) as con, con.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS.replace('amount', 'amount::text AS amount')} FROM sales")
        rows = pl.from_arrow(cursor.fetch_arrow_table()).with_columns(pl.col("amount").cast(pl.Decimal(12, 2)))
    good = (
        pl.all_horizontal(pl.exclude("note").is_not_null())
        & (pl.col("id") >= 1) & (pl.col("code").str.len_chars() == 10) & (pl.col("ratio") >= 0)
        & pl.col("email").str.contains(r"^[^@ ]+@[^@ ]+\.[a-z]+$")
        & pl.col("country").is_in(["DE", "FR", "PL", "IT", "NL"])
        & (pl.col("amount") >= 0) & pl.col("quantity").is_between(0, 1000)
    )  # fmt: skip
    rows = rows.with_columns(good=good & ~pl.col("id").is_duplicated())
    rows.filter(~pl.col("good")).write_parquet(place / "toxic.parquet")
    ready = rows.filter("good").drop("good").to_arrow()
    with duckdb.connect(str(place / "script.tmp")) as con:
        con.register("ready", ready)
        con.execute("CREATE TABLE sales AS SELECT * FROM ready").fetchall()
    (place / "script.tmp").replace(place / "script.duckdb")
    return used.ru_utime + used.ru_stime


def _rows(file: Path) -> list[Any]:
    import duckdb

    with duckdb.connect(str(file), read_only=True) as con:
        asked = f"SELECT count(*), bit_xor(hash({_COLUMNS})) FROM sales"
        return con.execute(asked).fetchall()


def _sql(url: str, text: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text)


if __name__ == "__main__":
    main()
