"""The two jobs: `ingest` pulls and judges every table, `publish` merges whatever is pending into one release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["INGEST", "PUBLISH", "ingest_job", "publish_job"]

INGEST = "ingest"
PUBLISH = "publish"


def ingest_job(keys: Sequence[dg.AssetKey]) -> UnresolvedAssetJobDefinition:
    """One step a table; a dead source fails its own step and no other."""
    import dagster as dg

    return dg.define_asset_job(
        INGEST,
        selection=dg.AssetSelection.assets(*keys),
        description="Pull, land and judge every table. What it leaves pending is published after it.",
    )


def publish_job(step: dg.AssetsDefinition) -> UnresolvedAssetJobDefinition:
    """The one step over all published tables."""
    import dagster as dg

    return dg.define_asset_job(
        PUBLISH,
        selection=dg.AssetSelection.assets(step),
        description="Merge all that is pending into the next release of the curated file.",
    )
