"""What passes between a command and the terminal: where it is asked (Here), and its Answer.

A command returns what it found as a value; whether that is shown as words or as JSON is not its business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilth.errors import TilthError

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Answer", "Here", "here"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One command's result."""

    document: Any  # what --json prints
    view: str | Callable[[], RenderableType]  # what a person sees; called only when it is shown
    exit: int = 0
    problems: Sequence[TilthError | str] = ()  # shown as errors, beside the view


@dataclass(frozen=True, slots=True)
class Here:
    """What was said before the command's name."""

    project: Path | None = None
    json: bool = False
    debug: bool = False


def here(context: Any) -> Here:
    """Where a command was asked."""
    return context.find_object(Here) or Here()
