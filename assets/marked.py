"""YAML in which every value knows its file and line, so that a mistake can be pointed at.

Holds the reading of YAML text into marked values, and the nearest name to a mistyped one. What the values
mean is `declaration.py` and the project's settings.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tilth.errors import DeclarationError

if TYPE_CHECKING:
    import yaml

__all__ = ["Marked", "Mistakes", "marked", "mistake", "near", "read_marked", "text_of"]

Mistakes = list[DeclarationError]


@dataclass(frozen=True, slots=True)
class Marked:
    """A YAML value and where it stands; a mapping holds Marked values, a list Marked items."""

    value: object
    where: str
    inner_line: int = 0  # line of the value's first line of text, for a block of SQL

    def plain(self) -> Any:
        """The value without its marks."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in cast(dict[str, Marked], self.value).items()}
        if isinstance(self.value, list):
            return [item.plain() for item in cast(list[Marked], self.value)]
        return self.value


def marked(value: object, *, where: str) -> Marked:
    """A plain value as a marked one: all of it stands at `where`."""
    if isinstance(value, Mapping):
        entries = cast(Mapping[object, object], value)
        return Marked({str(key): marked(item, where=where) for key, item in entries.items()}, where)
    if isinstance(value, list | tuple):
        return Marked([marked(item, where=where) for item in cast(Iterable[object], value)], where)
    return Marked(value, where)


def near(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known name that `name` was probably meant to be, or an empty string."""
    names = {known_name.lower(): known_name for known_name in known}
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=cutoff)
    return names[found[0]] if found else ""


def mistake(what: str, *, where: str, expected: str = "", got: str = "", known: Iterable[str] = ()) -> DeclarationError:
    """A declaration error; with `known` names it says the near match, or else what exists."""
    names = list(known)
    meant = near(got, names) if got else ""
    if meant:
        expected = f"{meant}, perhaps; else {expected}" if expected else f"{meant}, perhaps"
    elif names and not expected:
        expected = "one of " + ", ".join(sorted(names)[:12])
    return DeclarationError(what, where=where, expected=expected, got=got, next="tilth check")


def text_of(path: Path, *, shown: str) -> str:
    """The text of a file a person wrote; DeclarationError when it is missing or not UTF-8."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        byte = f"byte 0x{error.object[error.start]:02x}"
        raise mistake("this file is not UTF-8 text", where=f"{shown}:{line}", expected="UTF-8", got=byte) from error
    except OSError as error:
        raise mistake("cannot be read", where=shown, got=error.strerror or type(error).__name__) from error


def read_marked(text: str, *, path: str) -> tuple[list[Marked], Mistakes]:
    """All documents of a YAML text, and its mistakes of form: syntax, doubled keys, keys that are not text."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    reader = _Reader(loader, path)
    documents: list[Marked] = []
    try:
        while loader.check_node():
            documents.append(reader.value(loader.get_node()))
    except yaml.YAMLError as error:
        reader.mistakes.append(_syntax(error, path, max(1, len(text.splitlines()))))
    except RecursionError:
        reader.mistakes.append(mistake("nested too deeply", where=path))
    finally:
        loader.dispose()
    return documents, reader.mistakes


class _Reader:
    """Turns composed nodes into marked values; an alias is read once, however often it is used."""

    def __init__(self, loader: yaml.SafeLoader, path: str) -> None:
        self.loader, self.path = loader, path
        self.mistakes: Mistakes = []
        self._seen: dict[int, Marked | None] = {}
        self._nodes: list[object] = []  # kept alive, so that their ids stay theirs

    def value(self, node: yaml.Node | None) -> Marked:
        if node is None:
            return Marked(None, f"{self.path}:1")
        if id(node) in self._seen:
            known = self._seen[id(node)]
            return known or self._broken(node, "refers to itself")
        self._seen[id(node)] = None
        self._nodes.append(node)
        result = self._read(node)
        self._seen[id(node)] = result
        return result

    def where(self, node: yaml.Node) -> str:
        return f"{self.path}:{_line(node)}"

    def _read(self, node: yaml.Node) -> Marked:
        import yaml

        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return Marked([self.value(item) for item in cast(list[yaml.Node], node.value)], self.where(node))
        try:
            value: object = self.loader.construct_object(node)  # pyright: ignore[reportArgumentType]
        except (yaml.YAMLError, ValueError) as error:
            reason = getattr(error, "problem", None) or str(error)
            return self._broken(node, f"cannot be read as YAML: {reason}")
        block = getattr(node, "style", None) in ("|", ">")
        return Marked(value, self.where(node), _line(node) + (1 if block else 0))

    def _mapping(self, node: yaml.MappingNode) -> Marked:
        flatten = partial(self.loader.flatten_mapping, node)
        entries: dict[str, Marked] = {}
        doubled: set[str] = set()
        pairs = cast(list[tuple["yaml.Node", "yaml.Node"]], list(node.value))
        merging = any(key.tag == "tag:yaml.org,2002:merge" for key, _ in pairs)
        if merging:
            flatten()
            pairs = cast(list[tuple["yaml.Node", "yaml.Node"]], node.value)
        for key_node, value_node in pairs:
            key = self.value(key_node)
            if not isinstance(key.value, str):
                self.mistakes.append(mistake("a key must be text", where=key.where, got=repr(key.plain())))
                continue
            if key.value in entries and not merging and key.value not in doubled:
                doubled.add(key.value)
                first = entries[key.value].where
                self.mistakes.append(mistake(f"{key.value} stands twice", where=key.where, got=f"also at {first}"))
            value = self.value(value_node)
            entries[key.value] = Marked(value.value, key.where, value.inner_line)
        return Marked(entries, self.where(node))

    def _broken(self, node: yaml.Node, what: str) -> Marked:
        self.mistakes.append(mistake(what, where=self.where(node)))
        return Marked(None, self.where(node))


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1


def _syntax(error: yaml.YAMLError, path: str, lines: int) -> DeclarationError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = min(mark.line + 1, lines) if mark else 1  # the end of the text is its last line
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    context = getattr(error, "context", None)
    what = f"not valid YAML: {problem}" + (f" {context}" if context else "")
    return mistake(what, where=f"{path}:{line}")
