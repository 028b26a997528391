"""Transitions in a round: a value may only become what its contract allows, seen from the published row."""

from __future__ import annotations

import polars as pl

from tilth.assets.publishing.candidate import Candidate
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.merge import Keyed
from tilth.schemas.spec import Column

__all__ = ["refuse_transitions"]


def refuse_transitions(candidate: Candidate, keyed: Keyed, column: Column, into: str) -> int:
    """Put newcomers whose value may not follow, or may not begin, into the scratch table `into`; how many they are."""
    name = quoted(column.name)
    new, old = f"CAST(r.{name} AS VARCHAR)", f"CAST(c.{name} AS VARCHAR)"
    found = 0
    if column.transitions is not None:
        steps = [(before, one) for before, after in column.transitions for one in after]
        told = [(before, ", ".join(after) or "no other value") for before, after in column.transitions]
        candidate.load("tilth_steps", _texts(steps, "before", "after"))
        candidate.load("tilth_told", _texts(told, "before", "after"))
        found += candidate.number(
            f"INSERT INTO {into} SELECT r._batch, r._ordinal, 'transition', ?, {new}, "
            f"concat('after ', {old}, ': ', coalesce(t.after, 'no other value')) FROM {keyed.meeting('tilth_new')} "
            f"LEFT JOIN tilth_told t ON t.before = {old} WHERE {new} <> {old} "
            f"AND NOT EXISTS (SELECT 1 FROM tilth_steps s WHERE s.before = {old} AND s.after = {new})",
            [column.name],
        )
    if column.initial is not None:
        published = f"SELECT r._batch, r._ordinal FROM {keyed.meeting('tilth_new')}"
        found += candidate.number(
            f"INSERT INTO {into} SELECT _batch, _ordinal, 'transition', ?, {new}, ? FROM tilth_new r "
            f"ANTI JOIN ({published}) USING (_batch, _ordinal) "
            f"WHERE r.{name} IS NOT NULL AND NOT list_contains(?, {new})",
            [column.name, f"first: {', '.join(column.initial) or 'nothing'}", list(column.initial)],
        )
    return found


def _texts(rows: list[tuple[str, str]], *names: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
