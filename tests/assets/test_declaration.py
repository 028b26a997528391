"""A declaration's mistakes: all of them, each at its line, with what was probably meant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.assets.attributes import Known
from tilth.assets.declaration import derived_from, parse, raise_mistakes, table_from
from tilth.assets.declarations import read_defs
from tilth.assets.declared import (
    Chunking,
    Deletes,
    DerivedDeclaration,
    Freshness,
    Parsing,
    TableDeclaration,
    Toxic,
)
from tilth.assets.marked import near
from tilth.assets.query import QueryProblem, tables_read
from tilth.errors import DeclarationError

KEYS = (
    "name", "contract", "source", "object", "cursor", "load", "version", "deletes", "owner", "description",
    "freshness", "toxic", "rights", "format",
)  # fmt: skip
GOOD = """\
type: tilth.assets.Table
attributes:
  name: customers
  contract: contracts.Customer
  source: crm
  object: contacts
  cursor: updated_at
  load: merge
  version: updated_at
  deletes: tombstones
  owner: team:sales-ops
  description: People we sell to.
  freshness: {deadline: "0 6 * * *", max_age: 26h}
  toxic: {max_share: 0.02, min_rows: 20, max_rows: 500, beyond: hold}
  rights: {licence: proprietary, consent_column: consent, purposes: [analytics, training]}
  format: {kind: delimited, columns: [a, b]}
"""
DERIVED = """\
type: tilth.assets.Derived
attributes:
  name: wide
  contract: contracts.Wide
  sql: |
    WITH big AS (SELECT * FROM orders WHERE amount > 10)
    SELECT * FROM big JOIN main.lines USING (order_id)
    WHERE customer IN (FROM customers SELECT id)
"""


def declared(text: str, **more: object) -> list[TableDeclaration | DerivedDeclaration]:
    found, mistakes = parse(dedent(text), "defs/x/defs.yaml", known=Known(**more))  # pyright: ignore[reportArgumentType]
    raise_mistakes(mistakes)
    return found


def test_a_table_as_in_the_design() -> None:
    (table,) = declared(GOOD, sources={"crm"})
    assert isinstance(table, TableDeclaration)
    assert (table.name, table.source, table.object, table.load) == ("customers", "crm", "contacts", "merge")
    assert table.freshness == Freshness("0 6 * * *", timedelta(hours=26))
    assert table.toxic == Toxic(0.02, 20, "hold", 500)
    assert table.deletes == Deletes("tombstones")
    assert table.rights.purposes == ("analytics", "training")
    assert table.format == {"kind": "delimited", "columns": ["a", "b"]}
    assert table.where == "defs/x/defs.yaml:1"


def test_a_derived_table_finds_its_inputs() -> None:
    (wide,) = declared(DERIVED)
    assert isinstance(wide, DerivedDeclaration)
    assert wide.inputs == ("customers", "lines", "orders")


def test_sql_may_stand_in_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "wide.sql").write_text("SELECT *\nFROM orders\nWHER x", "utf-8")
    text = DERIVED.partition("  sql:")[0]
    _, mistakes = parse(text + "  sql_file: wide.sql\n", "defs/x/defs.yaml", known=Known(folder=tmp_path))
    assert [mistake.where for mistake in mistakes] == ["defs/x/wide.sql:3"]
    _, mistakes = parse(text + "  sql_file: wid.sql\n", "defs/x/defs.yaml", known=Known(folder=tmp_path))
    assert "wide.sql, perhaps" in mistakes[0].expected


MISTAKES = [
    ("  load: merge", "  load: history", "later", "merge, append or replace"),
    ("  load: merge", "  load: mrege", "load is not one of", "merge, perhaps"),
    ("  load: merge", "  load: append", "cannot take deletes", "load: merge"),
    ("  source: crm", "  source: crmm", "no connection is named crmm", "crm, perhaps"),
    ("  source: crm", "  sorce: crm", "has no key sorce", "source, perhaps"),
    ("  source: crm", "  source: 12", "source must be text", "text"),
    ("  source: crm", "  source:", "source is empty", "source"),
    ("  object: contacts", "  object: [contacts]", "object must be text", "text"),
    ("  name: customers", "  name: 1st", "name cannot be", "a letter first"),
    ("  name: customers", "  name: no", "name must be text", "quoted"),
    ("contract: contracts.Customer", "contract: Customer", "contract cannot be", "module.Class"),
    ("owner: team:sales-ops", "owner: sales", "owner cannot be", "team:NAME"),
    ("deletes: tombstones", "deletes: tombstone", "deletes is not known", "tombstones, perhaps"),
    ("deletes: tombstones", "deletes: column", "does not say which", "is_deleted"),
    ("deletes: tombstones", "deletes: {column: }", "names no column", "is_deleted"),
    ("deletes: tombstones", "deletes: {colum: gone}", "has no key colum", "column, perhaps"),
    ("deletes: tombstones", "deletes: {compare_keys: dayly}", "how often", "daily, perhaps"),
    ("deletes: tombstones", "deletes: {compare_keys: daily, column: a}", "not both", ""),
    ("max_age: 26h", "max_age: 26", "not a duration", "26h"),
    ("max_age: 26h", "max_age: 0h", "not a duration", "26h"),
    ("max_age: 26h", "maxage: 26h", "has no key maxage", "max_age, perhaps"),
    ('"0 6 * * *"', '"0 25 * * *"', "hour", "0 6"),
    ('"0 6 * * *"', '"every day"', "cron", "0 6"),
    ('"0 6 * * *"', "6", "cron", "0 6"),
    ("max_share: 0.02", "max_share: 2", "out of range", "0 to 1"),
    ("max_share: 0.02", 'max_share: "2 %"', "must be a number", "0 to 1"),
    ("max_share: 0.02", "max_share: true", "must be a number", "0 to 1"),
    ("max_share: 0.02", "max_share: .nan", "out of range", "0 to 1"),
    ("min_rows: 20", "min_rows: 2.5", "must be a number", "whole"),
    ("max_rows: 500", "max_rows: -1", "out of range", "0 to"),
    ("max_rows: 500", "max_rows: 1.5", "must be a number", "whole"),
    ("beyond: hold", "beyond: halt", "beyond is not one of", "hold"),
    ("{max_share: 0.02, min_rows: 20, max_rows: 500, beyond: hold}", "3", "toxic must be a mapping", "key: value"),
    ("purposes: [analytics, training]", "purposes: analytics", "must be a list", "[one, two]"),
    ("purposes: [analytics, training]", "purposes: [1]", "texts only", "text"),
    ("format: {kind: delimited, columns: [a, b]}", "format: csv", "format must be a mapping", ""),
    ("tilth.assets.Table", "tilth.assets.Tabel", "unknown type", "tilth.assets.Table, perhaps"),
    ("tilth.assets.Table", "tilth.asset.Table", "unknown type", "tilth.assets.Table, perhaps"),
    ("tilth.assets.Table", "Table", "unknown type", "tilth.assets.Table, perhaps"),
    ("tilth.assets.Table", "tilth.assets.Document", "unknown type", "tilth.assets.Documents, perhaps"),
    ("  cursor: updated_at", "  cursor: updated_at\n  cursor: other", "cursor stands twice", ""),
    ("  cursor: updated_at", "  1: updated_at", "a key must be text", ""),
    ("  cursor: updated_at", "  cursor: [updated_at", "not valid YAML", ""),
    ("  cursor: updated_at", "\tcursor: updated_at", "not valid YAML", ""),
    ("attributes:", "attribute:", "has no key attribute", "attributes, perhaps"),
]


@pytest.mark.parametrize(("old", "new", "what", "expected"), MISTAKES)
def test_a_mistake_is_told_at_its_line(old: str, new: str, what: str, expected: str) -> None:
    text = GOOD.replace(old, new)
    _, mistakes = parse(text, "defs/x/defs.yaml", known=Known(sources={"crm"}))
    told = [mistake for mistake in mistakes if what in mistake.what]
    assert told, [str(mistake) for mistake in mistakes]
    assert expected in told[0].expected
    line = int(told[0].where.rpartition(":")[2])
    first = text[: text.index(new.strip())].count("\n") + 1
    assert first <= line <= first + new.count("\n") + 1


LIBRARY = """
type: tilth.assets.Documents
attributes:
  name: documents
  source: crm
  object: "**/*"
  owner: team:knowledge
  chunks: {table: chunks, max_characters: 800}
  parse: {encoding: cp1252, warn: [extension], max_bytes: 1000, max_seconds: 5}
  freshness: {max_age: 26h}
"""


def test_a_document_set_is_a_table_of_documents_and_one_of_their_chunks() -> None:
    documents, chunks = declared(LIBRARY)
    assert isinstance(documents, TableDeclaration) and isinstance(chunks, DerivedDeclaration)
    assert (documents.name, chunks.name, chunks.inputs) == ("documents", "chunks", ("documents",))
    assert documents.parsing == Parsing("cp1252", ("extension",), max_bytes=1000, max_seconds=5)
    assert (documents.format, documents.deletes.kind) == ({"kind": "documents", "max_bytes": 1000}, "tombstones")
    assert chunks.chunking == Chunking(800)
    assert documents.freshness == chunks.freshness == Freshness(None, timedelta(hours=26))
    plain, pieces = declared(LIBRARY.replace("  chunks: {table: chunks, max_characters: 800}\n", ""))
    assert (plain.name, pieces.name) == ("documents", "documents_chunks")


@pytest.mark.parametrize(
    ("old", "new", "what", "expected"),
    [
        ("warn: [extension]", "warn: [extention]", "no rule extention", "extension, perhaps"),
        ("max_seconds: 5", "max_second: 5", "has no key max_second", "max_seconds, perhaps"),
        ("max_characters: 800", "max_characters: 8", "out of range", "from 100"),
        ("  source: crm", "  source: crmm", "no connection is named crmm", "crm, perhaps"),
        ("  object:", "  objekt:", "has no key objekt", "object, perhaps"),
        ("  owner:", "  contract: contracts.Own\n  owner:", "has no key contract", ""),
    ],
)
def test_a_mistake_in_a_document_set_is_told(old: str, new: str, what: str, expected: str) -> None:
    _, mistakes = parse(LIBRARY.replace(old, new), "defs/x/defs.yaml", known=Known(sources={"crm"}))
    told = [mistake for mistake in mistakes if what in mistake.what]
    assert told, [str(mistake) for mistake in mistakes]
    assert expected in told[0].expected


def test_all_mistakes_are_told_at_once() -> None:
    text = GOOD.replace("merge", "mrege").replace("26h", "26x").replace("source:", "sorce:").replace("0.02", "7")
    _, mistakes = parse(text, "defs/x/defs.yaml")
    assert len(mistakes) == 5  # the mistyped key is one, the missing one another
    with pytest.raises(ExceptionGroup) as caught:
        raise_mistakes(mistakes)
    assert caught.value.subgroup(DeclarationError) is not None


@pytest.mark.parametrize("text", ["", "---\n", "- a\n- b\n", "just text", "type: x", "a: &a [*a]", "attributes: {}"])
def test_what_is_no_declaration_is_told_not_raised(text: str) -> None:
    found, mistakes = parse(text, "defs/x/defs.yaml")
    assert found == []
    assert mistakes
    assert all(mistake.where.startswith("defs/x/defs.yaml") for mistake in mistakes)


def test_somebody_elses_component_is_left_to_dagster() -> None:
    found, mistakes = parse("type: dagster.DefsFolderComponent\nanything: {}\n", "defs/x/defs.yaml")
    assert (found, mistakes) == ([], [])


def test_attributes_of_a_component_are_read_the_same() -> None:
    table = table_from({"name": "a", "contract": "c.A", "source": "s", "object": "o"}, where="here")
    assert (table.name, table.where) == ("a", "here")
    query = {"name": "b", "contract": "c.B", "sql": "FROM a"}
    assert derived_from(query, where="here").inputs == ("a",)
    with pytest.raises(DeclarationError, match="here: a derived table has no sql"):
        derived_from({"name": "b", "contract": "c.B"}, where="here")


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("selec 1", "syntax"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("DELETE FROM a", "not a SELECT"),
        ("SELECT * FROM read_csv('a.csv')", "read_csv"),
        ("FROM _catalog.tables", "_catalog.tables"),
        ("", "0 statements"),
    ],
)
def test_a_query_that_is_none(sql: str, problem: str) -> None:
    with pytest.raises(QueryProblem, match=problem):
        tables_read(sql)


def test_with_names_hide_tables_only_where_they_reach() -> None:
    assert tables_read("WITH a AS (FROM a) FROM a") == ("a",)
    assert tables_read("WITH a AS (FROM b), c AS (FROM a) FROM c") == ("b",)
    assert tables_read("WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r") == ()
    assert tables_read("SELECT * FROM x, range(3), (VALUES (1)) v(i), (FROM y)") == ("x", "y")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    return folder


def query(name: str, sql: str) -> str:
    return f"type: tilth.assets.Derived\nattributes:\n  name: {name}\n  contract: c.C\n  sql: {sql}\n"


def test_what_declarations_say_of_each_other(tmp_path: Path) -> None:
    other = GOOD.replace("customers", "Customers")
    defs = write(
        tmp_path / "defs",
        a__defs_yaml=GOOD,
        b__defs_yaml=other,
        c__defs_yaml=query("one", "FROM two JOIN custmers USING (id)"),
        d__defs_yaml=query("two", "FROM one"),
        e__table_yaml=GOOD,
        f__notes_yaml="just: notes\n",
    )
    found = read_defs(defs, base=tmp_path, sources={"crm"})
    told = {mistake.where: mistake for mistake in found.mistakes}
    assert "declared twice" in told["defs/b/defs.yaml:3"].what
    assert "defs/a/defs.yaml:3" in told["defs/b/defs.yaml:3"].got
    assert "never read" in told["defs/e/table.yaml:1"].what
    assert told["defs/e/table.yaml:1"].next == "mv defs/e/table.yaml defs/e/defs.yaml"
    texts = [str(mistake) for mistake in found.mistakes]
    assert any("reads custmers" in text and "customers, perhaps" in text for text in texts)
    assert any("circle" in text and "one → two → one" in text for text in texts)
    assert len(texts) == 4


def test_a_circle_of_one_and_tables_in_any_case(tmp_path: Path) -> None:
    defs = write(tmp_path / "defs", a__defs_yaml=GOOD, b__defs_yaml=query("b", "FROM b JOIN CUSTOMERS USING (id)"))
    found = read_defs(defs, base=tmp_path, sources={"crm"})
    assert [mistake.got for mistake in found.mistakes] == ["b → b"]
    assert set(found.derived["b"].inputs) == {"b", "customers"}


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "defs/a").mkdir(parents=True)
    (tmp_path / "defs/a/defs.yaml").write_bytes(b"type: x\nname: \xe4\n")
    found = read_defs(tmp_path / "defs", base=tmp_path)
    assert found.mistakes[0].where == "defs/a/defs.yaml:2"
    assert "0xe4" in found.mistakes[0].got


def slips(word: str) -> st.SearchStrategy[str]:
    """One slip of the finger in a word: a letter lost, doubled, swapped or mistaken."""
    place = st.integers(0, len(word) - 2)
    return st.one_of(
        place.map(lambda i: word[:i] + word[i + 1 :]),
        place.map(lambda i: word[:i] + word[i] + word[i:]),
        place.map(lambda i: word[:i] + word[i + 1] + word[i] + word[i + 2 :]),
        st.tuples(place, st.sampled_from("qxz")).map(lambda at: word[: at[0]] + at[1] + word[at[0] + 1 :]),
    )


@given(st.sampled_from(KEYS).flatmap(lambda key: st.tuples(st.just(key), slips(key))))
def test_a_slip_in_a_key_is_always_told_with_the_key_that_was_meant(slip: tuple[str, str]) -> None:
    key, typed = slip
    if typed in KEYS:
        return
    text = GOOD.replace(f"\n  {key}:", f"\n  {typed}:")
    _, mistakes = parse(text, "defs/x/defs.yaml", known=Known(sources={"crm"}))
    told = [mistake for mistake in mistakes if mistake.got == typed]
    assert len(told) == 1
    assert told[0].expected == f"{near(typed, KEYS)}, perhaps"
    assert near(typed, KEYS) == key


@given(st.text(max_size=200))
def test_any_text_is_read_or_told(text: str) -> None:
    for known in (text, f"type: tilth.assets.Table\nattributes:\n  {text}"):
        found, mistakes = parse(known, "x.yaml", known=Known(queries=False))
        assert found or mistakes or "type" in known


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KEYS), values))
def test_any_attributes_make_a_table_or_mistakes(attributes: dict[str, object]) -> None:
    try:
        table = table_from(attributes, where="here")
    except* DeclarationError as mistakes:
        assert all("here" in str(mistake) for mistake in mistakes.exceptions)
    else:
        assert table.name
        assert 0 <= table.toxic.max_share <= 1
