"""What is said of a file that was refused as a whole."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tilth.pipelines.cli.refused_file import MENDS

Tilth = Callable[..., Any]
PARCELS = """
type: tilth.assets.Table
attributes:
  name: parcels
  contract: contracts.Customer
  source: desk
  object: "*.csv"
  format: {kind: delimited}
"""
FILES = Path(__file__).parents[3] / "connectors/files"


@pytest.mark.long
def test_a_refused_file_is_explained_by_its_name(company: Any, tilth: Tilth) -> None:
    connections = (company.folder / "connections.yaml").read_text("utf-8")
    company.write("connections.yaml", connections + "desk: {kind: files, root: drops, settle: 0s}\n")
    company.write("defs/parcels/defs.yaml", PARCELS)
    for name, text in {"wrong.csv": "order;total\n", "cut.csv": 'id,name,credit\n1,"Ada,3\n'}.items():
        path = company.write(f"drops/{name}", text)
        os.utime(path, (time.time() - 3600,) * 2)
    assert tilth("run", "--select", "parcels", cwd=company.folder).code == 0
    found = {
        entry["reasons"][0]["rule"]: tilth("quarantine", "explain", entry["id"][:12], cwd=company.folder).out
        for entry in tilth("quarantine", "list", "--json", cwd=company.folder).json
    }
    assert set(found) == {"header", "quote"}
    assert "the file wrong.csv is refused as a whole: its header is another's (found order;total;" in found["header"]
    assert "the file cut.csv is refused as a whole: its quotes do not match" in found["quote"]
    for name, said in (("wrong.csv", found["header"]), ("cut.csv", found["quote"])):
        assert f"source desk, object *.csv, file {name}, the whole of it" in said
        assert f"  next: drop a corrected {name} for source desk, then tilth run --select parcels" in said


RULED = """
    rules = (
        functional_dependency("name", "credit"),
        ascending("credit", by="customer_id", within="name"),
    )
"""


@pytest.mark.long
def test_a_rule_among_rows_is_explained_with_the_line_where_it_is_written(company: Any, tilth: Tilth) -> None:
    text = (company.folder / "contracts.py").read_text("utf-8")
    text = text.replace("import Contract, field", "import Contract, ascending, field, functional_dependency")
    company.write("contracts.py", text.replace('unit="EUR")\n', f'unit="EUR")\n{RULED}', 1))
    company.tell("shop", "INSERT INTO customers VALUES (4, 'Di', 1), (5, 'Di', 2)")
    assert tilth("run", "--select", "customers", cwd=company.folder).code == 0
    found = {
        entry["key"]: tilth("quarantine", "explain", entry["id"][:12], cwd=company.folder).out
        for entry in tilth("quarantine", "list", "--json", cwd=company.folder).json
    }
    assert (
        "name,credit are 'Di, 1.0', and other records say otherwise (expected one credit for each name)" in found["4"]
    )
    assert "Where that is written:\n  contracts.py:14\n" in found["5"]
    assert "Where that is written:\n  contracts.py:11\n" in found["3"]  # credit below 0: the field


def test_every_rule_that_refuses_a_file_is_explained() -> None:
    text = "".join(path.read_text("utf-8") for path in FILES.glob("*.py"))
    rules = {*re.findall(r'(?:Refused|Fault)\(\s*"([a-z_]+)"', text)}
    assert len(rules) >= 10
    assert rules <= MENDS.keys()
