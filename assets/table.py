"""The component `Table`: one table pulled from a source, as dagster sees it.

Its step pulls, lands and judges (`night.ingest_table`); the table is published by the step that publishes all.
Names, dependencies and metadata only: no decision is taken here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

import dagster as dg
from pydantic import BaseModel

from tilth.assets.declaration import table_from
from tilth.assets.declared import TableDeclaration, Toxic
from tilth.assets.night import TableResult, ingest_table
from tilth.assets.resources import KEY, Workbench, readable
from tilth.assets.specs import identifier, ingest_specs, raw_key, ready_key, ready_lineage, toxic_key
from tilth.schemas.contract import spec_of

__all__ = ["FreshnessAttributes", "RightsAttributes", "Table", "TableAttributes", "ToxicAttributes"]
__all__ += ["chosen", "ingest_step", "told"]


class FreshnessAttributes(dg.Model):
    """What is promised: published by `deadline` (cron, project time zone), data no older than `max_age` (26h)."""

    deadline: str | None = None
    max_age: str | None = None


class ToxicAttributes(dg.Model):
    """How much may be toxic before the table is held."""

    max_share: float = 1.0
    min_rows: int = 1
    max_rows: int | None = None
    beyond: Literal["hold", "publish", "fail"] = "hold"


class RightsAttributes(dg.Model):
    """What the data may be used for."""

    licence: str | None = None
    consent_column: str | None = None
    purposes: tuple[str, ...] = ()


class TableAttributes(dg.Model):
    """The `attributes:` of a `tilth.assets.Table`."""

    name: str
    contract: str
    source: str
    object: str
    cursor: str | None = None
    load: Literal["merge", "append", "replace"] = "merge"
    version: str | None = None
    deletes: str | dict[str, str] = "none"
    owner: str | None = None
    description: str | None = None
    freshness: FreshnessAttributes | None = None
    toxic: ToxicAttributes | None = None
    rights: RightsAttributes | None = None
    format: dict[str, Any] | None = None


@dataclass(frozen=True)
class Table(dg.Component):
    """One table pulled from a source: where it comes from and what is promised about it.

    What ready data is, is said by the contract; everything else follows from the two.
    """

    declaration: TableDeclaration

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema of the YAML attributes."""
        return TableAttributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The component that a `defs.yaml` declares."""
        given = attributes.model_dump(exclude_unset=True) if attributes else {}
        return cls(table_from(given, where=str(context.path)))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The step that ingests this table."""
        del context  # a table means the same wherever its declaration stands
        return dg.Definitions(assets=[ingest_step(self.declaration)])


def ingest_step(table: TableDeclaration) -> dg.AssetsDefinition:
    """Pull, land and judge one table: one step, three assets."""
    ready = ready_key(table.name)
    checks = [
        dg.AssetCheckSpec("conserved", asset=ready, description="Every record pulled is good, toxic or set aside."),
        dg.AssetCheckSpec(
            "toxic_share",
            asset=ready,
            description=f"{_limit(table.toxic)} of a pull is toxic, else: {table.toxic.beyond}.",
        ),
    ]

    @dg.multi_asset(
        name=f"ingest_{identifier(table.name)}",
        description=f"Pull, land and judge {table.name} from {table.source}.",
        specs=ingest_specs(table),
        check_specs=checks,
        required_resource_keys={KEY},
        pool=f"source_{identifier(table.source)}",
        can_subset=True,
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        bench: Workbench = context.resources.tilth
        with readable(table.name, bench.journal):
            bench.journal.note(table.name, None)
            lake, contract = bench.lake("ingest"), bench.grounds.contract(table)
            result = ingest_table(
                table, contract, lambda: bench.grounds.connector(table.source), lake, bench.run, whole=bench.whole
            )
            bench.journal.note(table.name, result)
        yield from told(context, [*_materialised(table, result, ready_lineage(table, spec_of(contract)))])
        yield from (check for check in _checks(table, result) if chosen(context, check))

    return step


def told(
    context: dg.AssetExecutionContext, results: Iterable[dg.MaterializeResult[Any]]
) -> Iterator[dg.MaterializeResult[Any]]:
    """The results of the assets this run selected; what else the step made is logged beside them."""
    for result in results:
        if result.asset_key in context.selected_asset_keys:
            yield result
        elif result.asset_key:
            context.log_event(dg.AssetMaterialization(result.asset_key, metadata=result.metadata))


def chosen(context: dg.AssetExecutionContext, check: dg.AssetCheckResult) -> bool:
    """Whether this run selected the check."""
    return any(
        (key.asset_key, key.name) == (check.asset_key, check.check_name) for key in context.selected_asset_check_keys
    )


def _materialised(
    table: TableDeclaration, result: TableResult, lineage: dg.TableColumnLineage
) -> Iterator[dg.MaterializeResult[Any]]:
    judged = {"duplicate": result.duplicate, "superseded": result.superseded, "dagster/column_lineage": lineage}
    rows: dict[dg.AssetKey, tuple[int, dict[str, Any]]] = {
        raw_key(table): (result.pulled, {}),
        ready_key(table.name): (result.pending, judged),
        toxic_key(table.name): (result.quarantined, {"toxic": result.quarantined}),
    }
    for key, (count, more) in rows.items():
        facts = {"dagster/row_count": count, "seconds": round(result.seconds, 3), **more}
        yield dg.MaterializeResult(asset_key=key, metadata=facts)


def _checks(table: TableDeclaration, result: TableResult) -> Iterator[dg.AssetCheckResult]:
    key = ready_key(table.name)
    kept = result.pending + result.quarantined + result.duplicate + result.superseded
    counts = {"pulled": result.pulled, "pending": result.pending, "toxic": result.quarantined}
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="conserved",
        passed=kept == result.pulled,
        metadata={**counts, "duplicate": result.duplicate, "superseded": result.superseded},
    )
    share = result.quarantined / result.pulled if result.pulled else 0.0
    limits = {"max_share": table.toxic.max_share, "max_rows": table.toxic.max_rows}
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="toxic_share",
        passed=result.too_toxic is None,
        severity=dg.AssetCheckSeverity.WARN,
        description=result.too_toxic,
        metadata={"share": share, **{name: limit for name, limit in limits.items() if limit is not None}, **counts},
    )


def _limit(toxic: Toxic) -> str:
    """How much of a pull may be toxic, in words."""
    share = f"At most {toxic.max_share:.2%}"
    return share if toxic.max_rows is None else f"{share}, and at most {toxic.max_rows:,} records,"
