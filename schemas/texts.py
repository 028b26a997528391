"""What each type may look like as text; for those of time see `times.py`.

Every function takes trimmed text and gives null for what it cannot read.

Numbers: a sign in front, accounting negatives `(1,50)` and `1,50-`, declared decimal and thousands separators (in
groups of three or not at all). More fraction digits than the type holds, other than zeros, are refused: nothing is
rounded. No exponents, except for floats. `nan` and `inf` are no numbers.
"""

from __future__ import annotations

import re

import polars as pl

from tilth.schemas.spec import Column

__all__ = ["boolean", "category", "decimal", "integer", "octets", "real", "without_exponent"]


def _digits(column: Column) -> str:
    if not column.thousands:
        return "[0-9]+"
    mark = "[ \u00a0\u202f]" if column.thousands == " " else re.escape(column.thousands)
    return f"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|[0-9]+)"


def _plain(text: pl.Expr, column: Column, fraction: str, bare: str, exponent: str = "") -> pl.Expr:
    """The number as `-1234.5`, or null when the text is not written as declared.

    `fraction` is what may follow the point; `bare`, of at least one digit, where no digit stands before it.
    """
    whole, point = _digits(column), re.escape(column.decimal)
    number = f"(?:(?:{whole}(?:{point}{fraction})?|{point}(?:{bare})){exponent})"
    ok = text.str.contains(rf"^(?:[+-]?{number}|\({number}\)|{number}-)$")
    negative = text.str.starts_with("-") | text.str.starts_with("(") | text.str.ends_with("-")
    kept = text.str.replace_all(rf"[^0-9{point}eE]" if not exponent else rf"[^0-9{point}eE+-]", "")
    if exponent:
        kept = kept.str.replace(r"^[+-]", "").str.replace(r"-$", "")
    if column.decimal != ".":
        kept = kept.str.replace(column.decimal, ".", literal=True)
    return pl.when(ok).then(pl.when(negative).then(pl.lit("-") + kept).otherwise(kept))


def decimal(text: pl.Expr, column: Column, dtype: pl.Decimal) -> pl.Expr:
    """Decimals; exact, or null."""
    most = dtype.scale
    number = _plain(text, column, f"[0-9]{{0,{most}}}0*", f"[0-9]{{1,{most}}}0*|0+" if most else "0+")
    return number.cast(dtype, strict=False)


_MOST_DIGITS = 40  # before the point, or zeros after it: more than any decimal holds


def without_exponent(text: pl.Expr) -> pl.Expr:
    """`1.25e-7` as `0.000000125`: the same number, for those that decimals hold; other text as it is."""
    part = text.str.extract_groups(r"^(-?)([0-9])(?:\.([0-9]+))?e([+-]?[0-9]{1,4})$")
    digits, zeros = part.struct[1] + part.struct[2].fill_null(""), pl.lit("0" * _MOST_DIGITS)
    exponent = part.struct[3].cast(pl.Int64)
    filled, whole = digits + zeros, exponent + 1
    large = filled.str.slice(0, whole.clip(0)) + "." + filled.str.slice(whole.clip(0))
    small = pl.lit("0.") + zeros.str.slice(0, (-whole).clip(0)) + digits
    moved = pl.when(exponent < 0).then(small).otherwise(large)
    return pl.when(exponent.abs() < _MOST_DIGITS).then(part.struct[0] + moved).otherwise(text)


def integer(text: pl.Expr, column: Column) -> pl.Expr:
    """Whole numbers; `12.0` is one."""
    whole = _plain(text, column, "0*", "0+").str.replace(r"\.0*$", "").str.replace(r"^-?(0*)$", "0$1")  # of .0 and -0
    return whole.cast(column.dtype, strict=False)


def real(text: pl.Expr, column: Column) -> pl.Expr:
    """Floating point numbers: the nearest that the type holds."""
    value = _plain(text, column, "[0-9]*", "[0-9]+", "(?:[eE][+-]?[0-9]+)?").cast(column.dtype, strict=False)
    return pl.when(value.is_finite()).then(value)


def boolean(text: pl.Expr, column: Column) -> pl.Expr:
    """True and false by the column's vocabulary, whatever the case."""
    word = text.str.to_lowercase()
    yes, no = ([w.lower() for w in words] for words in (column.true, column.false))
    return pl.when(word.is_in(yes)).then(pl.lit(True)).when(word.is_in(no)).then(pl.lit(False))


def octets(text: pl.Expr) -> pl.Expr:
    """Bytes, written as hexadecimal digits."""
    return pl.when(text.str.contains("^(?:[0-9A-Fa-f]{2})+$")).then(text).str.decode("hex", strict=False)


def category(text: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """One of the type's words; of a `Categorical`, any text that is not blank."""
    filled = text.str.strip_chars_start().str.len_bytes() > 0
    return pl.when(filled).then(text).cast(dtype, strict=False)
