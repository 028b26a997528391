"""Whether the rules that a contract declares beside its fields fit it; every mistake by class and rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args

import polars as pl

from tilth.errors import ContractError
from tilth.schemas.dtypes import kind_of
from tilth.schemas.near import near
from tilth.schemas.relations import Ascending, DeclaredRule, FunctionalDependency, Sum, TableRule, Total
from tilth.schemas.spec import Column, Transitions

__all__ = ["RULES", "exact", "rules_of", "transitions_of"]

RULES = "_rules"
"""The attribute of a contract class that holds what its author wrote as `rules`."""

_NAMES = "functional_dependency(…), ascending(…), adds_up(…), total(…), row_count(…) and their kin"
Typed = Mapping[str, pl.DataType]


def rules_of(
    model: object, name: str, columns: Sequence[Column], unique: Sequence[tuple[str, ...]]
) -> tuple[DeclaredRule, ...]:
    """The rules of a model, each of which fits its columns."""
    changing = next((c.name for c in columns if c.transitions is not None or c.initial is not None), None)
    if changing and not any(column.key for column in columns):
        expected = "a column with key=True"
        raise ContractError(
            "transitions are told by the published row of a key", where=f"{name}.{changing}", expected=expected
        )
    where = f"{name}.rules"
    config: Any = getattr(model, "__config__", None)
    metadata: Any = getattr(config, "metadata", None) or getattr(model, "metadata", None) or {}
    declared: Any = getattr(model, RULES, None) or metadata.get("rules") or ()
    if not isinstance(declared, tuple | list):
        raise ContractError("rules cannot be used", where=where, expected=f"a tuple of {_NAMES}", got=repr(declared))
    schema = {column.name: column.dtype for column in columns}
    for rule in cast("Sequence[object]", declared):
        if not isinstance(rule, get_args(DeclaredRule)):
            raise ContractError("this is no rule", where=where, expected=_NAMES, got=repr(rule))
    rules = tuple(cast("Sequence[DeclaredRule]", declared))
    for rule in rules:
        for error in _problems(rule, schema, where, unique):
            raise error
    return tuple(dict.fromkeys(rules))


def _problems(
    rule: DeclaredRule, schema: Typed, where: str, unique: Sequence[tuple[str, ...]]
) -> Iterator[ContractError]:
    for column in rule.columns:
        if column not in schema:
            yield ContractError(f"{rule.name} names no column: {column!r}", where=where, expected=near(column, schema))
    if isinstance(rule, FunctionalDependency) and set(rule.determinant) & set(rule.dependent):
        what = f"{rule.name} lets {' and '.join({*rule.determinant} & {*rule.dependent})} depend on itself"
        yield ContractError(what, where=where, expected="other columns on either side")
    elif isinstance(rule, Ascending):
        yield from _ascending_problems(rule, schema, where)
    elif isinstance(rule, Sum):
        yield from _sum_problems(rule, schema, where)
    elif isinstance(rule, Total):
        yield from _total_problems(rule, schema, where, unique)
    elif isinstance(rule, TableRule):
        yield from _table_problems(rule, schema, where)


def _ascending_problems(rule: Ascending, schema: Typed, where: str) -> Iterator[ContractError]:
    if len({*rule.columns}) < len(rule.columns):
        yield ContractError("sequence names a column twice", where=where, got=", ".join(rule.columns))
    for column in (rule.column, rule.by):
        if isinstance(schema[column], pl.Boolean):
            yield ContractError("sequence cannot order truth values", where=where, got=f"{column}, a bool")
    if rule.gapless and not schema[rule.column].is_integer():
        got = f"{rule.column}, {kind_of(schema[rule.column])}"
        yield ContractError("only whole numbers can be without gaps", where=where, expected="an int column", got=got)


def _sum_problems(rule: Sum, schema: Typed, where: str) -> Iterator[ContractError]:
    for column in rule.columns:
        if not schema[column].is_numeric():
            yield ContractError("sum adds numbers", where=where, got=f"{column}, {kind_of(schema[column])}")
    if not rule.tolerance and any(schema[column].is_float() for column in rule.columns):
        yield ContractError("a sum of floats is never exact", where=where, expected="Decimal columns, or a tolerance")


def _total_problems(
    rule: Total, schema: Typed, where: str, unique: Sequence[tuple[str, ...]]
) -> Iterator[ContractError]:
    if not exact(schema[rule.column]):
        got = f"{rule.column}, {schema[rule.column]}"
        yield ContractError("total needs exact numbers", where=where, expected="a Decimal or int column", got=got)
    own = {own for own, _ in rule.by}
    if not any(set(columns) <= own for columns in unique):
        got = ", ".join(sorted(own))
        expected = "the key, or columns that are unique together"
        yield ContractError("total is of one record each: by must tell which", where=where, expected=expected, got=got)


def _table_problems(rule: TableRule, schema: Typed, where: str) -> Iterator[ContractError]:
    dtype = schema[rule.column] if rule.column else None
    if rule.name == "aggregate" and dtype is not None and not dtype.is_numeric():
        yield ContractError(f"aggregate needs numbers, got {kind_of(dtype)}", where=where, got=rule.column or "")
    if rule.measure == "value_share" and dtype is not None and not _fits(rule.value, dtype):
        got = f"{rule.value!r} in {rule.column}, {kind_of(dtype)}"
        yield ContractError("value_share looks for a value that cannot be there", where=where, got=got)


def _fits(value: object, dtype: pl.DataType) -> bool:
    if isinstance(value, bool) or isinstance(dtype, pl.Boolean):
        return isinstance(value, bool) and isinstance(dtype, pl.Boolean)
    if isinstance(dtype, pl.Enum):
        return value in dtype.categories.to_list()
    if isinstance(dtype, pl.String | pl.Categorical):
        return isinstance(value, str)
    return isinstance(value, int) and dtype.is_numeric()


def exact(dtype: pl.DataType) -> bool:
    """Whether sums of values of this type are exact."""
    return dtype.is_integer() or isinstance(dtype, pl.Decimal)


def transitions_of(
    where: str, metadata: Mapping[str, Any], dtype: pl.DataType
) -> tuple[Transitions | None, tuple[str, ...] | None]:
    """A field's allowed changes, and the values that a new record may begin with; None: any."""
    declared, initial = metadata.get("transitions"), metadata.get("initial")
    if declared is None and initial is None:
        return None, None
    if not (isinstance(dtype, pl.String | pl.Enum | pl.Categorical) or dtype.is_integer()):
        raise ContractError("transitions are of texts or whole numbers", where=where, got=str(dtype))
    expected = '{"open": ["paid", "cancelled"], "paid": []}'
    if not isinstance(declared, Mapping | None):
        raise ContractError("transitions cannot be used", where=where, expected=expected, got=repr(declared))
    changes = cast("Mapping[object, object]", declared or {})
    for after in [*changes.values(), *([initial] if initial is not None else [])]:
        if isinstance(after, str) or not isinstance(after, Sequence | set | frozenset):
            raise ContractError("transitions cannot be used", where=where, expected=expected, got=repr(after))
    told = {_text(where, before, dtype): _texts(where, after, dtype) for before, after in changes.items()}
    first = _texts(where, initial, dtype) if initial is not None else None
    return (tuple(sorted(told.items())) if declared is not None else None), first


def _texts(where: str, values: Any, dtype: pl.DataType) -> tuple[str, ...]:
    texts = [_text(where, value, dtype) for value in values]
    return tuple(sorted(texts)) if isinstance(values, set | frozenset) else tuple(dict.fromkeys(texts))


def _text(where: str, value: object, dtype: pl.DataType) -> str:
    if not _fits(value, dtype):
        raise ContractError("transitions name a value that cannot be there", where=where, got=repr(value))
    return str(value)
