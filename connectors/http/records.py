"""Records of JSON as columns of text, exactly as they were written: 1.10 stays 1.10, whatever stands around it.

Truth values are `true` and `false`, nested values compact JSON text, null is null. A column is a field of the record,
or a path into nested ones (`address.city`, `emails.0`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any

import pyarrow as pa

__all__ = ["Number", "Record", "at", "columns_of", "kinds_of", "read", "shown_keys", "table_of", "text_of"]

Record = Mapping[str, Any]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_WORDS = {True: "true", False: "false", None: "null"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Number(str):
    """A number as the JSON wrote it."""

    __slots__ = ()


def read(text: str) -> Any:
    """JSON with its numbers as they are written; ValueError or RecursionError when it is none."""
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)


def at(body: Any, path: str | None) -> tuple[bool, Any]:
    """Whether there is something at a dotted path, and what; an exact name goes before a path."""
    if path is None:
        return True, body
    if isinstance(body, dict) and path in body:
        return True, body[path]
    for part in path.split("."):
        if isinstance(body, dict) and part in body:
            body = body[part]
        elif isinstance(body, list) and part.isdecimal() and int(part) < len(body):
            body = body[int(part)]
        else:
            return False, None
    return True, body


def shown_keys(body: Any) -> str:
    """What there is instead, for a message."""
    if isinstance(body, dict):
        return ", ".join(list(map(str, body))[:12]) or "{}"
    return {list: "a list", str: "a text", Number: "a number", bool: "true or false"}.get(type(body), "null")


def text_of(value: Any) -> str | None:
    """A value as text."""
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    """Compact JSON; the standard encoder would put quotes around our numbers."""
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is Number:
        return value
    if kind is dict:
        pairs = [
            f"{encode_basestring(name)}:{encode_basestring(one) if type(one) is str else _json(one)}"
            for name, one in value.items()
        ]
        return "{" + ",".join(pairs) + "}"
    if kind is list:
        return "[" + ",".join([_json(one) for one in value]) + "]"
    return _WORDS[value]


def columns_of(records: Iterable[Record]) -> list[str]:
    """Every field that some record has, in order of appearance."""
    return list(dict.fromkeys(name for record in records for name in record))


def table_of(records: Sequence[Record], columns: Sequence[str]) -> tuple[pa.Table, list[str]]:
    """The columns as text, and the names of those that no record has."""
    arrays, missing = dict[str, pa.Array](), list[str]()
    for name in columns:
        values, found = _column(records, name)
        arrays[name] = _array(values)
        if not found and records:
            missing.append(name)
    return pa.table(arrays), missing


def _column(records: Sequence[Record], name: str) -> tuple[list[Any], bool]:
    values = [record.get(name) for record in records]
    if any(value is not None for value in values) or any(name in record for record in records):
        return values if "." not in name else [at(record, name)[1] for record in records], True
    if "." not in name:
        return values, False
    reached = [at(record, name) for record in records]
    return [value for _, value in reached], any(found for found, _ in reached) or _ends_early(records, name)


def _ends_early(records: Sequence[Record], path: str) -> bool:
    """Whether some record has null where the path goes on: then the field is not missing, it is empty."""
    parts = path.split(".")
    parents = [".".join(parts[:count]) for count in range(1, len(parts))]
    return any(at(record, parent) in ((True, None), (True, [])) for record in records for parent in parents)


def _array(values: list[Any]) -> pa.Array:
    if not {*map(type, values)} <= {str, Number, type(None)}:
        values = [text_of(value) for value in values]
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:  # half a surrogate pair is no text in any encoding: it is kept as its escape
        return pa.array([v and v.encode("utf-8", "backslashreplace").decode() for v in values], pa.string())


def kinds_of(records: Sequence[Record]) -> tuple[tuple[str, str], ...]:
    """Every field with the kind of its values, for a first draft of a contract."""
    return tuple((name, _kind([record.get(name) for record in records])) for name in columns_of(records))


def _kind(values: Iterable[Any]) -> str:
    there = [value for value in values if value is not None]
    tests: Sequence[tuple[str, Callable[[Any], object]]] = (
        ("boolean", lambda v: isinstance(v, bool)),
        ("integer", lambda v: isinstance(v, Number) and v.lstrip("-").isdecimal()),
        ("double", lambda v: isinstance(v, Number)),
        ("json", lambda v: isinstance(v, dict | list)),
        ("datetime", lambda v: isinstance(v, str) and _MOMENT.fullmatch(v)),
        ("date", lambda v: isinstance(v, str) and _DATE.fullmatch(v)),
    )
    found = (name for name, holds in tests if there and all(map(holds, there)))
    return next(found, "text")
