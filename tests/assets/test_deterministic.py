"""Same input, same contracts: the same rows, origins, verdicts and quarantine ids, in any project."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from company import frame_of, lake_in
from one_night import night

from tilth.assets import state


def told(folder: Path) -> list[object]:
    folder.mkdir()
    for number in (1, 2):
        night(folder, number)
    lake = lake_in(folder)
    with lake.state.read() as connection:
        entries = connection.execute(sa.select(state.entries).order_by(state.entries.c.id)).fetchall()
        of = state.events.c
        events = connection.execute(
            sa.select(of.entry_id, of.event, of.batch_id, of.ordinal).order_by(of.id)
        ).fetchall()
    lake.state.close()
    rows = [frame_of(folder / "curated.duckdb", f"SELECT * FROM {name} ORDER BY id").rows() for name in TABLES]
    return [[tuple(entry) for entry in entries], [tuple(event) for event in events], rows]


TABLES = ("parents", "children", "totals")


@pytest.mark.long
def test_two_projects_with_the_same_nights_are_alike(tmp_path: Path) -> None:
    first = told(tmp_path / "one")
    assert first == told(tmp_path / "other")
    assert first[0]
    assert first[1]
