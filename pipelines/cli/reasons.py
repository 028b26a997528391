"""One reason as a line: where, which rule, what was expected and what was there."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["reason_line"]


def reason_line(reason: Mapping[str, str | None]) -> str:
    """`column: rule (expected …, got …)`, and whether it only warns."""
    value = "nothing" if reason["value"] is None else repr(reason["value"])
    place = f"{reason['column']}: " if reason["column"] else ""
    only = "only a warning: " if reason["severity"] == "warn" else ""
    return f"{only}{place}{reason['rule']} (expected {reason['expected']}, got {value})"
