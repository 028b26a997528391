"""Every mistake in a connection is named with what was meant; and what `check`, `discover` and `inspect` say."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.http.conftest import ASKED, Make, take
from tests.connectors.http.misbehaving import ID, Misbehaving, record
from tilth.connectors.protocol import Dataset, Pull
from tilth.connectors.registry import connector
from tilth.errors import DeclarationError, MissingExtra, SourceError

URL = {"url": "https://api.example.com/v2"}
CLIENT = {"client_id": ID, "client_secret": "file:crm.secret"}
CURSOR = {"kind": "cursor", "next": "next", "parameter": "cursor"}


@pytest.mark.parametrize(
    ("settings", "what", "expected", "where"),
    [
        (URL | {"adress": 1}, "unknown setting adress", "headers", ""),
        ({}, "the setting url is missing", "url, auth", ""),
        ({"url": "api.example.com"}, "url cannot be used", "http://host/path", ""),
        ({"url": "https://u:geheim@api.example.com"}, "url cannot be used", "http://host/path", ""),
        (URL | {"auth": "basic"}, "auth is no block of settings", "{…}", ""),
        (URL | {"auth": {}}, "auth.kind is missing", "one of oauth2, bearer, basic, key", ""),
        (URL | {"auth": {"kind": "oauth"}}, "auth.kind is not known", "oauth2", ""),
        (URL | {"auth": {"kind": "bearer", "tokn": "env:X"}}, "unknown setting tokn", "token", ", auth"),
        (URL | {"auth": {"kind": "bearer"}}, "the setting token is missing", "token", ", auth"),
        (
            URL | {"auth": {"kind": "bearer", "token": "geheim"}},
            "token must be a reference, not the credential itself", "env:NAME or file:PATH", ", auth",
        ),
        (URL | {"auth": {"kind": "bearer", "token": "file:lines"}}, "auth cannot be sent in a header", "visible", ""),
        (URL | {"paging": {"kind": "pages"}}, "paging.kind is not known", "one of cursor, link, offset", ""),
        (URL | {"paging": CURSOR | {"sise": 3}}, "unknown setting sise", "size", ", paging"),
        (URL | {"paging": CURSOR | {"size": 3}}, "paging.size is no block of settings", "{…}", ""),
        (URL | {"paging": CURSOR | {"size": {"limit": []}}}, "paging.size.limit is no text", "a text", ""),
        (URL | {"changes": {"param": "x"}}, "unknown setting param", "parameter", ", changes"),
        (URL | {"changes": {"parameter": "x", "format": "iso8601"}}, "changes.format is not known", "iso", ""),
        (URL | {"tombstones": {"field": "x", "values": "D"}}, "tombstones.values is no list", "[true]", ""),
        (URL | {"objects": ["contacts"]}, "objects is no block of settings", "{…}", ""),
        (
            URL | {"objects": {"contacts": {"paht": "/x"}}},
            "unknown setting paht", "path", ", objects.contacts",
        ),
        (
            URL | {"objects": {"contacts": {"paging": CURSOR | {"next": None}}}},
            "the setting next is missing", "next", ", objects.contacts.paging",
        ),
        (URL | {"absent": "null"}, "absent cannot be used", "refuse or empty", ""),
        (URL | {"tries": 0}, "tries, timeout and rate must be more than nothing", "", ""),
        (URL | {"rate": "fast"}, "rate cannot be used", "a number", ""),
        (URL | {"parameters": {"x": {}}}, "parameters.x is no text", "a text", ""),
    ],
)  # fmt: skip
def test_a_mistake_names_what_was_meant(
    settings: dict[str, Any], what: str, expected: str, where: str, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text("geheim\nX-Injected: 1")
    with pytest.raises(DeclarationError) as caught:
        connector("rest", "crm", settings, base=tmp_path)
    error = caught.value
    assert (error.what, error.where) == (what, f"connection crm{where}")
    assert error.expected.startswith(expected) and "geheim" not in str(error)


def test_references_are_followed_inside_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_CLIENT", "me")
    (tmp_path / "secret").write_text("s")
    auth = {"kind": "oauth2", "token": "/t", "client_id": "env:CRM_CLIENT", "client_secret": "file:secret"}
    made: Any = connector("rest", "crm", {**URL, "auth": auth, "parameters": {"who": "env:CRM_CLIENT"}}, base=tmp_path)
    assert made.api.auth.client_id == "me" and made.api.usual.query == (("who", "me"),)


@pytest.mark.parametrize(
    ("settings", "object", "dataset"),
    [
        (URL, "contacts", Dataset("https://api.example.com:443", "/v2/contacts")),
        ({"url": "http://h"}, "a b/c?d", Dataset("http://h:80", "/a%20b/c%3Fd")),
        ({"url": "http://h", "objects": {"contacts": {"path": "/x/y"}}}, "contacts", Dataset("http://h:80", "/x/y")),
    ],
)
def test_where_an_object_stands(settings: dict[str, Any], object: str, dataset: Dataset, tmp_path: Path) -> None:
    assert connector("rest", "crm", settings, base=tmp_path).dataset(object) == dataset


def test_an_object_differs_in_what_it_says_itself(api: Misbehaving, make: Make) -> None:
    api.raw = lambda asked: json.dumps(api.records).encode() if asked.path == "/v1/bare" else None
    own = {"records": None, "count": None, "total": None, "paging": None, "parameters": {"all": 1}}
    made = make(objects={"bare": {"path": "/v1/bare", **own}, "v1/contacts": None})
    assert take(made, object="bare").ids == take(made, object="v1/contacts").ids
    assert [asked.query.get("all") for asked in api.pages] == ["1", None, None, None, None]


def test_check_reaches_the_address_and_reads_nothing(api: Misbehaving, make: Make) -> None:
    assert make().check().detail == f"{api.url} answers, token good for 3600 s"
    assert api.pages == [] and [asked.path for asked in api.asked] == ["/oauth/token", "/"]
    assert make(auth=...).check().ok
    with pytest.raises(SourceError) as caught:
        make(url="http://127.0.0.1:1", tries=1).check()
    assert caught.value.what == "the connection was refused: no server listens there"


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (204, None), (301, None), (404, None), (405, None), (401, "the credentials were refused"),
        (403, "reading /v1/home is not permitted"), (500, "{url}/v1/home failed in the server"),
    ],
)  # fmt: skip
def test_any_answer_at_the_address_will_do_but_a_refusal_or_a_failure(
    status: int, what: str | None, api: Misbehaving, make: Make
) -> None:
    api.raw, api.status, api.told = lambda _: b"", status, {"Location": "https://elsewhere.example/"}
    made = make(url=f"{api.url}/v1/home", auth={"kind": "oauth2", "token": f"{api.url}/oauth/token"} | CLIENT, tries=1)
    if what is None:
        assert made.check().ok
        return
    with pytest.raises(SourceError) as caught:
        made.check()
    assert caught.value.what == what.format(url=api.url)


def test_a_missing_library_is_named_with_its_install_command(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    for ask in (make().check, make().discover, lambda: make().inspect(ASKED), lambda: [*make().pull(ASKED)]):
        with pytest.raises(MissingExtra) as caught:
            ask()
        assert caught.value.next == 'pip install "tilth[http]"'


def test_discover_lists_what_is_declared_with_its_fields(make: Make) -> None:
    [found] = make().discover()
    assert found.name == "contacts" and dict(found.columns)["score"] == "double"
    assert make(objects=...).discover() == []


def test_inspect_reads_one_page_and_names_what_is_wrong(api: Misbehaving, make: Make) -> None:
    assert list(make().inspect(ASKED)) == [] and len(api.pages) == 1
    wrong = Pull("contacts", ("idd",), ("id", "nam"), "updatd_at", options={"kind": "delimited"})
    assert list(make().inspect(wrong)) == [
        "the option kind is not known to HTTP APIs",
        "no record of page 1 has the field nam (expected name)",
        "no record of page 1 has the key field idd (expected id)",
        "no record of page 1 has the cursor field updatd_at (expected updated_at)",
    ]
    assert list(make().inspect(Pull("contcts"))) == [
        "there is no object contcts: there is nothing at /contcts (expected contacts)"
    ]
    assert list(make(records="items", tries=1).inspect(ASKED)) == [
        "page 1 has no list of records (expected a list at items, got data, page)"
    ]
    assert list(make(total="page.all", tries=1).inspect(ASKED)) == [
        "page 1 does not say how many records there are (expected a number at page.all, got data, page)"
    ]
    assert "names no filter" in make(changes=...).inspect(ASKED)[0]
    api.always = "status 500"
    with pytest.raises(SourceError):
        make(tries=1).inspect(ASKED)


def test_inspect_takes_fields_that_are_left_out_as_empty(api: Misbehaving, make: Make) -> None:
    api.records = [record(n, deleted=n > 0) for n in range(3)]
    del api.records[0]["name"]
    assert list(make(absent="empty").inspect(ASKED)) == []
    assert make().inspect(ASKED)[0].startswith("no record of page 1 has the field name (expected one of id, score")
    assert take(make(absent="empty"), replace(ASKED, columns=("id", "name"))).rows[0]["name"] is None
    asked = replace(ASKED, optional=("name",))
    assert list(make().inspect(asked)) == [] and take(make(), optional=("name",)).rows[0]["name"] is None
