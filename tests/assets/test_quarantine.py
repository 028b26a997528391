"""The quarantine's books: the fold of events, and which toxic records open entries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.assets.lake import Lake, Run
from tilth.assets.quarantine import (
    EVENTS,
    OPEN,
    event_counts,
    last_event,
    open_count,
    open_entries,
    plan_opening,
    record,
)
from tilth.assets.toxic import entry_id

RunAt = Callable[[int], Run]
TOXIC = [name for name in OPEN if name != "path"]


def _toxic(*records: tuple[str, str | None, int]) -> pl.DataFrame:
    """Toxic records as (id, key, pull)."""
    rows = [
        {"id": entry, "key": key, "rules": ["parse"], "contract_version": "c", "version": None, "pull_id": pull,
         "pull": pull, "_batch": pull, "_ordinal": n}
        for n, (entry, key, pull) in enumerate(records)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema={name: OPEN[name] for name in TOXIC})


def _events(*moves: tuple[str, str]) -> pl.DataFrame:
    rows = [{"event": event, "entry_id": entry, "rules": ["parse"], "contract_version": "c", "ordinal": n}
            for n, (event, entry) in enumerate(moves)]  # fmt: skip
    return pl.DataFrame(rows, schema=EVENTS)


def _open(lake: Lake, table: str = "t") -> list[str]:
    with lake.state.read() as connection:
        found = open_entries(connection, table)
        assert open_count(connection, table) == found.height
    return found["id"].to_list()


def test_the_id_is_of_what_the_record_is() -> None:
    one = entry_id("t", "7", '{"b":"2","a":"1"}', "c")
    assert one == entry_id("t", "7", '{"a":"1","b":"2"}', "c") and len(one) == 32
    others = {entry_id("u", "7", "{}", "c"), entry_id("t", ["7"], "{}", "c"), entry_id("t", "7", "{}", "d")}
    assert len({*others, one, entry_id("t", "7", "{}", "c")}) == 5


def test_a_status_is_the_last_event_that_changes_it(lake: Lake, run_at: RunAt) -> None:
    story = [
        (("opened", "a"), ["a"]),
        (("opened", "b"), ["a", "b"]),
        (("seen", "a"), ["a", "b"]),
        (("superseded", "a"), ["b"]),
        (("opened", "a"), ["b", "a"]),
        (("replayed", "a"), ["b"]),
        (("reopened", "a"), ["b", "a"]),
        (("withdrawn", "a"), ["b"]),
        (("discarded", "b"), []),
    ]
    for number, (move, expected) in enumerate(story, 1):
        with lake.state.begin() as connection:
            record(connection, "t", _events(move), run_at(0), path=f"toxic/{number}")
        assert _open(lake) == expected, move
    with lake.state.read() as connection:
        assert [open_count(connection, "t", upto) for upto in range(10)] == [0, 1, 2, 2, 1, 2, 1, 2, 1, 0]
        assert event_counts(connection, "t", 2, 6) == {"seen": 1, "superseded": 1, "opened": 1, "replayed": 1}
        assert last_event(connection, "t") == 9 and last_event(connection, "u") == 0


def test_an_open_entry_stands_where_it_was_last_opened_and_not_withdrawn(lake: Lake, run_at: RunAt) -> None:
    story = ["opened", "superseded", "opened", "withdrawn", "reopened"]
    for number, event in enumerate(story, 1):
        with lake.state.begin() as connection:
            record(connection, "t", _events((event, "a")), run_at(0), path=f"toxic/{number}")
    with lake.state.read() as connection:
        assert open_entries(connection, "t")["path"].to_list() == ["toxic/1"]


def test_tables_do_not_mix(lake: Lake, run_at: RunAt) -> None:
    with lake.state.begin() as connection:
        record(connection, "t", _events(("opened", "a")), run_at(0), path="x")
    assert _open(lake, "u") == [] and _open(lake) == ["a"]


def test_the_same_record_again_is_seen_and_another_takes_its_place() -> None:
    before = _toxic(("a", "1", 1), ("b", "2", 1)).with_columns(pl.lit("x").alias("path"))
    planned = plan_opening(_toxic(("a", "1", 2), ("c", "1", 2), ("d", "2", 2), ("b", "2", 2), ("e", None, 2)), before)
    assert planned.events.select("event", "entry_id").rows() == [
        ("seen", "a"), ("superseded", "a"), ("opened", "c"), ("superseded", "b"), ("opened", "d"), ("opened", "b"),
        ("opened", "e"),
    ]  # fmt: skip
    assert planned.opened["id"].to_list() == ["c", "d", "b", "e"] and planned.seen["id"].to_list() == ["a"]
    assert planned.superseded == ("a", "b")


Move = tuple[int, int | None, int]


def _by_the_model(records: Sequence[Move], before: Sequence[Move]) -> list[tuple[str, int]]:
    """`_quarantine` of the specification, over (content, key, pull): a list of what is open, asked each time anew."""
    open_now, events = list(before), list[tuple[str, int]]()
    for content, key, pull in records:
        entries = [one for one in open_now if key is not None and one[1] == key]
        if any(one[0] == content for one in entries):
            events.append(("seen", content))
            continue
        for entry in sorted(entries, key=lambda one: f"{one[0]:03}"):
            if entry[2] < pull:
                open_now.remove(entry)
                events.append(("superseded", entry[0]))
        open_now.append((content, key, pull))
        events.append(("opened", content))
    return events


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(1, 3)), max_size=6, unique_by=lambda m: m[:2]
    ),
    records=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(2, 4)), max_size=12),
)
def test_opening_is_what_the_specification_says(before: list[Move], records: list[Move]) -> None:
    def name(move: Move) -> str:
        return f"{move[1]}-{move[0]:03}"

    known = _toxic(*((name(one), str(one[1]), one[2]) for one in before)).with_columns(pl.lit("x").alias("path"))
    planned = plan_opening(_toxic(*((name(one), str(one[1]), one[2]) for one in records)), known)
    got = [(event, int(entry[-3:])) for event, entry in planned.events.select("event", "entry_id").iter_rows()]
    assert got == _by_the_model(records, before)
    assert planned.opened.height + planned.seen.height == len(records)


@pytest.mark.long
def test_a_hundred_thousand_entries_take_about_a_second(lake: Lake, run_at: RunAt) -> None:
    toxic = _toxic(*((f"{n:032x}", str(n), 1) for n in range(100_000)))
    start = time.process_time()
    planned = plan_opening(toxic, pl.DataFrame(schema=OPEN))
    with lake.state.begin() as connection:
        record(connection, "t", planned.events, run_at(0), path="toxic/t/p1.parquet")
    written = time.process_time() - start
    found: Any = _open(lake)
    assert len(found) == 100_000 and written < 6, written
