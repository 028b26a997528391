"""What the source still has: told by a complete pull of a replaced table, and by a comparison of keys.

What a picture does not have any more, and no later pull has brought, leaves: published rows, and entries that are open
in quarantine. Reading what is needed for that, and asking the candidate; the turn (`rounds.py`) says when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from tilth.assets import state
from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.engine import parquet, quoted
from tilth.assets.publishing.merge import Keyed
from tilth.assets.publishing.removal import remove_absent
from tilth.assets.publishing.turns import Turn
from tilth.assets.pulls import PullRow, judged_pulls
from tilth.assets.storage import Storage
from tilth.schemas.keys import typed_keys
from tilth.schemas.spec import Spec

__all__ = ["Picture", "Pictures", "absent_keys", "leave", "pictures_of"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, and what came after it."""

    number: int  # of its pull
    first: int  # the first pull whose records are as new as the picture
    files: tuple[str, ...]  # lake paths: the keys of good records, its own and later ones
    pulls: frozenset[int]  # the ids of those later pulls
    toxic: pl.DataFrame  # toxic records of those pulls: entry, key (text)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures that one turn has to follow."""

    whole: Picture | None = None  # of a replaced table: its newest complete pull
    keys: Picture | None = None  # the newest comparison of keys


def pictures_of(connection: sa.Connection, turn: Turn) -> Pictures:
    """The pictures of a turn; rows that a later pull read again are still there, whatever it made of them."""
    whole = turn.whole if turn.declaration.load == "replace" else None
    keys = turn.keys if turn.judge.spec.key else None
    judged = judged_pulls(connection, turn.name) if whole or keys else []
    return Pictures(
        _picture(connection, whole.number, whole.number, judged, ()) if whole else None,
        _picture(connection, keys.number, keys.number + 1, judged, (keys.ready,)) if keys else None,
    )


def _picture(
    connection: sa.Connection, number: int, first: int, judged: Sequence[PullRow], files: tuple[str, ...]
) -> Picture:
    later = [pull for pull in judged if pull.number >= first]
    ids = frozenset(pull.id for pull in later)
    of, entry, pull = state.events.c, state.entries.c, state.pulls.c
    query = sa.select(entry.id, entry.key).join_from(state.events, state.entries, of.entry_id == entry.id)
    query = query.join(state.pulls, pull.id == of.pull_id).where(pull.id.in_(ids), of.event.in_(("opened", "seen")))
    query = query.where(of.release.is_not(None) | (of.run_id == pull.judged_run)).distinct()  # not a judging taken back
    rows = [tuple(row) for row in connection.execute(query)]
    toxic = pl.DataFrame(rows, schema={"entry": pl.String, "key": pl.String}, orient="row")
    return Picture(number, first, (*files, *(pull.ready for pull in later if pull.pending)), ids, toxic)


def leave(
    candidate: Candidate, keyed: Keyed, spec: Spec, picture: Picture, storage: Storage, *, remember: Sequence[str] = ()
) -> int:
    """Remove the published rows that the picture does not have; those of later pulls stay.

    `remember`: see `removal.remove_absent`.
    """
    spare = f"c._batch IN (SELECT batch FROM tilth_pull_of WHERE number >= {picture.first})"
    if keyed.key:
        _keep(candidate, spec, picture, storage)
        return remove_absent(candidate, keyed, spare=spare, remember=remember)
    _keep_places(candidate, picture)
    place = "k.batch = c._batch AND c._ordinal BETWEEN k.low AND k.high"
    spare = f"{spare} OR EXISTS (SELECT 1 FROM tilth_kept_places k WHERE {place})"
    return remove_absent(candidate, keyed, spare=spare, remember=remember)


def absent_keys(
    candidate: Candidate, spec: Spec, picture: Picture, storage: Storage, entries: pl.DataFrame
) -> list[str]:
    """The ids among `entries` (OPEN, all with a key, older than the picture) whose key the picture does not have."""
    if entries.is_empty():
        return []
    _keep(candidate, spec, picture, storage)
    candidate.load("tilth_asked", typed_keys(entries["key"], spec).hstack([entries["id"].alias("_entry")]))
    matching = " AND ".join(f"k.{quoted(name)} = o.{quoted(name)}" for name in spec.key)
    kept = f"SELECT 1 FROM tilth_kept k WHERE {matching}"
    found = candidate.run(f"SELECT _entry FROM tilth_asked o WHERE NOT EXISTS ({kept})")
    return [str(entry) for (entry,) in found]


def _keep(candidate: Candidate, spec: Spec, picture: Picture, storage: Storage) -> None:
    """View `tilth_kept`: the keys that the source still has."""
    candidate.load("tilth_kept_toxic", typed_keys(picture.toxic["key"].drop_nulls().unique(), spec))
    parts = [f"SELECT {comma(spec.key)} FROM tilth_kept_toxic"]
    if picture.files:
        files = parquet(*(storage.url(file) for file in picture.files))
        parts.append(f"SELECT {comma(spec.key)} FROM {files}")
    candidate.view("tilth_kept", " UNION ALL ".join(parts))


def _keep_places(candidate: Candidate, picture: Picture) -> None:
    """Table `tilth_kept_places`: without a key, the places in published batches that files of the picture hold, too."""
    candidate.run(
        "CREATE OR REPLACE TEMP TABLE tilth_kept_places AS SELECT c.batch, r.start - c.start AS low, "
        "r.start - c.start + r.records - 1 AS high FROM tilth_file_of c JOIN tilth_file_of r ON r.sha256 = c.sha256 "
        f"JOIN tilth_pull_of p ON p.batch = r.batch WHERE p.number >= {picture.first}"
    )
