"""The state follows the current release: the symlink is the truth, whatever a crash, a rollback or a person did.

Three moves, each idempotent and all in one transaction: a release that readers see but the state does not know as
published is confirmed; one that was intended and never became current is abandoned; one that was published and is
no longer among what the current release was made from is taken back (`takeback.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.lake import Lake, Run
from tilth.assets.provenance.outbox import put_of_release
from tilth.assets.provenance.rollback import rolled_back
from tilth.assets.publishing import shelf
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.publishing.release import Release, Releases
from tilth.assets.publishing.takeback import close_rollbacks, take_back
from tilth.assets.quarantine import last_event, record
from tilth.errors import ReleaseError

__all__ = ["Reconciled", "chain_of", "confirm", "intend", "reconcile"]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What had to be done so that the state says what readers see."""

    current: Manifest | None
    confirmed: tuple[int, ...] = ()
    abandoned: tuple[int, ...] = ()
    taken_back: tuple[int, ...] = ()


def intend(release: Release, lake: Lake, lineage: str | None = None) -> None:
    """Write down, before the switch, what the release will mean; `lineage` are its events (`outbox.prepare`)."""
    with lake.state.begin() as connection:
        _put_row(connection, release.manifest, release.folder.name, "intended")
        of = state.releases.c.release == release.manifest.release
        connection.execute(sa.update(state.releases).where(of).values(lineage=lineage))


def confirm(manifest: Manifest, lake: Lake) -> None:
    """Bring the state in line with a release that became current; once it is, nothing happens."""
    with lake.state.begin() as connection:
        _confirm(connection, manifest, lake)


def reconcile(lake: Lake, run: Run | None = None) -> Reconciled:
    """Bring the state in line with the release that readers see; what every start does first, under the lease."""
    releases = Releases(lake.curated)
    current = releases.current()
    with lake.state.read() as connection:
        rows = _states(connection)
        rollbacks = _unfinished(connection)
        lost = current is not None and current.release not in rows and _lost_pulls(connection, current)
    _refuse_missing(lake, current, rows)
    if current is not None and lost:
        _refuse_old_state(lake, current, rows)
    done = Reconciled(current)
    if rollbacks or _differs(current, rows):
        at = run.at if run else datetime.now(UTC)
        run = run or Run(f"reconcile-{uuid4()}", "", at)
        with lake.state.begin() as connection:
            done = _align(connection, lake, current, run)
    _discard(releases, current, done, rows)
    return done


def chain_of(connection: sa.Connection, lake: Lake, current: Manifest | None) -> list[Manifest]:
    """The current release and those that it was made from, newest first, as far back as anyone knows."""
    releases = {manifest.release: manifest for manifest in Releases(lake.curated).all()}
    chain: list[Manifest] = []
    link = current
    while link is not None:
        chain.append(link)
        before = link.previous
        link = None if before is None else releases.get(before) or _manifest_of(connection, before)
    return chain


def _align(connection: sa.Connection, lake: Lake, current: Manifest | None, run: Run) -> Reconciled:
    rows = _states(connection)
    chain = chain_of(connection, lake, current)
    numbers = [manifest.release for manifest in chain]
    abandoned = tuple(n for n, (kind, _) in rows.items() if kind == "intended" and n not in numbers)
    taken = [n for n, (kind, _) in rows.items() if kind == "published" and n not in numbers and n > min(numbers)]
    if abandoned:
        of = state.releases.c.release.in_(abandoned)
        connection.execute(sa.update(state.releases).where(of).values(state="abandoned", lineage=None))
    if current is not None:
        take_back(connection, sorted(taken), current, run)
        rolled_back(connection, lake, run, current, taken)
    close_rollbacks(connection, taken, run)
    confirmed = [m.release for m in reversed(chain) if _confirm(connection, m, lake)]
    return Reconciled(current, tuple(confirmed), abandoned, tuple(sorted(taken)))


def _confirm(connection: sa.Connection, manifest: Manifest, lake: Lake) -> bool:
    kind, _ = _states(connection, manifest.release).get(manifest.release, ("", ""))
    if kind == "published":
        return False
    run = Run(manifest.run_id, "", manifest.published_at)
    for name, table in manifest.tables.items():
        if table.events is not None:
            events = parquet.read(lake.storage, table.events)
            record(connection, name, events, run, path=table.toxic, release=manifest.release)
    _keep_books(connection, manifest)
    _clear_holds(connection, manifest, again=kind == "withdrawn")
    _put_row(connection, manifest, shelf.name_of(manifest.release, manifest.run_id), "published")
    put_of_release(connection, manifest.release)
    return True


def _keep_books(connection: sa.Connection, manifest: Manifest) -> None:
    """A row for each table that took part; its own events count as accounted for."""
    known = sa.select(state.books.c.table_name).where(state.books.c.release == manifest.release)
    skip = set(connection.execute(known).scalars())
    event = last_event(connection)
    shared = {"run_id": manifest.run_id, "release": manifest.release, "at": manifest.published_at}
    rows: list[dict[str, Any]] = [
        {**shared, "table_name": name, "state": table.state, "reason": table.reason, "last_pull": table.last_pull}
        | {"last_event": max(event, table.last_event) if table.events else table.last_event}
        | {column.name: table.counts.get(column.name, 0) for column in _counts()}
        for name, table in manifest.tables.items()
        if table.state != "carried" and name not in skip
    ]
    if rows:
        connection.execute(sa.insert(state.books), rows)


def _counts() -> list[sa.Column[Any]]:
    head = {"id", "table_name", "run_id", "release", "at", "state", "reason", "last_pull", "last_event"}
    return [column for column in state.books.columns if column.name not in head]


def _clear_holds(connection: sa.Connection, manifest: Manifest, *, again: bool) -> None:
    """A hold ends when an acceptance was used, or when what was held back is current again.

    An acceptance that was not enough is none any more: what holds the table is told anew.
    """
    free = {name for name, table in manifest.tables.items() if again and table.changed_in == manifest.release}
    if manifest.accepted:
        used = state.acceptances.c.id.in_(manifest.accepted)
        connection.execute(sa.update(state.acceptances).where(used).values(release=manifest.release))
        free |= set(connection.execute(sa.select(state.acceptances.c.table_name).where(used)).scalars())
    if manifest.void:
        connection.execute(sa.delete(state.acceptances).where(state.acceptances.c.id.in_(manifest.void)))
    if free:
        connection.execute(sa.delete(state.holds).where(state.holds.c.table_name.in_(free)))


def _put_row(connection: sa.Connection, manifest: Manifest, folder: str, kind: str) -> None:
    values = {
        "run_id": manifest.run_id,
        "state": kind,
        "folder": folder,
        "published_at": manifest.published_at if kind == "published" else None,
        "manifest": json.loads(manifest.to_json()),
    }
    of = state.releases.c.release == manifest.release
    if not connection.execute(sa.update(state.releases).where(of).values(values)).rowcount:
        connection.execute(sa.insert(state.releases).values(release=manifest.release, **values))


def _states(connection: sa.Connection, release: int | None = None) -> dict[int, tuple[str, str]]:
    of = state.releases.c
    query = sa.select(of.release, of.state, of.folder).order_by(of.release)
    if release is not None:
        query = query.where(of.release == release)
    return {row.release: (row.state, row.folder) for row in connection.execute(query)}


def _manifest_of(connection: sa.Connection, release: int) -> Manifest | None:
    query = sa.select(state.releases.c.manifest).where(state.releases.c.release == release)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else Manifest.from_json(json.dumps(found))


def _unfinished(connection: sa.Connection) -> int:
    open_ = (state.runs.c.kind == "rollback", state.runs.c.finished_at.is_(None))
    return connection.execute(sa.select(sa.func.count()).select_from(state.runs).where(*open_)).scalar_one()


def _differs(current: Manifest | None, rows: Mapping[int, tuple[str, str]]) -> bool:
    """Whether the state says anything else than that the current release is the newest published one."""
    published = [number for number, (kind, _) in rows.items() if kind == "published"]
    intended = any(kind == "intended" for kind, _ in rows.values())
    return intended or max(published, default=None) != (current.release if current else None)


def _refuse_missing(lake: Lake, current: Manifest | None, rows: Mapping[int, tuple[str, str]]) -> None:
    """Never start from nothing over a file that somebody moved away."""
    published = [number for number, (kind, _) in rows.items() if kind == "published"]
    if current is not None or not published:
        return
    on_disk = [manifest.release for manifest in Releases(lake.curated).all()]
    what = "the curated file is gone, though releases were published"
    kept = f"releases on disk: {', '.join(map(str, on_disk)) or 'none'}"
    step = "tilth publish rollback" if on_disk else f"bring {shelf.shelf(lake.curated)} back from a backup"
    raise ReleaseError(what, where=str(lake.curated), expected=f"release {max(published)}", kept=kept, next=step)


def _lost_pulls(connection: sa.Connection, current: Manifest) -> bool:
    """Whether the release contains pulls that this state has never seen: it is new, or an old copy."""
    of = state.pulls.c
    query = sa.select(of.table_name, sa.func.max(of.number)).group_by(of.table_name)
    known = {row[0]: row[1] for row in connection.execute(query)}
    contained = {n: max([t.keys or 0, *(high for _, high in t.pulls)]) for n, t in current.tables.items()}
    return any(number > known.get(name, 0) for name, number in contained.items())


def _refuse_old_state(lake: Lake, current: Manifest, rows: Mapping[int, tuple[str, str]]) -> None:
    """Never go on from a lost state: new pulls would have the numbers of published ones, and count as published."""
    on_disk = {manifest.release for manifest in Releases(lake.curated).all()}
    known = [number for number, (kind, _) in rows.items() if kind == "published"]
    back = [number for number in known if number in on_disk]
    data = f"{lake.curated.name}, {shelf.shelf(lake.curated).name} and the lake"
    afresh = f"bring a backup of {lake.state.where} back; without one move {data} aside, and pull all afresh: tilth run"
    raise ReleaseError(
        "the state database knows less than the published release contains: it is new, or an old copy",
        where=lake.state.where,
        expected=f"release {current.release}",
        got=f"release {max(known)} as its newest" if known else "no release",
        kept="the curated file and the lake stay as they are",
        next=f"tilth publish rollback {max(back)}" if back else afresh,
    )


def _discard(
    releases: Releases, current: Manifest | None, done: Reconciled, rows: Mapping[int, tuple[str, str]]
) -> None:
    """Remove sealed releases that never became current."""
    kinds = {number: kind for number, (kind, _) in rows.items()} | dict.fromkeys(done.abandoned, "abandoned")
    newest = current.release if current else 0
    for number in shelf.folders(releases.curated):
        unknown = number > newest and number not in kinds
        if unknown or (kinds.get(number) in ("intended", "abandoned") and number not in done.confirmed):
            releases.discard(number)
