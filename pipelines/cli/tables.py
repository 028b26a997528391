"""Rows of a JSON answer as a table that a person reads; nothing is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["grid"]


def grid(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> RenderableType:
    """The named columns of `rows`; numbers to the right; `empty` when there are none."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return Text(empty)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        numbers = all(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_text(row[name])) for name in columns))
    return table


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(item) for item in value)
    return "" if value is None else str(value)
