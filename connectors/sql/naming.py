"""How an object is named: `table`, `schema.table`, or its parts in quotes, as SQL writes them, where they hold dots."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["parts_of", "qualified", "readings"]

_QUOTED = re.compile(r'"((?:[^"]|"")+)"(?:\."((?:[^"]|"")+)")?')


def parts_of(object: str) -> tuple[str, ...] | None:
    """The parts of a name in quotes; None when it has none."""
    match = _QUOTED.fullmatch(object)
    return tuple(part.replace('""', '"') for part in match.groups() if part is not None) if match else None


def readings(object: str) -> Iterator[tuple[str | None, str]]:
    """What the name may mean, the likeliest first: (schema, table)."""
    yield None, object
    quoted = parts_of(object)
    if quoted is not None:
        yield (None, quoted[0]) if len(quoted) == 1 else (quoted[0], quoted[1])
        return
    for dot in re.finditer(r"\.", object):
        if object[: dot.start()] and object[dot.end() :]:
            yield object[: dot.start()], object[dot.end() :]


def qualified(schema: str, name: str) -> str:
    """A name that has one reading only, with a schema."""
    if any(mark in part for part in (schema, name) for mark in '."'):
        return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
    return f"{schema}.{name}"
