"""What a contract says, and how it is told that it cannot be used."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Annotated, Any, Optional

import pandera.polars as pa
import polars as pl
import pytest
from models import Customer, Measurement, Order, Plain

from tilth.errors import ContractError
from tilth.schemas.contract import Contract, field, spec_of
from tilth.schemas.judging import Judge


def test_a_contract_says_what_its_columns_mean() -> None:
    spec = spec_of(Customer)
    assert (spec.name, spec.key, spec.unique) == ("Customer", ("customer_id",), ())
    assert spec.description == "People and companies we sell to.\n\nFrom the ERP system."
    columns = {column.name: column for column in spec.columns}
    assert list(columns) == ["customer_id", "name", "email", "limit", "since", "group"]
    number, limit = columns["customer_id"], columns["limit"]
    assert (number.source, number.standardise, number.term, number.key) == (
        "id",
        ("trim", "upper"),
        "customer number",
        True,
    )
    assert (limit.dtype, limit.unit, limit.thousands) == (pl.Decimal(12, 2), "EUR", ".")
    assert limit.description == "How much they may owe."
    assert columns["group"].references == ("groups", "group_id") and columns["email"].standardise == ("email",)


def test_any_pandera_model_is_a_contract() -> None:
    spec = spec_of(Plain)
    assert spec.key == () and spec.unique == (("Day",),) and spec.description == "A model that knows nothing of tilth."
    day = spec.columns[-1]
    assert (day.name, day.source, day.description, day.nullable) == ("Day", "Day", "When.", True)
    assert spec_of(Measurement).schema == {"sensor": pl.String(), "value": pl.Float64()}


def test_plain_metadata_means_the_same_as_field() -> None:
    class Named(pa.DataFrameModel):
        a: str = pa.Field(
            metadata={"key": True, "standardise": ["trim"], "references": "b.c", "owner": "x", "unit": "m"}
        )

    (column,) = spec_of(Named).columns
    assert column.key and column.standardise == ("trim",) and column.references == ("b", "c") and column.unit == "m"


def test_uniqueness_other_than_the_key() -> None:
    assert spec_of(Order).unique == (("changed", "paid"),)
    assert spec_of(Order).key == ("order_id", "line")


def test_types_as_python_and_polars_write_them() -> None:
    class Typed(Contract):
        a: str
        b: int
        c: float
        d: bool
        e: dt.date
        f: dt.datetime
        g: decimal.Decimal
        h: pl.Decimal = field(dtype_kwargs={"precision": 12, "scale": 2})
        i: Annotated[pl.Decimal, 10, 3]
        j: pl.Datetime("us", "Europe/Berlin")
        k: pl.Int16
        m: pl.Float32
        n: dt.datetime = field(dtype_kwargs={"time_zone": "UTC"})
        o: Optional[str]  # noqa: UP045

    assert list(spec_of(Typed).schema.values()) == [
        pl.String(), pl.Int64(), pl.Float64(), pl.Boolean(), pl.Date(), pl.Datetime("us"), pl.Decimal(28, 0),
        pl.Decimal(12, 2), pl.Decimal(10, 3), pl.Datetime("us", "Europe/Berlin"), pl.Int16(), pl.Float32(),
        pl.Datetime("us", "UTC"), pl.String(),
    ]  # fmt: skip
    assert not spec_of(Typed).columns[-1].required


def bad(annotation: Any = str, **arguments: Any) -> type:
    """A contract with one field that cannot be used."""
    return type(
        "Bad", (Contract,), {"__annotations__": {"it": annotation}, "it": field(**arguments), "__module__": __name__}
    )


@pytest.mark.parametrize(
    ("annotation", "arguments", "said"),
    [
        (pl.Object, {}, "this type cannot be used"),
        (pl.List, {}, "this type cannot be used"),
        (pl.Array(pl.Int8, (2, 3)), {}, "this type cannot be used"),
        (pl.Enum, {}, "this type cannot be used"),
        (pl.Struct({"a": pl.List(pl.Object)}), {}, "this type cannot be used"),
        (pl.List(pl.Int64), {"key": True}, "a key is one plain value"),
        (str, {"references": "customers"}, "'table.column'"),
        (str, {"references": "a.b.c"}, "'table.column'"),
        (str, {"standardise": "trimm"}, "'trim', perhaps"),
        (int, {"standardise": "trim"}, "standardisers are for text"),
        (str, {"formats": "%Y"}, "formats are for dates"),
        (dt.date, {"formats": "%Y-%Q"}, "%Q"),
        (pl.Decimal(9, 2), {"decimal": ",", "thousands": ","}, "the same"),
        (pl.Decimal(9, 2), {"decimal": "x"}, "separators"),
        (bool, {"true": ("ja", "J"), "false": ("nein", "j")}, "both true and false"),
        (dt.datetime, {"time_zone": "Europe/Berln"}, "unknown time zone"),
        (str, {"severity": "warning"}, "'error' or 'warn'"),
        (str, {"key": True, "nullable": True}, "never null"),
        (str, {"unique": True, "severity": "warn"}, "unique condemns, and is never only warned about"),
        (str, {"references": "a.b", "severity": "warn"}, "references condemns"),
        (str, {"key": "yes"}, "True or False"),
        (str, {"regex": True}, "regex"),
        (str, {"alias": "_it"}, "provenance"),
        (str, {"alias": "RowId"}, "DuckDB keeps"),
        (str, {"alias": "^it$"}, "regex"),
        (str, {"alias": "*"}, "pattern"),
    ],
)
def test_what_cannot_be_used_is_told_by_class_and_field(annotation: Any, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ContractError) as caught:
        spec_of(bad(annotation, **arguments))
    assert said in str(caught.value) and caught.value.where == f"Bad.{arguments.get('alias', 'it')}"


def test_names_that_differ_in_case_alone_are_one_to_duckdb() -> None:
    class Twice(Contract):
        name: str
        other: str = field(alias="Name")

    with pytest.raises(ContractError, match="name and Name"):
        spec_of(Twice)


def test_a_mistyped_argument_gets_a_near_match() -> None:
    with pytest.raises(ContractError, match="'standardise', perhaps"):
        field(standardize="trim")
    with pytest.raises(ContractError, match="unterminated"):
        field(str_matches="(")


def test_uniqueness_of_an_unknown_column() -> None:
    class Twice(Contract):
        number: int

        class Config:
            unique = "numbre"

    with pytest.raises(ContractError, match="'number', perhaps"):
        spec_of(Twice)


@pytest.mark.parametrize("model", [int, "Customer", None, pa.DataFrameModel, Contract])
def test_what_is_no_contract(model: object) -> None:
    with pytest.raises(ContractError):
        spec_of(model)


def test_rules_that_polars_refuses() -> None:
    class Wrong(Contract):
        number: int = field(str_matches="x")

    class Pattern(Contract):
        word: str = field(str_matches="a(?=b)")

    class Number(Contract):
        number: int

        @pa.check("number")
        def doubled(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col(data.key) * 2)

    class Lost(Contract):
        number: int

        @pa.dataframe_check
        def other(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("numbre") > 2)

    class Astray(Contract):
        number: int

        @pa.check("numbre")
        def some(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col(data.key) > 2)

    for model, where in (
        (Wrong, "Wrong.number"),
        (Pattern, "Pattern.word"),
        (Number, "Number.number"),
        (Lost, "Lost.other"),
    ):
        with pytest.raises(ContractError) as caught:
            Judge.of(model)
        assert caught.value.where.removeprefix("test_contract.py:").lstrip("0123456789").removeprefix(": ") == where
    with pytest.raises(ContractError, match="numbre"):
        Judge.of(Astray)


def build(limit: int, *, words: str = "", ge: int = 0, comment: bool = False) -> str:
    """The version of one small contract, with details changed."""

    class Small(Contract):
        number: int = field(ge=ge, description=words, unit=words or None)

        if comment:

            @pa.check("number")
            def below(cls, data: pa.PolarsData) -> pl.LazyFrame:
                """Words that do not count."""
                # nor does this
                return data.lazyframe.select(pl.col(data.key) < limit)

        else:

            @pa.check("number", description=None)
            def below(cls, data: pa.PolarsData) -> pl.LazyFrame:
                return data.lazyframe.select(pl.col(data.key) < limit)

    Small.__doc__ = words
    return spec_of(Small).version


def test_a_version_changes_with_meaning_and_not_with_words() -> None:
    version = build(9)
    assert len(version) == 12 and int(version, 16) >= 0
    assert version == build(9) == build(9, words="Other words.")
    assert len({version, build(8), build(9, ge=1)}) == 3


def test_a_version_is_the_same_in_every_process() -> None:
    import subprocess
    import sys
    from pathlib import Path

    code = (
        "from models import *; from tilth.schemas.contract import spec_of\n"
        "for m in (Customer, Order, Plain, Measurement): print(spec_of(m).version)"
    )
    here = [spec_of(m).version for m in (Customer, Order, Plain, Measurement)]
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.split() == here
