"""What holds for all tests: hypothesis tries the same examples each time, and takes its time."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
