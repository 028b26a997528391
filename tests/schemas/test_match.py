"""Matching against an oracle in plain Python: which rows of two tables are one, and by which rule."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.schemas.match import NORMALISERS, Match, MatchRule, query_of

RULES = (
    MatchRule("vat_number", "vat", "vat_no", "alphanumeric"),
    MatchRule("email_domain", "site", "email", "domain"),
    MatchRule("name", "name", "name", "company_name"),
)
MATCH = Match(("companies", "company_id"), ("customers", "customer_id"), RULES)

SPELLED = {
    "alphanumeric": ["de 1", "DE-1", "DE1", "de2", "", "  ", "ÄÖ 3", "äö3", None],
    "domain": [
        "a@x.de",
        "https://www.x.de/p",
        "X.DE",
        "info@gmail.com",
        "b@gmail.com",
        "x",
        "http://u:p@y.org:80",
        None,
    ],
    "company_name": ["Müller GmbH", "MUELLER", "Müller & Co. KG", "Höß AG", "hoess ag", "Ltd", "Ab Ag", "", None],
}
Row = tuple[int, str | None, str | None, str | None]


def rows(*ids: int) -> st.SearchStrategy[list[Row]]:
    texts = [st.sampled_from(SPELLED[rule.by]) for rule in RULES]
    return st.lists(st.tuples(st.sampled_from(ids), *texts), max_size=8, unique_by=lambda row: row[0])


def normal(by: str, text: str | None) -> str | None:
    """What the normal forms mean, said another way."""
    if text is None:
        return None
    if by == "alphanumeric":
        return "".join(letter for letter in text if letter.isalnum()).upper() or None
    if by == "domain":
        host = text.strip().lower().split("://")[-1].split("/")[0].split("@")[-1].removeprefix("www.").split(":")[0]
        return host if re.fullmatch(r"[^.].*\..*[^.]", host) else None
    words = text.lower()
    for letter, plain in {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}.items():
        words = words.replace(letter, plain)
    plain_words = "".join(c for c in unicodedata.normalize("NFD", words) if not unicodedata.combining(c))
    listed = re.findall(r"[a-z0-9]+", plain_words.replace(".", ""))
    listed = [word for word in listed if word not in ("und", "and", "u", "e", "i", "et")]
    while len(listed) > 1 and listed[-1] in ("gmbh", "ag", "kg", "ltd", "ab", "co"):
        listed.pop()
    return " ".join(listed) or None


def pairs_of(left: list[Row], right: list[Row]) -> set[tuple[int, int, str]]:
    found: set[tuple[int, int, str]] = set()
    for number, rule in enumerate(RULES, 1):
        sides = [{row[0]: normal(rule.by, row[number]) for row in side} for side in (left, right)]
        alone = [{v: k for k, v in s.items() if v is not None and [*s.values()].count(v) == 1} for s in sides]
        taken = [{pair[side] for pair in found} for side in (0, 1)]
        for value in alone[0].keys() & alone[1].keys():
            pair = alone[0][value], alone[1][value]
            if pair[0] not in taken[0] and pair[1] not in taken[1]:
                found.add((*pair, rule.name))
    return found


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE companies (company_id INTEGER, vat VARCHAR, site VARCHAR, name VARCHAR)")
        con.execute("CREATE TABLE customers (customer_id INTEGER, vat_no VARCHAR, email VARCHAR, name VARCHAR)")
        yield con


def answer(con: duckdb.DuckDBPyConnection, left: list[Row], right: list[Row]) -> list[tuple[int, int, str]]:
    for table, side in (("companies", left), ("customers", right)):
        con.execute(f"DELETE FROM {table}")
        if side:
            places = ", ".join(["(?, ?, ?, ?)"] * len(side))
            con.execute(f"INSERT INTO {table} VALUES {places}", [value for row in side for value in row])
    return con.execute(f"SELECT company_id, customer_id, rule FROM ({query_of(MATCH)})").fetchall()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(rows(1, 2, 3, 4, 5), rows(11, 12, 13, 14, 15))
def test_pairs_are_those_of_the_oracle(con: duckdb.DuckDBPyConnection, left: list[Row], right: list[Row]) -> None:
    found = answer(con, left, right)
    assert len(found) == len({*found}) and {*found} == pairs_of(left, right)
    assert len({pair[0] for pair in found}) == len({pair[1] for pair in found}) == len(found)


def test_the_first_rule_wins_and_what_several_share_proves_nothing(con: duckdb.DuckDBPyConnection) -> None:
    left: list[Row] = [(1, "DE 1", "x.de", "Nord"), (2, None, "gmail.com", "Süd AG"), (3, None, None, "Ost GmbH")]
    right: list[Row] = [(11, "de1", "a@other.de", "Other"), (12, None, "b@x.de", "Sued")]
    right += [(13, None, "c@gmail.com", "Ost"), (14, None, "d@gmail.com", "OST KG")]
    assert sorted(answer(con, left, right)) == [(1, 11, "vat_number"), (2, 12, "name")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Müller & Söhne GmbH & Co. KG", "mueller soehne"),
        ("Van Dijk B.V.", "van dijk"),
        ("Kowalski sp. z o.o.", "kowalski"),
        ("Société Générale S.A.", "societe generale"),
        ("GmbH", "gmbh"),
        ("  ", None),
    ],
)
def test_company_names(text: str, expected: str | None) -> None:
    match = Match(("a", "k"), ("b", "k"), (MatchRule("name", "name", "name", "company_name"),))
    with duckdb.connect() as con:
        con.execute("CREATE TABLE a AS SELECT 1 AS k, ? AS name", [text])
        con.execute("CREATE TABLE b AS FROM a")
        found = con.execute(query_of(match)).fetchall()
    assert found == ([(1, 1, "name", expected)] if expected else [])
    assert match.columns == ("a_k", "b_k")


def test_every_normal_form_is_explained() -> None:
    assert all(NORMALISERS.values()) and {rule.by for rule in RULES} < {*NORMALISERS}


def test_names_are_quoted() -> None:
    match = Match(('a"b', "k"), ("b", 'k"k'), (MatchRule("it's", "v", 'v"v'),))
    with duckdb.connect() as con:
        con.execute('CREATE TABLE "a""b" AS SELECT 1 AS k, 2 AS v')
        con.execute('CREATE TABLE b AS SELECT 3 AS "k""k", 2 AS "v""v"')
        assert con.execute(query_of(match)).fetchall() == [(1, 3, "it's", "2")]
