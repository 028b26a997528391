"""The whole product against the truth: three nights by the command line, and each finds exactly what was planted."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tilth.pipelines.sample.nights import Outcome, run_nights, sample_project
from tilth.pipelines.sample.plan import plan
from tilth.pipelines.summary import summary

pytestmark = pytest.mark.long
LINES = 2_000
WHY = "Why records are kept aside (tilth quarantine list, tilth quarantine explain ID):"
CUSTOMER, COMPANY = "customer_id", "company_id"
KEYS = {
    "customers": ("customer_id",), "products": ("sku",), "orders": ("order_id",), "invoices": ("invoice_no",),
    "order_lines": ("order_id", "line_no"), "shipments": ("shipment_no",), "prices": ("sku",),
    "order_revenue": ("order_id",), "companies": ("company_id",), "contacts": ("contact_id",),
    "customer_links": ("company_id",), "one_customer": ("party",), "documents": ("document",), "chunks": ("chunk_id",),
}  # fmt: skip


class Night:
    """What one night left behind: its outcome, the quarantine, and the published rows by key text."""

    def __init__(self, folder: Path, outcome: Outcome, known: frozenset[str]) -> None:
        self.outcome, self.folder = outcome, folder
        self.told: Mapping[str, Any] = outcome.planned["tables"]
        self.entries: list[dict[str, Any]] = json.loads(tilth(folder, "quarantine", "list", "--json"))
        self.opened = [entry for entry in self.entries if entry["id"] not in known]
        with duckdb.connect(folder / "data" / "curated.duckdb", read_only=True) as connection:
            self.rows = {table: dict(_rows(connection, table, key)) for table, key in KEYS.items()}


def _rows(connection: Any, table: str, key: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    found = connection.execute(f"select * from {table}")
    names = [column[0] for column in found.description]
    for row in found.fetchall():
        values = dict(zip(names, row, strict=True))
        texts = [str(values[name]) for name in key]
        yield texts[0] if len(key) == 1 else json.dumps(texts, separators=(",", ":")), values


def tilth(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "tilth.pipelines.cli", *arguments]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Night]:
    folder = tmp_path_factory.mktemp("nights") / "acme"
    tilth(folder.parent, "init", "acme", "--sample")
    found: list[Night] = []
    known: frozenset[str] = frozenset()
    for outcome in run_nights(sample_project(folder), nights=3, lines=LINES):
        found.append(Night(folder, outcome, known))
        known = known.union(entry["id"] for entry in found[-1].entries)
    return found


def test_every_night_ends_as_planned(nights: list[Night]) -> None:
    assert [night.outcome.exit for night in nights] == [0, 3, 0]
    assert [surprise for night in nights for surprise in night.outcome.surprises] == []


def test_what_was_planted_is_found_no_more_no_less(nights: list[Night]) -> None:
    for night in nights:
        planted = Counter(
            (table, toxic["key"], json.dumps(toxic["reasons"]))
            for table, told in night.told.items()
            for toxic in told["toxic"]
        )
        found = Counter(
            (entry["table"], entry["key"], json.dumps([[r["rule"], r["column"]] for r in entry["reasons"]]))
            for entry in night.opened
        )
        assert found == planted


def test_entries_leave_the_quarantine_as_the_truth_says(nights: list[Night]) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for night in nights:
        for table, told in night.told.items():
            expected.update((table, key, "replayed") for key in told.get("replayed", ()))
            expected.update((table, key, "superseded") for key in told.get("superseded_open", ()))
        left = Counter((e["table"], e["key"], e["status"]) for e in night.entries if e["status"] != "open")
        assert left == expected


def test_published_rows_are_exactly_those_of_the_truth(nights: list[Night]) -> None:
    for night in nights:
        for table, rows in night.rows.items():
            if table == "chunks":
                continue  # how many there are is nobody's plan
            told = night.told[table]
            digest = hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()
            assert (len(rows), digest) == (told["rows"], told["keys_sha256"]), table
            for key, values in told.get("values", {}).items():
                assert {name: _same_kind(rows[key][name], text) for name, text in values.items()} == values


def test_every_letter_of_every_document_is_in_one_chunk(nights: list[Night]) -> None:
    for night in nights:
        texts = {name: row["text"] for name, row in night.rows["documents"].items()}
        assert {name: len(text) for name, text in texts.items()} == {
            name: row["characters"] for name, row in night.rows["documents"].items()
        }
        covered = {name: [" "] * len(text) for name, text in texts.items()}
        for chunk in night.rows["chunks"].values():
            start, end = chunk["char_from"], chunk["char_to"]
            assert texts[chunk["document"]][start:end] == chunk["text"]
            assert not "".join(covered[chunk["document"]][start:end]).strip()
            covered[chunk["document"]][start:end] = chunk["text"]
        for name, text in texts.items():
            assert "".join(covered[name]).split() == text.split()


def test_the_summary_tells_of_every_source_and_table(nights: list[Night]) -> None:
    for night in nights:
        lines = [*summary(night.outcome.told)]
        for table in night.outcome.told.status["tables"]:
            (line,) = [line for line in lines if line.startswith(f"  {table['name']} ") and "fresh" in line]
            cells = [int(cell.replace(",", "")) for cell in line.split()[1:10]]
            assert cells[:2] == [table["pulled"], table["rows"]] and cells[-1] == table["open_after"]
            assert ("FAILED" in line) == (table["state"] == "failed")
        sources = {one["name"] for one in night.outcome.told.status["sources"]}
        assert sources <= {line.split(" (")[0] for line in lines}
        failed = [one for one in night.outcome.told.status["sources"] if one["error"]]
        assert all(f"    next: tilth sources check {one['name']}" in lines for one in failed)
        assert "  the three balances of every table add up" in lines
        aside = {line.split()[0]: line for line in lines[lines.index(WHY) + 1 :] if line.startswith("  ")}
        opened = {entry["table"] for entry in night.entries if entry["status"] == "open"}
        assert opened <= aside.keys()


def test_one_customer_is_who_the_plan_says_by_the_rule_it_says(nights: list[Night]) -> None:
    matches = plan(seed=7, lines=LINES).matches
    for night in nights:
        links = {key: (str(row["customer_id"]), row["rule"]) for key, row in night.rows["customer_links"].items()}
        assert links == matches
        everybody = night.rows["one_customer"].values()
        joined = {row["company_id"]: (str(row["customer_id"]), row["rule"]) for row in everybody if row["rule"]}
        assert joined == matches
        customers, companies = (sorted(filter(None, (row[key] for row in everybody))) for key in (CUSTOMER, COMPANY))
        assert [str(key) for key in customers] == sorted(night.rows["customers"], key=int)
        assert companies == sorted(night.rows["companies"])


def _same_kind(value: object, text: str) -> str:
    """The value as text; a number in the spelling of the text, when it is the same number."""
    try:
        return text if Decimal(str(value)) == Decimal(text) else str(value)
    except InvalidOperation:
        return str(value)


def test_no_secret_of_the_company_is_kept(nights: list[Night]) -> None:
    data = nights[-1].folder / "data"
    names = ("erp.password", "erp.admin", "crm.secret")
    secrets = [(data / "systems" / name).read_bytes().strip() for name in names]
    kept = [path for path in data.rglob("*") if path.is_file() and data / "systems" not in path.parents]
    assert len(kept) > 50 and all(len(secret) > 20 for secret in secrets)
    assert [path for path in kept if any(secret in path.read_bytes() for secret in secrets)] == []


def test_every_table_column_and_view_of_the_published_file_has_a_comment(nights: list[Night]) -> None:
    with duckdb.connect(nights[-1].folder / "data" / "curated.duckdb", read_only=True) as connection:
        for kind, name in {"columns": "column", "tables": "table", "views": "view"}.items():
            found = connection.execute(
                f"select {'table_name, ' * (kind == 'columns')}{name}_name from duckdb_{kind}() "
                "where not internal and database_name = current_database() and coalesce(comment, '') = ''"
            ).fetchall()
            assert found == []
