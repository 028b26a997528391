"""What dagster loads for a project, without running anything."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.assets.declared import DerivedDeclaration, Freshness, TableDeclaration
from tilth.assets.derived import publish_step
from tilth.assets.night import Publishable
from tilth.assets.specs import freshness_policy, identifier, raw_key, table_schema
from tilth.errors import DeclarationError
from tilth.pipelines.definitions import build
from tilth.schemas.contract import Contract, field, spec_of


class Thing(Contract):
    """A thing."""

    thing_id: str = field(key=True, description="Its number.")
    owner_id: str = field(references="owners.owner_id", nullable=True, pii="id")
    weight: float = field(unit="kg", unique=True)


def test_components_of_yaml_files_are_resolved_by_their_type(company: Any) -> None:
    definitions = build(company.folder)
    assets = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}
    assert {"raw/shop/customers", "ready/customers", "toxic/customers", "curated/customers"} <= assets
    assert "curated/turnover" in assets
    graph = definitions.resolve_asset_graph()
    assert graph.get(dg.AssetKey(["curated", "turnover"])).parent_keys == {dg.AssetKey(["curated", "sales"])}
    assert {job.name for job in definitions.get_repository_def().get_all_jobs()} >= {"ingest", "publish"}


def test_a_project_without_tables_loads(company: Any) -> None:
    for name in ("customers", "sales", "turnover"):
        (company.folder / "defs" / name / "defs.yaml").unlink()
    assert not [*build(company.folder).resolve_all_asset_specs()]


def test_dagsters_own_definitions_in_the_defs_folder_stand_beside_ours(company: Any) -> None:
    company.write(
        "defs/report.py",
        """
        import dagster as dg


        @dg.asset(deps=[["curated", "turnover"]])
        def report() -> None: ...
        """,
    )
    definitions = build(company.folder)
    assert dg.AssetKey("report") in {spec.key for spec in definitions.resolve_all_asset_specs()}
    ingest = definitions.resolve_job_def("ingest")
    assert dg.AssetKey("report") not in ingest.asset_layer.executable_asset_keys


def test_importing_the_assets_package_does_not_import_dagster() -> None:
    program = """
import sys, tilth.assets, tilth.pipelines.instance, tilth.pipelines.jobs
assert "dagster" not in sys.modules
assert dir(tilth.assets) == ["Derived", "Documents", "Table"]
import dagster
assert all(issubclass(getattr(tilth.assets, name), dagster.Component) for name in dir(tilth.assets))
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_contract_is_dagsters_table_schema() -> None:
    schema = table_schema(spec_of(Thing))
    columns = {column.name: column for column in schema.columns}
    assert schema.constraints.other == ["key(thing_id)"]
    assert (columns["thing_id"].description, columns["thing_id"].constraints.unique) == ("Its number.", True)
    assert columns["owner_id"].constraints.other == ["references owners.owner_id"]
    assert columns["owner_id"].constraints.nullable
    assert columns["owner_id"].tags == {"pii": "id"}
    assert columns["weight"].tags == {"unit": "kg"}
    assert columns["weight"].constraints.unique


def test_tables_that_read_each_other_in_a_circle_are_refused_by_name() -> None:
    tables = [
        Publishable(DerivedDeclaration(name, "c.Thing", "SELECT 1", (other,), where="defs.yaml:1"), Thing)
        for name, other in (("this", "that"), ("that", "this"))
    ]
    with pytest.raises(DeclarationError, match="circle: that, this"):
        publish_step(tables, "UTC")


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=3653)), st.booleans())
def test_every_promise_that_can_be_declared_is_one_dagster_takes(max_age: Any, nightly: bool) -> None:
    promise = Freshness("0 6 * * *" if nightly else None, max_age)
    assert freshness_policy(promise, "Europe/Berlin") is not None


@given(st.text(max_size=40))
def test_any_object_name_gives_a_key_and_two_tables_of_one_object_differ(name: str) -> None:
    first, second = (TableDeclaration(table, "c.Thing", "erp", name) for table in ("one", "two"))
    assert raw_key(first) != raw_key(second)
    assert all(identifier(part) == part for part in raw_key(first).path)


def test_the_workspace_of_the_repository_validates(company: Any) -> None:
    workspace = Path(__file__).parents[2] / "workspace.yaml"
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(workspace)]
    done = subprocess.run(command, cwd=company.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tilth" in done.stderr + done.stdout
