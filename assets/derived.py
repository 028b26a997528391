"""The component `Derived`: a table made from other tables, as dagster sees it, and the step that publishes.

One step merges whatever is pending, settles, derives and switches (`night.publish_night`): all tables of a publish
become visible together. Names, dependencies and metadata only: no decision is taken here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import dagster as dg
from pydantic import BaseModel

from tilth.assets.declaration import Known, derived_from
from tilth.assets.declared import DerivedDeclaration
from tilth.assets.night import Publishable, Published, publish_night
from tilth.assets.publishing.planning import downstream
from tilth.assets.resources import KEY, PUBLISH, Workbench, readable
from tilth.assets.specs import curated_key, curated_spec, published_lineage
from tilth.assets.table import FreshnessAttributes, RightsAttributes, ToxicAttributes, chosen, told
from tilth.errors import DeclarationError, ReleaseError
from tilth.schemas.contract import spec_of

__all__ = ["Derived", "DerivedAttributes", "publish_step"]

_Result = dg.MaterializeResult[Any]
_VISIBLE = ("published", "carried")  # states whose content is as new as can be


class DerivedAttributes(dg.Model):
    """The `attributes:` of a `tilth.assets.Derived`."""

    name: str
    contract: str
    sql: str | None = None
    sql_file: str | None = None  # beside the defs.yaml
    match: dict[str, Any] | None = None  # rules that match two tables, in the query's stead
    inputs: list[str] | None = None  # default: what the query reads
    owner: str | None = None
    description: str | None = None
    freshness: FreshnessAttributes | None = None
    toxic: ToxicAttributes | None = None
    rights: RightsAttributes | None = None


@dataclass(frozen=True)
class Derived(dg.Component):
    """One table made from published tables by a SQL query; it has a contract and a judge like any other."""

    declaration: DerivedDeclaration

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema of the YAML attributes."""
        return DerivedAttributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The component that a `defs.yaml` declares."""
        given = attributes.model_dump(exclude_unset=True) if attributes else {}
        return cls(derived_from(given, where=str(context.path), known=Known(folder=context.path)))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing of its own: the publish step makes all published tables, this one too."""
        del context
        return dg.Definitions()


def publish_step(tables: Sequence[Publishable], time_zone: str) -> dg.AssetsDefinition:
    """The one step that publishes: any part of the tables can be selected, the others are carried over."""
    tables = _in_order(tables)
    names, contracts = [table.name for table in tables], {table.name: spec_of(table.contract) for table in tables}
    lineage = {table.name: published_lineage(table.declaration, contracts) for table in tables}
    told_of = "The current release holds all that was pulled."

    @dg.multi_asset(
        name="release",
        description="Merge all that is pending into the next release, settle, derive, verify and switch.",
        specs=[
            curated_spec(table.declaration, contracts[table.name], time_zone, lineage[table.name]) for table in tables
        ],
        check_specs=[dg.AssetCheckSpec("published", asset=curated_key(name), description=told_of) for name in names],
        required_resource_keys={KEY},
        pool="curated",
        can_subset=True,
    )
    def publish(context: dg.AssetExecutionContext) -> Iterator[_Result | dg.AssetCheckResult]:
        bench: Workbench = context.resources.tilth
        selected = frozenset(key.path[-1] for key in context.selected_asset_keys)
        with readable(PUBLISH, bench.journal):
            bench.journal.note(PUBLISH, None)
            select = None if selected >= {*names} else selected
            published = publish_night(tables, bench.lake("publish"), bench.run, select=select)
            bench.journal.note(PUBLISH, published)
        made = selected | {declaration.name for declaration in downstream(tables, selected)}
        kept_back = _kept_back(published, tables)
        for observed in _observed(published, {name: lineage[name] for name in names if name in made & kept_back}):
            context.log_event(observed)
        yield from told(context, _materialised(published, lineage, made - kept_back))
        yield from (check for check in _checks(published, names) if chosen(context, check))
        with readable(PUBLISH, bench.journal):
            _refuse(published, tables)

    return publish


def _in_order(tables: Sequence[Publishable]) -> list[Publishable]:
    """Pulled tables, then derived ones, inputs before what is made from them: a step must yield its assets so."""
    derived = {table.name: table for table in tables if isinstance(table.declaration, DerivedDeclaration)}
    order = [declaration.name for declaration in downstream(tables, None)]
    circle = sorted(derived.keys() - {*order})
    if circle:
        where = derived[circle[0]].declaration.where
        names = ", ".join(circle)
        raise DeclarationError(f"derived tables read each other in a circle: {names}", where=where, next="tilth check")
    return [*(table for table in tables if table.name not in derived), *(derived[name] for name in order)]


def _kept_back(published: Published, tables: Sequence[Publishable]) -> frozenset[str]:
    """The tables that are not as new as can be: held, failed, or made from one that is."""
    behind = {name for name, table in published.tables.items() if table.state not in _VISIBLE}
    derived = [table.declaration for table in tables if isinstance(table.declaration, DerivedDeclaration)]
    for declaration in derived:  # inputs come before what is made from them
        if behind & {*declaration.inputs}:
            behind.add(declaration.name)
    return frozenset(behind)


def _observed(published: Published, lineage: Mapping[str, dg.TableColumnLineage]) -> Iterator[dg.AssetObservation]:
    """What stands in the release and is no materialisation: dagster would call its data fresh."""
    for name, facts in _facts(published, lineage):
        yield dg.AssetObservation(curated_key(name), metadata=facts)


def _materialised(
    published: Published, lineage: Mapping[str, dg.TableColumnLineage], made: frozenset[str]
) -> Iterator[_Result]:
    for name, facts in _facts(published, {name: columns for name, columns in lineage.items() if name in made}):
        yield dg.MaterializeResult(asset_key=curated_key(name), metadata=facts)


def _facts(published: Published, lineage: Mapping[str, dg.TableColumnLineage]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, columns in lineage.items():
        table = published.tables.get(name)
        if published.current and table and table.state in _VISIBLE:
            counts = {count: value for count, value in table.counts.items() if value}
            facts: dict[str, Any] = {"dagster/row_count": table.rows, "dagster/column_lineage": columns}
            yield name, {**facts, "release": published.current.release, **counts}


def _checks(published: Published, names: Sequence[str]) -> Iterator[dg.AssetCheckResult]:
    release = f"release {published.current.release}" if published.current else "no release"
    for name in names:
        table = published.tables.get(name)
        state = table.state if table else "new"
        visible = state in _VISIBLE
        reason = (table.reason if table else None) or f"{state}: nothing has been published yet"
        yield dg.AssetCheckResult(
            asset_key=curated_key(name),
            check_name="published",
            passed=visible,
            description=release if visible else reason,
            metadata={"state": state, "release": release} | ({} if visible else {"reason": reason}),
        )


def _refuse(published: Published, tables: Sequence[Publishable]) -> None:
    """Tables of which too much is toxic, and that are declared to fail then, fail the run; the release stands."""
    failing: dict[str, str] = {}
    for table in tables:
        state = published.tables.get(table.name)
        if state and state.state == "held" and state.too_toxic and table.declaration.toxic.beyond == "fail":
            failing[table.name] = (state.reason or "").partition("\n")[0]
    if failing:
        raise ReleaseError(
            "held, and declared to fail the run then",
            where=f"table {', '.join(failing)}",
            got="; ".join(failing.values()),
            kept="the last good content stays published, the other tables are in the new release",
            next=f"tilth quarantine list --table {next(iter(failing))}",
        )
