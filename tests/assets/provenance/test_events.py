"""Events as values: strict JSON, stable ids, times that never go back; and a check that notices what is wrong."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validity import Event, parsed, problems, story_problems

from tilth.assets.lake import Run
from tilth.assets.provenance import facets, naming
from tilth.assets.provenance.columns import DIRECT, Edge, Kind, Lineage, combined, through
from tilth.assets.provenance.events import Begun, Described, Outcome, Step, completed, encode, failed, instant, started
from tilth.connectors.protocol import Dataset

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
RUN = Run("0f0e2a1c-9d3b-4d5f-8a7b-1c2d3e4f5a6b", "9b2f6a1e-3c4d-4e5f-9a8b-7c6d5e4f3a2b", AT, job="ingest")
SOURCE, RAW = Dataset("postgres://db:5432", "erp.public.orders"), Dataset("file", "/lake/raw/erp/orders/orders")
STEP = Step("ingest.orders", "Pull orders.", [SOURCE], "orders", "team:sales")
KINDS = st.sampled_from([*DIRECT, "JOIN", "FILTER", "GROUP_BY", "SORT", "WINDOW", "CONDITIONAL"])


def begun(attempt: int = 0) -> Begun:
    return Begun(STEP, naming.run_id(RUN, STEP.job, attempt), attempt, AT)


def story() -> list[Event]:
    """A step that began and completed."""
    first = started(begun(), RUN, "corner shop")
    lineage = Lineage({"id": (Edge("source", "id", "IDENTITY"),)}, (Edge("source", "id", "FILTER"),))
    made = {"schema": facets.schema(["id"]), "columnLineage": facets.column_lineage(lineage, {"source": SOURCE})}
    outcome = Outcome(
        [Described(SOURCE, {"schema": facets.schema(["id"])}, {"inputStatistics": facets.statistics(2, of="Input")})],
        [Described(RAW, made, {"outputStatistics": facets.statistics(2, 80, 1, of="Output")})],
        {"pull": 1, "batches": [[1, 1]]},
    )
    return parsed([encode(first), encode(completed(first, outcome, AT + timedelta(seconds=1)))])


def test_events_are_valid_and_have_a_story() -> None:
    first, last = story()
    end = failed(started(begun(1), RUN, "corner shop"), "it hung up\n  next: tilth sources check erp", AT)
    told = [first, last, *parsed([encode(started(begun(1), RUN, "corner shop")), encode(end)])]
    assert [problem for event in told for problem in problems(event)] == []
    assert list(story_problems(told)) == []
    assert told[0]["job"]["namespace"] == "corner%20shop"
    assert told[3]["inputs"] == [{"namespace": SOURCE.namespace, "name": SOURCE.name}]
    assert told[3]["run"]["facets"]["errorMessage"]["message"].endswith("tilth sources check erp")
    parent = told[0]["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (RUN.id, "dagster.ingest")
    assert parent["root"]["job"]["name"] == "nightly"


def lineage_of(event: Event) -> Any:
    """The column lineage of its output."""
    return event["outputs"][0]["facets"]["columnLineage"]


BREAK: dict[str, Any] = {
    "no job name": lambda e: e["job"].update(name=""),
    "another type": lambda e: e.update(eventType="DONE"),
    "no time": lambda e: e.pop("eventTime"),
    "a time of nowhere": lambda e: e.update(eventTime="2026-11-21T02:00:00"),
    "local time": lambda e: e.update(eventTime="2026-11-21T03:00:00.000000+01:00"),
    "a run that is no UUID": lambda e: e["run"].update(runId="run-1"),
    "no parent": lambda e: e["run"]["facets"].pop("parent"),
    "a facet without a schema": lambda e: e["run"]["facets"]["tilth_step"].pop("_schemaURL"),
    "a facet of nobody": lambda e: e["run"]["facets"]["tilth_step"].update(_schemaURL="urn:nobody:1"),
    "a facet under another name": lambda e: e["run"]["facets"].update(tilth=e["run"]["facets"]["tilth_step"]),
    "a facet that lacks something": lambda e: e["run"]["facets"]["processing_engine"].pop("version"),
    "a facet of ours that lacks something": lambda e: e["run"]["facets"]["tilth_step"].pop("night"),
    "nothing made": lambda e: e.update(outputs=[]),
    "nothing read": lambda e: e.update(inputs=[]),
    "a dataset twice": lambda e: e["inputs"].append(e["inputs"][0]),
    "an error that is none": lambda e: e["run"]["facets"].update(errorMessage=facets.error("x")),
    "a negative count": lambda e: e["outputs"][0]["outputFacets"]["outputStatistics"].update(rowCount=-1),
    "a column of nowhere": lambda e: lineage_of(e)["fields"]["id"]["inputFields"][0].update(field="x"),
    "a column of no input": lambda e: lineage_of(e)["fields"]["id"]["inputFields"][0].update(name="x"),
    "a column it does not have": lambda e: lineage_of(e)["fields"].update(x={"inputFields": []}),
    "a kind of nobody": lambda e: lineage_of(e)["dataset"][0]["transformations"][0].update(subtype="X"),
    "rows made of values": lambda e: lineage_of(e).update(dataset=lineage_of(e)["fields"]["id"]["inputFields"]),
}  # fmt: skip


@pytest.mark.parametrize("wrong", BREAK)
def test_whatever_is_wrong_with_an_event_is_noticed(wrong: str) -> None:
    event = deepcopy(story()[1])
    BREAK[wrong](event)
    assert list(problems(event)), wrong


def test_whatever_is_wrong_with_a_story_is_noticed() -> None:
    first, last = story()
    late = {**first, "eventTime": instant(AT + timedelta(hours=1))}
    for told in ([last], [first], [first, first, last], [first, last, last], [late, last], [last, first]):
        assert list(story_problems(told))
    assert not list(story_problems([first], over=False))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("1.5"), AT, {1, 2}, b"x", object()])
def test_what_json_cannot_say_is_an_error(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode({"value": value})


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.dictionaries(st.text(), s)))
def test_anything_else_is_one_line_that_means_the_same(value: object) -> None:
    text = encode({"value": value})
    assert "\n" not in text
    assert "\r" not in text
    assert json.loads(text)["value"] == value
    assert encode({"value": "\udcff"}) == '{"value":"?"}'  # a file name that is no text


def test_the_same_event_has_the_same_id_and_another_attempt_another() -> None:
    ids = [naming.run_id(RUN, "ingest.orders", 0), naming.run_id(RUN, "ingest.orders", 1)]
    ids += [naming.run_id(RUN, "judge.orders", 0), naming.dagster_run(Run("run-1", "n", AT)), naming.night_run(RUN)]
    assert len({str(UUID(one)) for one in ids}) == 5
    assert ids[0] == naming.run_id(Run(RUN.id, "another night", AT + timedelta(1)), "ingest.orders", 0)
    assert ids[0] == "d1f5e01f-6761-5fdd-9172-4df044743f13"  # a backend knows runs by it: never change this


def test_an_end_never_comes_before_the_beginning() -> None:
    first = started(begun(), RUN, "p")
    for end in (
        failed(first, "x", AT - timedelta(hours=1)),
        completed(first, Outcome([], []), AT - timedelta(hours=1)),
    ):
        assert end["eventTime"] == first["eventTime"]
    assert instant(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T23:00:00.000000Z"


@given(KINDS, KINDS, KINDS)
def test_steps_combine_in_any_order_and_no_choice_becomes_a_value(a: Kind, b: Kind, c: Kind) -> None:
    assert combined(a, combined(b, c)) == combined(combined(a, b), c)
    assert (combined(a, b) in DIRECT) == (a in DIRECT and b in DIRECT)
    assert combined("IDENTITY", a) == a


def test_words_go_along_with_values_only() -> None:
    outer, inner = Edge("t", "c", "TRANSFORMATION", "trim"), Edge("s", "x", "AGGREGATION", "sum(x)")
    assert through(outer, [inner]) == [Edge("s", "x", "AGGREGATION", "sum(x), then trim")]
    assert through(Edge("t", "c", "FILTER"), [inner]) == [Edge("s", "x", "FILTER")]
