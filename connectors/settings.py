"""The settings of one connection, read into the arguments of the function that builds its connector.

The function's keyword-only parameters ARE the declaration of its settings: their names, which of them must be
there (no default) and their types (str, int, float, bool, timedelta, Path, Secret). Nothing else to register.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

from tilth.connectors.secrets import Secret, is_reference, resolve
from tilth.errors import DeclarationError

__all__ = ["arguments", "duration", "near"]

UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
EXPECTED: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    timedelta: "30s, 5m, 1h",
}
TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def near(name: str, known: Sequence[str]) -> str:
    """The facts of a wrong name: the nearest known one, else all of them."""
    match = get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if match:
        return next(k for k in known if k.lower() == match[0])
    return f"one of {', '.join(known)}" if 0 < len(known) <= 20 else ""


def duration(text: str) -> timedelta:
    """A length of time written as `30s`, `5m`, `1h`, `1d`, `1h30m`; a bare number counts seconds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", text)
    if parts and re.fullmatch(r"(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)\s*)+", text):
        return sum((timedelta(**{UNITS[unit]: float(number)}) for number, unit in parts), timedelta())
    return timedelta(seconds=float(text))


def arguments(
    factory: Callable[..., object], settings: Mapping[str, object], *, base: Path, where: str
) -> dict[str, object]:
    """The keyword arguments for `factory`; DeclarationError for an unknown, missing or unreadable setting."""
    parameters = [p for p in inspect.signature(factory).parameters.values() if p.kind is p.KEYWORD_ONLY]
    known = [p.name for p in parameters if p.name != "base"]
    for key in settings:
        if key not in known:
            raise DeclarationError(f"unknown setting {key}", where=where, expected=near(str(key), known), got=str(key))
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.name in known and settings.get(parameter.name) is None:
            raise DeclarationError(f"the setting {parameter.name} is missing", where=where, expected=", ".join(known))
    hints = get_type_hints(factory)
    read = {k: _read(k, v, hints[k], base=base, where=where) for k, v in settings.items() if v is not None}
    return read | ({"base": base} if len(known) < len(parameters) else {})


def _read(key: str, value: object, hint: object, *, base: Path, where: str) -> object:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    wanted = next(option for option in options if option is not type(None))
    if wanted is Secret:
        return _secret(key, value, base=base, where=where)
    if not isinstance(value, str | int | float):
        return value  # a list or a block: the factory judges it
    text = resolve(value, base, where=where)
    try:
        return _convert(text, wanted, base)
    except (ValueError, KeyError):
        raise DeclarationError(
            f"{key} cannot be used", where=where, expected=EXPECTED.get(wanted, ""), got=str(value)
        ) from None


def _secret(key: str, value: object, *, base: Path, where: str) -> Secret:
    if not is_reference(value):
        raise DeclarationError(
            f"{key} must be a reference, not the credential itself",
            where=where,
            expected="env:NAME or file:PATH",
            next=f"put it into an environment variable or a file, and write {key}: env:NAME",
        )
    return Secret(resolve(value, base, where=where))


def _convert(text: str, wanted: object, base: Path) -> object:
    if wanted is int:
        return int(text)
    if wanted is float:
        return float(text)
    if wanted is bool:
        return TRUTH[text.lower()]
    if wanted is timedelta:
        return duration(text)
    return base / text if wanted is Path else text
