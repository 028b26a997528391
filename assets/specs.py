"""How tables stand in dagster: keys, groups, owners, kinds, column schemas and freshness policies.

Turns declarations and contracts into dagster's values; steps and components are in `table.py` and `derived.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import dagster as dg

from tilth.assets.declared import DerivedDeclaration, Freshness, TableDeclaration
from tilth.assets.provenance.columns import Edge, Lineage
from tilth.assets.provenance.tracing import Declared, derived_lineage, pulled_lineage
from tilth.schemas.contract import Column, Spec
from tilth.schemas.freshness import Cron

__all__ = ["column_lineage", "curated_key", "curated_spec", "freshness_policy", "identifier", "ingest_keys"]
__all__ += [
    "ingest_specs",
    "published_lineage",
    "raw_key",
    "ready_key",
    "ready_lineage",
    "table_schema",
    "toxic_key",
    "toxic_schema",
]

_LEAST = timedelta(minutes=1)  # dagster's
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_TOXIC = (  # the columns of a toxic file: name, type, description
    ("id", "String", "the quarantine entry"),
    ("key", "String", "the record's key, if it has one that can be read"),
    ("_batch", "Int64", "the landed batch the record is in"),
    ("_ordinal", "Int64", "its row in that batch, from 0"),
    ("raw", "String", "the values as pulled: a JSON object of texts"),
    ("reasons", "List(Struct(rule, column, value, expected))", "every rule the record breaks"),
    ("contract_version", "String", "the contract it was judged by"),
    ("version", "String", "which of two records of one key is newer"),
)


def identifier(text: str) -> str:
    """`text` as dagster takes it in names of steps, pools and key parts."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "_"


def raw_key(table: TableDeclaration) -> dg.AssetKey:
    """raw/<source>/<object>, and the table where its name differs: two tables may read one object."""
    name = identifier(table.object.rsplit(".", 1)[-1] if re.fullmatch(r"\w+\.\w+", table.object) else table.object)
    return dg.AssetKey(["raw", table.source, name, *([] if name == table.name else [table.name])])


def ready_key(table: str) -> dg.AssetKey:
    """ready/<table>."""
    return dg.AssetKey(["ready", table])


def toxic_key(table: str) -> dg.AssetKey:
    """toxic/<table>."""
    return dg.AssetKey(["toxic", table])


def ingest_keys(table: TableDeclaration) -> list[dg.AssetKey]:
    """What ingesting one table makes."""
    return [raw_key(table), ready_key(table.name), toxic_key(table.name)]


def curated_key(table: str) -> dg.AssetKey:
    """curated/<table>, derived tables too: all of them are in the one curated file."""
    return dg.AssetKey(["curated", table])


def table_schema(spec: Spec) -> dg.TableSchema:
    """A contract as dagster's table schema."""
    together = [f"unique({', '.join(columns)})" for columns in spec.unique if len(columns) > 1]
    key = [f"key({', '.join(spec.key)})"] if spec.key else []
    rules = [f"{rule.name}: {rule.expected}" for rule in spec.rules]
    constraints = dg.TableConstraints(other=[*key, *together, *rules])
    return dg.TableSchema([_column(column, spec) for column in spec.columns], constraints=constraints)


def toxic_schema() -> dg.TableSchema:
    """The schema of every table's toxic records."""
    return dg.TableSchema([dg.TableColumn(name, kind, description=told) for name, kind, told in _TOXIC])


def _column(column: Column, spec: Spec) -> dg.TableColumn:
    alone = (column.name,)
    references = column.references
    constraints = dg.TableColumnConstraints(
        nullable=column.nullable,
        unique=column.unique or spec.key == alone or alone in spec.unique,
        other=[f"references {references[0]}.{references[1]}"] if references else [],
    )
    told = {"unit": column.unit, "pii": column.pii, "term": column.term, "key": "true" if column.key else None}
    tags = {name: str(value) for name, value in told.items() if value}
    return dg.TableColumn(
        column.name, str(column.dtype), description=column.description, constraints=constraints, tags=tags
    )


def freshness_policy(promise: Freshness, time_zone: str) -> dg.FreshnessPolicy | None:
    """What dagster can show of a promise: it never calls data late that is not, and says so later where it must.

    Dagster takes one policy an asset. A deadline that comes at even intervals is its `cron` policy, an age its time
    window. Of a promise of both the one is taken that comes closer; `_catalog.freshness` is the truth.
    """
    if promise.deadline is None:
        return None if promise.max_age is None else _window(promise.max_age)
    from dagster._utils.schedules import get_smallest_cron_interval

    smallest, pair = get_smallest_cron_interval(promise.deadline), _longest_pair(promise.deadline)
    if promise.max_age is not None and promise.max_age <= max(pair - promise.max_age, timedelta()) + smallest:
        return _window(promise.max_age)
    if pair == 2 * smallest:
        return dg.FreshnessPolicy.cron(promise.deadline, max(smallest, _LEAST), time_zone)
    return _window(min(pair, promise.max_age or pair))


def _window(age: timedelta) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(max(age, _LEAST))


def _longest_pair(deadline: str) -> timedelta:
    """The longest time that two deadlines in a row take: data is good until the second deadline after it."""
    times = list(islice(Cron.parse(deadline).after(_SOME_DAY), 500))
    return max(third - first for first, third in zip(times, times[2:], strict=False))


def ingest_specs(table: TableDeclaration) -> tuple[dg.AssetSpec, dg.AssetSpec, dg.AssetSpec]:
    """raw, ready and toxic of one table, as far as its declaration tells."""
    where: dict[str, Any] = {"tilth/table": table.name, "tilth/source": table.source, "tilth/object": table.object}
    owners, tags = [table.owner] if table.owner else [], {"tilth/table": identifier(table.name)}
    raw = dg.AssetSpec(
        raw_key(table),
        description=f"`{table.object}` as {table.source} gave it: text stays text, nothing is judged yet.",
        group_name="raw",
        kinds={"parquet"},
        metadata=where,
        skippable=True,
        owners=owners,
        tags=tags,
    )
    ready = dg.AssetSpec(
        ready_key(table.name),
        deps=[raw.key],
        description=f"Good records of {table.name}, parsed and standardised, waiting to be published.",
        group_name="ready",
        kinds={"parquet", "polars"},
        metadata=where,
        skippable=True,
        owners=owners,
        tags=tags,
    )
    toxic = dg.AssetSpec(
        toxic_key(table.name),
        deps=[raw.key],
        description=f"Records of {table.name} that broke a rule: raw values and every reason.",
        group_name="toxic",
        kinds={"parquet"},
        metadata={**where, "dagster/column_schema": toxic_schema()},
        skippable=True,
        owners=owners,
        tags=tags,
    )
    return raw, ready, toxic


def column_lineage(lineage: Lineage, keys: Mapping[str, dg.AssetKey]) -> dg.TableColumnLineage:
    """Which columns of which assets a column comes from; `keys` are the assets behind the tables of `lineage`."""
    inputs = {
        name: dict.fromkeys((edge.table, edge.column) for edge in edges) for name, edges in lineage.columns.items()
    }
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(keys[table], column) for table, column in found if table in keys]
            for name, found in inputs.items()
        }
    )


def ready_lineage(table: TableDeclaration, spec: Spec) -> dg.TableColumnLineage:
    """Ready columns come from pulled ones."""
    return column_lineage(pulled_lineage(table, spec), {table.name: raw_key(table)})


def published_lineage(
    declared: TableDeclaration | DerivedDeclaration, specs: Mapping[str, Spec]
) -> dg.TableColumnLineage:
    """Published columns come from ready ones, those of derived tables from other published ones."""
    spec = specs[declared.name]
    if isinstance(declared, DerivedDeclaration):
        keys = {name: curated_key(name) for name in declared.inputs}
        return column_lineage(derived_lineage(declared, spec, specs), keys)
    same = Lineage({name: (Edge(declared.name, name, "IDENTITY"),) for name in spec.schema})
    return column_lineage(same, {declared.name: ready_key(declared.name)})


def curated_spec(declared: Declared, spec: Spec, time_zone: str, lineage: dg.TableColumnLineage) -> dg.AssetSpec:
    """A published table: what its contract says of it, where its columns come from, and what is promised."""
    if isinstance(declared, DerivedDeclaration):
        deps, group = [curated_key(name) for name in declared.inputs], "derived"
    else:
        deps, group = [ready_key(declared.name)], "curated"
    return dg.AssetSpec(
        curated_key(declared.name),
        deps=deps,
        description=declared.description or spec.description,
        group_name=group,
        owners=[declared.owner] if declared.owner else [],
        kinds={"duckdb", *(["sql"] if isinstance(declared, DerivedDeclaration) and declared.sql else [])},
        tags={"tilth/table": identifier(declared.name)},
        metadata={
            "tilth/table": declared.name,
            "dagster/column_schema": table_schema(spec),
            "dagster/column_lineage": lineage,
        },
        freshness_policy=freshness_policy(declared.freshness, time_zone),
        skippable=True,
    )
