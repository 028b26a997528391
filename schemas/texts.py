"""What each type may look like as text. Every function takes trimmed text and gives null for what it cannot read.

Numbers: a sign in front, accounting negatives `(1,50)` and `1,50-`, declared decimal and thousands separators (in
groups of three or not at all). More fraction digits than the type holds, other than zeros, are refused: nothing is
rounded. No exponents, except for floats. `nan` and `inf` are no numbers.
"""

from __future__ import annotations

import re

import polars as pl

from tilth.schemas.formats import ISO_DATETIME, ISO_TIME, has_offset, native, pattern
from tilth.schemas.spec import Column

__all__ = ["boolean", "category", "decimal", "duration", "from_instant", "from_wall", "integer", "moment", "moments"]
__all__ += ["octets", "real", "time_of_day", "without_exponent"]


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


def moment(text: pl.Expr, form: str, column: Column) -> pl.Expr:
    """Dates and times of one declared format; the text must already match its pattern."""
    if isinstance(column.dtype, pl.Date):
        return text.str.to_date(native(form), strict=False, cache=False)
    assert isinstance(column.dtype, pl.Datetime)
    if has_offset(form):
        instant = text.str.to_datetime(native(form), strict=False, time_unit="us", time_zone="UTC", cache=False)
        return from_instant(instant, text.str.contains(r"(?:Z|[+-]00:?00)$"), column)
    return from_wall(text.str.to_datetime(native(form), strict=False, time_unit="us", cache=False), column)


def moments(text: pl.Expr, column: Column) -> pl.Expr:
    """Timestamps by the declared formats, or ISO 8601 with optional fraction and offset."""
    if column.formats:
        return pl.coalesce(moment(pl.when(text.str.contains(pattern(f))).then(text), f, column) for f in column.formats)
    part = text.str.extract_groups(ISO_DATETIME)
    wall = (part.struct[0] + "T" + part.struct[1]).str.to_datetime(
        "%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us", cache=False
    )
    fraction = part.struct[2].fill_null("").str.pad_end(9, "0")
    micros, nanos = fraction.str.head(6).cast(pl.Int64), fraction.str.tail(3).cast(pl.Int64)
    offset = (
        part.struct[3]
        .fill_null("Z")
        .str.replace("Z", "+0000", literal=True)
        .str.replace(":", "", literal=True)
        .str.pad_end(5, "0")
    )
    minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + offset.str.slice(3, 2).cast(pl.Int64)
    minutes = pl.when(minutes < 24 * 60).then(minutes) * pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    local = wall + pl.duration(microseconds=micros)
    instant = (local - pl.duration(minutes=minutes)).dt.replace_time_zone("UTC")
    plain = part.struct[3].is_null()
    value = pl.when(plain).then(from_wall(local, column)).otherwise(from_instant(instant, minutes == 0, column))
    return _with_nanos(value, nanos, column.dtype)


def _with_nanos(value: pl.Expr, nanos: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A time, or a length of time, of whole microseconds and some billionths of a second; null where they do not fit.

    Either is counted in 64 bits: what runs over begins again at the other end.
    """
    if getattr(dtype, "time_unit", None) != "ns":
        return pl.when(nanos == 0).then(value)
    more = value + pl.duration(nanoseconds=nanos, time_unit="ns")
    return pl.when((more >= value) == (nanos >= 0)).then(more)


def from_wall(wall: pl.Expr, column: Column) -> pl.Expr:
    """What a clock showed, without a zone: of the column's zone; hours that are skipped or doubled are refused."""
    dtype = column.dtype
    assert isinstance(dtype, pl.Datetime)
    if dtype.time_zone:
        zone = column.time_zone or dtype.time_zone
        wall = wall.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").dt.convert_time_zone(
            dtype.time_zone
        )
    return _held(wall, dtype)


def from_instant(instant: pl.Expr, utc: pl.Expr, column: Column) -> pl.Expr:
    """A point in time. A column without a zone takes it in the declared zone, else only when it is UTC already."""
    dtype = column.dtype
    assert isinstance(dtype, pl.Datetime)
    if dtype.time_zone:
        return _held(instant.dt.convert_time_zone(dtype.time_zone), dtype)
    if column.time_zone:
        return _held(instant.dt.convert_time_zone(column.time_zone).dt.replace_time_zone(None), dtype)
    return _held(pl.when(utc).then(instant.dt.replace_time_zone(None)), dtype)


def _held(moment: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """The moment in the type's unit; null where the unit is too coarse for it, or where it lies beyond the type."""
    exact = moment if dtype.time_unit != "ms" else pl.when(moment.dt.microsecond() % 1000 == 0).then(moment)
    return exact.cast(dtype, strict=False)


def time_of_day(text: pl.Expr, column: Column) -> pl.Expr:
    """Times of day by the declared formats, or ISO 8601 with an optional fraction; the type holds nine digits of it."""
    forms = column.formats or (ISO_TIME,)
    ok = [(form, pl.when(text.str.contains(pattern(form, digits=9))).then(text)) for form in forms]
    return pl.coalesce(one.str.to_time(native(form), strict=False, cache=False) for form, one in ok)


_CLOCK = r"^(-)?(?:([0-9]{1,6}) days? )?([0-9]{1,7}):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,9}))?$"
_PERIOD = (
    r"^(-)?P(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?:([0-9]{1,7})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})(?:\.([0-9]{1,9}))?S)?)?$"
)


def duration(text: pl.Expr, dtype: pl.Duration) -> pl.Expr:
    """Lengths of time: ISO 8601 (`P1DT2H3M4.5S`; no months or years, which have no length), or `26:03:04.5`."""
    clock, period = text.str.extract_groups(_CLOCK), text.str.extract_groups(_PERIOD)
    written = text.str.contains(r"[0-9][WDHMS]$") & text.str.contains(_PERIOD)
    spelled = _length(period, dtype, weeks=1, days=2, hours=3, minutes=4, seconds=5, fraction=6)
    counted = _length(clock, dtype, weeks=None, days=1, hours=2, minutes=3, seconds=4, fraction=5)
    return pl.when(written).then(spelled).when(text.str.contains(_CLOCK)).then(counted)


def _length(
    part: pl.Expr,
    dtype: pl.Duration,
    *,
    weeks: int | None,
    days: int,
    hours: int,
    minutes: int,
    seconds: int,
    fraction: int,
) -> pl.Expr:
    def number(at: int | None) -> pl.Expr:
        return pl.lit(0) if at is None else part.struct[at].cast(pl.Int64, strict=False).fill_null(0)

    day = number(weeks) * 7 + number(days)
    second = ((day * 24 + number(hours)) * 60 + number(minutes)) * 60 + number(seconds)
    digits = part.struct[fraction].fill_null("").str.pad_end(9, "0")
    micros, nanos = (some.cast(pl.Int64, strict=False) for some in (digits.str.head(6), digits.str.tail(3)))
    sign = pl.when(part.struct[0].is_not_null()).then(-1).otherwise(1)
    exact = ((second * 1_000_000 + micros) * sign).cast(pl.Duration("us"))
    held = exact.cast(dtype, strict=False)
    return _with_nanos(pl.when(held.cast(pl.Duration("us")) == exact).then(held), nanos * sign, dtype)


def octets(text: pl.Expr) -> pl.Expr:
    """Bytes, written as hexadecimal digits."""
    return pl.when(text.str.contains("^(?:[0-9A-Fa-f]{2})+$")).then(text).str.decode("hex", strict=False)


def category(text: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """One of the type's words; of a `Categorical`, any text that is not blank."""
    filled = text.str.strip_chars_start().str.len_bytes() > 0
    return pl.when(filled).then(text).cast(dtype, strict=False)
