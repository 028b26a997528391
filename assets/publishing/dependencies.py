"""Functional dependencies in a round: newcomers against what stays, and against each other.

DuckDB counts the pairs of values where a determinant has several; which of them are blamed is told by
`schemas/together.py`.
"""

from __future__ import annotations

from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.newcomers import present
from tilth.schemas.relations import FunctionalDependency
from tilth.schemas.together import NEW, STANDING, contradicting

__all__ = ["refuse_contradicting"]


def refuse_contradicting(candidate: Candidate, rule: FunctionalDependency, into: str) -> int:
    """Put the newcomers that a dependency blames into the scratch table `into`; how many they are."""
    of, columns, filled = comma(rule.determinant), comma(rule.columns), present(rule.columns)
    asked = f"SEMI JOIN (SELECT DISTINCT {of} FROM tilth_new WHERE {filled}) USING ({of})"
    pairs = candidate.frame(
        f"SELECT {columns}, sum(_s)::BIGINT AS {STANDING}, sum(_n)::BIGINT AS {NEW} FROM ("
        f"SELECT {columns}, 0 AS _s, count(*) AS _n FROM tilth_new WHERE {filled} GROUP BY ALL UNION ALL "
        f"SELECT {columns}, count(*) AS _s, 0 AS _n FROM tilth_stays {asked} WHERE {filled} GROUP BY ALL"
        f") GROUP BY {columns} QUALIFY count(*) OVER (PARTITION BY {of}) > 1"
    )
    blamed = contradicting(pairs, rule)
    if blamed.is_empty():
        return 0
    candidate.load("tilth_contradicting", blamed)
    return candidate.number(
        f"INSERT INTO {into} SELECT _batch, _ordinal, ?, ?, concat_ws(', ', {columns}), ? "
        f"FROM tilth_new SEMI JOIN tilth_contradicting USING ({columns})",
        [rule.name, ",".join(rule.columns), rule.expected],
    )
