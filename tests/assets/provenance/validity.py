"""Whether events are what OpenLineage, and we beyond it, say they are. Shares no code with what makes them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

__all__ = ["Event", "parsed", "problems", "story_problems"]

Event = dict[str, Any]
_HERE = Path(__file__)
_SPEC = _HERE.parents[2] / "openlineage" / "spec"
_OURS = _HERE.parents[3] / "assets" / "provenance" / "TilthStepRunFacet.json"
_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
_ENDS = ("COMPLETE", "FAIL")
_DIRECT = {"IDENTITY", "TRANSFORMATION", "AGGREGATION", "UNKNOWN"}
_INDIRECT = {"JOIN", "FILTER", "GROUP_BY", "SORT", "WINDOW", "CONDITIONAL"}


def parsed(lines: Iterable[str]) -> list[Event]:
    """Events from lines of JSON, read as strictly as JSON is."""
    return [json.loads(line, parse_constant=_no_constant) for line in lines]


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


@cache
def _registry() -> Registry[Any]:
    texts = [path.read_text("utf-8") for path in [*_SPEC.rglob("*.json"), _OURS]]
    schemas = [json.loads(text) for text in texts]
    return Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)


@cache
def _validator(reference: str) -> Draft202012Validator:
    checks = FormatChecker()
    checks.checks("uri")(_is_uri)
    checks.checks("uuid")(_is_uuid)
    return Draft202012Validator({"$ref": reference}, registry=_registry(), format_checker=checks)


def _is_uri(value: object) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"[a-z][a-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", value) is not None
    )


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def problems(event: Event) -> Iterator[str]:
    """What is wrong with one event."""
    where = f"{event.get('eventType')} of {event.get('job', {}).get('name')}"
    found = [*_by_schema(event)] or [*_facets(event), *_shape(event), *_columns(event), *_numbers(event)]
    yield from (f"{where}: {problem}" for problem in found)


def _by_schema(event: Event) -> Iterator[str]:
    yield from (f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in _validator(_EVENT).iter_errors(event))


def _facets(event: Event) -> Iterator[str]:
    """Each facet by its own schema, under the name that this schema gives it."""
    for name, facet in _all_facets(event):
        base, _, _ = facet["_schemaURL"].partition("#")
        if base not in _registry():
            yield f"nobody knows the facet {facet['_schemaURL']}"
            continue
        for reference, value in ((base, {name: facet}), (facet["_schemaURL"], facet)):
            yield from (f"facet {name}: {e.message[:200]}" for e in _validator(reference).iter_errors(value))
        if name not in _registry().contents(base)["properties"]:
            yield f"{base} is not the schema of {name}"


def _all_facets(event: Event) -> Iterator[tuple[str, Event]]:
    yield from event["run"]["facets"].items()
    yield from event["job"]["facets"].items()
    for dataset in event["inputs"] + event["outputs"]:
        for kind in ("facets", "inputFacets", "outputFacets"):
            yield from dataset.get(kind, {}).items()


def _shape(event: Event) -> Iterator[str]:
    kind, run = event["eventType"], event["run"]["facets"]
    nothing_yet = run["tilth_step"].get("nothing_pending") and "release" not in run["tilth_step"]
    if kind == "COMPLETE" and not event["outputs"] and not nothing_yet:
        yield "it made nothing"
    if kind != "COMPLETE" and event["outputs"]:
        yield "it has outputs, and did not complete"
    if ("errorMessage" in run) != (kind == "FAIL"):
        yield "an error and a FAIL go together"
    if not event["inputs"] and not nothing_yet:
        yield "it reads nothing"
    if "parent" not in run or run["parent"]["run"]["runId"] == event["run"]["runId"]:
        yield "it has no parent"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["eventTime"]):
        yield f"the time {event['eventTime']} is not in UTC"
    names = (
        [(one["namespace"], one["name"]) for one in event["inputs"]],
        [(o["namespace"], o["name"]) for o in event["outputs"]],
    )
    for side in names:
        if len(set(side)) != len(side):
            yield "a dataset stands twice on one side"
        if any(not part.strip() for pair in side for part in pair):
            yield "a dataset without a name"
    if not event["job"]["name"] or not event["job"]["namespace"]:
        yield "a job without a name"


def _columns(event: Event) -> Iterator[str]:
    """Column lineage speaks of inputs of this event, and of columns that their schemas, and its own, have."""
    inputs = {(one["namespace"], one["name"]): _schema(one) for one in event["inputs"]}
    for output in event["outputs"]:
        facet, own = output.get("facets", {}).get("columnLineage"), _schema(output)
        for column, entry in (facet or {}).get("fields", {}).items():
            if own is None or column not in own:
                yield f"column lineage of {column}, which is no column of {output['name']}"
            yield from _edges(entry["inputFields"], inputs, column)
        yield from _edges((facet or {}).get("dataset", []), inputs, "the rows")
        if facet and any(t["type"] == "DIRECT" for one in facet.get("dataset", []) for t in one["transformations"]):
            yield "rows are never made of values"


def _edges(fields: Sequence[Event], inputs: Mapping[tuple[str, str], set[str] | None], of: str) -> Iterator[str]:
    for one in fields:
        columns = inputs.get((one["namespace"], one["name"]), None)
        if columns is None:
            yield f"{of} comes from {one['name']}, which is no input with a schema"
        elif one["field"] not in columns:
            yield f"{of} comes from {one['name']}.{one['field']}, which is no column"
        for how in one["transformations"]:
            kinds = _DIRECT if how["type"] == "DIRECT" else _INDIRECT
            if how["subtype"] not in kinds:
                yield f"{how['subtype']} is not {how['type']}"
    places = [(one["namespace"], one["name"], one["field"]) for one in fields]
    if len(set(places)) != len(places):
        yield f"{of} names a column twice"


def _schema(dataset: Event) -> set[str] | None:
    facet = dataset.get("facets", {}).get("schema")
    return None if facet is None else {field["name"] for field in facet["fields"]}


def _numbers(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _numbers(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item, path)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        yield f"{path} is {value}"
    elif value is None:
        yield f"{path} is null"


def story_problems(events: Sequence[Event], *, over: bool = True) -> Iterator[str]:
    """What is wrong with events as a whole: each run begins once and, when all is `over`, ended once, and later."""
    runs: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        runs[event["run"]["runId"]].append(event)
    for found in runs.values():
        name, kinds = found[0]["job"]["name"], [event["eventType"] for event in found]
        if kinds[0] != "START" or kinds.count("START") != 1:
            yield f"{name}: begins {kinds.count('START')} times, first {kinds[0]}"
        if sum(kind in _ENDS for kind in kinds) != 1 and (over or len(kinds) > 1):
            yield f"{name}: ends {sum(kind in _ENDS for kind in kinds)} times"
        times = [datetime.fromisoformat(event["eventTime"]) for event in found]
        if times != sorted(times):
            yield f"{name}: ends before it begins"
        for same in ("namespace", "name"):
            if len({event["job"][same] for event in found}) != 1:
                yield f"{name}: one run of two jobs"
    parents = {event["run"]["facets"]["parent"]["run"]["runId"] for event in events}
    if parents & runs.keys():
        yield "a step is the parent of a step"
