"""The state against the files it names, and against itself: balances, counts, what is there."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from tilth.assets import parquet, state
from tilth.assets.lake import Lake
from tilth.assets.places import elements_path
from tilth.assets.publishing.books import COUNTS, unproved
from tilth.assets.publishing.checks import Problem, lost_file
from tilth.assets.publishing.manifest import Manifest
from tilth.assets.pulls import PullRow, batches_of, judged_pulls, latest_keys
from tilth.assets.quarantine import open_count
from tilth.errors import LakeError

__all__ = ["book_problems", "manifest_problems", "mended_problems", "pull_problems", "quarantine_problems"]


def book_problems(connection: sa.Connection, release: int) -> Iterator[Problem]:
    """Balances of one release's books that do not hold."""
    for row in connection.execute(sa.select(state.books).where(state.books.c.release == release)).mappings():
        for name, equation in unproved({count: int(row[count]) for count in COUNTS}):
            yield Problem(
                f"the {name} balance", f"release {release}, table {row['table_name']}", "equal sides", equation
            )


def manifest_problems(connection: sa.Connection, lake: Lake, manifest: Manifest) -> Iterator[Problem]:
    """What the state says of a release that its manifest does not, and files that the manifest names in vain."""
    of = state.releases.c
    known = connection.execute(sa.select(of.state).where(of.release == manifest.release)).scalar()
    if known not in ("published", "withdrawn"):
        where = f"release {manifest.release}"
        yield Problem("the state does not know the release", where, "published", known or "nothing")
    for name, table in manifest.tables.items():
        where = f"release {manifest.release}, table {name}"
        counted = table.counts.get("rows_after", table.rows)
        if counted != table.rows and table.state != "carried":
            yield Problem("rows and balances differ", where, f"{counted:,}", f"{table.rows:,}")
        for path in (table.settled, table.events, table.toxic):
            if path is not None:
                yield from _rows(lake, path, None, f"named by {where}")


def pull_problems(connection: sa.Connection, lake: Lake, table: str) -> Iterator[Problem]:
    """Judged pulls of a table whose files do not hold what the state counted."""
    for pull in judged_pulls(connection, table):
        where = f"pull {pull.number} of {table}"
        outcomes = pull.pending + pull.duplicate + pull.superseded + pull.quarantined
        if pull.pulled != outcomes:
            yield Problem("records without an outcome", where, f"{pull.pulled:,}", f"{outcomes:,}")
        batches = batches_of(connection, pull.id)
        landed = sum(batch.rows for batch in batches)
        if landed != pull.pulled:
            yield Problem("landed records", where, f"{pull.pulled:,}", f"{landed:,}")
        for path, expected in [*((batch.path, batch.rows) for batch in batches), *_outcomes(pull)]:
            yield from _rows(lake, path, expected, where)
        elements = elements_path(table, pull.id)
        if lake.storage.exists(elements):  # of documents only
            yield from _rows(lake, elements, None, f"elements of {where}")


def _outcomes(pull: PullRow) -> list[tuple[str, int]]:
    files = ((pull.ready, pull.pending), (pull.aside, pull.duplicate + pull.superseded), (pull.toxic, pull.quarantined))
    return [(path, rows) for path, rows in files if path is not None]


def mended_problems(connection: sa.Connection, lake: Lake, table: str) -> Iterator[Problem]:
    """Files of mended records that cannot be read, and the newest comparison of keys, if it is not what was counted."""
    of = state.mends.c
    for path in connection.execute(sa.select(of.path).where(of.table_name == table).distinct()).scalars():
        yield from _rows(lake, path, None, f"mended records of {table}")
    if (keys := latest_keys(connection, table)) is not None:
        yield from _rows(lake, keys.ready, keys.pending, f"pull {keys.number} of {table}, a comparison of keys")


def _rows(lake: Lake, path: str, expected: int | None, where: str) -> Iterator[Problem]:
    """Compare a Parquet file, read to its last byte, with the state, if that knows how many rows it has."""
    try:
        rows = sum(frame.height for frame in parquet.pieces(lake.storage, path))
    except LakeError as error:
        yield lost_file(error, where if expected is None else f"{expected:,} rows of {where}")
        return
    if expected is not None and rows != expected:
        yield Problem("rows of a file of the lake", path, f"{expected:,}", f"{rows:,}")


def quarantine_problems(connection: sa.Connection, table: str) -> Iterator[Problem]:
    """Whether the entries that were open when the table's books were last closed are those its events tell of."""
    of = state.books.c
    query = sa.select(of.open_after, of.last_event, of.release).where(of.table_name == table)
    row = connection.execute(query.order_by(of.id.desc()).limit(1)).one_or_none()
    if row is not None:
        told = open_count(connection, table, row.last_event)
        if told != row.open_after:
            where = f"release {row.release}, table {table}"
            yield Problem("open quarantine entries", where, f"{row.open_after:,}", f"{told:,}")
