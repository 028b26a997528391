"""Typed reading of one block of options, which gathers every mistake instead of stopping at the first.

Holds what is the same for all formats; which options there are is said in `formats.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import cast

__all__ = ["Options", "near"]


def near(word: str, known: Sequence[str]) -> str:
    """`; did you mean …?` when a known word is close, else nothing."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


class Options:
    """One mapping of options; each reading notes the name as known and its mistakes in `problems`."""

    def __init__(self, raw: Mapping[str, object], path: str, problems: list[str] | None = None) -> None:
        self.raw, self.path = raw, path
        self.problems: list[str] = [] if problems is None else problems
        self.seen: set[str] = set()

    def problem(self, name: str, expected: str, got: object = None) -> None:
        """Note one mistake."""
        found = "" if got is None else f", got {got!r}"
        self.problems.append(f"{self.path}.{name}: expected {expected}{found}")

    def known(self, name: str, value: str, columns: Sequence[str]) -> None:
        """Note a column that is not declared."""
        if value not in columns:
            self.problems.append(f"{self.path}.{name}: there is no column {value!r}{near(value, columns)}")

    def unique(self, name: str, values: Sequence[str]) -> None:
        """Note names that come twice."""
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            self.problem(name, "each name once", twice)

    def leftover(self) -> None:
        """Note the options that nothing has asked for."""
        for name in self.raw:
            if name not in self.seen:
                self.problems.append(
                    f"{self.path}: there is no option {name!r} here{near(str(name), sorted(self.seen))}"
                )

    def choice(self, name: str, allowed: Sequence[str], *, default: str | None) -> str | None:
        """One of a few words."""
        value = self._get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and value in allowed:
            return value
        self.problem(name, f"one of {', '.join(allowed)}{near(str(value), allowed)}", value)
        return default

    def text(self, name: str, *, required: bool = False) -> str | None:
        """A text that is not empty; a number is taken as its digits."""
        value = self._get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value:
            return value
        if value is not None or required:
            self.problem(name, "a text", value)
        return None

    def character(self, name: str, *, default: str | None) -> str | None:
        """One character; null switches it off."""
        if name not in self.raw:
            self.seen.add(name)
            return default
        value = self._get(name)
        if value is None and name != "delimiter":
            return None
        if isinstance(value, str) and len(value) == 1 and value not in "\r\n\0":
            return value
        self.problem(name, "one character", value)
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._get(name)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.problem(name, "true or false", value)
        return default

    def number(self, name: str, *, least: int, required: bool = False) -> int | None:
        """A whole number."""
        value = self._get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        if value is not None or required:
            self.problem(name, f"a whole number from {least}", value)
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; numbers are taken as their digits."""
        value = self._get(name)
        items = cast("list[object]", value) if isinstance(value, (list, tuple)) else None
        if items is None:
            if value is not None:
                self.problem(name, "a list of texts", value)
            return ()
        bad = [item for item in items if isinstance(item, bool) or not isinstance(item, (str, int)) or item == ""]
        if bad:
            self.problem(name, "texts (put true, no and the like in quotes)", bad[0])
        return tuple(str(item) for item in items if item not in bad)

    def block(self, name: str) -> Options | None:
        """A nested block, whose mistakes count here."""
        value = self._get(name)
        if isinstance(value, Mapping):
            return Options(cast("Mapping[str, object]", value), f"{self.path}.{name}", self.problems)
        if value is not None:
            self.problem(name, "a block of options", value)
        return None

    def blocks(self, name: str) -> list[Options]:
        """A list of nested blocks, at least one."""
        value = self._get(name)
        items = cast("list[object]", value) if isinstance(value, (list, tuple)) else []
        if not items or not all(isinstance(item, Mapping) for item in items):
            self.problem(name, "a list of blocks such as {name: amount, start: 1, width: 12}", value)
            return []
        return [
            Options(cast("Mapping[str, object]", item), f"{self.path}.{name}[{number}]", self.problems)
            for number, item in enumerate(items, 1)
        ]

    def _get(self, name: str) -> object:
        self.seen.add(name)
        return self.raw.get(name)
