"""Checks tried out before any record is judged: what is certainly a mistake, and what costs or surprises.

A check that looks at more than a record is called with rows of nulls (`tried`), and with rows of plain values in
several orders (`findings`). What breaks on these for want of better values proves nothing, and is left alone.
"""

from __future__ import annotations

import datetime as dt
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl
from pandera.api.checks import Check

from tilth.errors import ContractError
from tilth.schemas.authored import written
from tilth.schemas.evaluate import asked, backend_of
from tilth.schemas.near import near
from tilth.schemas.rules import Rule
from tilth.schemas.spec import Spec

__all__ = ["Slow", "called", "findings", "no_column", "slow", "tried"]

_FRAMES = (pl.LazyFrame, pl.DataFrame, pl.Series, pl.Expr)
_CERTAIN = (NameError, pl.exceptions.SchemaError, pl.exceptions.SchemaFieldNotFoundError)
_COLUMN = re.compile(r'(?:column )?"([^"]+)"')


def tried(check: Check, target: str, nulls: pl.DataFrame, where: str) -> None:
    """Call a check that could not be written down with a frame of nulls; ContractError for what no data can mend."""
    function = written(check._check_fn)[0]  # pyright: ignore[reportPrivateUsage]
    try:
        asked(check, nulls, target, where)
    except ContractError as error:
        cause = error.__cause__
        if cause is None or (isinstance(cause, TypeError) and not _takes_one(function, check)):
            raise
        if isinstance(cause, pl.exceptions.ColumnNotFoundError):
            named = _COLUMN.search(str(cause))
            raise (no_column(check, named[1], where, nulls.schema) if named else error) from cause
        if isinstance(cause, _CERTAIN) or (isinstance(cause, AttributeError) and _of_polars(cause)):
            raise


def called(check: Check, target: str, dtype: pl.DataType, where: str) -> None:
    """Call a check that is asked value by value with one plain value; ContractError for what no value can mend."""
    function, mistakes = backend_of(check).check_fn, list[Exception]()
    author = written(check._check_fn)[0]  # pyright: ignore[reportPrivateUsage]

    def once(value: Any) -> bool:
        try:
            function(value)
        except Exception as error:
            if _certain(error, value) or (isinstance(error, TypeError) and not _takes_one(author, check)):
                mistakes.append(error)
        return True

    try:
        _samples({target: dtype})[:1].select(pl.col(target).map_elements(once, return_dtype=pl.Boolean))
    except (Exception, pl.exceptions.PanicException):  # there is no plain value of this type
        return
    for error in mistakes:
        raise ContractError(f"check {check.name} failed: {type(error).__name__}: {error}", where=where) from error


def _certain(error: Exception, value: object) -> bool:
    """Whether a function is wrong whatever the values: a name it does not know, or what no such value has."""
    if isinstance(error, AttributeError):
        return inspect.ismodule(error.obj) or type(error.obj) is type(value)
    return isinstance(error, NameError | ImportError) and not isinstance(error, UnboundLocalError)


def no_column(check: Check, name: str, where: str, known: Iterable[str]) -> ContractError:
    """A check that looks at a column which the contract does not have."""
    return ContractError(
        f"check {check.name} looks at an unknown column {name!r}", where=where, expected=near(name, known)
    )


def _of_polars(error: AttributeError) -> bool:
    return isinstance(error.obj, _FRAMES) or inspect.ismodule(error.obj) or "PolarsData" in type(error.obj).__name__


def _takes_one(function: Any, check: Check) -> bool:
    """Whether the function can be called with the data, and its class where it is a method."""
    named: dict[str, Any] = check._check_kwargs  # pyright: ignore[reportPrivateUsage]
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    for given in ((1,), (1, 2)):
        try:
            signature.bind(*given, **named)
        except TypeError:
            continue
        return True
    return False


@dataclass(frozen=True, slots=True)
class Slow:
    """A rule that takes the slow way: it works, and costs."""

    where: str
    what: str


def slow(rules: Sequence[Rule]) -> list[Slow]:
    """Rules that are asked value by value in Python, or of the whole pull at once."""
    told: list[Slow] = []
    for rule in rules:
        if rule.check.element_wise:
            told.append(Slow(rule.where, f"check {rule.name} is asked value by value in Python: the slow way"))
        elif rule.expression is None:
            what = f"check {rule.name} looks at more than one record: the whole pull is held in memory at once"
            told.append(Slow(rule.where, what))
    return told


def findings(rules: Sequence[Rule], spec: Spec) -> Iterator[ContractError]:
    """Rules whose verdict on a record changes with the order of records, or from one time to the next."""
    doubted = [rule for rule in rules if rule.expression is None or rule.check.element_wise]
    frame = _samples(spec.schema) if doubted else pl.DataFrame()
    for rule in doubted:
        try:
            yield from _fickle(rule, frame)
        except (ContractError, *_ANY):  # these values prove nothing
            continue


_ANY = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
_ROWS = 8
_TIMES = 6  # a check that draws lots among eight rows gives the same verdict twice now and then


def _fickle(rule: Rule, frame: pl.DataFrame) -> Iterator[ContractError]:
    first, *again = (_verdict(rule, frame) for _ in range(_TIMES))
    if not all(first.equals(one, null_equal=True) for one in again):
        what = f"check {rule.name} gives another verdict when it is asked again"
        yield ContractError(what, where=rule.where, expected="a verdict on the data alone")
        return
    for order in ([*range(_ROWS)][::-1], [3, 0, 6, 1, 7, 2, 5, 4]):
        moved = _verdict(rule, frame[order])
        if not moved.equals(first.gather(order), null_equal=True):
            what = f"check {rule.name} depends on the order of the records, and a source has none"
            yield ContractError(what, where=rule.where, expected="a rule on values, such as .over(…, order_by=…)")
            return


def _verdict(rule: Rule, frame: pl.DataFrame) -> pl.Series:
    if rule.expression is not None:
        return frame.select(verdict=rule.expression)["verdict"]
    return asked(rule.check, frame, rule.target, rule.where).alias("verdict")


def _samples(schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Eight rows of plain values, some of them twice, no two columns alike."""
    numbers = [3, 1, 2, 1, 5, 4, 0, 2]
    turned = {name: numbers[at % _ROWS :] + numbers[: at % _ROWS] for at, name in enumerate(schema)}
    return pl.DataFrame([pl.Series(n, [_sample(d, one) for one in turned[n]], dtype=d) for n, d in schema.items()])


def _sample(dtype: Any, number: int) -> Any:
    """The value of a type that stands for a small number, in the numbers' order."""
    if isinstance(dtype, pl.Struct):
        return {field.name: _sample(field.dtype, number) for field in dtype.fields}
    if isinstance(dtype, pl.List | pl.Array):
        return [_sample(dtype.inner, number)] * (dtype.size if isinstance(dtype, pl.Array) else 1)
    if isinstance(dtype, pl.Enum):
        return dtype.categories[number % len(dtype.categories)]
    moment = dt.datetime(2024, 1, 1 + number, number)
    known: list[tuple[Any, Any]] = [
        (pl.Boolean, number % 2 == 0), (pl.String | pl.Categorical, "abcdef"[number]), (pl.Binary, bytes([number])),
        (pl.Date, moment.date()), (pl.Datetime, moment), (pl.Time, moment.time()), (pl.Null, None),
        (pl.Duration, dt.timedelta(hours=number)), (pl.Decimal, Decimal(number)),
    ]  # fmt: skip
    return next((value for family, value in known if isinstance(dtype, family)), number)
