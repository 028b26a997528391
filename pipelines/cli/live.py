"""How a running night is shown: a table that changes on a terminal, a line for each event anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tilth.pipelines.progress import Progress

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["watching"]

_SIGNS = {"running": "…", "done": "✓", "failed": "✗", "held": "‖", "carried": "="}
_COLOURS = {"running": "cyan", "done": "green", "failed": "red", "held": "yellow", "carried": "dim"}


@contextmanager
def watching() -> Generator[Callable[[Progress], None]]:
    """Takes events for the block, and shows them as they come."""
    if not sys.stdout.isatty():
        yield _line
        return
    from rich.live import Live

    board = _Board()
    with Live(get_renderable=board.table, refresh_per_second=8, transient=False):
        yield board.take


def _line(event: Progress) -> None:
    if event.state == "running" and not event.table:
        return
    detail = event.detail.splitlines()[0] if event.detail else ""
    name = event.table or "all tables"
    print(f"{event.step:<8} {name:<24} {event.state:<8} {detail}".rstrip(), flush=True)


class _Board:
    """The last event of each table and step."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], Progress] = {}
        self._began = time.monotonic()

    def take(self, event: Progress) -> None:
        self._events[event.table, event.step] = event

    def table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        board = Table(box=None, pad_edge=False, title=None, caption=f"{time.monotonic() - self._began:.0f} s")
        for name in ("table", "ingest", "publish", ""):
            board.add_column(name, overflow="fold")
        for name in dict.fromkeys(table for table, _ in list(self._events)):
            steps = [self._events.get((name, step)) for step in ("ingest", "publish")]
            last = next((event for event in reversed(steps) if event), None)
            detail = last.detail.splitlines()[0] if last and last.detail else ""
            board.add_row(Text(name or "all tables"), *(_cell(event) for event in steps), Text(detail))
        return board


def _cell(event: Progress | None) -> str:
    if event is None:
        return ""
    colour = _COLOURS[event.state]
    return f"[{colour}]{_SIGNS[event.state]} {event.state}[/{colour}]"
