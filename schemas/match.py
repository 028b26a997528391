"""Which rows of two tables are one and the same thing: declared rules, and the one query that they mean.

A rule compares one column of each table in a normal form. A value joins two rows only if it names just one row on
either side: a mail provider's domain, or a name that two customers share, proves nothing. Rules are asked in order,
and what an earlier one has joined is left alone; so each row is in one pair at most, with the rule that joined it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["NORMALISERS", "Match", "MatchRule", "query_of"]


@dataclass(frozen=True, slots=True)
class MatchRule:
    """One way to tell that two rows are the same: these columns are equal in the normal form `by`."""

    name: str
    left: str
    right: str
    by: str = "exact"


@dataclass(frozen=True, slots=True)
class Match:
    """Two tables with their key columns, and the rules in the order in which they are asked."""

    left: tuple[str, str]  # table, key column
    right: tuple[str, str]
    rules: tuple[MatchRule, ...]

    @property
    def columns(self) -> tuple[str, str]:
        """What the pairs' columns are called: the keys' names, behind their table's where both are called the same."""
        (left, one), (right, other) = self.left, self.right
        return (one, other) if one != other else (f"{left}_{one}", f"{right}_{other}")


_FORMS = (
    "gmbh co kgaa", "gmbh co kg", "ag co kg", "ug haftungsbeschränkt co kg", "ug haftungsbeschränkt",
    "gesellschaft mbh", "co", "gmbh", "mbh", "kgaa", "ohg", "gbr", "partg", "ek", "ev", "eg", "ag", "kg", "ug", "se",
    "sp z oo", "spol s ro", "sro", "sa rl", "sarl", "sas", "sa", "srl", "spa", "bv", "nv", "ab", "as", "aps", "oy",
    "ltd", "limited", "llc", "inc", "plc",
)  # fmt: skip
"""Legal forms at the end of a company's name, longer ones first, as `company_name` spells them."""

_LETTERS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("æ", "ae"), ("ø", "oe"), ("œ", "oe"), ("ł", "l"))


def _company(text: str) -> str:
    """Lower case without accents and punctuation, `&` and `und` alike, without the legal form at the end."""
    spelled = f"lower({text})"
    for letter, plain in _LETTERS:
        spelled = f"replace({spelled}, '{letter}', '{plain}')"
    spelled = f"strip_accents({spelled})"
    spelled = f"regexp_replace({spelled}, '[.''’`]', '', 'g')"
    spelled = f"trim(regexp_replace({spelled}, '[^a-z0-9]+', ' ', 'g'))"
    spelled = f"regexp_replace({spelled}, '\\b(und|and|et|u|e|i)\\b', ' ', 'g')"
    forms = "|".join(sorted({_plain(form) for form in _FORMS}, key=lambda form: (-len(form), form)))
    spelled = f"regexp_replace(regexp_replace({spelled}, ' +', ' ', 'g'), '( ({forms}))+$', '')"
    return f"nullif(trim({spelled}), '')"


def _plain(form: str) -> str:
    for letter, plain in _LETTERS:
        form = form.replace(letter, plain)
    return form


def _domain(text: str) -> str:
    """The host of an e-mail address, a URL or a bare domain: lower case, without `www.` and port."""
    bare = f"regexp_replace(lower(trim({text})), '^([a-z][a-z0-9+.-]*://)?([^/?#]*@)?(www\\.)?', '')"
    return f"nullif(regexp_extract({bare}, '^[^/?#:]*\\.[^/?#:]+'), '')"


NORMALISERS: Mapping[str, str] = MappingProxyType(
    {
        "exact": "as it is",
        "casefold": "without regard to case and blanks around it",
        "alphanumeric": "letters and digits only, upper case: VAT, IBAN and article numbers",
        "digits": "digits only",
        "domain": "the host of an e-mail address, a URL or a domain, without www.",
        "company_name": "without case, accents, punctuation and legal form; ä is ae, & is und",
    }
)
"""The normal forms a rule may compare by, and what each does."""


def _normal(by: str, column: str) -> str:
    text = f"CAST({_quoted(column)} AS VARCHAR)"
    if by == "casefold":
        return f"nullif(lower(trim({text})), '')"
    if by == "alphanumeric":
        return f"nullif(upper(regexp_replace({text}, '[^\\p{{L}}\\p{{N}}]', '', 'g')), '')"
    if by == "digits":
        return f"nullif(regexp_replace({text}, '[^0-9]', '', 'g'), '')"
    return _domain(text) if by == "domain" else _company(text) if by == "company_name" else text


def _quoted(name: str) -> str:
    """An identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def query_of(match: Match) -> str:
    """The query (DuckDB) of all pairs: both keys, `rule`, and the `value` that joined them."""
    parts: list[str] = []
    for number, rule in enumerate(match.rules, 1):
        for side, (table, key), column in (("l", match.left, rule.left), ("r", match.right, rule.right)):
            parts.append(f"{side}{number} AS ({_alone(table, key, _normal(rule.by, column))})")
        parts.append(f"pairs{number} AS ({_pairs(number, rule.name)})")
    left, right = map(_quoted, match.columns)
    every = "\nUNION ALL ".join(
        f"SELECT l AS {left}, r AS {right}, rule, value FROM pairs{number}" for number in range(1, len(match.rules) + 1)
    )
    return f"WITH {f',{chr(10)}'.join(parts)}\n{every}"


def _alone(table: str, key: str, value: str) -> str:
    """The values that name just one row of a table, each with that row's key."""
    values = f"SELECT {_quoted(key)} AS k, {value} AS v FROM {_quoted(table)}"
    return f"SELECT v, min(k) AS k FROM ({values}) WHERE v IS NOT NULL GROUP BY v HAVING count(*) = 1"


def _pairs(number: int, rule: str) -> str:
    """The pairs that a rule joins, of rows that no rule before it has joined."""
    name = "'" + rule.replace("'", "''") + "'"
    pairs = f"SELECT l.k AS l, r.k AS r, {name} AS rule, l.v AS value FROM l{number} l JOIN r{number} r ON l.v = r.v"
    free = [
        f"NOT EXISTS (SELECT 1 FROM pairs{before} p WHERE p.{side} = {side}.k)"
        for before in range(1, number)
        for side in ("l", "r")
    ]
    return f"{pairs} WHERE {' AND '.join(free)}" if free else pairs
