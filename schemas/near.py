"""Did you mean: the known name that a mistyped one is nearest to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["near"]


def near(wrong: str, known: Iterable[str]) -> str:
    """`trim (did you mean it?)`-like words for a message: the nearest known name, else all of them."""
    names = sorted(known)
    found = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    return f"{found[0]!r}, perhaps" if found else f"one of {', '.join(names)}"
