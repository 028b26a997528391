"""Mistakes in what a person wrote: all of them at once, each with its file and line, and nothing is touched."""

from __future__ import annotations

import pytest
from adversity.shop import Shop

GOOD = "type: tilth.assets.Table\nattributes:\n  name: parcels\n  contract: contracts.Parcel\n  source: desk\n"
GOOD += '  object: "*.csv"\n  load: merge\n  format: {kind: delimited, delimiter: ";", encoding: utf-8}\n'
DEFS = "defs/parcels/defs.yaml"

BROKEN = {
    "misspelt": (
        GOOD.replace("load:", "lod:").replace("source: desk", "source: dsk"),
        [
            f"error: {DEFS}:5: no connection is named dsk (expected desk, perhaps, got dsk)",
            f"error: {DEFS}:7: a table has no key lod (expected load, perhaps, got lod)",
        ],
    ),
    "no YAML": (GOOD + "  - {open: [\n", [f"error: {DEFS}:9: not valid YAML: "]),
    "no text": (b"\xff\xfe\x00\x00", [f"error: {DEFS}:1: this file is not UTF-8 text (expected UTF-8, got byte 0xff)"]),
    "empty": ("", [f"error: {DEFS}: this file declares nothing (expected type: tilth.assets.Table)"]),
    "no such contract": (
        GOOD.replace("contracts.Parcel", "contracts.Parcl"),
        [f"error: {DEFS}:4: "],
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_declaration(corner: Shop, case: str) -> None:
    text, expected = BROKEN[case]
    corner.write(DEFS, text)
    said = corner.tilth("run")
    assert (said.code, len(said.errors)) == (1, len(expected)), said.err
    for message, start in zip(sorted(said.errors), expected, strict=True):
        assert message.startswith(start)
        assert message.endswith("next: tilth check")
    assert "Traceback" not in said.err
    assert corner.tilth("check").errors == said.errors
    assert corner.rows() == {"customers": 2, "parcels": 2}


@pytest.mark.long
def test_a_broken_contract_and_a_broken_project(corner: Shop) -> None:
    contracts = (corner.folder / "contracts.py").read_text()
    corner.write("contracts.py", contracts + "\nclass Open(Contract\n")
    (message,) = corner.tilth("run").errors
    line = contracts.count("\n") + 2
    assert message.startswith(f"error: contracts.py:{line}: the module contracts cannot be imported (got SyntaxError")
    corner.write("contracts.py", contracts)
    project = (corner.folder / "tilth.yaml").read_text()
    corner.write("tilth.yaml", project.replace("storage:", "storge:"))
    said = corner.tilth("run")
    assert said.code == 1
    assert "storage" in said.errors[0]
    assert "tilth.yaml:" in said.errors[0]
    corner.write("tilth.yaml", project)
    corner.sql("insert into customers values (3, 'Cy')")
    assert corner.tilth("run").code == 0
    assert corner.rows() == {"customers": 3, "parcels": 2}
    corner.proves_whole()
