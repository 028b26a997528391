"""Rules that look beyond one value, as they are declared: what they say, what counts, how mistakes are told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.errors import ContractError
from tilth.schemas.contract import (
    Contract,
    adds_up,
    aggregate,
    ascending,
    field,
    functional_dependency,
    null_share,
    row_count,
    spec_of,
    total,
    value_share,
)
from tilth.schemas.judging import judge
from tilth.schemas.table_rules import measured

MONEY = pl.Decimal(12, 2)


def bill(*rules: object, **more: Any) -> type[Contract]:
    """A contract with these rules."""

    class Bill(Contract):
        no: int = field(key=True)
        zip: str = field(nullable=True)
        city: str = field(nullable=True)
        net: MONEY = field(nullable=True)  # type: ignore[valid-type]
        vat: MONEY = field(nullable=True)  # type: ignore[valid-type]
        gross: MONEY = field(nullable=True)  # type: ignore[valid-type]
        weight: float = field(nullable=True)
        status: str = field(nullable=True, **more)

    Bill._rules = rules  # type: ignore[attr-defined]
    return Bill


def test_rules_stand_in_the_class_and_are_inherited() -> None:
    class Base(Contract):
        zip: str = field()
        city: str = field()
        rules = (functional_dependency("zip", "city"), row_count(at_least=1), row_count(at_least=1))

    class More(Base):
        name: str = field()

    assert spec_of(Base).rules == (functional_dependency("zip", "city"), row_count(at_least=1))
    assert spec_of(More).rules == spec_of(Base).rules
    assert Base.to_schema().columns.keys() == {"zip", "city"}


def test_a_column_may_be_called_rules() -> None:
    class Odd(Contract):
        rules: str = field()

    assert spec_of(Odd).rules == () and list(spec_of(Odd).schema) == ["rules"]


def test_a_plain_model_says_the_same_in_its_metadata() -> None:
    class Plain(pa.DataFrameModel):
        zip: str = pa.Field(metadata={"key": True})
        city: str = pa.Field()
        status: str = pa.Field(metadata={"transitions": {"open": ["paid"]}, "initial": ["open"]})

        class Config:
            metadata: ClassVar = {"rules": [functional_dependency("zip", "city")]}

    spec = spec_of(Plain)
    assert spec.rules == (functional_dependency("zip", "city"),)
    assert (spec.columns[2].transitions, spec.columns[2].initial) == ((("open", ("paid",)),), ("open",))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (bill(), bill(row_count(at_least=1))),
        (bill(row_count(at_least=1)), bill(row_count(at_least=2))),
        (bill(functional_dependency("zip", "city")), bill(functional_dependency("zip", "city", vote=True))),
        (bill(adds_up("net", "vat", to="gross")), bill(adds_up("net", "vat", to="gross", tolerance="0.01"))),
        (bill(), bill(transitions={"open": ["paid"]})),
        (bill(transitions={"open": ["paid"]}), bill(transitions={"open": ["paid"]}, initial=["open"])),
    ],
)
def test_what_is_declared_counts_in_the_version(one: type, other: type) -> None:
    assert spec_of(one).version != spec_of(other).version


def test_the_order_of_a_mapping_does_not_count() -> None:
    one, other = {"a": ["b"], "b": []}, {"b": [], "a": ["b"]}
    assert spec_of(bill(transitions=one)).version == spec_of(bill(transitions=other)).version


class Keyless(Contract):
    """Nobody knows what a status follows."""

    status: str = field(initial=["open"])


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "no rule": (lambda: bill("zip"), "Bill.rules: this is no rule (expected functional_dependency("),
    "unknown column": (
        lambda: bill(functional_dependency("zipp", "city")),
        "Bill.rules: functional_dependency names no column: 'zipp' (expected 'zip', perhaps)",
    ),
    "itself": (lambda: bill(functional_dependency("zip", "zip")), "Bill.rules: functional_dependency lets zip depend"),
    "texts added": (lambda: bill(adds_up("net", "city", to="gross")), "Bill.rules: sum adds numbers (got city, text)"),
    "floats": (lambda: bill(adds_up("net", "weight", to="gross")), "Bill.rules: a sum of floats is never exact"),
    "gaps between texts": (
        lambda: bill(ascending("city", by="no", gapless=True)),
        "Bill.rules: only whole numbers can be without gaps (expected an int column, got city, text)",
    ),
    "a column twice": (lambda: bill(ascending("no", by="no")), "Bill.rules: sequence names a column twice"),
    "total of floats": (
        lambda: bill(total("weight", of="lines.kg", by="no")),
        "Bill.rules: total needs exact numbers (expected a Decimal or int column, got weight, Float64)",
    ),
    "total of no one record": (
        lambda: bill(total("net", of="lines.net", by="zip")),
        "Bill.rules: total is of one record each: by must tell which (expected the key, or columns that are unique",
    ),
    "mean of texts": (lambda: bill(aggregate("mean", "city", at_most=1)), "Bill.rules: aggregate needs numbers"),
    "a value that cannot be": (
        lambda: bill(value_share("city", 7, at_most=1)),
        "Bill.rules: value_share looks for a value that cannot be there (got 7 in city, text)",
    ),
    "what total is of": (
        lambda: total("net", of="lines", by="no"),
        "total(): of cannot be used (expected 'table.column'",
    ),
    "tolerance": (lambda: adds_up("net", to="gross", tolerance="1 %"), "adds_up(): tolerance cannot be used"),
    "severity": (
        lambda: row_count(at_least=1, severity="eror"),
        "row_count(): severity cannot be used (expected 'error'",
    ),
    "no bounds": (lambda: row_count(), "row_count(): the bounds cannot be used (expected at_least, at_most or both"),
    "bounds crossed": (lambda: row_count(at_least=2, at_most=1), "row_count(): the bounds cannot be used"),
    "a share": (lambda: null_share("zip", at_most=20), "null_share(): a share is between 0 and 1 (got 20)"),
    "over": (
        lambda: row_count(at_least=1, over="night"),
        "row_count(): over cannot be used (expected 'table' or 'pull'",
    ),
    "an aggregate": (lambda: aggregate("median", "net", at_most=1), "aggregate(): aggregate cannot be used"),
    "determinant": (lambda: functional_dependency((), "city"), "functional_dependency(): determinant cannot be used"),
    "transitions": (lambda: bill(transitions={"open": "paid"}), "Bill.status: transitions cannot be used (expected {"),
    "no key": (
        lambda: Keyless,
        "Keyless.status: transitions are told by the published row of a key (expected a column",
    ),
    "values": (lambda: bill(transitions={"open": [1]}), "Bill.status: transitions name a value that cannot be there"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_by_class_and_rule(case: str) -> None:
    make, told = MISTAKES[case]
    with pytest.raises(ContractError) as caught:
        made = make()
        spec_of(made)
    assert str(caught.value).startswith(told)


CENTS = st.none() | st.integers(-500, 500)


@given(st.lists(st.tuples(CENTS, CENTS, CENTS), min_size=1, max_size=20), st.sampled_from(["0", "0.01"]))
def test_sums_are_exact_and_nulls_take_no_part(rows: list[tuple[int | None, ...]], tolerance: str) -> None:
    columns = {"no": [*map(str, range(len(rows)))], "zip": None, "city": None, "weight": None, "status": None}
    for place, name in enumerate(("net", "vat", "gross")):
        columns[name] = [None if row[place] is None else f"{Decimal(row[place]) / 100:.2f}" for row in rows]
    verdict = judge(pl.DataFrame(columns), bill(adds_up("net", "vat", to="gross", tolerance=tolerance)))
    allowed = int(Decimal(tolerance) * 100)
    wrong = [at for at, (a, b, c) in enumerate(rows) if None not in (a, b, c) and abs(a + b - c) > allowed]  # type: ignore[operator]
    assert verdict.toxic["row"].to_list() == wrong
    assert set(verdict.reasons["rule"]) <= {"sum"}


def test_small_integers_do_not_wrap_around() -> None:
    class Small(Contract):
        a: pl.UInt8 = field()  # type: ignore[valid-type]
        b: pl.UInt8 = field()  # type: ignore[valid-type]
        c: pl.UInt8 = field()  # type: ignore[valid-type]
        rules = (adds_up("a", "b", to="c"),)

    verdict = judge(pl.DataFrame({"a": ["200", "1"], "b": ["100", "1"], "c": ["44", "2"]}), Small)
    assert verdict.toxic["row"].to_list() == [0]


def test_a_frame_tells_what_holds_the_whole_and_what_it_cannot_tell() -> None:
    rules = (
        row_count(at_least=3),
        null_share("zip", at_most=0.1, severity="warn"),
        total("net", of="lines.net", by="no"),
    )
    frame = pl.DataFrame({"no": ["1", "2"], "zip": ["1", None]}).with_columns(
        [pl.lit(None, pl.String).alias(name) for name in ("city", "net", "vat", "gross", "weight", "status")]
    )
    verdict = judge(frame, bill(*rules, transitions={"open": ["paid"]}))
    assert verdict.held == ("row_count: number of rows is 2, expected at least 3",)
    assert verdict.unjudged == (
        "status: that it may follow the value which is published",
        "net: net = sum of lines.net for each no",
    )
    counted = [(q.rule, q.severity, q.checked, q.failed) for q in verdict.quality[-2:]]
    assert counted == [("row_count", "error", 1, 1), ("null_share", "warn", 1, 1)]


def test_what_is_measured() -> None:
    frame = pl.DataFrame({"n": [1, 2, None, 200], "t": ["a", "b", "a", None]}, schema={"n": pl.UInt8, "t": pl.String})
    assert measured(frame, aggregate("sum", "n", at_most=1)) == 203
    assert measured(frame, aggregate("min", "n", at_most=1)) == 1
    assert measured(frame, null_share("n", at_most=1)) == 0.25
    assert measured(frame, value_share("t", "a", at_most=1)) == 0.5
    assert measured(frame.clear(), value_share("t", "a", at_most=1)) is None
    assert measured(frame.clear(), aggregate("mean", "n", at_most=1)) is None
    assert measured(frame.clear(), row_count(at_most=1)) == 0
