"""The sample's contracts: an example to copy, so each of their columns says what it means."""

from __future__ import annotations

from pathlib import Path

from tilth.pipelines.inspection import inspect_project
from tilth.pipelines.project import open_project
from tilth.schemas.contract import spec_of

PROJECT = Path(__file__).parents[3] / "pipelines/sample/project"


def test_every_table_and_column_is_described() -> None:
    project = open_project(PROJECT, queries=False)
    specs = [spec_of(project.contract(one)) for one in (*project.tables.values(), *project.derived.values())]
    assert len(specs) >= 15
    assert [spec.name for spec in specs if not spec.description] == []
    assert [f"{spec.name}.{column.name}" for spec in specs for column in spec.columns if not column.description] == []


def test_nothing_is_wrong_with_its_declarations() -> None:
    assert inspect_project(PROJECT, reach=False).problems == ()
