"""Where the next run goes on, what it asks for, and what happens when the server has forgotten the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.connectors.http.conftest import ASKED, Make, take
from tests.connectors.http.misbehaving import Misbehaving, record

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(api: Misbehaving) -> None:
    """The server's clock stands still, far from this machine's."""
    api.clock = NOON.timestamp


def test_every_token_goes_on_behind_its_batch(make: Make) -> None:
    whole = take(make(), batch_rows=10)
    assert [batch.rows.num_rows for batch in whole.batches] == [10, 10, 10, 5]
    for number, batch in enumerate(whole.batches[:-1], 1):
        token = json.loads(json.dumps(batch.resume))
        rest = take(make(), resume=token)
        assert rest.ids == whole.ids[10 * number :]
        assert rest.complete == whole.complete and rest.batches[0].origin.offset == 10 * number
    assert whole.batches[-1].resume is None


def test_the_next_pull_asks_for_what_changed_since_less_the_lag(api: Misbehaving, make: Make) -> None:
    first = take(make(lag="7m"))
    assert first.complete.source_time == NOON and first.complete.whole
    assert "updated_after" not in api.pages[0].query
    api.records.append(record(100, updated_at="2026-11-26T11:59:00Z"))
    api.clock = (NOON + timedelta(hours=1)).timestamp
    second = take(make(lag="7m"), cursor=first.complete.cursor)
    assert second.ids == ["C-00100"] and not second.complete.whole
    assert api.pages[-1].query["updated_after"] == "2026-11-26T11:53:00Z"
    third = take(make(lag="7m"), cursor=second.complete.cursor)
    assert api.pages[-1].query["updated_after"] == "2026-11-26T12:53:00Z" and third.ids == []
    whole = take(make(), cursor=second.complete.cursor, whole=True)
    assert whole.complete.whole and len(whole.ids) == 36


@pytest.mark.parametrize(("format", "written"), [("epoch", "1795694100"), ("epoch_ms", "1795694100000")])
def test_times_are_asked_for_as_the_api_wants_them(format: str, written: str, api: Misbehaving, make: Make) -> None:
    made = make(changes={"parameter": "since", "format": format})
    take(made, cursor=take(made).complete.cursor)
    assert api.pages[-1].query["since"] == written
    assert datetime.fromtimestamp(1795694100, UTC) == NOON - timedelta(minutes=5)


def test_a_clock_that_was_set_back_does_not_move_the_cursor_back(api: Misbehaving, make: Make) -> None:
    first = take(make())
    api.clock = (NOON - timedelta(days=3)).timestamp
    assert take(make(), cursor=first.complete.cursor).complete.cursor == first.complete.cursor


def test_a_pull_that_goes_on_keeps_its_window(api: Misbehaving, make: Make) -> None:
    api.faults = dict.fromkeys(range(3, 8), "status 500")
    broken = take(make())
    assert broken.error is not None and len(broken.ids) == 20
    api.clock = (NOON + timedelta(days=2)).timestamp
    assert take(make(), resume=broken.resume).complete.source_time == NOON


def forgetful(api: Misbehaving, status: int) -> Any:
    """The server knows no cursor of before: it refuses the next one."""
    met: list[str] = []

    def raw(asked: Any) -> bytes | None:
        api.status = 200
        cursor = asked.query.get("cursor")
        if cursor and not met:
            met.append(cursor)
            api.status = status
            return b'{"error": "this cursor has expired"}'
        return None

    return raw


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_forgotten_cursor_begins_the_window_again(status: int, api: Misbehaving, make: Make) -> None:
    api.faults = dict.fromkeys(range(3, 8), "status 500")
    broken = take(make())
    assert len(broken.ids) == 20
    api.raw = forgetful(api, status)
    again = take(make(), resume=broken.resume)
    assert again.ids == [r["id"] for r in api.records] and again.complete.whole


def test_a_cursor_that_is_refused_again_and_again_is_told(api: Misbehaving, make: Make) -> None:
    def raw(asked: Any) -> bytes | None:
        api.status = 410 if "cursor" in asked.query else 200
        return b'{"error": "gone"}' if api.status == 410 else None

    api.raw = raw
    taken = take(make())
    assert taken.error is not None and taken.error.what == "page 2 was refused" and len(api.pages) == 6


def test_a_token_of_other_pages_is_not_followed(api: Misbehaving, make: Make) -> None:
    token = take(make(), batch_rows=10).batches[0].resume
    other = make(paging={"kind": "offset", "size": {"limit": 10}})
    assert take(other, resume=token).ids == [r["id"] for r in api.records]


def test_keys_alone(api: Misbehaving, make: Make) -> None:
    api.records[3]["deleted"] = True
    keys = replace(ASKED, columns=("id",), keys_only=True, whole=True, cursor={"column": "updated_at", "since": "x"})
    taken = take(make(), keys)
    assert taken.rows == [{"id": r["id"]} for r in api.records if not r["deleted"]] and taken.deleted == []
    assert taken.complete.whole and "updated_after" not in api.pages[0].query


def test_a_cursor_needs_a_filter_and_a_key(api: Misbehaving, make: Make) -> None:
    error = take(make(changes=...)).error
    assert error is not None and "names no filter for what changed" in error.what and error.next == "tilth check"
    error = take(make(), key=()).error
    assert error is not None and error.what.startswith("a cursor needs a key")
    assert api.asked == []
