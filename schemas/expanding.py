"""From any pandera polars model to a schema whose columns are known, each with its name and type.

What stands for several columns (a pattern, a type for all columns, a column without a type) is expanded: by the
columns that its field declares, or by those of the frame at hand. What cannot be judged is refused: see `refusing.py`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from pandera.api.polars.components import Column
from pandera.api.polars.container import DataFrameSchema
from pandera.polars import DataFrameModel

from tilth.errors import ContractError
from tilth.schemas.authored import at_line
from tilth.schemas.dtypes import USABLE
from tilth.schemas.near import near
from tilth.schemas.refusing import idle_checks, parsers_of, refused_parts, strayed_checks
from tilth.schemas.standardise import STANDARDISERS

__all__ = ["name_of", "patterns_of", "schema_of"]

_KNOW = 'the columns it stands for: metadata={"columns": ("a_1", "a_2")}, or field(columns=…)'


def schema_of(model: object, pulled: Mapping[str, pl.DataType] | None = None) -> DataFrameSchema:
    """The model's pandera schema, every column of it a plain one; `pulled` are the columns of the frame at hand.

    ContractError when it is no polars model, pandera refuses it, or a part of it could not be judged.
    """
    schema, name = _built(model), name_of(model)
    for where, what, instead in refused_parts(schema, name):
        raise ContractError(what, where=where, expected=instead)
    if all(_plain(column) for column in schema.columns.values()) and _own_type(schema) is None and schema.columns:
        return schema
    made = copy.copy(schema)
    made.columns = _typed(_expanded(schema, name, pulled), schema, pulled)
    made._dtype = None  # pyright: ignore[reportPrivateUsage]  (said column by column now)
    return made


def patterns_of(model: object, pulled: Mapping[str, pl.DataType] | None) -> tuple[str, ...]:
    """The required patterns that no column of the frame at hand fits."""
    columns = _built(model).columns
    wanted = [c for c in columns.values() if c.regex and c.required and not _declared(c)]
    return tuple(str(c.selector) for c in wanted if not _matching(c, columns, pulled or {}))


def name_of(model: object) -> str:
    """How messages call the model."""
    if isinstance(model, DataFrameSchema):
        return str(model.name or "schema")
    return getattr(model, "__name__", repr(model))


def _built(model: object) -> DataFrameSchema:
    if isinstance(model, DataFrameSchema):
        return model
    if not (inspect.isclass(model) and issubclass(model, DataFrameModel)):
        raise ContractError(
            "is no contract", where=name_of(model), expected="a pandera.polars.DataFrameModel", got=_kind(model)
        )
    parsers = list(parsers_of(model))
    if parsers:
        raise ContractError(
            f"the parser {parsers[0]} would not be run: pandera has none for polars",
            where=f"{model.__name__}.{parsers[0]}",
            expected=f"standardise= with {', '.join(STANDARDISERS)}, or a derived table",
        )
    try:
        schema = model.to_schema()
        for idle in idle_checks(model, schema):
            raise ContractError(
                f"the check {idle} matches no field: pandera would never ask it", where=f"{model.__name__}.{idle}",
                expected=f"a pattern that a field's name begins with: {', '.join(schema.columns)}",
            )  # fmt: skip
        return schema
    except ContractError:
        raise
    except Exception as error:
        for name, function, field, known in strayed_checks(model):
            what, where = (
                f"the check {name} is of an unknown field {field!r}",
                at_line(function, f"{model.__name__}.{name}"),
            )
            raise ContractError(what, where=where, expected=near(field, known)) from error
        raise ContractError(
            f"pandera cannot build this model: {error}", where=model.__name__, expected=f"fields of {USABLE}"
        ) from error


def _kind(model: object) -> str:
    bases = (
        [f"{base.__module__}.{base.__name__}" for base in inspect.getmro(model)[1:-1]] if inspect.isclass(model) else []
    )
    return f"a class of {bases[0]}" if bases else type(model).__name__


def _own_type(schema: DataFrameSchema) -> Any:
    """The type that all columns shall have, or None."""
    return schema.dtype


def _plain(column: Column) -> bool:
    return not column.regex and column.dtype is not None


def _declared(column: Column) -> tuple[str, ...]:
    """The columns that a pattern is declared to stand for."""
    said: Any = (column.metadata or {}).get("columns") or ()
    return (said,) if isinstance(said, str) else tuple(said)


def _expanded(
    schema: DataFrameSchema, name: str, pulled: Mapping[str, pl.DataType] | None
) -> dict[str, tuple[Column, str]]:
    """Every single column, with where it was declared."""
    if not schema.columns:
        if pulled is None:
            raise ContractError(
                "its columns are those of the data, and a table's must be known", where=name, expected="fields"
            )
        return {key: (Column(_own_type(schema), name=key), name) for key in _theirs(pulled)}
    made: dict[str, tuple[Column, str]] = {}
    for key, column in schema.columns.items():
        where = f"{name}.{key}"
        for single in _stands_for(column, schema.columns, where, pulled):
            if single in made:
                got = f"{made[single][1].removeprefix(f'{name}.')} and {key}"
                raise ContractError(f"two patterns stand for the column {single}", where=where, got=got)
            made[single] = (_single(column, single) if column.regex else column, where)
    return made


def _stands_for(
    column: Column, columns: Mapping[str, Column], where: str, pulled: Mapping[str, pl.DataType] | None
) -> Sequence[str]:
    if not column.regex:
        return [str(column.name)]
    declared = _declared(column)
    if declared:
        strange = [one for one in declared if not _matching(column, {}, {one: pl.Null()})]
        if strange:
            raise ContractError(
                "a declared column does not fit the pattern", where=where, expected=str(column.selector), got=strange[0]
            )
        return declared
    if pulled is None:
        raise ContractError(
            "a regex column stands for whatever the source has, and a table's columns must be known",
            where=where, expected=_KNOW,
        )  # fmt: skip
    return _matching(column, columns, pulled)


def _theirs(pulled: Mapping[str, pl.DataType]) -> list[str]:
    """The source's columns: those that start with `_` are the house's."""
    return [name for name in pulled if not name.startswith("_")]


def _matching(column: Column, columns: Mapping[str, Column], pulled: Mapping[str, pl.DataType]) -> list[str]:
    """As pandera has it: what polars selects by the pattern, without columns that have a field of their own."""
    own = {name for name, other in columns.items() if not other.regex}
    names = [name for name in _theirs(pulled) if name not in own]
    return (
        pl.LazyFrame(schema=dict.fromkeys(names, pl.Null)).select(pl.col(str(column.selector))).collect_schema().names()
    )


def _single(column: Column, name: str) -> Column:
    made = copy.copy(column)
    made.name, made.regex = name, False
    return made


def _typed(
    columns: Mapping[str, tuple[Column, str]], schema: DataFrameSchema, pulled: Mapping[str, pl.DataType] | None
) -> dict[str, Column]:
    """Each column with the type it is judged as: the schema's own, which goes first, its own, or the frame's."""
    made: dict[str, Column] = {}
    for name, (column, where) in columns.items():
        made[name] = column
        if _own_type(schema) is not None:
            made[name] = _of_type(column, _own_type(schema))
        elif column.dtype is None:
            source = (column.metadata or {}).get("source") or name
            if pulled is None or source not in pulled:
                raise ContractError("has no type, and a table's must be known", where=where, expected=USABLE)
            made[name] = _of_type(column, pulled[source])
    return made


def _of_type(column: Column, dtype: Any) -> Column:
    made = copy.copy(column)
    made.dtype = dtype
    return made
