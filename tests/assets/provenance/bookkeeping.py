"""Whether events say what the state, the lake and the published file say: the same work, the same numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import sqlalchemy as sa
from validity import Event, parsed, problems, story_problems

from tilth.assets import state
from tilth.assets.lake import Lake
from tilth.assets.publishing.release import Releases

__all__ = ["events_of", "everything_wrong", "rows"]


JUDGING = ("judge", "documents")  # rows; documents, which are taken apart for that


def events_of(lake: Lake) -> list[Event]:
    """All events of the outbox, in order."""
    of = state.outbox.c
    with lake.state.read() as connection:
        return parsed(connection.execute(sa.select(of.event).order_by(of.id)).scalars())


def everything_wrong(lake: Lake) -> list[str]:
    """Every event by itself, all of them together, and against the books."""
    events = events_of(lake)
    found = [problem for event in events for problem in problems(event)]
    return [*found, *story_problems(events), *_outbox(lake, events), *_books(lake, events)]


def rows(lake: Lake, table: sa.Table) -> list[dict[str, Any]]:
    """A table of the state."""
    with lake.state.read() as connection:
        query = sa.select(table).order_by(*table.primary_key.columns)
        return [dict(row) for row in connection.execute(query).mappings()]


def _outbox(lake: Lake, events: list[Event]) -> Iterator[str]:
    """The columns of the outbox say what its events say."""
    for row, event in zip(rows(lake, state.outbox), events, strict=True):
        said = (row["run_id"], row["type"], row["job"])
        if said != (event["run"]["runId"], event["eventType"], event["job"]["name"]):
            yield f"row {row['id']} says {said}"
        if row["open"]:
            yield f"{row['job']} is open"
        if str(lake.storage.url("")).rstrip("/") in row["event"] and ".tmp-" in row["event"]:
            yield f"{row['job']} names a temporary file"


def _books(lake: Lake, events: list[Event]) -> Iterator[str]:
    done = [event for event in events if event["eventType"] == "COMPLETE"]
    pulls = {(row["table_name"], row["number"]): row for row in rows(lake, state.pulls)}
    yield from _as_often(("ingest",), done, {key: row["source_time"] is not None for key, row in pulls.items()})
    judged = {key: row["judgings"] + (row["state"] == "judged") for key, row in pulls.items()}
    yield from _as_often(JUDGING, done, judged)
    last = {_place(event): event for event in done}  # what was judged again is told again
    for event in done:
        kind, facts = event["job"]["name"].partition(".")[0], event["run"]["facets"]["tilth_step"]
        if kind in JUDGING and last[_place(event)] is not event:
            continue
        if kind in ("ingest", *JUDGING):
            yield from _pull(lake, event, pulls[facts["table"], facts["pull"]])
        elif "release" in facts and not facts.get("nothing_pending"):
            yield from _release(lake, event, facts)
    releases = {row["release"]: row for row in rows(lake, state.releases)}
    told = Counter(e["run"]["facets"]["tilth_step"]["release"] for e in done if _is_publish(e))
    known = {number for number, row in releases.items() if row["state"] in ("published", "withdrawn")}
    if told != Counter(known):
        yield f"releases {sorted(known)}, told of {sorted(told.elements())}"
    if any(row["lineage"] for row in releases.values() if row["state"] != "intended"):
        yield "events are left with a release"


def _is_publish(event: Event) -> bool:
    facts = event["run"]["facets"]["tilth_step"]
    return event["job"]["name"] == "publish" and not facts.get("nothing_pending")


def _place(event: Event) -> tuple[Any, ...]:
    facts = event["run"]["facets"]["tilth_step"]
    return event["job"]["name"].partition(".")[0], facts.get("table"), facts.get("pull")


def _as_often(kinds: tuple[str, ...], done: list[Event], wanted: dict[tuple[str, int], int]) -> Iterator[str]:
    """Each pull is told to be complete as often as it was: once, and again for each judgement that was taken back."""
    some = [event for event in done if event["job"]["name"].partition(".")[0] in kinds]
    facts = [event["run"]["facets"]["tilth_step"] for event in some]
    told = Counter((fact["table"], fact["pull"]) for fact in facts)
    if told != Counter(wanted):
        yield f"{kinds}: told of {sorted(told.elements())}, done are {wanted}"


def _pull(lake: Lake, event: Event, pull: dict[str, Any]) -> Iterator[str]:
    name, facts = event["job"]["name"], event["run"]["facets"]["tilth_step"]
    batches = [row for row in rows(lake, state.batches) if row["pull_id"] == pull["id"]]
    wrote = {one["name"].split("/")[-2]: one["outputFacets"]["outputStatistics"] for one in event["outputs"]}
    read = event["inputs"][0]["inputFacets"]["inputStatistics"]
    numbers = [number for low, high in facts["batches"] for number in range(low, high + 1)]
    if numbers != [row["id"] for row in batches]:
        yield f"{name}: batches {facts['batches']}"
    if read["rowCount"] != pull["pulled"]:
        yield f"{name}: read {read['rowCount']}, pulled {pull['pulled']}"
    if name.startswith("ingest."):
        size = sum(row["bytes"] for row in batches)
        (made,) = wrote.values()
        if (made["rowCount"], made["size"], made["fileCount"]) != (pull["pulled"], size, len(batches)):
            yield f"{name}: wrote {made}"
        return
    if wrote["ready"]["rowCount"] != pull["pending"]:
        yield f"{name}: ready {wrote['ready']['rowCount']}, pending {pull['pending']}"
    if "toxic" in wrote and wrote["toxic"]["rowCount"] != pull["quarantined"]:
        yield f"{name}: toxic {wrote['toxic']['rowCount']}, quarantined {pull['quarantined']}"
    if any(facts["counts"][count] != pull[count] for count in ("pulled", "pending", "duplicate", "superseded")):
        yield f"{name}: counts {facts['counts']}"
    if facts["contract"] != pull["contract_version"]:
        yield f"{name}: contract {facts['contract']}"


def _release(lake: Lake, event: Event, facts: dict[str, Any]) -> Iterator[str]:
    name, number = event["job"]["name"], facts["release"]
    manifest = next(row["manifest"] for row in rows(lake, state.releases) if row["release"] == number)
    for output in event["outputs"]:
        table = manifest["tables"][output["name"].split(".")[-1]]
        counts, wrote = table["counts"], output["outputFacets"]["outputStatistics"]["rowCount"]
        written = counts.get("inserted", 0) + counts.get("updated", 0)
        if wrote != (written if name.partition(".")[0] in ("settle", "derive") else table["rows"]):
            yield f"{name}: wrote {wrote}, {counts}"
        if output["facets"]["version"]["datasetVersion"] != str(number):
            yield f"{name}: another version than {number}"
    if "counts" in facts and {**facts["counts"], "rows": 0} != {**counts, "rows": 0}:
        yield f"{name}: counts {facts['counts']}"
    current = Releases(lake.curated).current()
    if name == "publish" and current is not None and number == current.release:
        yield from _file(lake, event)


def _file(lake: Lake, event: Event) -> Iterator[str]:
    """The current release's tables are in the file, with so many rows, under the name that is told."""
    with duckdb.connect(str(lake.curated), read_only=True) as con:
        for output in event["outputs"]:
            database, schema, table = output["name"].split(".")
            found = con.execute(f'SELECT count(*) FROM "{database}"."{schema}"."{table}"').fetchone()
            if found != (output["outputFacets"]["outputStatistics"]["rowCount"],):
                yield f"{table} has {found}"
