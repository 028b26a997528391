"""Reads the keys of one YAML mapping, typed, and collects every mistake instead of stopping at the first.

Holds the kinds of value a declaration may have: text, choice, number, duration, cron line, list, mapping.
What keys there are is decided by who reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import cast

from tilth.assets.marked import Marked, Mistakes, mistake
from tilth.schemas.freshness import Cron

__all__ = ["Fields", "cron_problem", "duration_of", "kind_of"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Fields:
    """One mapping being read. Every getter notes its mistakes and gives the default for a wrong value."""

    def __init__(self, node: Marked, mistakes: Mistakes, *, of: str) -> None:
        self.where, self.mistakes, self.of = node.where, mistakes, of
        self._asked: list[str] = []
        self._entries: dict[str, Marked] = {}
        if isinstance(node.value, dict):
            self._entries = cast(dict[str, Marked], node.value)
        elif node.value is not None:
            got = "a list" if isinstance(node.value, list) else "a single value"  # not the value: it may be a secret
            what = f"{of} must be a mapping of keys to values"
            mistakes.append(mistake(what, where=node.where, expected="key: value lines", got=got))

    def wrong(self, what: str, node: Marked, expected: str = "", *, known: Iterable[str] = ()) -> None:
        """Note a mistake about the value `node`."""
        got = str(node.value) if isinstance(node.value, str) else kind_of(node.value)
        self.mistakes.append(mistake(what, where=node.where, expected=expected, got=got, known=known))

    def node(self, key: str, *, required: bool = False) -> Marked | None:
        """The marked value of `key`; None when it is absent or null."""
        self._asked.append(key)
        node = self._entries.get(key)
        if node is None or node.value is None:
            if required:
                what = f"{self.of} has no {key}" if node is None else f"{key} is empty"
                self.mistakes.append(mistake(what, where=node.where if node else self.where, expected=f"{key}: …"))
            return None
        return node

    def text(self, key: str, *, required: bool = False, pattern: str = "", expected: str = "text") -> str | None:
        """A text that is not empty; `pattern` must match all of it."""
        node = self.node(key, required=required)
        if node is None:
            return None
        if not isinstance(node.value, str) or not node.value.strip():
            self.wrong(f"{key} must be text", node, "text, quoted if need be")
            return None
        if pattern and not re.fullmatch(pattern, node.value):
            self.wrong(f"{key} cannot be {node.value!r}", node, expected)
            return None
        return node.value

    def choice(self, key: str, options: Sequence[str], *, default: str) -> str:
        """One of a few words."""
        node = self.node(key)
        if node is None:
            return default
        if node.value not in options:
            self.wrong(f"{key} is not one of {', '.join(options)}", node, known=options)
            return default
        return cast(str, node.value)

    def number(self, key: str, low: float, high: float, *, default: float, whole: bool = False) -> float:
        """A number from `low` to `high`; `whole` numbers only, if asked."""
        node = self.node(key)
        if node is None:
            return default
        kinds = int if whole else (int, float)
        span = f"a {'whole ' if whole else ''}number from {low:g} to {high:g}"
        if isinstance(node.value, bool) or not isinstance(node.value, kinds):
            self.wrong(f"{key} must be a number", node, span)
            return default
        if not low <= cast(float, node.value) <= high:
            self.wrong(f"{key} is out of range", node, span)
            return default
        return cast(float, node.value)

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`, if there is one."""
        before = len(self.mistakes)
        found = self.number(key, low, high, default=low, whole=True)
        return int(found) if self.node(key) and len(self.mistakes) == before else None

    def duration(self, key: str) -> timedelta | None:
        """A span of time such as 30m, 26h, 1d or 1d12h."""
        node = self.node(key)
        if node is None:
            return None
        span = duration_of(node.value)
        if span is None:
            self.wrong(f"{key} is not a duration", node, "a duration such as 30m, 26h, 1d or 1d12h")
        return span

    def cron(self, key: str) -> str | None:
        """A cron line of five fields."""
        node = self.node(key)
        if node is None:
            return None
        problem = cron_problem(node.value) if isinstance(node.value, str) else "not text"
        if problem:
            self.wrong(f"{key} is not a cron line: {problem}", node, 'a cron line such as "0 6 * * *"')
            return None
        return cast(str, node.value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        node = self.node(key)
        if node is None:
            return ()
        items = cast(list[Marked], node.value) if isinstance(node.value, list) else []
        if not isinstance(node.value, list):
            self.wrong(f"{key} must be a list of texts", node, f"{key}: [one, two]")
        for item in items:
            if not isinstance(item.value, str):
                self.wrong(f"{key} must hold texts only", item, "text")
        return tuple(item.value for item in items if isinstance(item.value, str))

    def mapping(self, key: str) -> Fields:
        """The mapping under `key`; an empty one when it is absent."""
        node = self.node(key)
        return Fields(node or Marked(None, self.where), self.mistakes, of=key)

    def done(self) -> None:
        """Note every key that nobody asked for, with the key it was probably meant to be."""
        for key, node in self._entries.items():
            if key not in self._asked:
                what = f"{self.of} has no key {key}"
                self.mistakes.append(mistake(what, where=node.where, got=key, known=self._asked))


def kind_of(value: object) -> str:
    """What a value is, in a person's words, with the value where it is short."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    return "nothing" if value is None else str(value)


def duration_of(value: object) -> timedelta | None:
    """The span of a text like 30m, 26h, 1d12h; None when it is not one (or is nothing, or over ten years)."""
    if not isinstance(value, str) or not re.fullmatch(r"(\d{1,6}[smhdw])+", value.replace(" ", "")):
        return None
    seconds = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", value))
    return timedelta(seconds=seconds) if 0 < seconds <= 3653 * 86400 else None


def cron_problem(line: str) -> str:
    """Why `line` is not a cron line of five fields, or an empty string."""
    try:
        Cron.parse(line)
    except ValueError as error:
        return str(error)
    return ""
