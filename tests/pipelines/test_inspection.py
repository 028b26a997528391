"""What `tilth check` finds, each at its file and line, with the next step."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tilth.errors import DeclarationError
from tilth.pipelines.inspection import inspect_project
from tilth.pipelines.night import run_night
from tilth.pipelines.project import open_project, systems
from tilth.pipelines.settings import read_settings

SALES, TURNOVER = "defs/sales/defs.yaml", "defs/turnover/defs.yaml"
FILES = """
type: tilth.assets.Table
attributes:
  name: parcels
  contract: contracts.Customer
  source: desk
  object: "*.csv"
  deletes: tombstones
  format: {kind: delimited, delimter: ";"}
"""

CASES = {
    "a column that the query does not give": (
        (TURNOVER, "AS amount", "AS amuont"),
        f"{TURNOVER}:5: turnover: the query gives no column amount, which Turnover asks for (expected amuont, perhaps",
    ),
    "a query that cannot be run": (
        (TURNOVER, "sum(amount)", "sum(amuont)"),
        f"{TURNOVER}:5: turnover: the query cannot be run (got Binder Error",
    ),
    "tombstones of a database": (
        (SALES, "load: replace", "load: merge\n  deletes: tombstones"),
        f"{SALES}:8: source books, object sales: deletes: databases give no tombstones",
    ),
    "options of a database": (
        (SALES, "load: replace", "load: replace\n  format: {kind: delimited}"),
        f"{SALES}:8: source books, object sales: the option kind is not known to databases",
    ),
    "a standardiser": (
        ("contracts.py", '("trim",)', '("trimm",)'),
        "contracts.py:10: Customer.name: unknown standardiser 'trimm' (expected 'trim', perhaps)",
    ),
    "an argument of a field": (
        ("contracts.py", "field(ge=0", "field(gee=0"),
        "contracts.py:11: custom check 'gee' is not available (expected 'ge', perhaps)",
    ),
    "a type": (("contracts.py", "credit: float", "credit: object"), "contracts.py:11: Customer.credit: this type"),
    "the time zone": (("tilth.yaml", "Europe/Berlin", "Mars"), "tilth.yaml:8: there is no such time zone"),
    "a file for a folder": (("tilth.yaml", "data/lake", "contracts.py"), "tilth.yaml, storage: storage needs a folder"),
    "a file in the way": (
        ("tilth.yaml", "data/curated.duckdb", "contracts.py/curated.duckdb"),
        "tilth.yaml, curated: curated needs a folder, and there is a file",
    ),
    "a curated file of others": (
        ("tilth.yaml", "data/curated.duckdb", "shop.db"),
        "tilth.yaml, curated: the curated path is taken by something that Tilth did not publish",
    ),
    "the systems": (("tilth.yaml", "code: .", "systems: no.such"), "tilth.yaml: systems: no.such cannot be used"),
}


IMPORT = "import Contract, field"
AMOUNT, CENTS = "amount: float = field(ge=0", "cents: int = field(nullable=True)\n    amount: float = field(ge=0"
CENT = "credit: float = field(ge=0"
RULES = {
    "a total of no table": (
        'total("credit_cents", of="sails.cents", by="customer_id")',
        "Customer.rules: credit_cents is the sum of sails.cents, and nothing declares such a table",
    ),
    "a total of a derived table": (
        'total("credit_cents", of="turnover.amount", by="customer_id")',
        "Customer.rules: credit_cents is the sum of turnover.amount, a derived table, which nobody new comes to",
    ),
    "a total of no column": (
        'total("credit_cents", of="sales.cent", by="customer_id")',
        "Customer.rules: credit_cents is told by sales.cent, which Sale does not have (expected cents, perhaps",
    ),
    "a total of floats": (
        'total("credit_cents", of="sales.amount", by="customer_id")',
        "Customer.rules: credit_cents is the sum of sales.amount, Float64, which is not exact",
    ),
    "a total that is good": ('total("credit_cents", of="sales.cents", by="customer_id")', ""),
    "a rule at its line": ('adds_up("credits", to="credit")', "contracts.py:12: Customer.rules: sum names no column"),
}


@pytest.mark.parametrize("case", RULES)
def test_rules_that_lead_nowhere(company: Any, case: str) -> None:
    rule, told = RULES[case]
    replaced(company, "contracts.py", IMPORT, "import Contract, adds_up, field, total")
    replaced(
        company, "contracts.py", CENT, f"credit_cents: int = field(nullable=True)\n    rules = ({rule},)\n    {CENT}"
    )
    replaced(company, "contracts.py", AMOUNT, CENTS)
    found = [str(problem) for problem in inspect_project(company.folder, reach=False).problems]
    assert [one.split("\n")[0] for one in found if told and told in one] == [one.split("\n")[0] for one in found]
    assert bool(found) == bool(told)


def test_a_derived_table_has_nobody_to_blame_for_a_transition(company: Any) -> None:
    replaced(
        company,
        "contracts.py",
        "customer_id: int = field(key=True)",
        "customer_id: int = field(key=True)\n    state: str = field(initial=['a'])",
    )
    found = [str(problem) for problem in inspect_project(company.folder, reach=False).problems]
    assert any("Turnover: transitions of state: a derived table is built, not pulled" in one for one in found)


def problems(company: Any) -> list[str]:
    """As `tilth check` says them."""
    try:
        with systems(read_settings(company.folder)):
            return [str(problem) for problem in inspect_project(company.folder).problems]
    except DeclarationError as error:
        return [str(error)]


def replaced(company: Any, file: str, old: str, new: str) -> None:
    text = (company.folder / file).read_text("utf-8")
    assert old in text
    company.write(file, text.replace(old, new))


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_its_place(company: Any, case: str) -> None:
    change, told = CASES[case]
    replaced(company, *change)
    (message,) = problems(company)
    assert message.startswith(told)
    assert re.search(r"\n  next: .*\btilth check$", message) or "\n  next: tilth sources check" in message


def test_formats_are_looked_at_without_any_file(company: Any) -> None:
    connections = (company.folder / "connections.yaml").read_text("utf-8")
    company.write("connections.yaml", connections + "desk: {kind: files, root: drops}\n")
    company.write("defs/parcels/defs.yaml", FILES)
    (problem,) = inspect_project(company.folder, reach=False).problems
    assert str(problem).startswith("defs/parcels/defs.yaml:8: format: there is no option 'delimter' here; did you mean")
    replaced(company, "defs/parcels/defs.yaml", "delimter", "delimiter")
    (company.folder / "drops").mkdir()
    told = [str(one) for one in inspect_project(company.folder).problems]
    assert [one for one in told if one.startswith("defs/parcels/defs.yaml:7: ") and "tombstones: {column" in one], told


CHECKED = """    credit: float = field(ge=0, unit="EUR")

    @pa.check("credit"{more})
    def sound(cls, data):
        return {verdict}
"""
UNRELIABLE = {
    "an unknown column": ("", "data.lazyframe.select(pl.col('credt') > 1)", "looks at an unknown column 'credt'"),
    "no verdict": ("", "data.lazyframe.select(pl.col('credit') + 1)", "gives no verdict (expected Boolean, got"),
    "the order of records": ("", "data.lazyframe.select(pl.col('credit').diff() > 1)", "depends on the order"),
}


def checked(company: Any, more: str, verdict: str) -> None:
    replaced(company, "contracts.py", "from tilth", "import pandera.polars as pa\nimport polars as pl\nfrom tilth")
    replaced(company, "contracts.py", CHECKED.split("\n")[0], CHECKED.format(more=more, verdict=verdict))


@pytest.mark.parametrize("case", UNRELIABLE)
def test_a_rule_that_cannot_be_relied_on_is_told_with_its_place(company: Any, case: str) -> None:
    more, verdict, said = UNRELIABLE[case]
    checked(company, more, verdict)
    (message,) = problems(company)
    assert message.startswith(f"contracts.py:15: Customer.credit: check sound {said}"), message


def test_a_rule_that_takes_the_slow_way_is_a_warning(company: Any) -> None:
    checked(company, ", element_wise=True", "data > 0")
    found = inspect_project(company.folder)
    assert found.problems == ()
    assert found.warnings == (
        "contracts.py:15: Customer.credit: check sound is asked value by value in Python: the slow way",
    )


def test_a_type_that_cannot_be_published_is_told(company: Any) -> None:
    replaced(company, "contracts.py", "from tilth", "import polars as pl\nfrom tilth")
    replaced(company, "contracts.py", "credit: float = field(ge=0", "credit: pl.Duration = field(nullable=True")
    (message,) = problems(company)
    assert message.startswith("contracts.py:12: Customer.credit: this type can be judged, and not published"), message


def test_a_good_project_has_no_problem(company: Any) -> None:
    assert inspect_project(company.folder).problems == ()


@pytest.mark.parametrize("end", [";", "; -- all of them", " -- all of them\n;", ";; /* all */"])
def test_a_query_may_end_as_people_end_it_for_the_check_and_for_the_night(company: Any, end: str) -> None:
    sql = "SELECT customer_id, sum(amount) AS amount FROM sales GROUP BY customer_id"
    declared = (company.folder / TURNOVER).read_text("utf-8")
    lines = "".join(f"\n    {line}" for line in f"{sql}{end}".splitlines())
    company.write(TURNOVER, declared.replace(f"sql: {sql}", f"sql: |{lines}"))
    assert inspect_project(company.folder).problems == ()
    night = run_night(open_project(company.folder))
    assert (night.exit, night.release) == (0, 1)
    assert "turnover" not in "".join(night.problems)
