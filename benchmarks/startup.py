"""How soon `tilth` answers: help, the version, a command's help, and the status of a project of 50 tables.

`python -m benchmarks.startup [--rows TABLES]` prints a JSON object a line. The peer is a bare interpreter that imports
what any such command needs (typer, and yaml and sqlite3 for the status) and does nothing. The bars are wall time: 0.3 s
for help, 1 s for the status.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

_ROUNDS = 7
_PROJECT = 'state: sqlite:///data/state.db\nschedule: "0 2 * * *"\n'
_TABLE = """type: tilth.assets.Table
attributes:
  name: table_{n}
  contract: contracts.Row
  source: erp
  object: table_{n}
  owner: team:erp
  freshness: {{deadline: "0 6 * * *", max_age: 26h}}
  toxic: {{max_share: 0.02, min_rows: 20, beyond: hold}}
"""


def main() -> None:
    """Measure every case, alternating with its peer."""
    parser = argparse.ArgumentParser(description="How soon tilth answers.")
    parser.add_argument("--rows", type=int, default=50, help="tables in the project")
    rows = parser.parse_args().rows
    tilth = [sys.executable, "-m", "tilth.pipelines.cli"]
    nothing, typed = [sys.executable, "-c", "pass"], [sys.executable, "-c", "import typer"]
    read = [sys.executable, "-c", "import typer, yaml, sqlite3, json, zoneinfo"]
    with tempfile.TemporaryDirectory() as place:
        folder = _project(Path(place), rows)
        _case("help", 0, [*tilth, "--help"], nothing, folder, bar=0.3)
        _case("command help", 0, [*tilth, "status", "--help"], typed, folder, bar=0.5)
        _case("status", rows, [*tilth, "status", "--json"], read, folder, bar=1.0)


def _project(folder: Path, tables: int) -> Path:
    (folder / "tilth.yaml").write_text(_PROJECT, "utf-8")
    (folder / "connections.yaml").write_text("erp: {kind: sqlite, path: erp.db}\n", "utf-8")
    for n in range(tables):
        (folder / f"defs/t{n}").mkdir(parents=True)
        (folder / f"defs/t{n}/defs.yaml").write_text(_TABLE.format(n=n), "utf-8")
    from tilth.assets.database import open_state

    (folder / "data").mkdir()
    open_state(f"sqlite:///{folder}/data/state.db").close()
    return folder


def _case(case: str, rows: int, ours: Sequence[str], peer: Sequence[str], folder: Path, *, bar: float) -> None:
    both = [(_timed(ours, folder), _timed(peer, folder)) for _ in range(_ROUNDS)]
    (cpu, wall), (peer_cpu, peer_wall) = (
        tuple(statistics.median(round_[side][which] for round_ in both) for which in (0, 1)) for side in (0, 1)
    )
    found = {"bench": "startup", "case": case, "rows": rows, "ours_cpu_s": cpu, "peer": " ".join(peer[1:])}
    found |= {"peer_cpu_s": peer_cpu, "ratio": cpu / peer_cpu, "ours_wall_s": wall, "peer_wall_s": peer_wall}
    found |= {"bar_wall_s": bar, "ours_rss_mb": None, "peer_rss_mb": None}
    print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in found.items()}), flush=True)


def _timed(command: Sequence[str], folder: Path) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


if __name__ == "__main__":
    main()
