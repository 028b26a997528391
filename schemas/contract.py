"""How a contract is written: a pandera polars model whose fields also say what they mean.

    class Customer(Contract):
        "People and companies we sell to."
        customer_id: str = field(key=True, source="id", standardise=("trim", "upper"))
        email: str = field(nullable=True, pii="email", email=True)
        credit_limit: pl.Decimal(12, 2) = field(ge=0, unit="EUR", decimal=",", thousands=".")

Everything that is not pandera's stands in the field's `metadata`, so a plain pandera model says the same with
`Field(metadata={"key": True})`, and one without any metadata works with the defaults.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.dataframe.model_components import FieldInfo
from pandera.errors import SchemaInitError

from tilth.errors import ContractError
from tilth.schemas.declaring import (
    adds_up,
    aggregate,
    ascending,
    functional_dependency,
    null_share,
    row_count,
    total,
    value_share,
)
from tilth.schemas.near import near
from tilth.schemas.reading import spec_of
from tilth.schemas.reading_rules import RULES
from tilth.schemas.rules import EMAIL, NO_MOJIBAKE, named_check
from tilth.schemas.spec import FALSE, TRUE, Column, Severity, Spec

__all__ = [
    "Column",
    "Contract",
    "Spec",
    "adds_up",
    "aggregate",
    "ascending",
    "field",
    "functional_dependency",
    "null_share",
    "row_count",
    "spec_of",
    "total",
    "value_share",
]

_FIELD_ARGUMENTS = (
    "eq", "ne", "gt", "ge", "lt", "le", "in_range", "isin", "notin", "str_contains", "str_endswith", "str_length",
    "str_matches", "str_startswith", "nullable", "unique", "alias", "ignore_na", "key", "source", "unit", "description",
    "pii", "term", "standardise", "formats", "decimal", "thousands", "time_zone", "true", "false", "references",
    "severity", "no_mojibake", "email", "columns", "transitions", "initial",
)  # fmt: skip


class Contract(pa.DataFrameModel):
    """The base of contracts. Any other `pandera.polars.DataFrameModel` can be used as one, too.

    A tuple called `rules` in the class holds its rules that look beyond one value (`declaring.py`).
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Put `rules` aside: pandera takes every plain attribute for a field, and asks for its annotation."""
        if "rules" in cls.__dict__ and "rules" not in inspect.get_annotations(cls):
            setattr(cls, RULES, cls.__dict__["rules"])
            delattr(cls, "rules")
        super().__init_subclass__(**kwargs)


class _Field(FieldInfo):
    """Pandera's field, except that `dtype_kwargs` also work where pandera made the type an instance already."""

    def _get_schema_properties(self, dtype: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if self.dtype_kwargs and isinstance(dtype, pl.DataType):
            dtype = type(dtype)
        return super()._get_schema_properties(dtype, *args, **kwargs)


def field(
    *,
    key: bool = False,
    source: str | None = None,
    unit: str | None = None,
    description: str | None = None,
    pii: str | None = None,
    term: str | None = None,
    standardise: str | Sequence[str] = (),
    formats: str | Sequence[str] = (),
    decimal: str = ".",
    thousands: str | None = None,
    time_zone: str | None = None,
    true: Sequence[str] = TRUE,
    false: Sequence[str] = FALSE,
    columns: str | Sequence[str] = (),
    references: str | None = None,
    severity: Severity = "error",
    transitions: Mapping[Any, Sequence[Any]] | None = None,
    initial: Sequence[Any] | None = None,
    no_mojibake: bool = False,
    email: bool = False,
    metadata: Mapping[str, Any] | None = None,
    **pandera_field_args: Any,
) -> Any:
    """A column of a contract: what it means and how it is read; other arguments are those of `pandera.Field`."""
    meant = {
        "key": key, "source": source, "unit": unit, "pii": pii, "term": term, "standardise": standardise,
        "formats": formats, "decimal": decimal, "thousands": thousands, "time_zone": time_zone, "true": true,
        "false": false, "columns": columns, "references": references, "severity": severity,
        "transitions": transitions, "initial": initial,
    }  # fmt: skip
    try:
        info = pa.Field(description=description, metadata={**(metadata or {}), **meant}, **pandera_field_args)
    except (SchemaInitError, TypeError, ValueError, re.error) as error:
        unknown = [name for name in pandera_field_args if name in str(error)]
        raise ContractError(
            str(error).split(". ", maxsplit=1)[0],
            where="field()",
            expected=near(unknown[0], _FIELD_ARGUMENTS) if unknown else "",
        ) from error
    wanted = [(no_mojibake, NO_MOJIBAKE), (email, EMAIL)]
    info.checks = [*info.checks, *(named_check(name) for on, name in wanted if on)]
    return _own(info)


def _own(info: FieldInfo) -> _Field:
    mine = _Field()
    for name in FieldInfo.__mro__[1].__slots__:
        setattr(mine, name, getattr(info, name))
    return mine
