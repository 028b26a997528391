"""References to credentials, and a value that never prints.

A declaration holds `env:NAME` or `file:PATH`, never the credential itself. What is read is revealed only
at the point of use, and removed from whatever a driver says.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus

from tilth.errors import DeclarationError

__all__ = ["Secret", "escaped", "is_reference", "resolve", "scrub"]

MASK = "***"


class Secret:
    """A credential: prints as ***, cannot be pickled, and is had only through `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: call it where it is used and keep it nowhere."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down: pass the reference instead")


def is_reference(value: object) -> bool:
    """Whether a setting names where its value is kept (`env:NAME`, `file:PATH`)."""
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def resolve(value: object, base: Path, *, where: str = "") -> str:
    """The value a setting stands for: what a reference names (files below `base`), else the literal as text."""
    if not is_reference(value):
        return str(value)
    kind, _, name = str(value).partition(":")
    return _variable(name, where) if kind == "env" else _content(name, base, where)


def _variable(name: str, where: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise DeclarationError(
            f"the environment variable {name} is not set", where=where, got=f"env:{name}", next=f"export {name}=…"
        )
    return value


def _content(name: str, base: Path, where: str) -> str:
    try:
        text = (base / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise DeclarationError(
            f"the file {name} cannot be read ({reason})",
            where=where,
            got=f"file:{name}",
            next=f"write the value into {name}, below the project folder",
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """`text` without the values of `secrets`, as they are or as addresses quote them."""
    forms = {form for secret in secrets if secret for form in _forms(secret.reveal())}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def escaped(value: str) -> str:
    """A value as it stands between single quotes in libpq's `name='value'`."""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _forms(value: str) -> tuple[str, ...]:
    blank = " ".join(value.split())  # messages are told on one line
    quoted = (quote(value, safe=""), quote(value), quote(value, safe=" +"), quote_plus(value))
    return (value, *([blank] if blank else []), escaped(value), *quoted)
