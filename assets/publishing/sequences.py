"""Sequences in a round: newcomers must fit between the rows that stay, and among each other.

DuckDB finds the groups where something is out of order; which newcomers are blamed there is told by
`schemas/together.py`. Gaps are found here altogether: a group may have many rows before one is missing.
"""

from __future__ import annotations

from tilth.assets.publishing.candidate import Candidate, comma
from tilth.assets.publishing.engine import quoted
from tilth.assets.publishing.newcomers import group_of, present
from tilth.schemas.relations import GAP, Ascending
from tilth.schemas.together import HIGH, LOW, TAKEN, disordered

__all__ = ["refuse_after_gaps", "refuse_disordered"]

_WITH = "WITH came AS ({came}), every AS (SELECT * FROM came UNION ALL {stays} SEMI JOIN came USING (g))"


def refuse_disordered(candidate: Candidate, rule: Ascending, into: str) -> int:
    """Put the newcomers that break the sequence into the scratch table `into`; how many they are."""
    found = candidate.frame(_out_of_order(rule))
    blamed = found.filter(disordered(found, rule)).select("_batch", "_ordinal")
    if blamed.is_empty():
        return 0
    candidate.load("tilth_disordered", blamed)
    return _refuse(candidate, rule, into, "tilth_disordered", (rule.name, rule.expected))


def refuse_after_gaps(candidate: Candidate, rule: Ascending, into: str) -> int:
    """Put the newcomers that a missing number comes before into the scratch table `into`; how many they are.

    The first numbers of a group need none before them, and of others those do not that follow a row which stays.
    """
    candidate.run(
        f"CREATE OR REPLACE TEMP TABLE tilth_after_gap AS {_with(rule)}, numbers AS ("
        "SELECT g, v, bool_or(s) AS s FROM every GROUP BY g, v), runs AS ("
        "SELECT *, v::HUGEINT - row_number() OVER (PARTITION BY g ORDER BY v) AS run FROM numbers), late AS ("
        "SELECT g, v FROM runs QUALIFY run <> min(run) OVER (PARTITION BY g) "
        "AND coalesce(v < min(CASE WHEN s THEN v END) OVER (PARTITION BY g, run), true)) "
        "SELECT _batch, _ordinal FROM came SEMI JOIN late USING (g, v)"
    )
    return _refuse(candidate, rule, into, "tilth_after_gap", (GAP, rule.expected_before))


def _refuse(candidate: Candidate, rule: Ascending, into: str, places: str, told: tuple[str, str]) -> int:
    name, expected = told
    return candidate.number(
        f"INSERT INTO {into} SELECT _batch, _ordinal, ?, ?, CAST({quoted(rule.column)} AS VARCHAR), ? "
        f"FROM tilth_new SEMI JOIN {places} USING (_batch, _ordinal)",
        [name, rule.column, expected],
    )


def _with(rule: Ascending) -> str:
    """The newcomers `came` and, with those that stay in their groups, `every` row: g(roup), b(y), v(alue), s(tays)."""
    facts = f"{group_of(rule.within)} AS g, {quoted(rule.by)} AS b, {quoted(rule.column)} AS v"
    filled = present(rule.columns)
    came = f"SELECT _batch, _ordinal, {facts}, false AS s FROM tilth_new WHERE {filled}"
    stays = f"SELECT * FROM (SELECT _batch, _ordinal, {facts}, true AS s FROM tilth_stays WHERE {filled})"
    return _WITH.format(came=came, stays=stays)


def _out_of_order(rule: Ascending) -> str:
    """The newcomers of groups that are out of order, each with what stays around it."""
    stands = "CASE WHEN s THEN v END"
    broken = "v <= before" if rule.strict else "v < before"
    columns = comma(rule.columns, "n.")
    return (
        f"{_with(rule)}, odd AS (SELECT DISTINCT g FROM ("
        f"SELECT g, v, lag(v) OVER (PARTITION BY g ORDER BY b, v) AS before FROM every) WHERE {broken}), "
        f"marked AS (SELECT *, max({stands}) OVER earlier AS {LOW}, min({stands}) OVER later AS {HIGH}, "
        f"bool_or(s) OVER (PARTITION BY g, b, v) AS {TAKEN} FROM every SEMI JOIN odd USING (g) WINDOW "
        "earlier AS (PARTITION BY g ORDER BY b RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP), "
        "later AS (PARTITION BY g ORDER BY b RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE GROUP)) "
        f"SELECT m._batch, m._ordinal, {columns}, {LOW}, {HIGH}, {TAKEN} FROM marked m "
        "JOIN tilth_new n ON n._batch = m._batch AND n._ordinal = m._ordinal "
        "WHERE NOT m.s ORDER BY m._batch, m._ordinal"
    )
