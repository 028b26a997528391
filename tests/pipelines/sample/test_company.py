"""The running company: each night's world is what the truth says, and it comes and goes without a trace."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from oracles.worlds import (
    crm_records,
    good_crm,
    good_keys,
    good_prices,
    keys_hash,
    ledger_files,
    matched,
    shipment_rows,
)

from tilth.errors import Busy, DeclarationError, SourceError
from tilth.pipelines.sample import Company, company
from tilth.pipelines.sample.nights import empty, sample_project
from tilth.pipelines.sample.plan import plan

LINES = 2_000

OWNER = """
import pathlib, sys, time
from tilth.pipelines.sample import company
with company(pathlib.Path(sys.argv[1])) as systems:
    print(systems.erp.port, flush=True)
    time.sleep(600)
"""


class Told:
    """One night's world as found, and as told by the truth."""

    def __init__(self, systems: Company, number: int) -> None:
        self.systems, self.number, self.root = systems, number, systems.systems
        self.told: dict[str, Any] = systems.truth["nights"][str(number)]["tables"]
        self.toxic = {name: table["toxic"] for name, table in self.told.items()}

    def updates(self, table: str) -> set[str]:
        """Keys whose toxic update leaves the last good version published."""
        return {toxic["key"] for toxic in self.toxic[table] if toxic["kind"].endswith("(an update)")}

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.systems.erp.url) as connection:
            return connection.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company(tmp_path_factory.mktemp("company"), lines=LINES) as running:
        yield running


@pytest.fixture(scope="module", params=[1, 2, 3])
def night(request: pytest.FixtureRequest, systems: Company) -> Told:
    systems.night(request.param)
    systems.night(request.param)  # again changes nothing
    return Told(systems, request.param)


def test_what_is_good_in_the_erp_is_what_should_be_published(night: Told) -> None:
    found = good_keys(night.systems.admin.url, published_before=night.updates("customers"))
    for table, keys in found.items():
        expected = keys | night.updates(table)
        assert (len(expected), keys_hash(expected)) == (night.told[table]["rows"], night.told[table]["keys_sha256"]), (
            table
        )


def test_derived_revenue_has_the_orders_with_lines(night: Told) -> None:
    found = good_keys(night.systems.admin.url, published_before=night.updates("customers"))
    lines = {key.split('"')[1] for key in found["order_lines"]}
    assert keys_hash(found["orders"] & lines) == night.told["order_revenue"]["keys_sha256"]


def test_planted_records_stand_where_the_truth_says(night: Told) -> None:
    for toxic in (t for table in night.toxic.values() for t in table if t.get("line")):
        file = night.root / ("pricing" if toxic["file"].endswith(".xlsx") else "legacy") / toxic["file"]
        if file.suffix == ".csv":
            row = shipment_rows(file)[toxic["record"]]
            assert row["shipment_no"] == (toxic["key"] or "")
            assert row.items() >= toxic.get("raw", {}).items()
        elif file.suffix == ".txt":
            line = file.read_bytes().decode("cp1252").split("\r\n")[toxic["line"] - 1]
            assert all(value in line for value in toxic["raw"].values())
    keyless = [t for t in night.toxic["invoices"] + night.toxic["products"] if t["key"] is None]
    assert len(keyless) == (2 if night.number == 1 else 0)
    if keyless:
        assert night.query("select count(*) from invoices where invoice_no is null") == [(1,)]
        assert night.query("select count(*) from products where sku is null") == [(1,)]


def test_the_ledger_is_short_of_a_trailer_then_of_none(night: Told) -> None:
    files = ledger_files(night.root / "legacy")
    wrong = {name for name, (told, lines) in files.items() if told is not None and told != len(lines)}
    growing = {name for name, (told, _) in files.items() if told is None}
    assert wrong == ({"ledger/GL_20251102.txt"} if night.number < 3 else set())
    assert growing == ({"ledger/GL_20251103.txt"} if night.number == 1 else set())
    good = sum(len(lines) for name, (_, lines) in files.items() if name not in wrong | growing)
    refused = 6  # planted in the first file
    assert good - refused == night.told["ledger"]["rows"]
    for name in files:
        age = time.time() - (night.root / "legacy" / name).stat().st_mtime
        assert (age < 60) == (name in growing)


def test_the_price_share_is_down_in_the_second_night(night: Told) -> None:
    lists = sorted((night.root / "pricing").glob("*.xlsx"))
    assert len(lists) == {1: 1, 2: 0, 3: 2}[night.number]
    assert night.told["prices"]["state"] == ("published" if lists else "failed")
    if lists:
        assert keys_hash(good_prices(lists[-1])) == night.told["prices"]["keys_sha256"]


def test_the_crm_is_down_in_the_second_night(night: Told) -> None:
    told = {table: night.told[table] for table in ("companies", "contacts")}
    access = night.systems.crm
    if night.number == 2:
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(access.url, timeout=5)
        assert {table["state"] for table in told.values()} == {"failed"}
        return
    records = crm_records(access.url, access.client, access.secret)
    found = good_crm(records, published_before=night.updates("companies"))
    for table, keys in found.items():
        expected = keys | night.updates(table)
        assert (len(expected), keys_hash(expected)) == (told[table]["rows"], told[table]["keys_sha256"]), table


def test_companies_and_customers_are_the_same_as_the_plan_says(night: Told) -> None:
    if night.number == 2:
        pytest.skip("the CRM is down")
    access = night.systems.crm
    records = crm_records(access.url, access.client, access.secret)["companies"]
    good = good_crm({"companies": records, "contacts": []}, published_before=())["companies"]
    told = plan(seed=night.systems.truth["seed"], lines=LINES).matches
    assert matched(night.systems.admin.url, [r for r in records if r["id"] in good]) == told


def test_a_transaction_is_open_through_the_first_night(night: Told) -> None:
    found = night.query("select count(*) from orders where order_id = 900200")
    assert found == [(0 if night.number == 1 else 1,)]
    open_since = "select count(*) from pg_stat_activity where state = 'idle in transaction' and xact_start < now()"
    assert night.query(open_since) == [(1 if night.number == 1 else 0,)]
    if night.number > 1:  # the database says when the late rows changed: before the night's other changes
        late = "select (select updated_at from orders where order_id = 900200) <"
        assert night.query(f"{late} (select updated_at from orders where order_id = 900101)") == [(True,)]


def test_the_project_may_read_and_nothing_else(night: Told) -> None:
    with psycopg.connect(night.systems.erp.url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("delete from customers")
    for name in ("erp.port", "erp.password", "erp.admin", "crm.url", "crm.secret"):
        assert stat.S_IMODE((night.root / name).stat().st_mode) == 0o600


def test_there_is_no_way_back(systems: Company) -> None:
    systems.night(3)
    with pytest.raises(SourceError):
        systems.night(2)


@pytest.mark.long
def test_a_second_process_joins_and_the_world_outlives_its_owner(tmp_path: Path) -> None:
    with company(tmp_path, lines=500) as first:
        first.after_first_pull()
        first.night(2)
        with company(tmp_path) as second:
            assert (second.erp, second.crm, second.current_night) == (first.erp, first.crm, 2)
            with pytest.raises(Busy):
                second.night(3)
            with pytest.raises(Busy):
                empty(tmp_path)
    with company(tmp_path) as again:
        assert (again.current_night, again.truth["lines"]) == (2, 500)
        assert again.erp.port != first.erp.port or again.erp.password == first.erp.password
    with company(tmp_path, lines=400) as other:
        assert (other.current_night, other.truth["lines"]) == (1, 400)
    empty(tmp_path)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_published_night_moves_the_company_on(tmp_path: Path) -> None:
    for expected in (1, 2, 3, 3):
        with company(tmp_path, lines=100) as systems:
            assert systems.current_night == expected
        with company(tmp_path) as systems:  # nothing was published since
            assert systems.current_night == expected
            time.sleep(0.02)
            link = tmp_path / "data" / "curated.duckdb"
            link.unlink(missing_ok=True)
            link.symlink_to("releases")


@pytest.mark.long
def test_a_late_commit_outlives_a_restart(tmp_path: Path) -> None:
    with company(tmp_path, lines=100) as systems:
        systems.after_first_pull()
        systems.after_first_pull()
    with company(tmp_path) as systems, psycopg.connect(systems.erp.url) as connection:
        assert systems.current_night == 1
        assert connection.execute("select count(*) from order_lines where order_id = 900200").fetchone() == (2,)
        systems.night(2)


@pytest.mark.long
def test_a_killed_owner_leaves_nothing_running(tmp_path: Path) -> None:
    with company(tmp_path, lines=100) as systems:
        systems.night(3)
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        crm = (tmp_path / "data" / "systems" / "crm.url").read_text().rpartition(":")[2]
        ports = {f"port={port}", f"port={crm}"}
        running = [p for p in psutil.process_iter(["cmdline"]) if ports.intersection(p.info["cmdline"] or ())]
        assert {word for p in running for word in p.cmdline()} >= ports
        process.kill()
    psutil.wait_procs(running, timeout=30)
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in running)
    with company(tmp_path) as systems:
        assert systems.current_night == 3


def test_only_the_sample_project_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "tilth.yaml").write_text("name: mine\n")
    with pytest.raises(DeclarationError, match="not the sample company"):
        sample_project(tmp_path)
