"""A contract's version: changes when what is accepted changes, and stays when only words do.

Built-in checks count by name and arguments. A custom check counts by its source without comments and docstring,
together with the plain values and functions of ours that it names, so that a changed limit is a changed contract.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, time, timedelta
from decimal import Decimal
from types import CodeType
from typing import Any

from pandera.api.checks import Check
from pandera.api.polars.container import DataFrameSchema

from tilth.schemas.authored import cells, is_builtin, written
from tilth.schemas.spec import Column, DeclaredRule

__all__ = ["version_of"]

_WORDS = ("unit", "description", "pii", "term")
_WHERE_SAID = ("transitions", "initial", "default")  # count only where they are declared
_PLAIN = (str, bytes, int, float, bool, type(None), Decimal, date, time, timedelta)


def version_of(schema: DataFrameSchema, columns: Sequence[Column], rules: Sequence[DeclaredRule] = ()) -> str:
    """The first 12 hex digits of sha256 over what the model accepts."""
    described = {
        "columns": [_column(column) for column in columns],
        "checks": {name: [_check(check) for check in column.checks] for name, column in schema.columns.items()},
        "whole": [_check(check) for check in schema.checks or ()],
        "unique": schema.unique,
        **{name: True for name in ("strict", "ordered") if getattr(schema, name) is True},
        **({"rules": [f"{rule!r}" for rule in rules]} if rules else {}),
    }
    text = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _column(column: Column) -> dict[str, Any]:
    meant = asdict(column)
    unsaid = {name for name in _WHERE_SAID if meant[name] is None}.union(_WORDS, ["dtype", "default"])
    known = {name: value for name, value in meant.items() if name not in unsaid} | {"dtype": str(meant["dtype"])}
    return known if column.default is None else known | {"default": _value(column.default)}


def _check(check: Check) -> dict[str, Any]:
    function: Any = check._check_fn  # pyright: ignore[reportPrivateUsage]
    return {
        "name": check.name,
        "arguments": _value({**check.statistics, **check._check_kwargs}),  # pyright: ignore[reportPrivateUsage]
        "ignore_na": check.ignore_na,
        "warn": check.raise_warning,
        "element_wise": check.element_wise,
        "function": function.__name__ if is_builtin(check) else _function(function, set()),
    }


def _value(value: Any) -> Any:
    """A value as JSON, the same in every process (sets have no order, addresses do not count)."""
    if isinstance(value, dict):
        return {str(k): _value(v) for k, v in sorted(value.items(), key=_first_as_text)}
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_value(v)) for v in value)
    if isinstance(value, list | tuple):
        return [_value(v) for v in value]
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    if inspect.isfunction(value) or inspect.ismethod(value):
        return _function(value, set())
    pattern = getattr(value, "pattern", None)
    return f"pattern {pattern!r}" if pattern is not None else type(value).__name__


def _first_as_text(pair: tuple[Any, Any]) -> str:
    return str(pair[0])


def _function(function: Callable[..., Any], seen: set[int]) -> Any:
    inner, owner = written(function)
    code = getattr(inner, "__code__", None)
    if code is None or id(code) in seen:
        return getattr(inner, "__qualname__", type(inner).__name__)
    seen.add(id(code))
    named = {name: value for name, value in sorted(_named(inner, owner, seen)) if value is not None}
    return {"source": _source(inner), "names": named}


def _source(function: Any) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):
        code = function.__code__
        return f"{code.co_code.hex()} {[c for c in code.co_consts if isinstance(c, _PLAIN)]!r} {code.co_names!r}"
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.FunctionDef) and body and ast.get_docstring(node, clean=False) is not None:
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _named(function: Any, owner: type | None, seen: set[int]) -> list[tuple[str, Any]]:
    names = sorted(_names(function.__code__))
    found = {name: value for name, value in cells(function).items() if name != "__class__"}
    found.update({name: function.__globals__[name] for name in names if name in function.__globals__})
    found.update({name: getattr(owner, name) for name in names if name.startswith("_") and hasattr(owner, name)})
    return [(name, _named_value(value, seen)) for name, value in found.items()]


def _names(code: CodeType) -> set[str]:
    inner = [_names(const) for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*inner)


def _named_value(value: Any, seen: set[int]) -> Any:
    if isinstance(value, (*_PLAIN, list, tuple, set, frozenset, dict)):
        return _value(value)
    return _function(value, seen) if inspect.isfunction(value) else None
