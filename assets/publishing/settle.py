"""The rules that need other tables or the release: references, and uniqueness against what is published.

They run on a round (view `tilth_incoming`) against the candidate, parents before children. What they refuse goes to the
scratch table `tilth_refused` (_batch, _ordinal, rule, column, value, expected); the newcomer is blamed, never the
published row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.circles import Circle
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.merge import Keyed
from tilth.schemas.contract import Column, Spec

__all__ = ["begin_settling", "reference_order", "refuse_orphans", "refuse_repeated", "unpublished"]


def reference_order(specs: Mapping[str, Spec]) -> list[tuple[str, ...]]:
    """The tables, parents first; those that refer to each other in a circle stand together."""
    parents = {
        name: {c.references[0] for c in spec.columns if c.references and c.references[0] in specs}
        for name, spec in specs.items()
    }
    order: list[tuple[str, ...]] = []
    done: set[str] = set()
    while len(done) < len(parents):
        ready = [(n,) for n in parents if n not in done and parents[n] - {n} <= done]
        group = ready or [_circle(parents, done)]
        order += group
        done |= {name for names in group for name in names}
    return order


def _circle(parents: Mapping[str, set[str]], done: set[str]) -> tuple[str, ...]:
    """The tables of one circle whose outside parents are all done."""
    for name in parents:
        if name in done:
            continue
        around = _reach(name, parents, done)
        if all(name in _reach(other, parents, done) for other in around):
            return tuple(n for n in parents if n in around)
    raise AssertionError("a graph without a source has a circle")


def _reach(name: str, parents: Mapping[str, set[str]], done: set[str]) -> set[str]:
    seen: set[str] = set()
    todo = [name]
    while todo:
        for parent in parents[todo.pop()] - done - seen:
            seen.add(parent)
            todo.append(parent)
    return seen


def begin_settling(candidate: Candidate, name: str = "tilth_refused") -> None:
    """Empty scratch for one round's refusals."""
    candidate.scratch(
        name,
        '_batch BIGINT, _ordinal BIGINT, "rule" VARCHAR, "column" VARCHAR, "value" VARCHAR, expected VARCHAR',
    )


def unpublished(candidate: Candidate, spec: Spec, together: Mapping[str, Spec]) -> str | None:
    """What the contract refers to and no release has yet, beside the tables that are published `together` with it."""
    for column in (column for column in spec.columns if column.references):
        table, parent = column.references or ("", "")
        if parent not in (together[table].schema if table in together else candidate.columns(table)):
            return f"its {column.name} refers to {table}.{parent}, which is not published"
    return None


def refuse_orphans(candidate: Candidate, table: str, columns: Sequence[Column], circle: Circle) -> int:
    """Refuse incoming records of `table` that refer to a row which the candidate does not have."""
    found = 0
    for column in columns:
        if column.references is None:
            continue
        of, parent = column.references
        found += candidate.number(
            "INSERT INTO tilth_refused SELECT r._batch, r._ordinal, 'reference', ?, "
            f"CAST(r.{quoted(column.name)} AS VARCHAR), ? FROM tilth_incoming r "
            f"WHERE NOT r._deleted AND r.{quoted(column.name)} IS NOT NULL "
            f"AND {circle.lacks(table, column)} AND NOT EXISTS (SELECT 1 FROM tilth_refused f "
            "WHERE f._batch = r._batch AND f._ordinal = r._ordinal AND f.rule = 'reference' AND f.\"column\" = ?)",
            [column.name, f"a {parent} in {of}", column.name],
        )
    return found


def refuse_repeated(candidate: Candidate, keyed: Keyed, unique: Sequence[Sequence[str]]) -> int:
    """Refuse incoming records whose non-key unique values another row has, until no more are found.

    Every group is asked of the same rows, so that none hides what another finds. A refused update leaves its last good
    version in place, whose values then count again: hence the loop.
    """
    total = 0
    while unique:
        standing = (
            "SELECT * FROM tilth_incoming i WHERE NOT _deleted AND NOT EXISTS "
            "(SELECT 1 FROM tilth_refused f WHERE f._batch = i._batch AND f._ordinal = i._ordinal)"
        )
        candidate.run(f"CREATE OR REPLACE TEMP TABLE tilth_incoming_standing AS {standing}")
        found = sum(_repeated(candidate, keyed, columns) for columns in unique)
        total += found
        if not found:
            break
    return total


def _repeated(candidate: Candidate, keyed: Keyed, columns: Sequence[str]) -> int:
    """One look at one unique group: newcomers against rows that stay, and against each other."""
    again = f"SELECT c.rowid AS crow FROM {keyed.meeting('tilth_incoming_standing')}"  # the newcomers' own rows
    stays = f"SELECT c.* FROM {quoted(keyed.table)} c ANTI JOIN ({again}) m ON m.crow = c.rowid"
    same_value = " AND ".join(f"c.{quoted(u)} = r.{quoted(u)}" for u in columns)
    present = " AND ".join(f"r.{quoted(u)} IS NOT NULL" for u in columns)
    other = "(c._batch <> r._batch OR c._ordinal <> r._ordinal)"
    return candidate.number(
        "INSERT INTO tilth_refused SELECT r._batch, r._ordinal, 'unique', ?, "
        f"concat_ws(', ', {comma(columns, 'r.')}), ? FROM tilth_incoming_standing r WHERE {present} AND ("
        f"EXISTS (SELECT 1 FROM ({stays}) c WHERE {same_value}) OR "
        f"EXISTS (SELECT 1 FROM tilth_incoming_standing c WHERE {same_value} AND {other}))",
        [",".join(columns), "a value that no other row has"],
    )
