"""What was published, what two releases differ in, and the two ways a person overrides a publish: back, and accept.

Whoever calls `rollback` or `accept` holds the project's lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.database import State
from tilth.assets.lake import Lake, Run
from tilth.assets.provenance.rollback import rolling_back
from tilth.assets.publishing import checks
from tilth.assets.publishing.causes import Cause
from tilth.assets.publishing.engine import attach, connect, quoted, row_of
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.publishing.reconcile import chain_of, reconcile
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.takeback import open_rollback
from tilth.errors import ReleaseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Published", "TableDiff", "accept", "diff", "list_releases", "rollback", "withdraw", "withdraw_unused"]


@dataclass(frozen=True, slots=True)
class Published:
    """One kept release, as `tilth publish list` shows it."""

    release: int
    run_id: str
    published_at: datetime
    tables: tuple[str, ...]
    rows: int
    current: bool


@dataclass(frozen=True, slots=True)
class TableDiff:
    """What one table has in release `b` and had not in `a`: rows by key, whole rows where there is no key."""

    table: str
    added: int
    removed: int
    changed: int
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.changed or self.columns_added or self.columns_removed)


def list_releases(releases: Releases) -> tuple[Published, ...]:
    """The releases that are kept, newest first."""
    current = releases.current()
    number = current.release if current else None
    return tuple(
        Published(
            m.release,
            m.run_id,
            m.published_at,
            tuple(m.tables),
            sum(table.rows for table in m.tables.values()),
            m.release == number,
        )
        for m in reversed(releases.all())
    )


def diff(releases: Releases, a: int, b: int) -> tuple[TableDiff, ...]:
    """What differs between two kept releases, table by table; tables that did not change are not read."""
    old, new = releases.release(a), releases.release(b)
    con = connect(None)
    try:
        for name, release in (("a", old), ("b", new)):
            attach(con, release.path, name)
        names = sorted({*old.manifest.tables, *new.manifest.tables})
        return tuple(_table_diff(con, name, old.manifest, new.manifest) for name in names)
    finally:
        con.close()


def _table_diff(con: DuckDBPyConnection, table: str, old: Manifest, new: Manifest) -> TableDiff:
    before, after = old.tables.get(table), new.tables.get(table)
    if before and after and before.changed_in == after.changed_in:
        return TableDiff(table, 0, 0, 0)
    columns = {side: _columns(con, side, table) for side in ("a", "b")}
    if not columns["a"] or not columns["b"]:
        return TableDiff(table, _rows(con, "b", table, columns["b"]), _rows(con, "a", table, columns["a"]), 0)
    shared = [name for name in columns["b"] if name in columns["a"]]
    keys = [name for (name,) in con.execute(
        'SELECT "column" FROM b._catalog.columns WHERE "table" = ? AND key ORDER BY position', [table]
    ).fetchall()]  # fmt: skip
    counts = _by_key(con, table, keys, shared) if keys and set(keys) <= set(shared) else _whole(con, table, shared)
    added = tuple(name for name in columns["b"] if name not in columns["a"])
    removed = tuple(name for name in columns["a"] if name not in columns["b"])
    return TableDiff(table, *counts, columns_added=added, columns_removed=removed)


def _columns(con: DuckDBPyConnection, side: str, table: str) -> list[str]:
    """A table's columns in one release, without those that tell where a row came from."""
    rows = con.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND schema_name = 'main' "
        "AND table_name = ? AND NOT starts_with(column_name, '_') ORDER BY column_index",
        [side, table],
    ).fetchall()
    return [str(name) for (name,) in rows]


def _rows(con: DuckDBPyConnection, side: str, table: str, columns: list[str]) -> int:
    return _number(con, f"SELECT count(*) FROM {quoted(side, 'main', table)}") if columns else 0


def _by_key(con: DuckDBPyConnection, table: str, keys: list[str], shared: list[str]) -> tuple[int, int, int]:
    a, b = quoted("a", "main", table), quoted("b", "main", table)
    match = " AND ".join(f"x.{quoted(key)} = y.{quoted(key)}" for key in keys)
    rest = [name for name in shared if name not in keys]
    differs = " OR ".join(f"x.{quoted(name)} IS DISTINCT FROM y.{quoted(name)}" for name in rest) or "false"
    added = _number(con, f"SELECT count(*) FROM {b} y WHERE NOT EXISTS (SELECT 1 FROM {a} x WHERE {match})")
    removed = _number(con, f"SELECT count(*) FROM {a} x WHERE NOT EXISTS (SELECT 1 FROM {b} y WHERE {match})")
    return added, removed, _number(con, f"SELECT count(*) FROM {a} x JOIN {b} y ON {match} WHERE {differs}")


def _whole(con: DuckDBPyConnection, table: str, shared: list[str]) -> tuple[int, int, int]:
    names = ", ".join(quoted(name) for name in shared)
    sides = {side: f"SELECT {names} FROM {quoted(side, 'main', table)}" for side in ("a", "b")}
    added = _number(con, f"SELECT count(*) FROM ({sides['b']} EXCEPT ALL {sides['a']})")
    return added, _number(con, f"SELECT count(*) FROM ({sides['a']} EXCEPT ALL {sides['b']})"), 0


def _number(con: DuckDBPyConnection, sql: str) -> int:
    return int(row_of(con, sql)[0])


def rollback(lake: Lake, releases: Releases, run: Run, *, to: int | None = None) -> Manifest:
    """Make an earlier release current again, and hold the tables whose content that takes back.

    The symlink is the commit here too; a start that finds it switched finishes what is left (`reconcile`).
    """
    target = _target(lake, releases, run, to)
    release = releases.release(target)
    for problem in checks.folder_problems(release.folder, releases.curated.name):
        facts = {"where": problem.where, "expected": problem.expected, "got": problem.got}
        raise ReleaseError(f"release {target} is not whole: {problem.what}", **facts, next="tilth publish list")
    with lake.state.begin() as connection:
        open_rollback(connection, run)
        rolling_back(connection, lake, run, release.manifest)
    releases.switch(release)
    reconcile(lake, run)
    return release.manifest


def _target(lake: Lake, releases: Releases, run: Run, to: int | None) -> int:
    """The release to go back to; the state is in line with the current one first, if there is one."""
    try:
        current = reconcile(lake, run).current
    except ReleaseError:
        current = None  # a broken symlink, or none: what a rollback mends
    with lake.state.read() as connection:
        known = _published(connection)
        chain = [manifest.release for manifest in chain_of(connection, lake, current)]
    on_disk = [manifest.release for manifest in releases.all()]
    choice = [n for n in on_disk if (n in chain[1:] if chain else n in known or not known)]
    if to is None and choice:
        return max(choice)
    if to is not None and to in choice:
        return to
    what = "there is no release to go back to" if to is None else f"release {to} cannot be gone back to"
    expected = f"one of {', '.join(map(str, choice))}" if choice else "a kept release before the current one"
    got = f"release {current.release} is current" if current else "no release is current"
    raise ReleaseError(what, where=str(releases.folder), expected=expected, got=got, next="tilth publish list")


def _published(connection: sa.Connection) -> set[int]:
    of = state.releases.c
    return set(connection.execute(sa.select(of.release).where(of.state == "published")).scalars())


def accept(database: State, table: str, *, causes: Sequence[Cause], why: str, at: datetime) -> int:
    """Let a publish under this lease take what is pending for `table`, though `causes` hold it; the acceptance's id.

    What else holds it, or is worse than in `causes`, holds it still; and what is judged later is another candidate.
    The reason is kept.
    """
    if not why.strip():
        step = f'tilth publish accept {table} --why "…"'
        raise ReleaseError("an acceptance needs a reason", where=f"table {table}", next=step)
    pull, hold, own = state.pulls.c, state.holds.c, state.acceptances.c
    with database.begin() as connection:
        judged = sa.select(pull.judged_at).where(pull.table_name == table, pull.judged_at.is_not(None))
        held = sa.select(hold.at).where(hold.table_name == table)
        known = [*connection.execute(judged).scalars(), *connection.execute(held).scalars()]
        told = [cause.to_json() for cause in causes]
        values = {"table_name": table, "why": why.strip(), "at": max([at, *known]), "causes": told}
        new = sa.insert(state.acceptances).values(values)
        return connection.execute(new.returning(own.id)).scalar_one()


def withdraw(database: State, acceptance: int) -> None:
    """Take back an acceptance that no release used."""
    of = state.acceptances.c
    with database.begin() as connection:
        connection.execute(sa.delete(state.acceptances).where(of.id == acceptance, of.release.is_(None)))


def withdraw_unused(database: State) -> None:
    """Take back what was accepted by a run that died before it published: what comes now is another candidate."""
    unused = state.acceptances.c.release.is_(None)
    with database.read() as connection:
        if not connection.execute(sa.select(sa.exists().where(unused))).scalar():
            return
    with database.begin() as connection:
        connection.execute(sa.delete(state.acceptances).where(unused))
