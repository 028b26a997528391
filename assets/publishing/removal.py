"""Published rows that leave without being pulled: a complete pull, or a comparison of keys, no longer has them.

Each becomes `closed` in the scratch table `tilth_settled`.
"""

from __future__ import annotations

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.merge import Keyed

__all__ = ["clear", "remove_absent"]


def remove_absent(candidate: Candidate, keyed: Keyed, *, spare: str) -> int:
    """Remove the rows whose key is not in `tilth_kept`, except those for which `spare` (SQL on `c`) is true."""
    matching = " AND ".join(f"k.{quoted(name)} = c.{quoted(name)}" for name in keyed.key)
    kept = f"EXISTS (SELECT 1 FROM tilth_kept k WHERE {matching})" if keyed.key else "false"
    return _remove(candidate, keyed.table, f"NOT ({spare}) AND NOT {kept}")


def clear(candidate: Candidate, table: str) -> int:
    """Remove every row."""
    return _remove(candidate, table, "true")


def _remove(candidate: Candidate, table: str, condition: str) -> int:
    rows = f"FROM {quoted(table)} c WHERE {condition}"
    candidate.run(f"CREATE OR REPLACE TEMP TABLE tilth_leaving AS SELECT c.rowid AS crow, c._batch, c._ordinal {rows}")
    candidate.run(
        "INSERT INTO tilth_settled SELECT _batch, _ordinal, 'closed' FROM tilth_leaving WHERE _batch IS NOT NULL"
    )
    removed = candidate.number(f"DELETE FROM {quoted(table)} WHERE rowid IN (SELECT crow FROM tilth_leaving)")
    if removed:
        candidate.changed.add(table)
    return removed
