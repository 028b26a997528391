"""The judge against real peers: 28 rules on orders, one in fifty toxic; the outputs are compared.

`python -m benchmarks.judge [--rows N] [--case memory|parquet] [--peers NAME…]` prints a JSON object a line. In memory:
hand-written polars, dataframely, pandera's failure cases, pointblank, DuckDB; each run is a process of its own that
makes the rows, judges a few to warm up, and judges all of them once. Parquet to Parquet: `tilth judge` beside DuckDB
writing good rows, and toxic rows with reasons, to files. CPU seconds, for `parquet` wall seconds too. Peers that are
not installed are left out: pip install "tilth[bench]".
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from benchmarks.judging.peers import PEERS, Split, by_tilth
from benchmarks.judging.sql import split_files
from benchmarks.judging.table import Order, orders, write_orders

__all__ = ["main"]

_WARM_UP = 50_000
_NEEDS = {"dataframely": "dataframely", "pointblank": "pointblank"}


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark, or one measured child of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=("memory", "parquet"), action="append")
    parser.add_argument("--peers", nargs="+", choices=sorted(PEERS), default=list(PEERS))
    parser.add_argument("--child", nargs=2, metavar=("WHO", "FOLDER"))
    asked = parser.parse_args(argv)
    if asked.child:
        print(json.dumps(_measured(*asked.child, asked.rows)))
        return
    cases = asked.case or ["memory", "parquet"]
    lines = _memory(asked.rows, asked.rounds, asked.peers) if "memory" in cases else iter(())
    for line in lines:
        print(json.dumps(line), flush=True)
    if "parquet" in cases:
        print(json.dumps(_parquet(asked.rows, asked.rounds)), flush=True)


def _memory(rows: int, rounds: int, peers: Sequence[str]) -> Iterator[dict[str, Any]]:
    there = [peer for peer in peers if find_spec(_NEEDS.get(peer, "polars"))]
    runs = [{who: _child(who, ".", rows) for who in ("tilth", *there)} for _ in range(rounds)]
    for peer in there:
        ours, theirs = ([run[who] for run in runs] for who in ("tilth", peer))
        same = {what: ours[0][what] == theirs[0][what] for what in ("good", "toxic", "reasons")}
        yield {"case": "memory", **_line(rows, peer, ours, theirs), "same": same}


def _parquet(rows: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        write_orders(Path(folder) / "orders.parquet", rows)
        runs = [{who: _child(who, folder, rows) for who in ("tilth judge", "duckdb files")} for _ in range(rounds)]
    ours, theirs = ([run[who] for run in runs] for who in ("tilth judge", "duckdb files"))
    same = {what: ours[0][what] == theirs[0][what] for what in ("good", "toxic", "reasons")}
    line = {"case": "parquet to parquet", **_line(rows, "duckdb", ours, theirs), "same": same}
    walls = [median(run["wall_s"] for run in runs) for runs in (ours, theirs)]
    return line | {"ours_wall_s": walls[0], "peer_wall_s": walls[1], "wall_ratio": round(walls[0] / walls[1], 2)}


def _line(rows: int, peer: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, Any]:
    cpu = [median(run["cpu_s"] for run in runs) for runs in (ours, theirs)]
    rss = [round(max(run["rss_mb"] for run in runs)) for runs in (ours, theirs)]
    figures = {"ours_cpu_s": round(cpu[0], 2), "peer_cpu_s": round(cpu[1], 2), "ratio": round(cpu[0] / cpu[1], 2)}
    return {"bench": "judge", "rows": rows, "peer": peer, **figures, "ours_rss_mb": rss[0], "peer_rss_mb": rss[1]}


def _child(who: str, folder: str, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.judge", "--rows", str(rows), "--child", who, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise SystemExit(f"{who}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _measured(who: str, folder: str, rows: int) -> dict[str, Any]:
    """One measured piece of work in this process, and a print of what it made."""
    if who in ("tilth judge", "duckdb files"):
        return _files(who, Path(folder), rows)
    judge = by_tilth if who == "tilth" else PEERS[who]
    judge(orders(0, min(rows, _WARM_UP)))
    frame = orders(0, rows)
    before, start = _cpu(), time.perf_counter()
    split = judge(frame)
    return _used(before, start) | _print_of(split)


def _files(who: str, folder: Path, rows: int) -> dict[str, Any]:
    from tilth.pipelines.judged import judge_files
    from tilth.pipelines.judged_faults import Reading

    source, out = folder / "orders.parquet", folder / who.replace(" ", "_")
    out.mkdir(exist_ok=True)
    good, toxic = out / "good.parquet", out / "toxic.parquet"
    before, start = _cpu(), time.perf_counter()
    if who == "tilth judge":
        judge_files([source], Order, Reading(), out=out, force=True)
    else:
        _duckdb_files(source, good, toxic, out)
    used = _used(before, start)
    kept = pl.scan_parquet(toxic)
    lines = (
        kept.select(row=pl.col("line") - 1, reasons="reasons")
        if who == "tilth judge"
        else kept.select(row=pl.col("file_row_number"), reasons="failed")
    )
    told = lines.explode("reasons").unnest("reasons").select("row", "rule", "column").collect()
    assert rows >= told["row"].n_unique()
    return used | {
        "good": pl.scan_parquet(good).select(pl.len(), pl.col("order_id", "quantity").sum()).collect().rows(),
        "toxic": told["row"].n_unique(),
        "reasons": _digest(told.cast({"row": pl.Int64})),
    }


def _duckdb_files(source: Path, good: Path, toxic: Path, scratch: Path) -> None:
    import duckdb

    with duckdb.connect() as con:
        con.execute(f"SET preserve_insertion_order = false; SET temp_directory = '{scratch}/spill'")
        con.execute("SET memory_limit = '2500MB'")
        for statement in split_files(f"read_parquet('{source}', file_row_number = true)", str(good), str(toxic)):
            con.execute(statement).fetchall()


def _used(before: float, start: float) -> dict[str, Any]:
    wall, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_s": _cpu() - before, "wall_s": round(wall, 2), "rss_mb": peak}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _print_of(split: Split) -> dict[str, str]:
    good = split.good.select(list(Order.to_schema().columns))
    toxic = pl.DataFrame({"row": split.toxic.cast(pl.Int64)})
    return {
        "good": _digest(good),
        "toxic": _digest(toxic),
        "reasons": _digest(split.reasons.select(pl.col("row").cast(pl.Int64), "rule", "column")),
    }


def _digest(frame: pl.DataFrame) -> str:
    """Equal for the same rows in any order."""
    hashed = frame.hash_rows().sort()
    return hashlib.sha256(hashed.to_arrow().to_numpy(zero_copy_only=False).tobytes()).hexdigest()[:16]


if __name__ == "__main__":
    main()
