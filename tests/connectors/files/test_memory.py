from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

PULL = """
import re, sys
from datetime import timedelta
from pathlib import Path
from tilth.connectors.files.connector import FilesConnector
from tilth.connectors.protocol import Pull

fields = [{"name": f"c{n}", "start": 1 + 20 * n, "width": 20} for n in range(5)]
trailer = {"match": "T", "count": {"start": 2, "width": 9}}
options = {
    "delimited": {"kind": "delimited", "delimiter": ";"},
    "fixed_width": {"kind": "fixed_width", "encoding": "cp1252", "trailer": trailer, "fields": fields},
}[sys.argv[2]]
rows = 0
connector = FilesConnector("legacy", Path(sys.argv[1]), timedelta(0))
for batch in connector.pull(Pull(sys.argv[2] + ".txt", options=options)):
    assert batch.fault is None, batch.fault
    rows += batch.rows.num_rows
print(rows, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""

BLOCK, BLOCKS = 10_000, 300


def _write(path: Path, kind: str, *, quoted: bool) -> None:
    rows = [[f"{n:020}", f"{'Müller':<20}", "x" * 20, f"{n:>20}", "2024-01-01T00:00:00Z"] for n in range(BLOCK)]
    mark, between = ('"' if quoted else "", ";") if kind == "delimited" else ("", "")
    block = "".join(between.join(f"{mark}{cell}{mark}" for cell in row) + "\n" for row in rows)
    with path.open("w", encoding="utf-8" if kind == "delimited" else "cp1252") as out:
        out.write("a;b;c;d;e\n" if kind == "delimited" else "")
        for _ in range(BLOCKS):
            out.write(block)
        out.write("" if kind == "delimited" else f"T{BLOCK * BLOCKS:09}\n")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
@pytest.mark.parametrize(("kind", "quoted"), [("delimited", False), ("delimited", True), ("fixed_width", False)])
def test_a_file_of_300_mb_needs_little_memory(tmp_path: Path, kind: str, quoted: bool) -> None:
    path = tmp_path / f"{kind}.txt"
    _write(path, kind, quoted=quoted)
    assert path.stat().st_size > 300_000_000
    done = subprocess.run([sys.executable, "-c", PULL, str(tmp_path), kind], capture_output=True, text=True, check=True)
    path.unlink()
    rows, megabytes = (int(word) for word in done.stdout.split())
    assert rows == BLOCK * BLOCKS
    assert megabytes < 400, megabytes
