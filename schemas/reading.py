"""From a pandera model to a `Spec`; every way in which a model cannot be used is told here, by class and field."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import polars as pl
from pandera.api.polars.container import DataFrameSchema

from tilth.errors import ContractError
from tilth.schemas.dtypes import PUBLISHABLE, USABLE, is_text, publishable, usable
from tilth.schemas.expanding import name_of, patterns_of, schema_of
from tilth.schemas.formats import UnknownDirective, has_day, has_offset, pattern
from tilth.schemas.near import near
from tilth.schemas.nested import is_nested
from tilth.schemas.parse import reads_back
from tilth.schemas.reading_rules import rules_of, transitions_of
from tilth.schemas.spec import FALSE, TRUE, Column, Severity, Spec
from tilth.schemas.standardise import STANDARDISERS
from tilth.schemas.version import version_of

__all__ = ["refuse_unpublishable", "spec_of"]

_REFERENCE = re.compile(r"^([A-Za-z_]\w*)\.([A-Za-z_]\w*)$")


def spec_of(model: object, pulled: Mapping[str, pl.DataType] | None = None) -> Spec:
    """What the model says, as values; ContractError when it cannot be used.

    `pulled` are the columns of the frame at hand, for models that leave names or types to the data.
    """
    schema, name, absent = schema_of(model, pulled), name_of(model), patterns_of(model, pulled)
    columns = tuple(_column(name, key, column, schema) for key, column in schema.columns.items())
    if not columns:
        got = f"none that fits {' or '.join(absent)}" if absent else ""
        raise ContractError("has no columns", where=name, expected="at least one annotated field", got=got)
    _refuse_same_names(name, [column.name for column in columns])
    key = tuple(column.name for column in columns if column.key)
    description = inspect.cleandoc(schema.description or "")
    unique, strict, ordered = _unique(name, schema, columns, key), schema.strict is True, bool(schema.ordered)
    rules = rules_of(model, name, columns, [*([key] if key else []), *unique])
    version = version_of(schema, columns, rules)
    return Spec(name, description, version, columns, key, unique, rules, strict=strict, ordered=ordered, absent=absent)


def refuse_unpublishable(spec: Spec) -> None:
    """ContractError when the curated file cannot hold a column's type."""
    for column in spec.columns:
        if not publishable(column.dtype):
            raise ContractError(
                "this type can be judged, and not published",
                where=f"{spec.name}.{column.name}",
                expected=PUBLISHABLE,
                got=str(column.dtype),
            )


def _refuse_same_names(model: str, names: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            got, expected = f"{first} and {name}", "names that differ in more than case"
            raise ContractError("two columns are one to DuckDB", where=f"{model}.{name}", expected=expected, got=got)


def _unique(
    name: str, schema: DataFrameSchema, columns: Sequence[Column], key: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    declared: Any = schema.unique or []
    declared = [declared] if isinstance(declared, str) else declared
    together = [tuple(declared)] if all(isinstance(one, str) for one in declared) else [tuple(one) for one in declared]
    for member in (member for members in together for member in members):
        if member not in schema.columns:
            raise ContractError(
                f"Config.unique names no column: {member!r}", where=name, expected=near(member, schema.columns)
            )
    sets = [(column.name,) for column in columns if column.unique]
    sets += [members for members in together if members]
    return tuple(dict.fromkeys(members for members in sets if set(members) != set(key)))


class _Meant:
    """A field's metadata, read with its class and field at hand for messages."""

    def __init__(self, where: str, metadata: Mapping[str, Any]) -> None:
        self.where, self.metadata = where, metadata

    def text(self, name: str) -> str | None:
        value = self.metadata.get(name)
        return value if value is None else self._typed(name, value, str, "text")

    def flag(self, name: str) -> bool:
        return self._typed(name, self.metadata.get(name, False), bool, "True or False")

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self.metadata.get(name)
        if value is None:
            return default
        values = (value,) if isinstance(value, str) else value
        if not isinstance(values, Sequence) or not all(isinstance(v, str) for v in values):
            raise self.error(f"{name} cannot be used", expected="text or a tuple of texts", got=repr(value))
        return tuple(values)

    def _typed(self, name: str, value: Any, kind: type, words: str) -> Any:
        if not isinstance(value, kind):
            raise self.error(f"{name} cannot be used", expected=words, got=repr(value))
        return value

    def error(self, what: str, *, expected: str = "", got: str = "") -> ContractError:
        return ContractError(what, where=self.where, expected=expected, got=got)


def _column(model: str, name: str, declared: Any, schema: DataFrameSchema) -> Column:
    meant = _Meant(f"{model}.{name}", declared.metadata or {})
    if not name or name.startswith("_"):
        raise meant.error("column names that start with _ belong to provenance", expected="another alias")
    if name.lower() == "rowid":
        raise meant.error("rowid is a name that DuckDB keeps for itself", expected="another one, with source= this one")
    if name == "*":
        raise meant.error(
            "this column name is a pattern to polars", expected="another name, and source= for the source's"
        )
    dtype = usable(getattr(declared.dtype, "type", None))
    if dtype is None:
        raise meant.error("this type cannot be used", expected=USABLE, got=str(declared.dtype))
    transitions, initial = transitions_of(meant.where, meant.metadata, dtype)
    column = Column(
        name=name, source=meant.text("source") or name, dtype=dtype, nullable=declared.nullable,
        required=declared.required and not _added(declared, schema), key=meant.flag("key"), unique=declared.unique,
        unit=meant.text("unit"),
        description=declared.description or meant.text("description"), pii=meant.text("pii"), term=meant.text("term"),
        standardise=meant.texts("standardise"), formats=meant.texts("formats"), decimal=meant.text("decimal") or ".",
        thousands=meant.text("thousands"), time_zone=meant.text("time_zone"), true=meant.texts("true", TRUE),
        false=meant.texts("false", FALSE), references=_reference(meant),
        severity=cast("Severity", meant.text("severity") or "error"), default=_default(meant, declared.default, dtype),
        transitions=transitions, initial=initial,
    )  # fmt: skip
    _check(meant, column)
    return column


def _added(declared: Any, schema: DataFrameSchema) -> bool:
    """Whether pandera adds the column where the source lacks it (`add_missing_columns`)."""
    return bool(schema.add_missing_columns) and (declared.default is not None or declared.nullable)


def _default(meant: _Meant, default: Any, dtype: pl.DataType) -> Any:
    if default is None:
        return None
    if isinstance(default, pl.Expr):
        raise meant.error("a default is one value", expected="a plain value", got="an expression")
    try:
        return pl.Series([default], dtype=dtype).to_list()[0]
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        what = "the default is no value of the column's type"
        raise meant.error(what, expected=str(dtype), got=repr(default)) from error


def _reference(meant: _Meant) -> tuple[str, str] | None:
    declared = meant.text("references")
    if declared is None:
        return None
    match = _REFERENCE.match(declared)
    if match is None:
        raise meant.error("references cannot be used", expected="'table.column'", got=repr(declared))
    return match[1], match[2]


def _check(meant: _Meant, column: Column) -> None:
    if column.severity not in ("error", "warn"):
        raise meant.error("severity cannot be used", expected="'error' or 'warn'", got=repr(column.severity))
    if column.key and (column.nullable or not column.required or column.severity != "error"):
        raise meant.error("a key is never null, missing or only warned about", expected="key=True alone")
    if column.key and (is_nested(column.dtype) or isinstance(column.dtype, pl.Null)):
        raise meant.error("a key is one plain value", got=str(column.dtype))
    if column.key and column.default is not None:
        raise meant.error("a key has no default: records without one would all be the same", expected="key=True alone")
    if column.key and (column.transitions is not None or column.initial is not None):
        raise meant.error("a key never changes", expected="transitions of another column")
    told = "unique" if column.unique else "references" if column.references else ""
    if told and column.severity != "error":
        expected = "severity='error', and raise_warning=True on the checks that shall only warn"
        raise meant.error(f"{told} condemns, and is never only warned about", expected=expected, got="severity='warn'")
    for name in column.standardise:
        if name not in STANDARDISERS:
            raise meant.error(f"unknown standardiser {name!r}", expected=near(name, STANDARDISERS))
    if column.standardise and not is_text(column.dtype):
        raise meant.error("standardisers are for text", expected="a str column", got=str(column.dtype))
    if column.decimal not in (".", ",") or column.thousands not in (None, ".", ",", " ", "'", "_", "’"):
        raise meant.error("separators cannot be used", expected="decimal '.' or ',', thousands one of . , ' _ or blank")
    if column.decimal == column.thousands:
        raise meant.error("decimal and thousands separators are the same", got=repr(column.decimal))
    both = {w.lower() for w in column.true} & {w.lower() for w in column.false}
    if both:
        raise meant.error("words that mean both true and false", got=", ".join(sorted(both)))
    _check_times(meant, column)


def _check_times(meant: _Meant, column: Column) -> None:
    if column.formats and not isinstance(column.dtype, pl.Date | pl.Datetime | pl.Time):
        raise meant.error("formats are for dates and times", got=str(column.dtype))
    zones = (column.time_zone, column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None)
    for zone in filter(None, zones):
        try:
            pl.Series([], dtype=pl.Datetime("us")).dt.replace_time_zone(zone)
        except pl.exceptions.PolarsError as error:
            raise meant.error("unknown time zone", expected="a name like Europe/Berlin", got=zone) from error
    for form in column.formats:
        _check_format(meant, column, form)


def _check_format(meant: _Meant, column: Column, form: str) -> None:
    try:
        pattern(form)
    except UnknownDirective as error:
        raise meant.error(
            f"format {form!r} holds a directive that cannot be read strictly",
            expected="%Y %y %m %d %H %M %S %.f %z",
            got=str(error),
        ) from error
    cut = (isinstance(column.dtype, pl.Time) and has_day(form)) or (
        has_offset(form) and not isinstance(column.dtype, pl.Datetime)
    )
    if cut:
        what = f"format {form!r} holds more than the type, and nothing is cut"
        raise meant.error(what, expected="a column of timestamps", got=str(column.dtype))
    if not reads_back(column, form):
        what = f"no text of format {form!r} can be read"
        raise meant.error(what, expected=_WHOLE[type(column.dtype)], got=repr(form))


_WHOLE: dict[type[pl.DataType], str] = {
    pl.Date: "a year, month and day, each once, like %d.%m.%Y",
    pl.Datetime: "a day with its year, hours with minutes or neither, each once, like %Y-%m-%d %H:%M",
    pl.Time: "hours and minutes, each once, like %H:%M",
}
