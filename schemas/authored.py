"""Who wrote a check, and where: pandera wraps check methods, and messages lead to what a person wrote."""

from __future__ import annotations

import inspect
from typing import Any

from pandera.api.base.model_components import BaseCheckInfo
from pandera.api.checks import Check

__all__ = ["at_line", "cells", "is_builtin", "place_of", "written"]


def written(function: Any) -> tuple[Any, type | None]:
    """The function as its author wrote it, and the model it belongs to."""
    inner = inspect.unwrap(getattr(function, "func", getattr(function, "__func__", function)))
    held = cells(inner)
    info = held.get("self")
    if isinstance(info, BaseCheckInfo):
        return inspect.unwrap(getattr(info.check_fn, "func", info.check_fn)), held.get("model_cls")
    return inner, None


def cells(function: Any) -> dict[str, Any]:
    """What a function closes over, by name."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    return {
        name: cell.cell_contents
        for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False)
    }


def is_builtin(check: Check) -> bool:
    """Whether the check is one of pandera's own."""
    return Check.is_builtin_check(getattr(check._check_fn, "__name__", ""))  # pyright: ignore[reportPrivateUsage]


def place_of(check: Check, model: str, target: str) -> str:
    """`contracts.py:31: Invoice.net` of a check that somebody wrote; `Invoice.net` of a field's own."""
    owner = f"{model}.{check.name if target == '*' else target}"
    return owner if is_builtin(check) else at_line(check._check_fn, owner)  # pyright: ignore[reportPrivateUsage]


def at_line(function: Any, owner: str) -> str:
    """File and line of a function that somebody wrote, before what it belongs to."""
    code: Any = getattr(written(function)[0], "__code__", None)
    if code is None or not code.co_filename.endswith(".py"):
        return owner
    file = str(code.co_filename).replace("\\", "/").rpartition("/")[2]
    return f"{file}:{code.co_firstlineno}: {owner}"
