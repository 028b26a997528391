"""`tilth ui` serves until it is stopped, also when a script started it in the background."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import Any

import pytest


@pytest.mark.long
def test_the_ui_is_served_and_stops(company: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = f"trap '' INT; exec {sys.executable} -m tilth.pipelines.cli ui --port {port}"
    served = subprocess.Popen(["bash", "-c", line], cwd=company.folder, stdout=subprocess.PIPE, text=True)
    assert _answers(port, served, within_s=180)
    served.send_signal(signal.SIGINT)
    out, _ = served.communicate(timeout=60)
    assert served.returncode == 0
    assert f"http://127.0.0.1:{port}" in out
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2)


def test_a_port_in_use_is_told_with_another_one_and_nothing_is_started(company: Any, tilth: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = tilth("ui", "--port", str(port), cwd=company.folder)
    assert said.code == 1
    assert said.err.startswith(f"error: 127.0.0.1:{port}: port {port} is taken by another program\n")
    assert "  next: tilth ui --port " in said.err
    assert not (company.folder / "data/dagster").exists()


def _answers(port: int, served: subprocess.Popen[str], *, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until and served.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            time.sleep(0.5)
    return False
