"""The oracles are importable from the tests of this room."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

_TESTS = str(Path(__file__).parents[1])
_HERE = str(Path(__file__).parent)
for _folder in (_TESTS, _HERE):
    if _folder not in sys.path:
        sys.path.insert(0, _folder)

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
