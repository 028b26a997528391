"""A night as it is watched: lines where nobody sits, a table on a terminal; what people wrote is never markup."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

EVENTS = """
from tilth.pipelines.cli.live import watching
from tilth.pipelines.progress import Progress
with watching() as tell:
    tell(Progress("orders", "ingest", "running"))
    tell(Progress("orders", "ingest", "done", "5 pulled"))
    tell(Progress("lines", "ingest", "failed", "source [erp]: gone\\n  next: tilth sources check erp"))
    tell(Progress("", "publish", "done", "release 3"))
"""


def test_lines_into_a_pipe() -> None:
    done = subprocess.run([sys.executable, "-c", EVENTS], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1] == ["ingest", "orders", "done", "5", "pulled"]
    assert lines[2][:4] == ["ingest", "lines", "failed", "source"]
    assert "\x1b" not in done.stdout


def test_a_table_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", EVENTS], stdout=theirs, stderr=theirs, env=environment) as watched:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(ours, 4096):
                seen += part
    os.close(ours)
    assert watched.returncode == 0, seen
    text = seen.decode()
    for words in ("orders", "5 pulled", "source [erp]: gone", "release 3", "\x1b["):
        assert words in text
