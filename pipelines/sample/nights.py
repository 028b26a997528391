"""The nights of the sample company, run as a person would: `tilth run` in the project, with its systems up.

What came of each night is held against what was planned; the plan is `truth.json`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth.errors import Busy, DeclarationError, TilthError
from tilth.pipelines.sample.company import Company, company
from tilth.pipelines.settings import find_project, read_connections, read_settings
from tilth.pipelines.summary import Told

__all__ = ["Outcome", "empty", "run_nights", "sample_project"]

_MODULE = "tilth.pipelines.sample"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One night: how it ended, what `tilth status` says after it, and where that is not as planned."""

    night: int
    exit: int
    seconds: float
    told: Told
    planned: Mapping[str, Any]
    surprises: Sequence[str]


def sample_project(start: Path | None = None) -> Path:
    """The sample project's folder, from `start` upwards; any other is refused, for its data would be emptied."""
    folder = find_project(start)
    if read_settings(folder).systems != _MODULE:
        what = "this project is not the sample company"
        raise DeclarationError(what, where=str(folder / "tilth.yaml"), expected=f"systems: {_MODULE}")
    return folder


def empty(folder: Path) -> None:
    """Remove everything below the sample project's own data folder; refused while somebody uses it."""
    data = folder / "data"
    lock = data / "systems" / "lock"
    if lock.exists():
        handle = os.open(lock, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            what = "the sample company is running"
            raise Busy(what, where=str(data), next="stop the other make run, make ui or tilth run") from error
        finally:
            os.close(handle)
    for place in data.iterdir() if data.is_dir() else ():
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()


def run_nights(
    folder: Path, *, nights: int = 2, seed: int | None = None, lines: int | None = None
) -> Iterator[Outcome]:
    """Empty the data folder, start the systems, and go through the nights, each as it ends."""
    empty(folder)
    with company(folder, seed=seed, lines=lines) as systems:
        for number in range(1, nights + 1):
            systems.night(number)
            yield _night(systems, number)


def _night(systems: Company, number: int) -> Outcome:
    began = time.monotonic()
    done = subprocess.run(_tilth("run"), cwd=systems.folder, stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    status = _asked(systems.folder)
    planned = systems.truth["nights"][str(number)]
    surprises = [] if done.returncode == planned["exit"] else [f"exit {done.returncode}, not {planned['exit']}"]
    surprises += _compared(planned["tables"], {table["name"]: table for table in status["tables"]})
    surprises += [] if status["conserved"] else ["the balances do not add up"]
    told = Told(status, _kinds(systems.folder), _reasons(systems.folder))
    return Outcome(number, done.returncode, seconds, told, planned, surprises)


def _kinds(folder: Path) -> dict[str, str]:
    connections, _ = read_connections(read_settings(folder))
    return {name: connection.kind for name, connection in connections.items()}


def _reasons(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Of each table, the rules that records in its quarantine break, as the catalogue counts them."""
    import duckdb

    found: dict[str, list[tuple[str, int]]] = {}
    with duckdb.connect(read_settings(folder).curated, read_only=True) as con:
        rows = con.execute('SELECT "table", rule, open FROM _catalog.quarantine WHERE open > 0').fetchall()
    for table, rule, count in rows:
        found.setdefault(table, []).append((rule, count))
    return found


def _tilth(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tilth.pipelines.cli", *arguments]


def _asked(folder: Path) -> dict[str, Any]:
    done = subprocess.run(_tilth("status", "--json"), cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise TilthError(
            "tilth status gave no answer", where=str(folder), got=f"exit {done.returncode}", next="tilth --debug status"
        ) from None


def _compared(planned: Mapping[str, Any], got: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, table in planned.items():
        if name not in got:
            yield f"{name}: missing"
            continue
        expected = {"state": table["state"], "rows": table["rows"], **table.get("counts", {})}
        for fact, value in expected.items():
            if fact in got[name] and got[name][fact] != value:
                yield f"{name}: {fact} {got[name][fact]}, not {value}"
