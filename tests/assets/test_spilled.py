"""Frames put aside on disk come back as they were; a full disk is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from tilth.assets.spilled import Spilled

FULL = """
import resource, signal, sys, pathlib
import polars as pl
from tilth.assets.spilled import Spilled
from tilth.errors import TilthError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
aside = Spilled(pathlib.Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    aside.put(0, pl.DataFrame({"a": pl.int_range(100_000, eager=True).hash()}))
except TilthError as error:
    print(error.what, "|", error.where, "|", error.next)
"""


def test_frames_come_back_by_place_with_their_own_types_as_often_as_asked(tmp_path: Path) -> None:
    frames = [
        pl.DataFrame({"a": [2**100, None]}, schema={"a": pl.Int128}),
        pl.DataFrame({"b": [{"x": [None, 1]}, None], "c": [b"\0", None], "d": ["ä", None]}),
        pl.DataFrame({"a": ["x", "y"]}, schema={"a": pl.Categorical}),
    ]
    aside = Spilled(tmp_path)
    for number, frame in enumerate(frames):
        aside.put(number % 2, frame)
    for _ in range(2):
        for place in (0, 1):
            for got, put in zip(aside.take(place), frames[place:3:2], strict=True):
                assert_frame_equal(got, put)
    assert not [*tmp_path.iterdir()], "a file without a name"


def test_no_room_is_told(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split(" | ")[1:] == [str(tmp_path), "free space there\n"]
    assert "cannot be kept" in done.stdout
