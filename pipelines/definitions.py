"""The whole project as dagster sees it: components from its `defs` folder, the publish step, jobs, schedule, sensors.

`build(folder)` composes; `defs` is what `workspace.yaml` loads, and asks which project only when dagster calls it.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import dagster as dg
from dagster.components.core.component_tree import ComponentTree

from tilth.assets.declared import DerivedDeclaration, TableDeclaration
from tilth.assets.derived import Derived, publish_step
from tilth.assets.document_set import Documents
from tilth.assets.night import Publishable, pending
from tilth.assets.resources import KEY, workbench
from tilth.assets.specs import ingest_keys, ready_key, ready_lineage, table_schema
from tilth.assets.table import Table
from tilth.pipelines.inspection import refuse_mistakes
from tilth.pipelines.instance import PROJECT_VARIABLE
from tilth.pipelines.jobs import ingest_job, publish_job
from tilth.pipelines.project import Project, open_project
from tilth.pipelines.schedules import nightly
from tilth.pipelines.sensors import publish_after
from tilth.schemas.contract import spec_of

__all__ = ["build", "compose", "defs"]

_Declared = TableDeclaration | DerivedDeclaration


@dg.definitions
def defs() -> dg.Definitions:
    """The project that TILTH_PROJECT names, else the one found upwards from the working folder."""
    return build(Path(os.environ.get(PROJECT_VARIABLE) or Path.cwd()))


def build(folder: Path | str) -> dg.Definitions:
    """The definitions of the project in `folder`, or above it."""
    project = open_project(Path(folder))
    refuse_mistakes(project)
    return compose(project, workbench(project))


def compose(project: Project, bench: dg.ResourceDefinition) -> dg.Definitions:
    """The definitions of `project`, its steps working on `bench`."""
    resources = dg.Definitions(resources={KEY: bench}, executor=dg.in_process_executor)
    with warnings.catch_warnings():  # dagster calls parts of this preview and beta: nights need not hear of it
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
        components, declared = _components(project)
        tables = [Publishable(one, project.contract(one)) for one in declared]
        dressed = components.map_asset_specs(func=_dresser(project, {t.name: t for t in tables}))
    return dg.Definitions.merge(dressed, resources, *([_timing(project, tables)] if tables else []))


def _timing(project: Project, tables: list[Publishable]) -> dg.Definitions:
    """The publish step, and what runs when."""
    settings = project.settings
    step = publish_step(tables, settings.time_zone)
    pulled = [table.declaration for table in tables if isinstance(table.declaration, TableDeclaration)]
    publish = publish_job(step)
    ingest = ingest_job([key for declaration in pulled for key in ingest_keys(declaration)]) if pulled else None

    def is_pending() -> bool:
        return pending(project.lake(), tables)

    nights = [nightly(ingest, settings.schedule, settings.time_zone)] if ingest and settings.schedule else []
    sensors = [publish_after(ending, publish, is_pending) for ending in ("success", "failure")]
    return dg.Definitions(assets=[step], jobs=[*filter(None, [ingest]), publish], schedules=nights, sensors=sensors)


def _components(project: Project) -> tuple[dg.Definitions, list[_Declared]]:
    """What stands in the project's `defs` folder: definitions, and the tables that its components declare."""
    folder = project.settings.defs
    if not any(folder.rglob("defs.y*ml")) and not any(folder.rglob("*.py")):
        return dg.Definitions(), []  # an empty folder is an error to dagster
    tree = _tree(project)
    declared: list[_Declared] = [component.declaration for component in tree.get_all_components(Table)]
    declared += [component.declaration for component in tree.get_all_components(Derived)]
    for library in tree.get_all_components(Documents):
        declared += [library.documents, library.chunks]
    return tree.build_defs(), declared


def _tree(project: Project) -> ComponentTree:
    """The components of the project's `defs` folder, which need not be importable by any other name."""
    folder = project.settings.defs.resolve()
    name = f"tilth_defs_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    module = sys.modules.get(name) or ModuleType(name, "The defs folder of one project.")
    module.__path__ = [str(folder)]
    module.__file__ = None
    sys.modules[name] = module
    return ComponentTree.from_module(defs_module=module, project_root=project.settings.folder)


def _dresser(project: Project, tables: Mapping[str, Publishable]) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """What only the project knows of a raw or ready asset: its system's kind, its contract's columns and words."""

    def dress(spec: dg.AssetSpec) -> dg.AssetSpec:
        table = tables.get(str(spec.metadata.get("tilth/table")))
        if table is None or isinstance(table.declaration, DerivedDeclaration):
            return spec
        if spec.group_name == "raw":
            return spec.merge_attributes(kinds={project.kind(table.declaration)})
        if spec.key == ready_key(table.name):
            contract = spec_of(table.contract)
            lineage = ready_lineage(table.declaration, contract)
            facts = {"dagster/column_schema": table_schema(contract), "dagster/column_lineage": lineage}
            return spec.merge_attributes(metadata=facts)
        return spec

    return dress
