"""The ways through the pages: by cursor, by link, by offset, and what each of them proves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.http.conftest import ASKED, Make, take
from tests.connectors.http.misbehaving import Asked, Misbehaving, record
from tilth.connectors.http.site import Site, site_of

BARE = {"count": ..., "total": ..., "records": ...}
OFFSET = {**BARE, "paging": {"kind": "offset", "parameter": "offset", "size": {"limit": 10}}}


def served(api: Misbehaving, meanwhile: Callable[[int], None] = lambda _: None) -> Callable[[Asked], bytes]:
    """The bare list from an offset on; `meanwhile` happens before each answer."""

    def raw(asked: Asked) -> bytes:
        meanwhile(api.data_requests)
        start, size = int(asked.query.get("offset", 0)), int(asked.query.get("limit", 10))
        return json.dumps(api.records[start : start + size]).encode()

    return raw


def test_one_page(api: Misbehaving, make: Make) -> None:
    api.raw = lambda _: json.dumps(api.records).encode()
    assert take(make(**BARE, paging=...)).ids == [r["id"] for r in api.records]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 35])
def test_by_offset(count: int, api: Misbehaving, make: Make) -> None:
    api.records = api.records[:count]
    api.raw = served(api)
    taken = take(make(**OFFSET), batch_rows=10)
    assert taken.ids == [r["id"] for r in api.records] and taken.complete.whole
    for at, batch in enumerate(taken.batches[:-1]):
        rest = take(make(**OFFSET), resume=batch.resume)
        before = sum(one.rows.num_rows for one in taken.batches[: at + 1])
        assert rest.ids == taken.ids[before:]


@pytest.mark.parametrize("left", [0, 1, 3])
@pytest.mark.parametrize("number", range(1, 7))
def test_a_short_page_is_not_the_end(number: int, left: int, api: Misbehaving, make: Make) -> None:
    whole = served(api)
    api.raw = lambda asked: json.dumps(json.loads(whole(asked))[: left if api.data_requests == number else 99]).encode()
    assert take(make(**OFFSET)).ids == [r["id"] for r in api.records]


@settings(max_examples=40)
@given(gone=st.integers(0, 34), when=st.integers(2, 5))
def test_a_list_that_moves_is_noticed(gone: int, when: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A record before the page is deleted meanwhile: by offset alone, the one at the edge would be left out."""
    from tests.connectors.http.conftest import Waits, declared
    from tests.connectors.http.misbehaving import running

    with running(Misbehaving([record(n) for n in range(35)])) as api:
        api.raw = served(api, lambda number: api.records.pop(gone) and None if number == when else None)
        taken = take(declared(api, tmp_path_factory.mktemp("moves"), Waits(), **OFFSET))
        assert taken.error is None and {r["id"] for r in api.records} <= set(taken.ids)


def test_a_list_that_moves_all_the_time_is_told(api: Misbehaving, make: Make) -> None:
    api.records = [record(n) for n in range(500)]
    api.raw = served(api, lambda _: api.records.insert(0, record(1000 + api.data_requests)))
    error = take(make(**OFFSET)).error
    assert error is not None and error.what.startswith("page 2 does not begin where the one before it ended")


def test_by_link_in_the_body(api: Misbehaving, make: Make) -> None:
    def raw(asked: Asked) -> bytes:
        start = int(asked.query.get("from", 0))
        more = f"?from={start + 10}&keep=1" if start + 10 < len(api.records) else None
        return json.dumps({"items": api.records[start : start + 10], "links": {"next": more}}).encode()

    api.raw = raw
    way = {**BARE, "records": "items", "paging": {"kind": "link", "next": "links.next", "size": {"page_size": 10}}}
    assert take(make(**way)).ids == [r["id"] for r in api.records]
    assert [asked.query for asked in api.pages][:2] == [{"page_size": "10"}, {"from": "10", "keep": "1"}]
    way["paging"] = {"kind": "link", "next": "links.following"}
    error = take(make(**way, tries=1)).error
    assert error is not None and error.what == "page 1 does not say where the next page is"


def test_by_link_in_a_header(api: Misbehaving, make: Make) -> None:
    def raw(asked: Asked) -> bytes:
        start = int(asked.query.get("from", 0))
        more = f'<{api.url}/v1/contacts?from={start + 10}>; rel="next", ' if start + 10 < len(api.records) else ""
        api.told = {"Link": f'<{api.url}/v1/contacts?from=0>; rel="first", {more}</x?y=next>; rel="last"'}
        return json.dumps(api.records[start : start + 10]).encode()

    api.raw = raw
    assert take(make(**BARE, paging={"kind": "link"})).ids == [r["id"] for r in api.records]


@pytest.mark.parametrize(
    "link", ["https://127.0.0.1/x", "http://evil.example/x", "//evil.example", "http://a@{host}/x"]
)
def test_a_link_to_another_origin_is_not_followed(link: str, api: Misbehaving, make: Make) -> None:
    link = link.replace("{host}", f"127.0.0.1:{api.port}")
    api.raw = lambda _: json.dumps({"data": api.records[:10], "page": {"next": link}}).encode()
    error = take(make(count=..., total=..., paging={"kind": "link", "next": "page.next"})).error
    assert error is not None and error.what.startswith("page 1 leads to another origin") and len(api.pages) == 1


def redirecting(api: Misbehaving, to: str) -> Callable[[Asked], bytes | None]:
    def raw(asked: Asked) -> bytes | None:
        api.status, api.told = (200, {}) if asked.path == "/v1/new" else (307, {"Location": to})
        return None if api.status == 200 else b""

    return raw


def test_redirects_are_followed_at_home_only(api: Misbehaving, make: Make) -> None:
    with_query = "/v1/new?limit=10"
    api.raw = redirecting(api, with_query)
    api.records = api.records[:10]
    assert len(take(make()).ids) == 10
    api.raw = redirecting(api, "http://127.0.0.1:1/v1/new")
    error = take(make()).error
    assert error is not None and error.what.startswith("page 1 leads to another origin")
    assert error.next == "if that is right, correct the url of crm"
    api.raw = redirecting(api, "/v1/contacts")
    error = take(make()).error
    assert error is not None and "4 redirects" in error.got


def test_a_cursor_may_be_left_out_at_the_end(api: Misbehaving, make: Make) -> None:
    def raw(asked: Asked) -> bytes:
        page = api.page(asked.query)
        return json.dumps(
            {"data": page["data"], **({"next": page["page"]["next"]} if page["page"]["next"] else {})}
        ).encode()

    api.raw = raw
    way: dict[str, Any] = {"kind": "cursor", "next": "next", "parameter": "cursor", "size": {"limit": 10}}
    assert take(make(count=..., total=..., paging={**way, "optional": True})).ids == [r["id"] for r in api.records]
    assert take(make(count=..., total=..., paging=way, tries=1)).error is not None


def test_a_way_that_leads_in_a_circle_ends(api: Misbehaving, make: Make) -> None:
    """Pages 1, 2, 3, 2, 3, …: every one of them looks right."""
    steps = {None: "MTA=", "MTA=": "MjA=", "MjA=": "MTA="}

    def raw(asked: Asked) -> bytes:
        page = api.page(asked.query)
        page["page"]["next"] = steps[asked.query.get("cursor")]
        return json.dumps(page).encode()

    api.raw = raw
    error = take(make()).error
    assert error is not None and error.what == "page 3 came again" and len(api.pages) < 60


@given(st.text(max_size=30))
def test_no_link_leads_away(link: str) -> None:
    home = Site("https", "api.example", 443, "/v2")
    here = home.here(link, seen_at="/v2/things?x=1")
    assert here is None or here.startswith("/")


def test_sites() -> None:
    assert site_of("https://api.example/v2/") == Site("https", "api.example", 443, "/v2")
    assert site_of("http://[::1]:80/") == Site("http", "::1", 80, "")
    for wrong in ("ftp://x", "http://u:p@x", "https://x?key=1", "x", "http://x:port", "http:///p", "http://x#y"):
        assert site_of(wrong) is None, wrong
    assert Site("http", "::1", 8080, "/a").origin == "http://[::1]:8080"
    assert ASKED.object == "contacts"
