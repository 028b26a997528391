"""Every rule, limit, kind and word that the code has for documents is on the page about them."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from pages import ROOT

from tilth.assets.documents import Chunk, Settings
from tilth.assets.documents.kinds import READ

PAGE = (ROOT / "docs" / "documents.md").read_text("utf-8")
CODE = "\n".join(path.read_text("utf-8") for path in sorted(Path(ROOT / "assets" / "documents").rglob("*.py")))


def test_every_rule_is_documented_and_exists() -> None:
    used = {*re.findall(r'Finding\(\s*"(\w+)"', CODE)}
    table = PAGE.split("## What can be wrong")[1].split("## Limits")[0]
    assert {*re.findall(r"^\| `(\w+)`", table, re.MULTILINE)} == used


def test_every_setting_kind_and_column_is_documented() -> None:
    names = [*(field.name for field in fields(Settings)), *READ]
    names += [field.name for field in fields(Chunk) if field.name != "text"]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_the_limits_are_those_of_the_code() -> None:
    said = dict(re.findall(r"^\| `(\w+)` \| ([\d ]+)(?: MB)? \|", PAGE, re.MULTILINE))
    defaults = {field.name: getattr(Settings(), field.name) for field in fields(Settings) if field.name != "encoding"}
    assert {name: int(value) * (1_000_000 if "bytes" in name else 1) for name, value in said.items()} == defaults
