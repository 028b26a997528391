"""One project's settings: what `tilth.yaml` and `connections.yaml` say.

Finds the project, reads both files, and reports every mistake in them with its line. Opening what they name is
`project.py`; what a connection's own settings mean is known to its connector.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo, available_timezones

from tilth.assets.declaration import raise_mistakes
from tilth.assets.fields import Fields
from tilth.assets.marked import Marked, Mistakes, mistake, read_marked, text_of
from tilth.connectors.secrets import is_reference
from tilth.errors import DeclarationError

__all__ = ["PROJECT_FILE", "Connection", "Keep", "Lineage", "Settings"]
__all__ += ["find_project", "read_connections", "read_settings"]

PROJECT_FILE = "tilth.yaml"


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept, and how long."""

    releases: int = 5
    raw_days: int = 30


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where lineage events go: a file of JSON lines or an OpenLineage backend; neither: none are kept."""

    file: Path | None = None
    url: str | None = None  # without user and password
    path: str = "/api/v1/lineage"
    api_key: str | None = field(default=None, repr=False)  # a reference
    timeout: timedelta = timedelta(seconds=5)

    @property
    def on(self) -> bool:
        """Whether events are kept at all."""
        return self.file is not None or self.url is not None


@dataclass(frozen=True, slots=True)
class Settings:
    """One project. Every path is absolute."""

    folder: Path
    name: str
    storage: Path
    state: str  # a SQLAlchemy URL
    curated: Path
    connections: Path
    defs: Path
    code: Path  # where contract modules are looked for first
    dagster_home: Path
    time_zone: str = "UTC"
    schedule: str | None = None  # cron, in the project's time zone
    keep: Keep = Keep()
    lineage: Lineage = Lineage()
    systems: str | None = None  # a module whose `company(folder)` runs the systems that the sources reach


@dataclass(frozen=True, slots=True)
class Connection:
    """One entry of connections.yaml; references (`env:`, `file:`) are not resolved here."""

    name: str
    kind: str
    settings: Mapping[str, object] = field(repr=False)  # may hold a credential that somebody wrote in plain
    where: str


def find_project(start: Path | None = None) -> Path:
    """The nearest folder, from `start` upwards, that holds a tilth.yaml."""
    begin = (start or Path.cwd()).resolve()
    if begin.name == PROJECT_FILE:
        begin = begin.parent
    if not begin.is_dir():
        raise DeclarationError("there is no such folder", where=str(begin), next="tilth --project DIR …")
    for folder in (begin, *begin.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    expected = f"a folder with a {PROJECT_FILE}, here or above"
    step = "tilth init NAME, or tilth --project DIR …"
    raise DeclarationError("there is no project here", where=str(begin), expected=expected, next=step)


def read_settings(folder: Path) -> Settings:
    """The settings in `folder`; raises all mistakes of tilth.yaml at once."""
    documents, mistakes = read_marked(text_of(folder / PROJECT_FILE, shown=PROJECT_FILE), path=PROJECT_FILE)
    if len(documents) > 1:
        mistakes.append(mistake("several YAML documents", where=documents[1].where, expected="one"))
    if mistakes:
        raise_mistakes(mistakes)
    node = documents[0] if documents else Marked(None, f"{PROJECT_FILE}:1")
    settings = _settings(Fields(node, mistakes, of="the project"), folder)
    raise_mistakes(mistakes)
    return settings


def read_connections(settings: Settings) -> tuple[dict[str, Connection], Mistakes]:
    """The connections by name, and all mistakes of connections.yaml."""
    path = settings.connections
    shown = str(path.relative_to(settings.folder)) if path.is_relative_to(settings.folder) else str(path)
    try:
        documents, mistakes = read_marked(text_of(path, shown=shown), path=shown)
    except DeclarationError as error:
        return {}, [error]
    node = documents[0] if documents else Marked(None, f"{shown}:1")
    if node.value is not None and not isinstance(node.value, dict):
        mistakes.append(mistake("connections must be a mapping", where=node.where, expected="NAME: {kind: …}"))
        return {}, mistakes
    entries = cast(dict[str, Marked], node.value or {})
    found = [_connection(name, entry, mistakes) for name, entry in entries.items()]
    return {connection.name: connection for connection in found if connection}, mistakes


def _settings(fields: Fields, folder: Path) -> Settings:
    keep = fields.mapping("keep")
    settings = Settings(
        folder=folder,
        name=fields.text("name") or folder.name,
        storage=_path(fields, "storage", folder, "data/lake"),
        state=_state_url(fields, folder),
        curated=_path(fields, "curated", folder, "data/curated.duckdb"),
        connections=_path(fields, "connections", folder, "connections.yaml"),
        defs=_path(fields, "defs", folder, "defs"),
        code=_path(fields, "code", folder, "."),
        dagster_home=_path(fields, "dagster_home", folder, "data/dagster"),
        time_zone=_time_zone(fields),
        schedule=fields.cron("schedule"),
        keep=Keep(
            releases=int(keep.number("releases", 1, 1000, default=Keep().releases, whole=True)),
            raw_days=int(keep.number("raw_days", 1, 36500, default=Keep().raw_days, whole=True)),
        ),
        lineage=_lineage(fields, folder),
        systems=fields.text("systems", pattern=r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", expected="a module's import path"),
    )
    keep.done()
    _refuse_unreadable(fields, settings)
    fields.done()
    return settings


def _refuse_unreadable(fields: Fields, settings: Settings) -> None:
    """DuckDB takes ? for the end of a path, and \\ for a slash."""
    for key, path in (("storage", settings.storage), ("curated", settings.curated)):
        if set("?\\" if os.sep == "/" else "?") & set(str(path)):
            node, what = fields.node(key), f"{key} cannot be there: DuckDB reads no path that holds ? or \\"
            where = node.where if node else fields.where
            fields.mistakes.append(mistake(what, where=where, expected="a folder of another name", got=str(path)))


def _path(fields: Fields, key: str, folder: Path, default: str) -> Path:
    text = fields.text(key) or default
    node = fields.node(key)
    if "://" in text and node:
        fields.wrong(f"{key} is a URL; object stores come in a later version", node, "a folder or file")
        text = default
    path = Path(text).expanduser()
    return path if path.is_absolute() else (folder / path).resolve() if ".." in path.parts else folder / path


def _lineage(fields: Fields, folder: Path) -> Lineage:
    """`off` (which YAML reads as false), a file, or an address; without a word, the usual file."""
    node = fields.node("lineage")
    if node and node.value in (False, "off"):
        return Lineage()
    inner = fields.mapping("lineage")
    url, address, key = inner.text("url"), inner.node("url"), inner.node("api_key")
    if url and address and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", url):  # it may hold a credential
        expected = "https://HOST or https://HOST:PORT; a key stands in api_key"
        fields.mistakes.append(mistake("url is not an address", where=address.where, expected=expected))
    if key and not is_reference(key.value):
        expected = "env:NAME or file:PATH"
        fields.mistakes.append(mistake("api_key must be a reference", where=key.where, expected=expected))
    found = Lineage(
        file=None if url else _path(inner, "file", folder, "data/lineage/events.jsonl"),
        url=url,
        path=inner.text("path", pattern=r"/[^\s?#]*", expected="a path such as /api/v1/lineage") or Lineage().path,
        api_key=str(key.value) if key else None,
        timeout=inner.duration("timeout") or Lineage().timeout,
    )
    if (file := inner.node("file")) and url:
        inner.wrong("lineage goes to a file or to a url, not to both", file, "one of them")
    inner.done()
    return found


def _state_url(fields: Fields, folder: Path) -> str:
    """The state's URL; the path of a SQLite file is taken from the project folder."""
    url = fields.text("state") or "sqlite:///data/state.db"
    node = fields.node("state")
    if "://" not in url and node:
        what = "state must be a URL"  # not the value: it may hold a password
        expected = "sqlite:///data/state.db or postgresql://…"
        fields.mistakes.append(mistake(what, where=node.where, expected=expected))
    scheme, _, path = url.partition(":///")
    if scheme.split("+")[0] == "sqlite" and path and not Path(path).is_absolute():
        return f"{scheme}:///{folder / path}"
    return url


def _time_zone(fields: Fields) -> str:
    name = fields.text("time_zone") or "UTC"
    node = fields.node("time_zone")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if node:
            fields.wrong(
                "there is no such time zone", node, "a name such as Europe/Berlin", known=available_timezones()
            )
        return "UTC"
    return name


def _connection(name: str, node: Marked, mistakes: Mistakes) -> Connection | None:
    fields = Fields(node, mistakes, of=f"connection {name}")
    if not isinstance(node.value, dict):
        if node.value is None:
            mistakes.append(mistake(f"connection {name} is empty", where=node.where, expected="{kind: postgres, …}"))
        return None
    kind = fields.text("kind", required=True)
    plain = cast(dict[str, object], node.plain())
    settings = {key: value for key, value in plain.items() if key != "kind"}
    return Connection(name, kind, settings, node.where) if kind else None
