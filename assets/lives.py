"""The lives of a quarantine entry: of all its events those that still stand, openings and what ended them.

`withdrawn` takes back the last opening, with what came after it; `reopened` what ended it last; `seen` changes nothing.
So the last event that stands tells an entry's status, and an entry none of whose openings stands is none. Told twice:
`standing` of events at hand, `last_status` as the database sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from tilth.assets import state

__all__ = ["OPENED", "OPPOSITE", "last_status", "opening_event", "standing", "undone"]

OPENED = ("opened", "reopened")
"""The events that leave an entry open."""

OPPOSITE = {
    "opened": "withdrawn",
    "replayed": "reopened",
    "corrected": "reopened",
    "superseded": "reopened",
    "waived": "reopened",
    "discarded": "reopened",
}
"""The event that takes an event back."""


def standing(events: Iterable[Any]) -> dict[str, list[Any]]:
    """Entry → its events that stand, of `events` (with `entry_id` and `event`) in the order they happened."""
    lives: dict[str, list[Any]] = {}
    for one in events:
        own = lives.setdefault(one.entry_id, [])
        if one.event == "withdrawn":
            while own and own.pop().event != "opened":
                pass
        elif one.event == "reopened":
            if own and own[-1].event != "opened":
                own.pop()
        elif one.event != "seen":
            own.append(one)
    return lives


def undone(life: list[Any], mine: Callable[[Any], bool]) -> Iterator[Any]:
    """Take off the end of a life what is `mine`, the last event first: nothing that others did since is undone."""
    while life and mine(life[-1]):
        yield life.pop()


def last_status(
    table: str | None, upto_event: int | None = None, entries: Sequence[str] | sa.Select[tuple[str]] | None = None
) -> sa.Subquery:
    """Each entry's `entry_id`, and the `id` of the event that tells its status; NULL where no opening stands.

    Of one table or of all; as it was after an event; of some entries. One event more than `standing` knows may tell
    it: `reopened`, of an entry that is open again.
    """
    of, one = state.events.c, _events("told")
    query = sa.select(of.entry_id, sa.func.max(of.id).label("id")).where(_moving(state.events))
    if table is not None:
        query = query.where(of.table_name == table)
    if upto_event is not None:
        query = query.where(of.id <= upto_event)
    if entries is not None:
        query = query.where(of.entry_id.in_(entries))
    last = query.group_by(of.entry_id).subquery("last_event")
    told = sa.case((one.c.event == "withdrawn", _before(one)), else_=one.c.id)
    return sa.select(last.c.entry_id, told.label("id")).join(one, one.c.id == last.c.id).subquery("last_status")


def opening_event(last: sa.FromClause, one: sa.FromClause) -> sa.ColumnElement[int]:
    """The id of the opening that stands of an entry, as of its event in `last` (`last_status`), which is `one`.

    Mostly it is that event itself: counting openings for each entry would cost more than all else that is asked.
    """
    earlier = _events("earlier").c
    opened = _of(last).where(earlier.event == "opened", earlier.id <= last.c.id)
    return sa.case((one.c.event == "opened", last.c.id), else_=opened.correlate(last).scalar_subquery())


def _before(withdrawn: sa.FromClause) -> sa.ScalarSelect[int]:
    """The id of the last event that stands once an opening was taken back."""
    earlier = _events("earlier").c
    before = _of(withdrawn).where(earlier.event != "withdrawn", earlier.id < withdrawn.c.id)
    return before.correlate(withdrawn).scalar_subquery()


def _of(event: sa.FromClause) -> sa.Select[tuple[int]]:
    """The last of an entry's events (`earlier`) that as many openings stand after as after `event`."""
    one = _events("earlier")
    return sa.select(sa.func.max(one.c.id)).where(
        _moving(one), one.c.entry_id == event.c.entry_id, _openings(one) == _openings(event), _openings(one) > 0
    )


def _openings(event: sa.FromClause) -> sa.ScalarSelect[int]:
    """How many openings of its entry stand after an event."""
    one = _events("counted")
    step = sa.case((one.c.event == "opened", 1), (one.c.event == "withdrawn", -1), else_=0)
    query = sa.select(sa.func.sum(step)).where(_moving(one), one.c.entry_id == event.c.entry_id, one.c.id <= event.c.id)
    return query.correlate(event).scalar_subquery()


@cache
def _events(name: str) -> sa.FromClause:
    """Events under another name; made once, since each column of an alias is copied."""
    return state.events.alias(name)


def _moving(events: sa.FromClause) -> sa.ColumnElement[bool]:
    """Events that change a status, all but `seen`: in the very words of the index `events_by_life`."""
    return events.c.event != sa.literal_column("'seen'")
