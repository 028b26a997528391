"""The documentation and the command line know the same commands, options and exit codes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from pages import PAGES, blocks

from tilth.assets.attributes import table_of
from tilth.assets.recipes import derived_of
from tilth.connectors.files.connector import files
from tilth.connectors.http.declared import AUTHS, PAGINGS, changes, tombstones
from tilth.connectors.http.rest import rest
from tilth.connectors.http.window import FORMATS
from tilth.connectors.registry import kinds
from tilth.connectors.sql.kinds import mysql, postgres, sql, sqlite
from tilth.pipelines.cli.commands import Command, tree
from tilth.pipelines.settings import read_settings
from tilth.schemas.match import NORMALISERS
from tilth.schemas.standardise import STANDARDISERS

DOCUMENTED = "\n".join(page.read_text("utf-8") for page in PAGES)
TYPED = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*tilth ((?:--\w+ \S+ )*)(.*)$", re.MULTILINE)


def test_every_command_is_documented() -> None:
    missing = [name for name, _ in _commands(tree()) if f"tilth {name}" not in DOCUMENTED]
    assert not missing, missing


def test_every_documented_command_exists() -> None:
    known = dict(_commands(tree()))
    wrong: list[str] = []
    for block in (block for page in PAGES for block in blocks(page)):
        lines = [line for text in block.text.splitlines() for line in re.split(r"&&|\|\||;|\|", text)]
        for match in (match for line in lines if (match := TYPED.match(line))):
            words = match[2].split()
            one, two = " ".join(words[:1]), " ".join(words[:2])
            command = known.get(two) or known.get(one)
            if command is None:
                wrong += [f"{block.where}: tilth {match[2]}"] if one and not one.startswith("-") else []
                continue
            options = _options(command)
            wrong += [f"{block.where}: {word}" for word in words if word.startswith("--") and word not in options]
    assert not wrong, "\n".join(wrong)


def test_every_setting_of_a_connection_is_documented() -> None:
    made_by = (files, mysql, postgres, rest, sql, sqlite, changes, tombstones, *AUTHS.values(), *PAGINGS.values())
    missing = [f"{one.__name__}.{name}" for one in made_by for name in _settings(one) if f"`{name}`" not in DOCUMENTED]
    missing += [kind for kind in (*kinds(), *AUTHS, *PAGINGS, *FORMATS) if f"`{kind}`" not in DOCUMENTED]
    assert not missing, missing


def test_every_key_of_a_declaration_is_documented() -> None:
    source = "".join(Path(inspect.getfile(reads)).read_text("utf-8") for reads in (table_of, derived_of))
    keys = {*re.findall(r'\.(?:text|texts|node|choice|mapping|number|duration|cron)\("(\w+)"', source)}
    missing = sorted(key for key in keys if f"`{key}`" not in DOCUMENTED and f"{key}:" not in DOCUMENTED)
    assert not missing, missing


def test_every_setting_of_a_project_is_documented() -> None:
    source = (
        Path(inspect.getfile(read_settings)).read_text("utf-8").split("def _settings")[1].split("def _connection")[0]
    )
    keys = {*re.findall(r'\.(?:text|node|mapping|number|duration|cron)\("(\w+)"|_path\(\w+, "(\w+)"', source)}
    names = {one or other for one, other in keys} - {"raw_days"}  # it removes nothing yet
    assert {"lineage", "api_key", "storage"} <= names
    missing = sorted(name for name in names if f"`{name}`" not in DOCUMENTED and f"{name}:" not in DOCUMENTED)
    assert not missing, missing


def test_every_standardiser_and_normal_form_is_documented() -> None:
    missing = [name for name in (*STANDARDISERS, *NORMALISERS) if f"`{name}`" not in DOCUMENTED]
    assert not missing, missing


def _commands(command: Command, path: str = "") -> Iterator[tuple[str, Command]]:
    for child in command.children:
        name = f"{path} {child.name}".strip()
        if child.children:
            yield from _commands(child, name)
        else:
            yield name, child


def _options(command: Command) -> set[str]:
    """The options as the function of the command declares them."""
    module, _, name = command.target.partition(":")
    declared = inspect.signature(getattr(import_module(module), name)).parameters
    written = inspect.getsource(import_module(module))
    return {"--json", "--debug", "--help", *re.findall(r'"(--[\w-]+)', written), *(f"--{n}" for n in declared)}


def _settings(factory: Callable[..., object]) -> list[str]:
    parameters = inspect.signature(factory).parameters.values()
    return [one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.name != "base"]
