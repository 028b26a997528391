"""Peak memory does not grow with the table: five times the rows, and not half as much more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def peak_mb(folder: Path, rows: int) -> int:
    script = Path(__file__).with_name("big_night.py")
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(rows)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


@pytest.mark.long
def test_a_night_of_many_rows_is_no_larger_than_one_of_some(tmp_path: Path) -> None:
    some, many = peak_mb(tmp_path / "some", 1_000_000), peak_mb(tmp_path / "many", 5_000_000)
    assert many <= 1.5 * some, (some, many)
