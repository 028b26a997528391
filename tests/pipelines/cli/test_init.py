"""A project from nothing, and a table drafted from a live source: both work as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Tilth = Callable[..., Any]


def test_a_new_project_runs_as_it_is(tilth: Tilth, tmp_path: Path) -> None:
    made = tilth("init", "acme", "--json", cwd=tmp_path)
    assert made.code == 0, made.err
    project = tmp_path / "acme"
    assert {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()} >= set(made.json["files"])
    dagster = yaml.safe_load((project / "data/dagster/dagster.yaml").read_text("utf-8"))
    assert dagster["telemetry"]["enabled"] is False
    assert dagster["concurrency"]["pools"]["default_limit"] == 1
    assert tilth("check", cwd=project).code == 0
    night = tilth("run", "--json", cwd=project / "defs")
    assert night.code == 0, night.err
    assert night.json["tables"][0]["rows"] == 2
    assert len(tilth("quarantine", "list", "--json", cwd=project).json) == 1


def test_a_project_is_never_written_over(tilth: Tilth, tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/contracts.py").write_text("mine", "utf-8")
    said = tilth("init", "acme", cwd=tmp_path)
    assert said.code == 1
    assert "contracts.py" in said.err
    assert [path.name for path in (tmp_path / "acme").iterdir()] == ["contracts.py"]
    (tmp_path / "file").touch()
    assert tilth("init", "file", cwd=tmp_path).code == 1


@pytest.mark.long
def test_a_table_is_drafted_from_a_source(company: Any, tilth: Tilth) -> None:
    company.tell(
        "shop",
        'CREATE TABLE "Big Orders" '
        '("Order No" INTEGER PRIMARY KEY, class TEXT, total NUMERIC(8,2), updated_at TIMESTAMP)',
    )
    said = tilth("new", "table", "big_orders", "--source", "shop", "--object", "Big Orders", cwd=company.folder)
    assert said.code == 0, said.err
    declared = yaml.safe_load((company.folder / "defs/big_orders/defs.yaml").read_text("utf-8"))["attributes"]
    assert (declared["contract"], declared["cursor"], declared["load"]) == ("contracts.BigOrder", "updated_at", "merge")
    text = (company.folder / "contracts.py").read_text("utf-8")
    for line in (
        'order_no: int = field(key=True, source="Order No")',
        "class_: str",
        "total: pl.Decimal(8, 2)",
        "import polars as pl",
    ):
        assert line in text
    checked = tilth("check", cwd=company.folder)
    assert checked.code == 0, checked.err
    again = tilth("new", "table", "big_orders", "--source", "shop", cwd=company.folder)
    assert (again.code, "already" in again.err) == (1, True)
    wrong = tilth("new", "table", "other", "--source", "shop", "--object", "customer", cwd=company.folder)
    assert (wrong.code, "customers, perhaps" in wrong.err) == (1, True)


def test_the_sample_is_a_project(tilth: Tilth, tmp_path: Path) -> None:
    made = tilth("init", "acme", "--sample", "--json", cwd=tmp_path)
    assert made.code == 0, made.err
    assert yaml.safe_load((tmp_path / "acme/tilth.yaml").read_text("utf-8"))["systems"] == "tilth.pipelines.sample"
    assert tilth("status", "--json", cwd=tmp_path / "acme").json["release"] == 0
