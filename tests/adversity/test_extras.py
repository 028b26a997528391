"""An optional library that is not there: its table fails with the install command, the others are published."""

from __future__ import annotations

import importlib
import io
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest
from adversity.shop import PARCELS, Said, Shop


def without(libraries: Sequence[str], folder: Path) -> Path:
    """An environment like this one, but for some libraries: links to all else that is installed."""
    folder.mkdir()
    names = {name.replace("-", "_") for name in libraries}
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            distribution = path.name.split("-")[0].split(".")[0].lower()
            if distribution not in names and path.suffix != ".pth" and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    if not (folder / "tilth").exists():
        (folder / "tilth").symlink_to(Path(str(importlib.import_module("tilth.errors").__file__)).parents[1])
    return folder


def workbook() -> bytes:
    """A small sheet."""
    import xlsxwriter

    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["no", "weight"])
        sheet.write_row(1, 0, [1, 100])
    return content.getvalue()


def tilth(shop: Shop, libraries: Path, *arguments: str) -> Said:
    """`tilth` with nothing but these libraries."""
    return shop.tilth(*arguments, python=["-S"], PYTHONPATH=str(libraries))


@pytest.mark.long
def test_a_missing_library_is_named_with_its_install_command(corner: Shop, tmp_path: Path) -> None:
    corner.drop("prices.xlsx", workbook())
    excel = {**PARCELS, "object": "*.xlsx", "format": {"kind": "excel"}}
    corner.declare("prices", excel)
    corner.sql("insert into customers values (3, 'Cy')")
    corner.drop("b.csv", "no;weight\n3;300\n")
    poor = without(["python_calamine", "psycopg", "psycopg_binary", "adbc_driver_postgresql"], tmp_path / "poor")
    said = tilth(corner, poor, "run")
    assert (said.code, sorted(said.errors)) == (
        3,
        [
            'error: source desk, object *.xlsx: python-calamine is not installed\n  next: pip install "tilth[excel]"',
            'error: source north, object customers: psycopg is not installed\n  next: pip install "tilth[postgres]"',
        ],
    ), said.err
    assert corner.rows() == {"customers": 2, "parcels": 3, "prices": 0}
    ui = tilth(corner, without(["dagster_webserver"], tmp_path / "blind"), "ui")
    assert (ui.code, len(ui.errors)) == (1, 1), ui.err
    assert ui.errors[0].endswith('next: pip install "tilth[ui]"')
    healed = corner.tilth("run")
    assert healed.code == 0, healed.err
    assert corner.rows() == {"customers": 3, "parcels": 3, "prices": 1}
    corner.proves_whole()
