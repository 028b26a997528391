"""Every way in which a server misbehaves costs no record: it passes and all of them come, or it stays and is told."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from tests.connectors.http.conftest import Make, Taken, Waits, take
from tests.connectors.http.misbehaving import SECRET, Misbehaving, record
from tilth.connectors.protocol import Pull

FAULTS = {  # what goes wrong, and what is said of it when it stays: on page 2
    "status 500": ("page 2 failed in the server", "500"),
    "status 503 1": ("page 2 failed in the server", "503 Service Unavailable, which asks to wait 1 s"),
    "status 429 2": ("page 2 was refused by the rate limit", "429 Too Many Requests, which asks to wait 2 s"),
    "status 403 3": ("page 2 was refused by the rate limit", "403 Forbidden, which asks to wait 3 s"),
    "status 429": ("page 2 was refused by the rate limit", "429"),
    "status 408": ("page 2 failed in the server", "408"),
    "status 202": ("page 2 did not come (expected status 200, got 202", ""),
    "hangup": ("the connection was lost before an answer came", ""),
    "reset": ("the connection was lost before an answer came", ""),
    "cut": ("page 2 was cut off (expected 10 records, got 5, body ended inside", "the connection ended"),
    "chunks": ("page 2 was cut off (expected 10 records, got 5, body ended inside", "the connection ended"),
    "early": ("page 2 was cut off (expected 10 records, got 6, body ended inside", ""),
    "early 0.999": ("page 2 was cut off (expected 10 records, got 10, body ended behind the records)", ""),
    "gzip": ("page 2 was cut off (expected 10 records, got 10", "what was compressed ended early"),
    "gzip 200": ("page 2 was cut off (expected 10 records, got", "what was compressed ended early"),
    "html": ("page 2 is an HTML page (expected JSON", "<!DOCTYPE html>"),
    "nothing": ("page 2 is not JSON (expected JSON, got nothing)", ""),
    "words": ("page 2 is not JSON (expected JSON, got Expecting value at character 0)", ""),
    "brackets": ("page 2 has no list of records (expected a list at data, got {})", ""),
    "headless": ("page 2 does not say where the next page is (expected page.next, got data)", ""),
    "short": ("page 2 is short (expected 10 records, got 5)", ""),
    "empty": ("page 2 is short (expected 10 records, got 0)", ""),
    "long": ("page 2 is too long (expected 10 records, got 11)", ""),
    "again": ("page 2 came again (expected another page, got one that was read before)", ""),
    "circle": ("page 2 leads to itself", ""),
}
ASTRAY = {"again", "circle"}  # after these the pages are read from the first again


def expect_all(taken: Taken, api: Misbehaving) -> None:
    assert taken.error is None, taken.error
    assert taken.ids == [r["id"] for r in api.records]
    assert taken.complete.whole


@pytest.mark.parametrize("fault", FAULTS)
def test_what_passes_costs_nothing(fault: str, api: Misbehaving, make: Make) -> None:
    for number in range(1, 6):
        api.data_requests, api.faults = 0, {number: fault}
        if fault in ASTRAY and number == 1:
            continue  # there is nothing before the first page
        expect_all(take(make()), api)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_stays_is_told_and_what_was_read_is_kept(fault: str, api: Misbehaving, make: Make) -> None:
    api.faults = dict.fromkeys(range(2, 1000), fault)
    taken = take(make(patience="8s"))
    assert taken.error is not None and taken.ids == [r["id"] for r in api.records[: len(taken.ids)]]
    said, (what, more) = "\n".join(taken.error.lines()), FAULTS[fault]
    assert said.startswith(f"source crm, object contacts: {what}") and more in said
    assert "  tried " in said and "times in" in said
    assert said.endswith("next: tilth sources check crm")
    if fault not in ASTRAY:
        assert len(taken.ids) == 10
        assert "page 1 is kept, the next run goes on from page 2" in said


def test_the_error_reads_as_an_operator_expects(api: Misbehaving, make: Make) -> None:
    api.faults = dict.fromkeys(range(4, 100), "early 0.63")
    taken = take(make())
    assert taken.error is not None
    assert taken.error.lines() == [
        "source crm, object contacts: page 4 was cut off (expected 10 records, got 3, body ended inside a string)",
        "  tried 5 times in 8 s; pages 1 to 3 are kept, the next run goes on from page 4",
        "  next: tilth sources check crm",
    ]


@pytest.mark.parametrize("fault", ["empty", "short"])
def test_without_a_count_the_size_tells_a_short_page(fault: str, api: Misbehaving, make: Make) -> None:
    api.faults = {2: fault}
    expect_all(take(make(count=...)), api)
    api.faults = dict.fromkeys(range(6, 99), fault)
    api.data_requests = 4
    error = take(make(count=...)).error
    said = {"empty": "page 2 is empty, and another one follows", "short": "page 2 is short, and another one follows"}
    assert error is not None and error.what == said[fault]


def test_a_total_that_does_not_agree_is_read_again_and_then_told(api: Misbehaving, make: Make) -> None:
    api.faults = {4: "fewer"}
    expect_all(take(make()), api)
    api.always = "fewer"
    taken = take(make())
    assert taken.error is not None
    assert str(taken.error).startswith(
        "source crm, object contacts: records are missing at the end, page 4 (expected 38 in all, got 35)"
    )
    assert "the next run begins again at page 1" in str(taken.error)
    assert taken.resume is None  # and not at the page that would end in the same way


@pytest.mark.parametrize(
    ("status", "what", "step"),
    [
        (401, "the credentials were refused", "correct the credentials in the auth of crm in connections.yaml"),
        (403, "reading /v1/contacts is not permitted", "give the account of crm the right to read it"),
        (404, "there is nothing at /v1/contacts", "correct the object of the declaration, or its path in crm"),
        (400, "page 1 was refused", "tilth sources check crm"),
    ],
)
def test_what_asking_again_cannot_mend_fails_at_once(
    status: int, what: str, step: str, api: Misbehaving, make: Make, waits: Waits
) -> None:
    api.raw, api.status = lambda asked: b'{"error": "' + asked.headers["authorization"].encode() + b'"}', status
    error = take(make()).error
    assert error is not None and (error.what, error.next) == (what, step)
    assert len(api.pages) == (2 if status == 401 else 1)  # once more with a fresh token
    assert str(status) in error.got and "***" in error.got and "tried" not in str(error)
    assert waits.slept == []
    assert not any(token in str(error) for token in api.tokens)


def test_an_unreachable_server_is_told(make: Make) -> None:
    made = make(url="http://127.0.0.1:1", patience="3s")
    error = take(made).error
    assert error is not None and error.what == "the connection was refused: no server listens there"
    assert error.kept == "tried 3 times in 2 s" and error.next == "tilth sources check crm"
    unknown = take(make(url="http://no-such-host.invalid", tries=1)).error
    assert unknown is not None and unknown.what == "the host is unknown"
    assert SECRET not in str(error) + str(unknown)


def test_a_page_has_a_largest_size(api: Misbehaving, make: Make) -> None:
    bomb = gzip.compress(b" " * (65 << 20))
    api.raw, api.told = (lambda _: bomb), {"Content-Encoding": "gzip"}
    error = take(make()).error
    assert error is not None and error.what == "page 1 is too large" and error.expected == "64 MB at most"
    assert len(api.pages) == 1


def test_what_is_no_record_is_told(api: Misbehaving, make: Make) -> None:
    api.raw = lambda _: b'{"data": [{"id": 1}, 7], "page": {"next": null, "count": 2, "total": 2}}'
    error = take(make(tries=1)).error
    assert error is not None and error.what == "record 2 of page 1 is no object"
    api.raw = lambda _: b'{"data": ' + b"[" * 200_000
    error = take(make(tries=1)).error
    assert error is not None and error.what == "page 1 is nested too deeply"
    api.raw = lambda _: b'{"data": [], "page": {"next": null, "count": "x", "total": 2}}'
    error = take(make(tries=1)).error
    assert error is not None and error.what == "page 1 does not say how many records there are"
    api.raw = lambda _: '{"data": ["Größe"]}'.encode("latin-1")
    error = take(make(tries=1)).error
    assert error is not None and error.what == "page 1 is not text"


def test_an_object_without_records_is_complete(api: Misbehaving, make: Make) -> None:
    api.records = []
    taken = take(make())
    assert taken.rows == [] and taken.complete.whole and len(taken.batches) == 1


def test_a_field_that_no_record_has_is_told_unless_empty_ones_are_left_out(api: Misbehaving, make: Make) -> None:
    api.records = [{k: v for k, v in record(n).items() if k != "name"} for n in range(5)]
    taken = take(make(), columns=("id", "nam"))
    assert taken.error is not None and not taken.batches
    assert taken.error.what == "no record of page 1 has the field nam" and "absent: empty" in taken.error.next
    taken = take(make(absent="empty"), columns=("id", "name", "address.city", "address.zip"))
    assert [list(row.values()) for row in taken.rows[:1]] == [["C-00000", None, "Köln", None, "2026-01-01T00:00:00Z"]]
    taken = take(make(absent="empty"), key=("no",))
    assert taken.error is not None and taken.error.what == "no record of page 1 has the field no"


def test_a_pull_without_a_date_cannot_say_where_the_next_one_starts(api: Misbehaving, make: Make) -> None:
    api.told = {"Date": ""}
    error = take(make()).error
    assert error is not None and error.what == "page 1 does not tell the server's time"
    assert take(make(), cursor_column=None).complete.whole


def test_keyless_records_may_be_alike(api: Misbehaving, make: Make) -> None:
    api.records = [record(n, name="same") for n in range(25)]
    bare = replace(Pull("contacts"), columns=("name",))
    assert take(make(), bare).rows == [{"name": "same"}] * 25
