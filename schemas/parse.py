"""Pulled values into declared types: exactly, or not at all.

Three kinds of expressions per column. `first_look` reads the common spelling of a type in one cheap pass and gives
null for everything else; it never accepts what `second_look` would refuse. `second_look` reads every declared
spelling and is only run on the few texts the first look left null. `exact_cast` (see `casting.py`) takes values
that the source already typed. Which value is unparsable follows: pulled not blank, parsed null.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import polars as pl

from tilth.schemas.casting import exact_cast, exactly, same_type
from tilth.schemas.dtypes import is_text, is_words
from tilth.schemas.formats import ISO_DATE, sample
from tilth.schemas.leaves import some_leaf, unfinite
from tilth.schemas.nested import from_json, is_nested
from tilth.schemas.spec import Column
from tilth.schemas.texts import boolean, category, decimal, integer, octets, real
from tilth.schemas.times import moment, timed

__all__ = ["Parsed", "blank", "first_look", "parse", "reads_back", "second_look"]

Parsed = tuple[pl.Series, pl.Series | None]
"""The values, and which pulled values could not be parsed (None: all could)."""


def first_look(column: Column, pulled: pl.Series) -> pl.Expr:
    """The column's values, null where the value is blank, unusual or unparsable."""
    raw = exactly(column.source)
    if is_words(pulled.dtype):
        return _first_text(raw.cast(pl.String), column, pulled).alias(column.name)
    if same_type(pulled.dtype, column.dtype):
        return raw.alias(column.name)
    return exact_cast(raw, pulled.dtype, column).alias(column.name)


def _first_text(raw: pl.Expr, column: Column, pulled: pl.Series) -> pl.Expr:
    dtype = column.dtype
    if dtype.is_integer():
        return raw.cast(dtype, strict=False)
    if dtype.is_float() and column.decimal == ".":
        return raw.cast(dtype, strict=False)
    if isinstance(dtype, pl.Decimal) and column.decimal == ".":
        return (
            pl.when(raw.str.contains(rf"^-?[0-9]+(?:\.[0-9]{{0,{dtype.scale}}})?$")).then(raw).cast(dtype, strict=False)
        )
    if isinstance(dtype, pl.Date):
        form = (column.formats or (ISO_DATE,))[0]
        return moment(raw, form, column)
    if isinstance(dtype, pl.Boolean):
        return (
            pl.when(raw.is_in(_cases(column.true))).then(pl.lit(True)).when(raw.is_in(_cases(column.false))).then(False)
        )
    if is_text(dtype):
        return raw
    if isinstance(dtype, pl.Enum | pl.Categorical):
        return category(raw, dtype)
    if isinstance(dtype, pl.Datetime) and len(column.formats) < 2:
        form = column.formats[0] if column.formats else _wall_form(pulled)
        return moment(raw, form, column)
    return pl.repeat(None, pl.len(), dtype=dtype)


def _wall_form(pulled: pl.Series) -> str:
    """ISO without fraction and offset, with the separator that the column's first value has."""
    at = pulled.is_not_null().arg_max()
    first = pulled[at] if at is not None else None
    return "%Y-%m-%d %H:%M:%S" if first and first[10:11] == " " else "%Y-%m-%dT%H:%M:%S"


def _cases(words: tuple[str, ...]) -> list[str]:
    return sorted({form for word in words for form in (word, word.lower(), word.upper(), word.title())})


def second_look(text: pl.Expr, column: Column) -> pl.Expr:
    """The column's values from text, by every spelling that is declared; blanks around a value do not matter."""
    bare, dtype = text.str.strip_chars(), column.dtype
    if isinstance(dtype, pl.Decimal):
        return decimal(bare, column, dtype)
    if dtype.is_integer():
        return integer(bare, column)
    if dtype.is_float():
        return real(bare, column)
    if isinstance(dtype, pl.Boolean):
        return boolean(bare, column)
    if dtype.is_temporal():
        return timed(bare, column)
    return _second_other(text, bare, column)


def reads_back(column: Column, form: str) -> bool:
    """Whether a moment that is written by this format is read by it."""
    day, clock = dt.date(2024, 7, 15), dt.time() if isinstance(column.dtype, pl.Date) else dt.time(21, 34, 56)
    texts = pl.Series("text", [sample(form, dt.datetime.combine(day, clock), offset="+00:00")])
    try:
        read = texts.to_frame().select(second_look(pl.col("text"), replace(column, formats=(form,))))
    except pl.exceptions.PolarsError:
        return False
    value = read.to_series()[0]
    return value is not None and (isinstance(value, dt.time) or value.year == day.year)  # year 1 where none is written


def _second_other(text: pl.Expr, bare: pl.Expr, column: Column) -> pl.Expr:
    dtype = column.dtype
    if isinstance(dtype, pl.Binary):
        return octets(bare)
    if isinstance(dtype, pl.Enum | pl.Categorical):
        return category(bare if isinstance(dtype, pl.Enum) else text, dtype)
    if is_nested(dtype):
        return text.map_batches(lambda texts: from_json(texts, dtype), return_dtype=dtype)
    return pl.repeat(None, pl.len(), dtype=dtype) if isinstance(dtype, pl.Null) else text


def blank(text: pl.Series) -> pl.Series:
    """Which texts are empty or only white space."""
    return text.str.strip_chars_start().str.len_bytes() == 0


def parse(column: Column, pulled: pl.Series, value: pl.Series) -> Parsed:
    """Finish what the first look began: `value` with the unusual spellings read, and what stays unparsable."""
    if is_words(pulled.dtype):
        texts = pulled.cast(pl.String)
        return _unblanked(texts, value) if is_text(column.dtype) else _second(column, texts, value)
    value = _finite(column, value)
    if value.null_count() == pulled.null_count():
        return value, None
    return value, pulled.is_not_null() & value.is_null()


def _finite(column: Column, value: pl.Series) -> pl.Series:
    """Without those that are, or hold, no number or an infinite one."""
    wild = some_leaf(value, unfinite)
    if wild is None or not wild.any():
        return value
    return pl.select(pl.when(~wild).then(value)).to_series().alias(column.name)


def _unblanked(pulled: pl.Series, value: pl.Series) -> Parsed:
    unusual = (pulled < "!") | (pulled > "~")  # starts with a blank, a control character or something beyond ASCII
    if not unusual.any():
        return value, None
    at = unusual.arg_true()
    empty = at.filter(blank(pulled.gather(at)))
    return (value.scatter(empty, None), None) if len(empty) else (value, None)


def _second(column: Column, pulled: pl.Series, value: pl.Series) -> Parsed:
    value = _finite(column, value)
    if value.null_count() == pulled.null_count():
        return value, None
    at = (pulled.is_not_null() & value.is_null()).arg_true()
    texts = pulled.gather(at).alias("text")
    read = pl.DataFrame(texts).select(second_look(pl.col("text"), column).alias("value"))["value"]
    unscattered = is_nested(column.dtype) or isinstance(column.dtype, pl.Null)
    value = _placed(read, at, value) if unscattered else value.scatter(at, read)
    wrong = at.filter(read.is_null() & ~blank(texts))
    if not len(wrong):
        return value, None
    return value, pl.repeat(False, len(value), eager=True).scatter(wrong, True)


def _placed(read: pl.Series, at: pl.Series, value: pl.Series) -> pl.Series:
    """Values at their places in a column of nulls: polars scatters no nested series."""
    order = pl.repeat(None, len(value), dtype=pl.UInt32, eager=True).scatter(at, pl.int_range(len(at), eager=True))
    return read.gather(order).alias(value.name)
