"""The rules that need other tables or the release: references, and uniqueness against what is published.

They run on a round (view `tilth_incoming`) against the candidate, parents before children. What they refuse goes to the
scratch table `tilth_refused` (_batch, _ordinal, rule, column, value, expected); the newcomer is blamed, never the
published row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.engine import quoted
from tilth.schemas.contract import Column, Spec

__all__ = ["arriving", "begin_settling", "reference_order", "refuse_orphans", "refuse_repeated"]


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


def begin_settling(candidate: Candidate) -> None:
    """Empty scratch for one round's refusals."""
    candidate.scratch(
        "tilth_refused",
        '_batch BIGINT, _ordinal BIGINT, "rule" VARCHAR, "column" VARCHAR, "value" VARCHAR, expected VARCHAR',
    )


def refuse_orphans(candidate: Candidate, columns: Sequence[Column], *, also: Mapping[str, str] | None = None) -> int:
    """Refuse incoming records that refer to a row which the candidate does not have.

    `also` names, per table of the same circle, a relation of key values that arrive in this release too.
    """
    found = 0
    for column in columns:
        if column.references is None:
            continue
        table, parent = column.references
        known = f"SELECT {quoted(parent)} AS k FROM {quoted(table)}"
        if also and table in also:
            known += f" UNION ALL SELECT {quoted(parent)} AS k FROM {also[table]}"
        found += candidate.number(
            "INSERT INTO tilth_refused SELECT r._batch, r._ordinal, 'reference', ?, "
            f"CAST(r.{quoted(column.name)} AS VARCHAR), ? FROM tilth_incoming r "
            f"WHERE NOT r._deleted AND r.{quoted(column.name)} IS NOT NULL "
            f"AND NOT EXISTS (SELECT 1 FROM ({known}) p WHERE p.k = r.{quoted(column.name)})",
            [column.name, f"a {parent} in {table}"],
        )
    return found


def refuse_repeated(candidate: Candidate, table: str, key: Sequence[str], unique: Sequence[Sequence[str]]) -> int:
    """Refuse incoming records whose non-key unique values another row has, until no more are found.

    A refused update leaves its last good version in place, whose values then count again: hence the loop.
    """
    total = 0
    while unique:
        found = sum(_repeated(candidate, table, key, columns) for columns in unique)
        total += found
        if not found:
            break
    return total


def _repeated(candidate: Candidate, table: str, key: Sequence[str], columns: Sequence[str]) -> int:
    """One look at one unique group: newcomers against rows that stay, and against each other."""
    standing = (
        "SELECT * FROM tilth_incoming i WHERE NOT _deleted AND NOT EXISTS "
        "(SELECT 1 FROM tilth_refused f WHERE f._batch = i._batch AND f._ordinal = i._ordinal)"
    )
    same_key = " AND ".join(f"c.{quoted(k)} = s.{quoted(k)}" for k in key) or "false"
    same_value = " AND ".join(f"c.{quoted(u)} = r.{quoted(u)}" for u in columns)
    other_key = f"({' OR '.join(f'c.{quoted(k)} <> r.{quoted(k)}' for k in key) or 'true'})"
    stays = (
        f"SELECT c.* FROM {quoted(table)} c WHERE NOT EXISTS (SELECT 1 FROM tilth_incoming_standing s WHERE {same_key})"
    )
    candidate.run(f"CREATE OR REPLACE TEMP TABLE tilth_incoming_standing AS {standing}")
    present = " AND ".join(f"r.{quoted(u)} IS NOT NULL" for u in columns)
    return candidate.number(
        "INSERT INTO tilth_refused SELECT r._batch, r._ordinal, 'unique', ?, "
        f"concat_ws(', ', {comma(columns, 'r.')}), ? FROM tilth_incoming_standing r WHERE {present} AND ("
        f"EXISTS (SELECT 1 FROM ({stays}) c WHERE {same_value} AND {other_key}) OR "
        f"EXISTS (SELECT 1 FROM tilth_incoming_standing c WHERE {same_value} AND {other_key}))",
        [",".join(columns), "a value that no other row has"],
    )


def arriving(candidate: Candidate, specs: Mapping[str, Spec], files: Mapping[str, str]) -> dict[str, str]:
    """For tables that refer to each other in a circle: the relations of their records that will stand.

    `files` has, per table, the relation of Parquet files with its pending and returning records. A record falls when
    its parent is neither published nor arriving, and takes those that refer to it along: until nobody falls.
    """
    names = {table: f"tilth_arriving_{number}" for number, table in enumerate(specs) if table in files}
    for table, name in names.items():
        candidate.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {files[table]} WHERE NOT _deleted")
    while True:
        fallen = sum(_fall(candidate, names, specs[table], name) for table, name in names.items())
        if not fallen:
            return names


def _fall(candidate: Candidate, names: Mapping[str, str], spec: Spec, name: str) -> int:
    fallen = 0
    for column in spec.columns:
        if column.references is None:
            continue
        table, parent = column.references
        known = f"SELECT {quoted(parent)} AS k FROM {quoted(table)}"
        if table in names:
            known += f" UNION ALL SELECT {quoted(parent)} AS k FROM {names[table]}"
        fallen += candidate.number(
            f"DELETE FROM {name} r WHERE r.{quoted(column.name)} IS NOT NULL "
            f"AND NOT EXISTS (SELECT 1 FROM ({known}) p WHERE p.k = r.{quoted(column.name)})"
        )
    return fallen
