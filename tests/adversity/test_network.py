"""No socket opens that the declaration does not ask for, and nothing leaves the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from adversity.shop import Shop

WATCH = Path(__file__).with_name("watch")
SYSCALL = re.compile(r"connect\(\d+, \{sa_family=(AF_\w+)(.*)")


@pytest.mark.long
def test_python_asks_for_no_socket_but_the_declared_ones(corner: Shop) -> None:
    """psycopg and ADBC connect below Python; whatever Python itself opens would be seen here."""
    corner.sql("insert into customers values (3, 'Cy')")
    watched = corner.folder / "watched.txt"
    said = corner.tilth("run", PYTHONPATH=str(WATCH), WATCHED=str(watched))
    assert said.code == 0, said.err
    asked = watched.read_text().splitlines() if watched.exists() else []
    declared = {corner.server.host, str(corner.server.port)}
    assert [line for line in asked if not all(part in line for part in declared)] == []
    proof = "import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(('127.0.0.1', 9))"
    environment = {**os.environ, "PYTHONPATH": str(WATCH), "WATCHED": str(watched)}
    subprocess.run([sys.executable, "-c", proof], env=environment, check=True)
    assert "socket.connect ('127.0.0.1', 9)" in watched.read_text()  # the watch does see


@pytest.mark.long
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_no_system_call_leaves_the_declared_address(corner: Shop) -> None:
    trace = corner.folder / "trace.txt"
    said = corner.tilth("run", before=["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", str(trace)])
    assert said.code == 0, said.err
    calls = [match for line in trace.read_text().splitlines() if (match := SYSCALL.search(line))]
    ports = {re.sub(r"\D", "", found[2].split("sin_port=")[-1].split(")")[0]) for found in calls if "INET" in found[1]}
    assert ports <= {str(corner.server.port)}


@pytest.mark.long
def test_the_sample_runs_where_there_is_no_network_but_loopback(tmp_path: Path) -> None:
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("only root may make a network namespace")
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made here")
    command = [sys.executable, "-m", "tilth.pipelines.sample", "--lines", "500", "--project", str(tmp_path / "p")]
    environment = {**os.environ, "PYTHONPATH": str(WATCH), "WATCHED": str(tmp_path / "watched.txt")}
    made = [sys.executable, "-m", "tilth.pipelines.cli", "init", str(tmp_path / "p"), "--sample"]
    subprocess.run(made, check=True, capture_output=True)
    done = subprocess.run(
        [*alone, *command, "nights", "2"], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    asked = (tmp_path / "watched.txt").read_text() if (tmp_path / "watched.txt").exists() else ""
    assert [line for line in asked.splitlines() if "127.0.0.1" not in line] == []
