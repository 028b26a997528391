"""Good and toxic, with every reason: differentially against pandera's own check functions, and by example."""

from __future__ import annotations

import copy
import datetime as dt
import functools
import json
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow as arrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import Customer, Measurement, Order, Plain
from pandera.api.polars.types import PolarsData

from tilth.schemas.contract import Contract, field
from tilth.schemas.judging import REASONS, Judge, judge

LANDED = {
    "id": [" c1", "c2", "c3", "", "c5"],
    "name": ["Ann", "x" * 21, None, "fÃ¼r", " "],
    "email": ["MAILTO:A@b.de ", "a@b", None, "", None],
    "limit": ["1.234,50", "(1,50)", "1,505", "1", "2000"],
    "since": ["31.12.2024", "1.1.2024", "01.01.2024", "30.02.2024", None],
    "group": ["A", "B", "C", None, None],
}


@functools.cache
def judge_of(model: Any) -> Judge:
    return Judge.of(model)


def condemns(reason: dict[str, str]) -> bool:
    return reason["severity"] == "error"


def landed() -> pl.DataFrame:
    return pl.DataFrame(LANDED).with_columns(_batch=pl.lit(7), _ordinal=pl.int_range(pl.len()))


def test_every_reason_of_every_toxic_row() -> None:
    judged = Judge.of(Customer).rows(landed())
    (good,) = judged.good.to_dicts()
    assert (good["_ordinal"], good["customer_id"], good["email"], good["_deleted"]) == (0, "C1", "a@b.de", False)
    assert judged.good.columns == ["_batch", "_ordinal", *Judge.of(Customer).spec.schema, "_deleted"]
    said = {
        row["_ordinal"]: [(r["rule"], r["column"], r["value"], r["expected"]) for r in row["reasons"] if condemns(r)]
        for row in judged.toxic.to_dicts()
    }
    assert said == {
        1: [
            ("parse", "since", "1.1.2024", "date like 31.12.2024"),
            ("str_length", "name", "x" * 21, "at least 1 and at most 20 characters"),
            ("greater_than_or_equal_to", "limit", "(1,50)", ">= 0"),
        ],
        2: [
            ("parse", "limit", "1,505", "decimal(12,2) like 1.234,50"),
            ("isin", "group", "C", "one of A, B"),
        ],
        3: [
            ("not_null", "customer_id", "", "a value"),
            ("parse", "since", "30.02.2024", "date like 31.12.2024"),
            ("no_mojibake", "name", "fÃ¼r", "text in one encoding, without traces of another"),
        ],
        4: [
            ("not_null", "since", None, "a value"),
            ("named_when_rich", "name,limit", '{"limit":"2000","name":" "}', "a name when the limit is above 1000"),
        ],
    }
    assert judged.toxic["key"].to_list() == ["C2", "C3", None, "C5"]
    assert judged.toxic.schema["reasons"] == REASONS and judged.toxic["version"].to_list() == [None] * 4


def test_raw_is_canonical_json_of_what_was_pulled() -> None:
    judged = Judge.of(Customer).rows(landed())
    raw = judged.toxic["raw"][0]
    pulled = {name: values[1] for name, values in LANDED.items()}
    assert raw == json.dumps(pulled, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_a_warning_counts_and_condemns_nobody() -> None:
    judged = Judge.of(Customer).rows(landed())
    by_rule = {(q.rule, q.column): q for q in judged.quality}
    email = by_rule["email", "email"]
    assert (email.severity, email.checked, email.failed) == ("warn", 2, 1)
    assert by_rule["parse", "since"].failed == 2 and by_rule["not_null", "since"].failed == 1
    assert by_rule["greater_than_or_equal_to", "limit"].checked == 4  # one could not be parsed
    assert all(0 <= q.failed <= q.checked <= 5 for q in judged.quality)


def test_a_toxic_record_keeps_what_only_warns_and_what_was_read() -> None:
    toxic = Judge.of(Customer).rows(landed()).toxic
    warned = [[(r["rule"], r["value"]) for r in reasons if not condemns(r)] for reasons in toxic["reasons"].to_list()]
    assert warned == [[("email", "a@b")], [], [], []]
    read = json.loads(toxic["read"][0])
    assert (read["limit"], read["since"], read["customer_id"], read["group"]) == ("-1.50", None, "C2", "B")


def test_missing_columns() -> None:
    raw = landed().drop("name", "since")
    judged = Judge.of(Customer).rows(raw)
    assert judged.good.height == 0 and judged.toxic.height == 5
    first = judged.toxic["reasons"][0].to_list()[0]
    told = {"rule": "column", "column": "since", "value": None, "expected": "column since in the source"}
    assert first == told | {"kind": "row", "severity": "error"}
    optional = Judge.of(Customer).rows(landed().drop("group", "email"))
    assert optional.good["group"].to_list() == [None] and optional.good.schema["email"] == pl.String


def test_nothing_toxic_copies_nothing_and_changes_nothing() -> None:
    raw = pl.DataFrame(
        {"number": [2, 3], "word": ["cd", None], "share": [0.2, 0.3], "Day": [dt.date(2024, 1, 1), None]}
    )
    judged = Judge.of(Plain).rows(raw)
    assert judged.toxic.height == 0 and judged.toxic.columns == ["key", "version", "raw", "read", "reasons"]
    assert judged.toxic.schema["reasons"] == REASONS
    assert judged.good.drop("_deleted").equals(raw)
    before = landed()
    Judge.of(Customer).rows(before)
    assert before.equals(landed())


def test_empty_batches_keep_their_shape() -> None:
    for model in (Customer, Plain, Measurement, Order):
        spec = Judge.of(model).spec
        raw = pl.DataFrame(schema={**{c.source: pl.String for c in spec.columns}, "_batch": pl.Int64})
        judged = Judge.of(model).rows(raw)
        assert judged.good.schema == {"_batch": pl.Int64, **spec.schema, "_deleted": pl.Boolean}
        assert judged.toxic.height == 0 and Judge.of(model).keys(raw).height == 0


def test_tombstones_need_only_their_key() -> None:
    raw = pl.DataFrame(
        {"order_id": ["7", "x", "8"], "line": ["1", "2", None], "changed": ["2024-06-01 10:00:00", "?", ""]}
    )
    judged = Judge.of(Order).tombstones(raw.with_columns(_batch=pl.lit(1)))
    (good,) = judged.good.to_dicts()
    assert good["changed"] == dt.datetime(2024, 6, 1, 10, tzinfo=dt.UTC) and good["price"] is None and good["_deleted"]
    assert [[r["rule"] for r in rs] for rs in judged.toxic["reasons"].to_list()] == [["parse"], ["not_null"]]
    assert judged.good.columns == ["_batch", *Judge.of(Order).spec.schema, "_deleted"]


def test_a_flag_column_makes_tombstones() -> None:
    raw = pl.DataFrame(
        {"order_id": [1, 2, 3, 4, None], "line": [1] * 5, "gone": ["true", "0", "?", None, "1"], "price": ["1"] * 5}
    ).with_columns(changed=pl.Series([None, None, dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1), None]))
    judged = Judge.of(Order, deleted="gone").rows(raw)
    assert judged.good.select("order_id", "_deleted").rows() == [(1, True), (4, False)]
    assert [(r["rule"], r["column"]) for rs in judged.toxic["reasons"].to_list() for r in rs] == [
        ("not_null", "changed"), ("parse", "gone"), ("not_null", "order_id"),
    ]  # fmt: skip
    stamped = raw.with_columns(gone=pl.Series([dt.datetime(2024, 1, 1), None, None, None, None]))
    assert Judge.of(Order, deleted="gone").rows(stamped).good["_deleted"].to_list() == [True, False, False]


class Flagged(Contract):
    """Says that it is gone in its own words."""

    id: int = field(key=True)
    gone: bool = field(nullable=True, true="ja", false="nein")
    since: dt.date = field(nullable=True, formats="%d.%m.%Y")


def test_a_flag_is_read_as_the_contract_reads_it() -> None:
    raw = pl.DataFrame({"id": [1, 2, 3], "gone": ["ja", "nein", "true"], "since": ["01.02.2024", None, "2024-02-01"]})
    by_word, by_day = (Judge.of(Flagged, deleted=flag).rows(raw) for flag in ("gone", "since"))
    assert by_word.good.select("id", "_deleted").rows() == [(1, True), (2, False)]
    assert by_day.good.select("id", "_deleted").rows() == [(1, True), (2, False)]
    assert {r["expected"] for rs in by_word.toxic["reasons"].to_list() for r in rs if r["column"] == "gone"} == {
        "true (ja) or false (nein)"
    }


def test_keys_are_read_alone() -> None:
    raw = pl.DataFrame({"order_id": ["7", "x", " 8"], "line": [1, 2, 3], "_ordinal": [0, 1, 2]})
    assert Judge.of(Order).keys(raw).rows() == [(0, '["7","1"]'), (1, None), (2, '["8","3"]')]
    quoted = pl.DataFrame({"id": ['a"b', "ä\\", "c\n"]})
    assert Judge.of(Customer).keys(quoted)["_key"].to_list() == ['A"B', "Ä\\", "C"]
    assert Judge.of(Plain).keys(pl.DataFrame({"number": [1, 2]})).rows() == [(None,), (None,)]


@given(st.lists(st.tuples(st.none() | st.text(), st.none() | st.text()), min_size=1))
def test_composite_keys_are_json_arrays(pairs: list[tuple[str | None, str | None]]) -> None:
    class Pair(Contract):
        a: str = field(key=True)
        b: str = field(key=True)

    got = Judge.of(Pair).keys(pl.DataFrame(pairs, schema={"a": pl.String, "b": pl.String}, orient="row"))["_key"]
    for (a, b), key in zip(pairs, got.to_list(), strict=True):
        blank = any(
            not text or not text.strip(" \t\n\r\x0b\x0c\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u3000")
            for text in (a, b)
        )
        if key is None:
            assert blank or any(text and not text.strip() for text in (a, b))
        else:
            assert json.loads(key) == [a, b]


NUMBER = st.none() | st.integers(-3, 110)
ROWS = st.lists(
    st.tuples(
        NUMBER,
        st.none() | st.sampled_from(["ab", "cd", "abc", "xcd", "b"]),
        st.none() | st.sampled_from([0.0, 0.05, 0.3, 0.99, 1.0, 2.0]),
        st.none() | st.dates(dt.date(2020, 1, 1), dt.date(2020, 2, 1)),
    ),
    min_size=1,
    max_size=12,
)


def holds(check: pa.Check, value: Any) -> bool:
    """What cannot be evaluated does not hold."""
    try:
        return check._check_fn(value)
    except IndexError:
        return False


def pandera_says(model: Any, frame: pl.DataFrame) -> dict[tuple[str, str], list[bool]]:
    """Each check's own function, called with the frame as pandera would; per row whether it is violated."""
    schema = copy.deepcopy(model.to_schema())
    said: dict[tuple[str, str], list[bool]] = {}
    checks = [(name, check) for name, column in schema.columns.items() for check in column.checks]
    for key, check in [*checks, *(("*", check) for check in schema.checks)]:
        if check.element_wise:
            passed = [None if v is None else holds(check, v) for v in frame[key].to_list()]
        else:
            result = check(frame.lazy(), key).check_output.collect().to_series().to_list()
            passed = result if len(result) == frame.height else result * frame.height
        said[key, check.name] = [not (check.ignore_na if p is None else p) for p in passed]
    return said


def complaints(model: Any, frame: pl.DataFrame) -> set[tuple[int, str, str]]:
    """Every (row, column, rule) that must be complained of, rules on nulls that are not allowed left out."""
    spec = judge_of(model).spec
    nulls = {(i, c.name) for c in spec.columns if not c.nullable for i, v in enumerate(frame[c.name]) if v is None}
    roots = {"both": ("number", "share"), "derived": (), "first_is_s1": (), "fewer_kept": ("sensor", "value")}
    warned = {check.name for c in model.to_schema().columns.values() for check in c.checks if check.raise_warning}
    found = {(i, name, "not_null") for i, name in nulls}
    for (key, rule), violated in pandera_says(model, frame).items():
        looked = roots[rule] if key == "*" else (key,)
        shown = ",".join(looked)
        found |= {
            (i, shown, rule)
            for i, bad in enumerate(violated)
            if bad and rule not in warned and not any((i, name) in nulls for name in looked)
        }
    return found


def judged_complaints(model: Any, frame: pl.DataFrame) -> set[tuple[int, str, str]]:
    judged = judge_of(model).rows(frame.with_row_index("_row"))
    assert judged.good.height + judged.toxic.height == frame.height
    assert set(judged.good["_row"]) | set(judged.toxic["_row"]) == set(range(frame.height))
    told = ((t["_row"], r) for t in judged.toxic.to_dicts() for r in t["reasons"])
    return {(row, r["column"] or "", r["rule"]) for row, r in told if condemns(r)}


@settings(max_examples=50)
@given(ROWS)
def test_verdicts_are_pandera_s_own(rows: list[tuple[Any, ...]]) -> None:
    schema = {"number": pl.Int64, "word": pl.String, "share": pl.Float64, "Day": pl.Date}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    assert judged_complaints(Plain, frame) == complaints(Plain, frame)
    as_text = frame.with_columns(pl.all().cast(pl.String))
    assert judged_complaints(Plain, as_text) == complaints(Plain, frame)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.none() | st.sampled_from(["s0", "s1", "t"]), st.none() | st.floats(-60, 60)),
        min_size=1,
        max_size=12,
    )
)
def test_verdicts_on_more_than_a_row_are_pandera_s_own(rows: list[tuple[Any, ...]]) -> None:
    frame = pl.DataFrame(rows, schema={"sensor": pl.String, "value": pl.Float64}, orient="row")
    assert judged_complaints(Measurement, frame) == complaints(Measurement, frame)


def test_rules_know_their_kind() -> None:
    rules = {rule.name: rule for rule in Judge.of(Measurement).rules}
    kinds = {name: rule.kind for name, rule in rules.items() if rule.expression is None}
    assert kinds == dict.fromkeys(("near_mean", "looks_first", "few_nulls", "derived", "first_is_s1"), "set")
    assert Judge.of(Measurement).needs_whole and not Judge.of(Customer).needs_whole and not Judge.of(Plain).needs_whole
    assert [rule.name for rule in Judge.of(Plain).rules if rule.slow] == ["no_b_second"]


def test_a_rule_that_cannot_be_evaluated_is_false_for_that_row() -> None:
    class Coded(pa.DataFrameModel):
        code: str

        @pa.check("code")
        def above_five(cls, data: PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col(data.key).cast(pl.Int64) > 5)

        @pa.check("code", element_wise=True)
        def odd(cls, code: str) -> bool:
            return int(code) % 2 == 1

    judged = Judge.of(Coded).rows(pl.DataFrame({"code": ["7", "x", "3", "9", "", "8"]}))
    assert judged.good["code"].to_list() == ["7", "9"]
    assert [[r["rule"] for r in rs] for rs in judged.toxic["reasons"].to_list()] == [
        ["above_five", "odd"], ["above_five"], ["not_null"], ["odd"],
    ]  # fmt: skip


def test_the_library_face_settles_keys_inside_the_frame() -> None:
    rows = pl.DataFrame(
        {"id": ["a", "A", "b", "b", "c", "d"], "limit": ["1", "1,00", "2", "3", "x", "5"], "since": ["01.01.2024"] * 6}
    )
    verdict = judge(rows, Customer)
    assert verdict.good["customer_id"].to_list() == ["A", "D"]
    assert verdict.toxic["row"].to_list() == [2, 3, 4]
    assert verdict.counts == {"pulled": 6, "good": 2, "duplicate": 1, "toxic": 3}
    assert verdict.reasons.select("row", "rule", "value").rows() == [
        (2, "unique", "B"),
        (3, "unique", "B"),
        (4, "parse", "x"),
    ]


def test_judging_is_deterministic() -> None:
    first, again = (Judge.of(Customer).rows(landed()) for _ in range(2))
    assert first.good.equals(again.good) and first.toxic.equals(again.toxic) and first.quality == again.quality


@pytest.mark.parametrize(
    ("rows", "told"), [({"a": [1]}, "got dict: pl.Data"), (arrow.table({"a": [1]}), "pl.from_arrow")]
)
def test_what_is_no_frame_is_told_how_to_become_one(rows: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        judge(rows, Plain)
