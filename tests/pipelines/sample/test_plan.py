"""The story is the same for the same seed, and its truth keeps the balances it is there to test."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from tilth.pipelines.sample.crm import misbehaviour
from tilth.pipelines.sample.plan import Plan, plan

LINES = 2_000


@pytest.fixture(scope="module")
def story() -> Plan:
    return plan(seed=7, lines=LINES)


@pytest.fixture(scope="module")
def nights(story: Plan) -> dict[str, Any]:
    return json.loads(story.truth)["nights"]


def rows(story: Plan) -> dict[str, list[object]]:
    return {
        table: list(story.history.rows(table))
        for table in ("customers", "products", "orders", "order_lines", "invoices")
    }


def test_one_seed_tells_one_story(story: Plan) -> None:
    again, other = plan(seed=7, lines=LINES), plan(seed=8, lines=LINES)
    assert again.truth == story.truth
    assert again.nights == story.nights  # the bytes of every file, too
    assert rows(again) == rows(story)
    assert other.nights != story.nights
    assert rows(other) != rows(story)


@pytest.mark.parametrize("lines", [1, 500, 20_001])
def test_any_size_has_exactly_the_lines_asked_for(lines: int) -> None:
    story = plan(seed=3, lines=lines)
    assert sum(1 for _ in story.history.rows("order_lines")) == lines
    for table in ("customers", "products", "orders", "order_lines", "invoices"):
        assert len(list(story.history.keys(table))) == sum(1 for _ in story.history.rows(table))


def test_at_least_twelve_kinds_are_planted(nights: dict[str, Any]) -> None:
    planted = [toxic for night in nights.values() for table in night["tables"].values() for toxic in table["toxic"]]
    asked = {
        "missing key", "unparsable date", "impossible date", "decimal garbage", "unknown code", "negative quantity",
        "orphan", "conflicting duplicate", "mojibake", "over-long text", "bad e-mail", "end before start",
        "wrong trailer",
    }  # fmt: skip
    assert asked <= {toxic["kind"] for toxic in planted}
    assert all(toxic["reasons"] for toxic in planted)


def test_the_truth_keeps_the_three_balances(nights: dict[str, Any]) -> None:
    flow_out = (
        "inserted",
        "updated",
        "unchanged",
        "duplicate",
        "superseded",
        "deleted",
        "quarantined",
        "pending_after",
    )
    before: dict[str, Any] = {}
    for night in nights.values():
        for name, table in night["tables"].items():
            if "counts" not in table:  # made from other tables
                continue
            c = table["counts"]
            if "pulled" in c:
                assert c["pulled"] + c["replayed"] + c["pending_before"] == sum(c[state] for state in flow_out)
            assert c["rows_before"] + c["inserted"] - c["closed"] - c["removed"] == c["rows_after"] == table["rows"]
            gone = c["replayed"] + c["superseded_open"] + c["discarded"]
            assert c["open_before"] + c["quarantined"] - gone == c["open_after"]
            assert c["quarantined"] == len(table["toxic"])
            for event in ("replayed", "superseded_open", "closed", "removed"):
                assert c[event] == len(table[event])
            if name in before:
                assert (c["rows_before"], c["open_before"]) == before[name]
            before[name] = c["rows_after"], c["open_after"]


def test_no_table_is_toxic_enough_to_be_held(nights: dict[str, Any]) -> None:
    for night in nights.values():
        for table in night["tables"].values():
            counts = table.get("counts", {})
            assert table["state"] in ("published", "failed")
            assert counts.get("quarantined", 0) <= 0.2 * max(counts.get("pulled", 0), 50)


@pytest.mark.parametrize("lines", [100, 2_000, 20_000])
def test_two_fifths_a_quarter_and_a_fifth_of_the_companies_have_a_customer(lines: int) -> None:
    story = plan(seed=7, lines=lines)
    rules = Counter(rule for _, rule in story.matches.values())
    whole = story.history.companies
    assert [round(100 * rules[rule] / whole) for rule in ("vat_number", "email_domain", "name")] == [40, 25, 20]
    assert len({customer for customer, _ in story.matches.values()}) == len(story.matches)


def test_the_crm_has_at_least_eight_kinds_of_toxic_contacts(nights: dict[str, Any]) -> None:
    kinds = {toxic["kind"] for toxic in nights["1"]["tables"]["contacts"]["toxic"]}
    assert len(kinds) >= 8
    updates = [t["kind"] for t in nights["3"]["tables"]["contacts"]["toxic"] if t["kind"].endswith("(an update)")]
    assert updates == ["bad e-mail (an update)"]


def test_the_misbehaviour_is_seeded_and_lets_every_second_request_pass() -> None:
    assert misbehaviour(7, 1) == misbehaviour(7, 1)
    assert {tuple(misbehaviour(seed, 1).values()) for seed in range(9)} > {tuple(misbehaviour(7, 1).values())}
    assert set(misbehaviour(7, 1).values()) == {"unavailable", "limit", "cut", "html", "short", "expired"}
    for night in (1, 3):
        numbers = sorted(map(int, misbehaviour(7, night)))
        assert all(later - first >= 2 for first, later in pairwise(numbers))
