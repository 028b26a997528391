"""Parts of a pandera model that pandera passes over, or does not have for polars: refused by name, never ignored."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pandera.api.checks import Check
from pandera.api.dataframe.model_components import CHECK_KEY, DATAFRAME_PARSER_KEY, PARSER_KEY
from pandera.api.hypotheses import Hypothesis
from pandera.api.polars.container import DataFrameSchema
from pandera.engines.polars_engine import Category, PanderaSchema, PydanticModel
from pandera.polars import DataFrameModel

__all__ = ["idle_checks", "parsers_of", "refused_parts", "strayed_checks"]

_PYDANTIC: Any = PydanticModel


def parsers_of(model: type[DataFrameModel]) -> Iterator[str]:
    """The names of parser methods, inherited ones too."""
    for base in inspect.getmro(model):
        for name, value in vars(base).items():
            if hasattr(value, PARSER_KEY) or hasattr(value, DATAFRAME_PARSER_KEY):
                yield name


def idle_checks(model: type[DataFrameModel], schema: DataFrameSchema) -> Iterator[str]:
    """Checks on fields by pattern (`regex=True`) that fit none."""
    for base in inspect.getmro(model):
        for name, value in vars(base).items():
            info: Any = getattr(value, CHECK_KEY, None)
            patterns = [str(getattr(one, "name", one)) for one in info.fields] if getattr(info, "regex", False) else []
            if patterns and not any(re.match(one, field) for one in patterns for field in schema.columns):
                yield name


def strayed_checks(model: type[DataFrameModel]) -> Iterator[tuple[str, Any, str, list[str]]]:
    """Checks on a field that the model does not have: name, function, that field, and the fields there are."""
    known = [str(info.name) for _, info in model.__fields__.values()]
    for base in inspect.getmro(model):
        for name, value in vars(base).items():
            info: Any = getattr(value, CHECK_KEY, None)
            fields = sorted(str(getattr(one, "name", one)) for one in getattr(info, "fields", None) or ())
            if info is not None and not getattr(info, "regex", False):
                yield from ((name, info.check_fn, field, known) for field in fields if field not in known)


def refused_parts(schema: DataFrameSchema, name: str) -> Iterator[tuple[str, str, str]]:
    """Where, what, and what to write instead: parts that would otherwise be ignored, or that only pandas has."""
    own_type: Any = schema.dtype
    if isinstance(own_type, _PYDANTIC):
        yield name, "a pydantic model judges rows in Python, where no rule could be named", "fields with checks"
    else:
        yield from _odd_type(name, own_type)
    if getattr(schema, "parsers", None):
        yield name, "its parsers would not be run: pandera has none for polars", "standardise=, or a derived table"
    for key, column in schema.columns.items():
        if getattr(column, "parsers", None):
            yield f"{name}.{key}", "its parsers would not be run: pandera has none for polars", "standardise="
        yield from _odd_type(f"{name}.{key}", column.dtype)
    checks = [(f"{name}.{key}", check) for key, column in schema.columns.items() for check in column.checks]
    for where, check in [*checks, *((f"{name}.{check.name}", check) for check in schema.checks or ())]:
        yield from _odd_check(where, check)


def _odd_check(where: str, check: Check) -> Iterator[tuple[str, str, str]]:
    if isinstance(check, Hypothesis):
        yield where, f"{check.name} is a hypothesis, which pandera does not test with polars", "a check"
    elif check.groupby is not None:
        yield where, f"check {check.name} has groupby, which pandera ignores with polars", "an expression with .over()"


def _odd_type(where: str, dtype: Any) -> Iterator[tuple[str, str, str]]:
    """Types of pandera that say more than the polars type they stand for."""
    if isinstance(dtype, PanderaSchema):
        yield where, "the checks of a nested model would not be asked", "pl.Struct({…}) and checks on it"
    elif getattr(dtype, "time_zone_agnostic", False):
        yield where, "a time of any zone is no type that a table can have", "pl.Datetime with a time zone"
    elif isinstance(dtype, Category) and dtype.categories is not None:
        yield where, "the categories of this type would not be asked", "pl.Enum([…]), or isin=[…]"
    elif dtype is not None and not type(dtype).__module__.startswith("pandera."):
        what = f"{type(dtype).__name__} is a type of its own, whose check and coercion would not be run"
        yield where, what, "a polars type, and a check"
