"""The lives of an entry: what the database says of a status is what its events say, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tilth.assets import state
from tilth.assets.lake import Lake, Run
from tilth.assets.lives import last_status, opening_event, standing
from tilth.assets.quarantine import EVENTS, open_count, open_entries, record

RunAt = Callable[[int], Run]
CLOSINGS = ("replayed", "corrected", "superseded", "waived", "discarded")


@dataclass(frozen=True)
class Moved:
    """An event, as `standing` is asked."""

    entry_id: str
    event: str
    id: int


@st.composite
def stories(draw: st.DrawFn) -> list[str]:
    """What may happen to one entry: an opening ends, is taken back, or what ended it is."""
    story, lives = ["opened"], [["opened"]]
    for _ in range(draw(st.integers(0, 9))):
        open = bool(lives) and len(lives[-1]) == 1
        can = ["seen", "ended", "withdrawn"] if open else ["opened", "reopened", "withdrawn"] if lives else ["opened"]
        event = draw(st.sampled_from(can))
        if event == "ended":
            event = draw(st.sampled_from(CLOSINGS))
            lives[-1].append(event)
        elif event == "opened":
            lives.append([event])
        elif event == "withdrawn":
            lives.pop()
        elif event == "reopened":
            lives[-1].pop()
        story.append(event)
    return story


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(stories(), min_size=1, max_size=3))
def test_a_status_is_the_last_event_that_stands(lake: Lake, run_at: RunAt, told: Sequence[Sequence[str]]) -> None:
    names = [f"e{n}" for n in range(len(told))]
    moves = [(event, name) for step in range(10) for story, name in zip(told, names, strict=True)
             for event in story[step : step + 1]]  # fmt: skip
    with lake.state.begin() as connection:
        connection.execute(sa.delete(state.events))
        for event, name in moves:
            one = {"event": event, "entry_id": name, "rules": ["parse"], "contract_version": "c"}
            record(connection, "t", pl.DataFrame([one], schema=EVENTS), run_at(0), path="toxic/1")
        of, last = state.events.c, last_status("t")
        first = connection.execute(sa.select(sa.func.min(of.id))).scalar_one()
        lives = standing([Moved(name, event, first + n) for n, (event, name) in enumerate(moves)])
        query = sa.select(last.c.entry_id, of.event, opening_event(last, state.events)).join_from(
            last, state.events, of.id == last.c.id
        )
        found = {entry: ("opened" if event == "reopened" else event, opening)
                 for entry, event, opening in connection.execute(query)}  # fmt: skip
        opened = {name: [one.id for one in own if one.event == "opened"] for name, own in lives.items()}
        assert found == {name: (own[-1].event, opened[name][-1]) for name, own in lives.items() if own}
        open = {name for name, own in lives.items() if own and own[-1].event == "opened"}
        assert {*open_entries(connection, "t")["id"]} == open and open_count(connection, "t") == len(open)
