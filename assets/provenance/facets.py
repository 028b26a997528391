"""The facets of events, one function each: plain JSON values with the address of the schema each of them keeps.

Pure. A value that is not known is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tilth.assets.provenance.columns import Edge, Lineage
from tilth.assets.provenance.sqltypes import sql_type
from tilth.connectors.protocol import Dataset
from tilth.schemas.rules import Quality
from tilth.schemas.spec import Column

__all__ = [
    "PRODUCER",
    "Json",
    "assertions",
    "column_lineage",
    "data_source",
    "documentation",
    "engine",
    "error",
    "job_type",
    "metrics",
    "ownership",
    "parent",
    "schema",
    "sql",
    "statistics",
    "tilth_step",
    "version",
]  # fmt: skip

Json = dict[str, Any]

PRODUCER = "urn:tilth:producer"
_SPEC = "https://openlineage.io/spec/facets"
_OURS = "urn:tilth:facet:1-0-0:TilthStepRunFacet.json#/$defs/TilthStepRunFacet"  # the file beside this module


def _facet(name: str, number: str, /, **values: object) -> Json:
    """One of OpenLineage's facets, in the version of its schema that it keeps."""
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/{number}/{name}.json#/$defs/{name}", **values}


def parent(run_id: str, job: str, root_id: str, root_job: str, *, namespace: str) -> Json:
    """Dagster's run that the step belongs to, and the night around it."""
    root = {"run": {"runId": root_id}, "job": {"namespace": namespace, "name": root_job}}
    own = {"runId": run_id}
    return _facet("ParentRunFacet", "1-2-0", run=own, job={"namespace": namespace, "name": job}, root=root)


def engine(name: str, number: str, tilth: str) -> Json:
    """What did the work, and in which version."""
    return _facet("ProcessingEngineRunFacet", "1-1-1", name=name, version=number, openlineageAdapterVersion=tilth)


def error(message: str) -> Json:
    """Why a step failed, as a person is told."""
    return _facet("ErrorMessageRunFacet", "1-0-1", message=message, programmingLanguage="python")


def tilth_step(**facts: object) -> Json:
    """What only Tilth knows of a step; facts that are None are left out."""
    known = {name: value for name, value in facts.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": _OURS, **known}


def job_type(kind: str) -> Json:
    """A step is a finite piece of work."""
    return _facet("JobTypeJobFacet", "2-0-4", processingType="BATCH", integration="TILTH", jobType=kind)


def documentation(text: str, *, of: str) -> Json:
    """What a job does or a dataset holds; `of` is Job or Dataset."""
    return _facet(f"Documentation{of}Facet", "1-1-0", description=text, contentType="text/plain")


def ownership(owner: str, *, of: str) -> Json:
    """Who answers for it; `of` is Job or Dataset."""
    return _facet(f"Ownership{of}Facet", "1-0-1", owners=[{"name": owner, "type": "OWNER"}])


def sql(query: str) -> Json:
    """The query of a derived table."""
    return _facet("SQLJobFacet", "1-1-0", query=query, dialect="duckdb")


def schema(columns: Iterable[Column | str | tuple[str, str]]) -> Json:
    """The columns of a dataset: of a contract, by name alone, or by name and type."""
    fields = [{**_field(column), "ordinal_position": number} for number, column in enumerate(columns, 1)]
    return _facet("SchemaDatasetFacet", "1-2-0", fields=fields)


def _field(column: Column | str | tuple[str, str]) -> Json:
    if isinstance(column, str):
        return {"name": column}
    if isinstance(column, tuple):
        return {"name": column[0], "type": column[1]}
    told = {"description": column.description} if column.description else {}
    return {"name": column.name, "type": sql_type(column.dtype), **told}


def data_source(name: str, uri: str) -> Json:
    """Where a dataset is served from."""
    return _facet("DatasourceDatasetFacet", "1-0-1", name=name, uri=uri)


def version(text: str) -> Json:
    """Which state of the dataset this is."""
    return _facet("DatasetVersionDatasetFacet", "1-0-1", datasetVersion=text)


def statistics(rows: int, size: int | None = None, files: int | None = None, *, of: str) -> Json:
    """How much was read (`of` Input) or written (Output)."""
    counts = {"rowCount": rows, "size": size, "fileCount": files}
    known = {name: count for name, count in counts.items() if count is not None}
    kind, number = ("InputStatisticsInputDatasetFacet", "1-0-0"), ("OutputStatisticsOutputDatasetFacet", "1-0-2")
    return _facet(*(kind if of == "Input" else number), **known)


def metrics(rows: int, quality: Sequence[Quality], names: Mapping[str, str]) -> Json:
    """How many rows were judged, and how many values were missing where none may be."""
    columns = {
        names[one.column]: {"count": one.checked - one.failed, "nullCount": one.failed}
        for one in quality
        if one.rule == "not_null" and one.column is not None and one.column in names
    }
    return _facet("DataQualityMetricsInputDatasetFacet", "1-0-3", rowCount=rows, columnMetrics=columns)


def assertions(quality: Sequence[Quality], names: Mapping[str, str]) -> Json:
    """What each rule found; `names` calls the contract's columns as the dataset does."""
    return _facet("DataQualityAssertionsDatasetFacet", "1-1-0", assertions=[_assertion(one, names) for one in quality])


def _assertion(one: Quality, names: Mapping[str, str]) -> Json:
    found: Json = {"assertion": one.rule, "success": one.failed == 0, "severity": one.severity}
    found["actual"] = f"{one.failed} of {one.checked} failed"
    if one.column is not None and one.column in names:
        found["column"] = names[one.column]
    elif one.column:  # a rule over several columns
        found["name"] = f"{one.rule} of {one.column}"
    if one.measured is not None:
        found["description"] = one.measured
    return found


def column_lineage(lineage: Lineage, places: Mapping[str, Dataset]) -> Json:
    """Which input columns each column comes from; `places` are the datasets behind the tables of `lineage`."""
    fields = {name: {"inputFields": _inputs(edges, places)} for name, edges in lineage.columns.items()}
    whole = {"dataset": _inputs(lineage.rows, places)} if lineage.rows else {}
    return _facet("ColumnLineageDatasetFacet", "1-2-0", fields=fields, **whole)


def _inputs(edges: Iterable[Edge], places: Mapping[str, Dataset]) -> list[Json]:
    """One entry for each input column, with all that happens to it."""
    found: dict[tuple[str, str], Json] = {}
    for edge in edges:
        place = places[edge.table]
        new: Json = {"namespace": place.namespace, "name": place.name, "field": edge.column, "transformations": []}
        how = {"type": "DIRECT" if edge.direct else "INDIRECT", "subtype": edge.kind}
        told = {"description": edge.told} if edge.told else {}
        found.setdefault((edge.table, edge.column), new)["transformations"].append({**how, **told})
    return list(found.values())
