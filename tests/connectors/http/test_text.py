"""Text stays source text: what a JSON record holds comes out as it was written."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.http.conftest import Make, take
from tests.connectors.http.misbehaving import Misbehaving
from tilth.connectors.http.records import columns_of, kinds_of, read, table_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def one(text: str, *columns: str) -> list[Any]:
    table, _ = table_of([read(text)], columns)
    assert all(field.type == pa.string() for field in table.schema)
    return list(table.to_pylist()[0].values())


@pytest.mark.parametrize("number", ["1.10", "0", "-0", "-0.0", "1e5", "1E+05", "12345678901234567890123", "0.1000"])
def test_numbers_stay_as_they_are_written(number: str) -> None:
    nested = f'{{"n": {number}, "deep": {{"list": [{number}, "{number}"]}}}}'
    assert one(nested, "n", "deep", "deep.list.0") == [number, f'{{"list":[{number},"{number}"]}}', number]


def test_truth_null_and_text() -> None:
    assert one('{"a": true, "b": false, "c": null, "d": "null", "e": ""}', "a", "b", "c", "d", "e") == [
        "true", "false", None, "null", "",
    ]  # fmt: skip


def test_a_path_leads_into_what_is_nested_and_a_name_with_a_dot_goes_before_it() -> None:
    text = '{"a.b": 1, "a": {"b": 2, "c": null, "d": [{"e": 3}]}}'
    assert one(text, "a.b", "a.c", "a.d.0.e", "a.d.1.e", "a.x.y") == ["1", None, "3", None, None]


def test_what_no_record_has_is_named() -> None:
    records = [read('{"a": null, "b": {"c": 1}, "n": null}'), read('{"b": {}}')]
    assert table_of(records, ["a", "b.c", "n.deep", "b.d", "x"])[1] == ["b.d", "x"]
    assert table_of([], ["a"])[1] == []


@given(st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=5))
def test_any_record_is_read_as_python_reads_it(records: list[dict[str, Any]]) -> None:
    read_back = [read(json.dumps(record)) for record in records]
    table, _ = table_of(read_back, columns_of(read_back))
    for row, record in zip(table.to_pylist(), records if table.num_columns else [], strict=True):
        for name, value in record.items():
            text = row[name]
            if value is None or isinstance(value, str):
                assert text == value
            else:
                assert json.loads(text, parse_float=Decimal) == json.loads(json.dumps(value), parse_float=Decimal)
                assert isinstance(value, int | float) or " " not in text or " " in json.dumps(value)


def test_half_a_surrogate_pair_is_kept_as_its_escape() -> None:
    assert one('{"a": "x\\ud800y"}', "a") == ["x\\ud800y"]
    assert one('{"a": "\\ud83d\\ude00"}', "a") == ["😀"]


def test_all_columns_where_none_are_named(api: Misbehaving, make: Make) -> None:
    api.records[20]["further"] = 1
    rows = take(make(), columns=None).rows
    assert list(rows[0]) == ["id", "name", "score", "address", "updated_at", "deleted", "further"]
    assert [row["further"] for row in rows if row["further"]] == ["1"]


def test_tombstones_are_told_by_a_field(api: Misbehaving, make: Make) -> None:
    for number, gone in {3: "D", 4: 1, 5: True, 6: "x"}.items():
        api.records[number]["gone"] = gone
    made = make(tombstones={"field": "gone", "values": ["D", 1, True]})
    taken = take(made)
    assert [row["id"] for row in taken.deleted] == ["C-00003", "C-00004", "C-00005"] and len(taken.ids) == 32
    assert list(taken.deleted[0]) == ["id", "updated_at"]
    assert len(take(make(tombstones={"field": "gone"})).deleted) == 4


def test_kinds() -> None:
    text = '{"a": 1, "b": 1.5, "c": true, "d": "2026-01-01T10:00:00Z", "e": "2026-01-01", "f": {}, "g": "x", "h": null}'
    assert dict(kinds_of([read(text), read('{"b": 2}')])) == {
        "a": "integer", "b": "double", "c": "boolean", "d": "datetime", "e": "date", "f": "json", "g": "text",
        "h": "text",
    }  # fmt: skip
