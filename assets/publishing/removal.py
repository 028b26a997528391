"""Published rows that leave without being pulled: a complete pull, or a comparison of keys, no longer has them.

Each becomes `closed` in the scratch table `tilth_settled`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.merge import Keyed

__all__ = ["clear", "remove_absent"]


def remove_absent(candidate: Candidate, keyed: Keyed, *, spare: str, remember: Sequence[str] = ()) -> int:
    """Remove the rows whose key is not in `tilth_kept`, except those for which `spare` (SQL on `c`) is true.

    `remember`: columns whose values the scratch table `tilth_leaving` holds then, as `of_…`.
    """
    matching = " AND ".join(f"k.{quoted(name)} = c.{quoted(name)}" for name in keyed.key)
    kept = f"EXISTS (SELECT 1 FROM tilth_kept k WHERE {matching})" if keyed.key else "false"
    return _remove(candidate, keyed.table, f"NOT ({spare}) AND NOT {kept}", remember)


def clear(candidate: Candidate, table: str, *, remember: Sequence[str] = ()) -> int:
    """Remove every row. `remember`: see `remove_absent`."""
    return _remove(candidate, table, "true", remember)


def _remove(candidate: Candidate, table: str, condition: str, remember: Sequence[str]) -> int:
    rows = f"FROM {quoted(table)} c WHERE {condition}"
    facts = ", ".join(
        ["c.rowid AS crow, c._batch, c._ordinal", *(f"c.{quoted(n)} AS {quoted(f'of_{n}')}" for n in remember)]
    )
    candidate.run(f"CREATE OR REPLACE TEMP TABLE tilth_leaving AS SELECT {facts} {rows}")
    candidate.run(
        "INSERT INTO tilth_settled SELECT _batch, _ordinal, 'closed' FROM tilth_leaving WHERE _batch IS NOT NULL"
    )
    removed = candidate.remove(table, "SELECT crow FROM tilth_leaving")
    if removed:
        candidate.changed.add(table)
    return removed
