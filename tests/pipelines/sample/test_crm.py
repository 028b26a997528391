"""The CRM is a real API: tokens that end, cursors, a filter, a rate; it misbehaves as planned."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tilth.connectors.http.pace import Pace
from tilth.connectors.http.rest import RestConnector
from tilth.connectors.protocol import Pull
from tilth.connectors.registry import connector
from tilth.pipelines.sample.crm import CLIENT, Crm, misbehaviour
from tilth.pipelines.sample.plan import plan

SECRET = "a-secret"


class Door:
    """The running CRM, asked as a person would."""

    def __init__(self, crm: Crm, folder: Path) -> None:
        self.crm, self.folder, self.url = crm, folder, f"http://127.0.0.1:{crm.port}"

    def token(self, secret: str = SECRET) -> str:
        pair = base64.b64encode(f"{CLIENT}:{secret}".encode()).decode()
        request = urllib.request.Request(f"{self.url}/oauth/token", b"grant_type=client_credentials")
        request.add_header("Authorization", f"Basic {pair}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())["access_token"]

    def get(self, path: str, token: str) -> Any:
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def page(self, path: str) -> Any:
        """One page, asked for until it is there."""
        while True:
            try:
                page = self.get(path, self.token())
                if len(page["data"]) == page["page"]["count"]:
                    return page
            except (ValueError, OSError, http.client.HTTPException) as error:
                assert not isinstance(error, urllib.error.HTTPError) or error.code in (401, 429, 503)

    def connector(self) -> RestConnector:
        (self.folder / "crm.secret").write_text(SECRET)
        (self.folder / "crm.url").write_text(self.url)
        import yaml

        text = (Path(__file__).parents[3] / "pipelines/sample/project/connections.yaml").read_text("utf-8")
        settings = yaml.safe_load(text.replace("data/systems/", ""))["crm"]
        made = connector(settings.pop("kind"), "crm", settings, base=self.folder)
        assert isinstance(made, RestConnector)
        return replace(made, pace=Pace(jitter=lambda _: 0.0))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    crm = Crm(plan(seed=7, lines=2_000), secret=SECRET, changed=tmp_path / "crm.changed")
    try:
        crm.show(1)
        yield Door(crm, tmp_path)
    finally:
        crm.close()


def refused(door: Door, path: str, token: str) -> urllib.error.HTTPError:
    with pytest.raises(urllib.error.HTTPError) as caught:
        door.get(path, token)
    return caught.value


def test_who_may_read(door: Door) -> None:
    assert refused(door, "/v1/contacts", "no-token").code == 401
    with pytest.raises(urllib.error.HTTPError) as caught:
        door.token("another secret")
    assert caught.value.code == 401 and json.loads(caught.value.read()) == {"error": "invalid_client"}
    token = door.token()
    assert refused(door, "/v1/orders", token).code == 404
    assert refused(door, "/v1/contacts?cursor=of-yesterday", token).code == 410
    assert refused(door, "/v1/contacts?limit=many", token).code == 400


def test_a_token_ends_in_mid_run_and_too_many_requests_are_put_off(door: Door) -> None:
    for _ in range(20):  # all that is planned to go wrong is over then
        door.page("/v1/companies")
    time.sleep(1.1)
    token = door.token()
    for _ in range(25):
        door.get("/v1/companies?limit=1", token)
    assert refused(door, "/v1/companies", token).code == 401
    tokens = [door.token() for _ in range(8)]
    connection = http.client.HTTPConnection("127.0.0.1", door.crm.port, timeout=10)
    codes: list[tuple[int, str | None]] = []
    for number in range(160):
        headers = {"Authorization": f"Bearer {tokens[number // 20]}"}
        connection.request("GET", "/v1/companies?limit=1", headers=headers)
        answer = connection.getresponse()
        answer.read()
        codes.append((answer.status, answer.headers["Retry-After"]))
    connection.close()
    assert set(codes) == {(200, None), (429, "1")}


def test_pages_hold_everything_in_the_order_of_changes(door: Door) -> None:
    found: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = door.page(f"/v1/contacts?limit=500&cursor={cursor}" if cursor else "/v1/contacts?limit=500")
        found, cursor = found + page["data"], page["page"]["next"]
    assert len(found) == page["page"]["total"] and len(found) > 200
    assert [record["updated_at"] for record in found] == sorted(record["updated_at"] for record in found)
    after = found[100]["updated_at"]
    assert door.page(f"/v1/contacts?updated_after={after}")["page"]["total"] == sum(
        r["updated_at"] > after for r in found
    )


def test_the_connector_needs_nothing_but_its_settings(door: Door) -> None:
    """Everything that is planned to go wrong goes wrong, and every record comes once."""
    made = door.connector()
    batches = [batch for table in ("contacts", "companies") for batch in made.pull(Pull(table, ("id",), ("id",)))]
    rows = sum(batch.rows.num_rows + (batch.deleted.num_rows if batch.deleted else 0) for batch in batches)
    totals = [door.page(f"/v1/{table}")["page"]["total"] for table in ("contacts", "companies")]
    assert rows == sum(totals) and all(batch.complete for batch in batches)
    assert made.check().ok and [info.name for info in made.discover()] == ["companies", "contacts"]


def test_it_is_down_and_back_at_the_same_port_with_what_changed(door: Door) -> None:
    made, asked = door.connector(), Pull("contacts", ("id",), ("id", "email"), "updated_at")
    [first] = made.pull(asked)
    assert first.complete is not None
    door.crm.show(2)
    with pytest.raises(urllib.error.URLError, match="refused"):
        door.token()
    door.crm.show(3)
    [third] = made.pull(replace(asked, cursor=first.complete.cursor))
    assert third.complete is not None and not third.complete.whole
    told = json.loads(plan(seed=7, lines=2_000).truth)["nights"]["3"]["tables"]["contacts"]["counts"]
    deleted = third.deleted.num_rows if third.deleted else 0
    assert (third.rows.num_rows + deleted, deleted) == (told["pulled"], told["deleted"])
    changed = (door.folder / "crm.changed").read_text()
    again = Crm(plan(seed=7, lines=2_000), secret=SECRET, changed=door.folder / "crm.changed")
    again.show(3)
    again.close()
    assert (door.folder / "crm.changed").read_text() == changed


def test_what_goes_wrong_goes_wrong_on_schedule(door: Door) -> None:
    token, seen = door.token(), dict[int, str]()
    for number in range(1, 14):
        try:
            page = door.get("/v1/contacts", token)
            seen[number] = "" if len(page["data"]) == page["page"]["count"] else "short"
        except urllib.error.HTTPError as error:
            seen[number] = {503: "unavailable", 429: "limit", 401: "expired"}[error.code]
            token = door.token()
        except http.client.IncompleteRead:
            seen[number] = "cut"
        except ValueError:
            seen[number] = "html"
    assert {str(number): fault for number, fault in seen.items() if fault} == misbehaviour(7, 1)
