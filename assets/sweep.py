"""Garbage: files of the lake that neither the state nor a release's manifest names.

They are what killed runs left between a file and the transaction that would have named it. Only the run that holds
the lease may sweep.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.lake import Lake
from tilth.assets.places import aside_path, elements_path, ready_path, toxic_path
from tilth.assets.publishing.manifest import Manifest

__all__ = ["sweep"]

_SWEPT = ("raw", "ready", "toxic", "settled")


def sweep(lake: Lake, manifests: Iterable[Manifest]) -> list[str]:
    """Delete what nobody names, also under temporary names; the deleted files of the lake."""
    lake.storage.clear_leftovers()
    with lake.state.read() as connection:
        named = _named_by_state(connection)
    for manifest in manifests:
        named |= _named_by(manifest)
    garbage = [path for folder in _SWEPT for path in lake.storage.list(folder) if path not in named]
    for path in garbage:
        lake.storage.delete(path)
    return garbage


def _named_by_state(connection: sa.Connection) -> set[str]:
    named = set(connection.execute(sa.select(state.batches.c.path)).scalars())
    named |= set(connection.execute(sa.select(state.mends.c.path)).scalars())
    toxic = sa.select(state.events.c.path).where(state.events.c.path.is_not(None)).distinct()
    named.update(path for path in connection.execute(toxic).scalars() if path is not None)
    of = state.pulls.c
    pulls = sa.select(of.table_name, of.id, of.judgings).where(of.state == "judged")
    for table, pull_id, judgings in connection.execute(pulls):
        named |= {path(table, pull_id) for path in (ready_path, aside_path, elements_path)}
        named.add(toxic_path(table, pull_id, judgings))  # also one that no event names: all in it was discarded before
    releases = sa.select(state.releases.c.manifest).where(state.releases.c.state != "abandoned")
    for manifest in connection.execute(releases).scalars():
        named |= _named_in(manifest["tables"].values())
    return named


def _named_by(manifest: Manifest) -> set[str]:
    files = ((table.settled, table.events, table.toxic) for table in manifest.tables.values())
    return {path for paths in files for path in paths if path is not None}


def _named_in(tables: Iterable[dict[str, str | None]]) -> set[str]:
    found = (table.get(name) for table in tables for name in ("settled", "events", "toxic"))
    return {path for path in found if path is not None}
