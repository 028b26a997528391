"""One round of a table: at most one incoming record per key meets the published rows.

The rules are DESIGN's: an older version is superseded, a tombstone closes, equal content is unchanged, anything
else is inserted or updates. What happened to each record that was not simply inserted goes to the scratch table
`tilth_settled` (_batch, _ordinal, state).

A round is a temporary view `tilth_incoming` with the contract's columns, `_batch`, `_ordinal`, `_deleted`. The scratch
tables `tilth_pull_of` (batch, number) and `tilth_file_of` (batch, sha256, start) tell where batches belong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.engine import quoted

__all__ = ["PULLS", "Keyed", "begin_table", "merge_round", "older_than", "same_content", "settled_counts"]

PULLS = "LEFT JOIN tilth_pull_of rp ON rp.batch = r._batch LEFT JOIN tilth_pull_of cp ON cp.batch = c._batch"


@dataclass(frozen=True, slots=True)
class Keyed:
    """How records of one table meet published rows."""

    table: str
    source: str
    key: tuple[str, ...]  # empty: a record is known by its place in its file (`tilth_file_of`), if it has one
    content: tuple[str, ...]  # the contract's columns
    version: str | None
    origin: bool = True  # False for built rows: they come from no batch

    def meeting(self, incoming: str = "tilth_incoming") -> str:
        """The join of incoming records `r` with the published rows `c` of the same key."""
        table = quoted(self.table)
        if self.key:
            return f"{incoming} r JOIN {table} c ON " + " AND ".join(f"r.{quoted(k)} = c.{quoted(k)}" for k in self.key)
        return (
            f"{incoming} r JOIN tilth_file_of rf ON rf.batch = r._batch "
            "JOIN tilth_file_of cf ON cf.sha256 = rf.sha256 AND cf.batch <> rf.batch "
            f"JOIN {table} c ON c._batch = cf.batch AND c._ordinal + cf.start = r._ordinal + rf.start"
        )


def begin_table(candidate: Candidate) -> None:
    """Empty scratch for one table's turn."""
    candidate.scratch("tilth_settled", "_batch BIGINT, _ordinal BIGINT, state VARCHAR")


def merge_round(candidate: Candidate, keyed: Keyed, *, overtaken: bool = False) -> int:
    """Merge the view `tilth_incoming`; gives the number of rows written (inserted and updated).

    `overtaken`: these records return from quarantine; one that a newer record of its key overtook is recorded
    as `superseded_open`, and pulls decide where versions do not (scratch table `tilth_pull_of`: batch, number).
    """
    _match(candidate, keyed, overtaken)
    _record(candidate, "superseded_open" if overtaken else "superseded")
    table = quoted(keyed.table)
    leaving = "SELECT crow FROM tilth_matched WHERE NOT older AND NOT same"
    gone = candidate.remove(keyed.table, leaving)
    origin = "r._batch, r._ordinal" if keyed.origin else "NULL, NULL"
    written = candidate.number(
        f"INSERT INTO {table} ({comma(keyed.content)}, _source, _batch, _ordinal, _updated_at) "
        f"SELECT {comma(keyed.content, 'r.')}, ?, {origin}, ? FROM tilth_incoming r "
        "WHERE NOT r._deleted AND NOT EXISTS (SELECT 1 FROM tilth_matched m "
        "WHERE m._batch = r._batch AND m._ordinal = r._ordinal AND (m.older OR m.same))",
        [keyed.source, candidate.now],
    )
    if gone or written:
        candidate.changed.add(keyed.table)
    return written


def _match(candidate: Candidate, keyed: Keyed, overtaken: bool) -> None:
    """Scratch table `matched`: each incoming record whose key is published, and how the two compare."""
    candidate.scratch(
        "tilth_matched",
        "_batch BIGINT, _ordinal BIGINT, deleted BOOLEAN, crow BIGINT, c_batch BIGINT, c_ordinal BIGINT, "
        "older BOOLEAN, same BOOLEAN",
    )
    if not candidate.rows(keyed.table):
        return
    older = older_than(keyed.version, overtaken)
    candidate.run(
        "INSERT INTO tilth_matched "
        "SELECT _batch, _ordinal, _deleted, crow, c_batch, c_ordinal, older, same AND NOT older FROM ("
        "SELECT r._batch, r._ordinal, r._deleted, c.rowid AS crow, c._batch AS c_batch, c._ordinal AS c_ordinal, "
        f"{older} AS older, NOT r._deleted AND {same_content(keyed.content)} AS same "
        f"FROM {keyed.meeting()} {PULLS if overtaken else ''})"
    )


def older_than(version: str | None, overtaken: bool) -> str:
    """SQL: whether an incoming record `r` is older than the published row `c`; `overtaken`: beside `PULLS`."""
    if version is None:
        return "coalesce(rp.number < cp.number, false)" if overtaken else "false"
    r, c = f"r.{quoted(version)}", f"c.{quoted(version)}"
    if not overtaken:
        return f"coalesce({r} < {c}, false)"
    tie = f"({r} IS NOT DISTINCT FROM {c} AND coalesce(rp.number < cp.number, false))"
    return f"(coalesce({r} < {c}, {r} IS NULL AND {c} IS NOT NULL) OR {tie})"


def same_content(content: Sequence[str]) -> str:
    """SQL: whether an incoming record `r` says what the published row `c` says."""
    return " AND ".join(f"r.{quoted(c)} IS NOT DISTINCT FROM c.{quoted(c)}" for c in content)


def _record(candidate: Candidate, older_state: str) -> None:
    """What became of incoming records that are not written, and of published rows that leave."""
    candidate.run(
        "INSERT INTO tilth_settled SELECT _batch, _ordinal, CASE WHEN older THEN ? ELSE 'unchanged' END "
        "FROM tilth_matched WHERE older OR same",
        [older_state],
    )
    candidate.run(
        "INSERT INTO tilth_settled SELECT r._batch, r._ordinal, 'deleted' FROM tilth_incoming r "
        "WHERE r._deleted AND NOT EXISTS (SELECT 1 FROM tilth_matched m "
        "WHERE m._batch = r._batch AND m._ordinal = r._ordinal AND m.older)"
    )
    candidate.run(
        "INSERT INTO tilth_settled SELECT c_batch, c_ordinal, CASE WHEN deleted THEN 'closed' ELSE 'replaced' END "
        "FROM tilth_matched WHERE NOT older AND NOT same"
    )


def settled_counts(candidate: Candidate) -> dict[str, int]:
    """How many records the scratch table `tilth_settled` holds, by state."""
    return {
        str(state): int(str(n))
        for state, n in candidate.run("SELECT state, count(*) FROM tilth_settled GROUP BY state")
    }
