"""The command line as a person has it: a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Said:
    """What one command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


Tilth = Callable[..., Said]


@pytest.fixture(scope="session")
def tilth() -> Tilth:
    """Runs `tilth ARGUMENTS` in a folder."""

    def run(*arguments: str, cwd: Path) -> Said:
        command = [sys.executable, "-m", "tilth.pipelines.cli", *arguments]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=240)
        return Said(done.returncode, done.stdout, done.stderr)

    return run
