"""What dates, times and lengths of time may look like as text: by the declared formats, or as ISO 8601.

Every function takes trimmed text and gives null for what it cannot read. Nothing is cut: more digits of a second than
the type holds are refused, and so is what leaves the years 1 to 9999 on its way into another zone.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from tilth.schemas.formats import ISO_DATE, ISO_DATETIME, ISO_TIME, fraction_of, has_clock, has_offset, native, pattern
from tilth.schemas.spec import Column

__all__ = ["Times", "from_instant", "from_wall", "moment", "timed"]

_NO_TIME = -(2**63)  # numpy's and pandas' "not a time"


def timed(text: pl.Expr, column: Column) -> pl.Expr:
    """The column's values, when its type is one of time."""
    dtype = column.dtype
    if isinstance(dtype, pl.Duration):
        return _duration(text, dtype)
    if isinstance(dtype, pl.Time):
        return _time_of_day(text, column)
    if isinstance(dtype, pl.Datetime) and not column.formats:
        return _iso_moments(text, column)
    forms = column.formats or (ISO_DATE,)
    return pl.coalesce(moment(text, form, column) for form in forms)


def moment(text: pl.Expr, form: str, column: Column) -> pl.Expr:
    """Dates and times of one declared format."""
    written, chrono = _written(text, form, digits=6), native(form)
    dtype = column.dtype
    if isinstance(dtype, pl.Date):
        return _day(written, form)
    assert isinstance(dtype, pl.Datetime)
    if has_offset(form):
        instant = written.str.to_datetime(chrono, strict=False, time_unit="us", time_zone="UTC", cache=False)
        return _of_calendar(from_instant(instant, text.str.contains(r"(?:Z|[+-]00:?00)$"), column), dtype)
    wall = from_wall(written.str.to_datetime(chrono, strict=False, time_unit="us", cache=False), column)
    return wall if dtype.time_zone is None else _of_calendar(wall, dtype)


def _day(written: pl.Expr, form: str) -> pl.Expr:
    """Days; written with a time of day only where that is midnight: else something would be cut."""
    if not has_clock(form):
        return written.str.to_date(native(form), strict=False, cache=False)
    wall = written.str.to_datetime(native(form), strict=False, time_unit="us", cache=False)
    return pl.when(wall.dt.truncate("1d") == wall).then(wall.cast(pl.Date))


def _written(text: pl.Expr, form: str, *, digits: int) -> pl.Expr:
    """Texts that are written as the format says; a fraction without a point in front in nine digits, as chrono does."""
    ok = pl.when(text.str.contains(pattern(form, digits=digits))).then(text)
    around = fraction_of(form, digits=digits)
    if around is None:
        return ok
    part = ok.str.extract_groups(around)
    return part.struct[0] + part.struct[1].str.pad_end(9, "0") + part.struct[2]


def _iso_moments(text: pl.Expr, column: Column) -> pl.Expr:
    """Timestamps with optional fraction and offset."""
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
    plain, whole = part.struct[3].is_null(), _in_micros(column)
    value = pl.when(plain).then(from_wall(local, whole)).otherwise(from_instant(instant, minutes == 0, whole))
    return _with_nanos(_of_calendar(value, column.dtype), nanos, column.dtype)


def _in_micros(column: Column) -> Column:
    """The column without its billionths of a second, which are put in last."""
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns":
        return replace(column, dtype=pl.Datetime("us", dtype.time_zone))
    return column


def _of_calendar(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Without what left the years 1 to 9999 with its offset, in UTC or in the type's zone: Python knows no others."""
    assert isinstance(dtype, pl.Datetime)
    seen = [value, value.dt.convert_time_zone("UTC")] if dtype.time_zone else [value]
    return pl.when(pl.all_horizontal(one.dt.year().is_between(1, 9999) for one in seen)).then(value)


def _with_nanos(value: pl.Expr, nanos: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A time, or a length of time, of whole microseconds and some billionths of a second; null where they do not fit.

    Counted in more bits than the type has: the least of its moments lie in a microsecond that begins before them all.
    """
    if getattr(dtype, "time_unit", None) != "ns":
        return pl.when(nanos == 0).then(value)
    count = (value.to_physical().cast(pl.Int128) * 1000 + nanos).cast(pl.Int64, strict=False)
    return pl.when(count != _NO_TIME).then(count).cast(dtype)


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


def _time_of_day(text: pl.Expr, column: Column) -> pl.Expr:
    """Times of day by the declared formats, or ISO 8601 with an optional fraction; the type holds nine digits of it."""
    forms = column.formats or (ISO_TIME,)
    ok = [(form, _written(text, form, digits=9)) for form in forms]
    return pl.coalesce(one.str.to_time(native(form), strict=False, cache=False) for form, one in ok)


_CLOCK = r"^(-)?(?:([0-9]{1,6}) days? )?([0-9]{1,7}):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,9}))?$"
_PERIOD = (
    r"^(-)?P(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?"
    r"(?:T(?:([0-9]{1,7})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})(?:\.([0-9]{1,9}))?S)?)?$"
)


def _duration(text: pl.Expr, dtype: pl.Duration) -> pl.Expr:
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
    held = exact if dtype.time_unit == "ns" else exact.cast(dtype, strict=False)
    return _with_nanos(pl.when(held.cast(pl.Duration("us")) == exact).then(held), nanos * sign, dtype)


class Times:
    """Texts of times that stand one by one: gathered, then read at once as a column of them is."""

    def __init__(self) -> None:
        self.asked: dict[pl.DataType, set[str]] = {}
        self._counts: dict[pl.DataType, dict[str, int | None]] = {}

    def count(self, text: str, dtype: pl.DataType) -> int | None:
        """How the type counts it, null where it cannot be read; before `answer` only asked, and 0."""
        if not self._counts:
            self.asked.setdefault(dtype, set()).add(text)
            return 0
        return self._counts[dtype][text]

    def answer(self) -> None:
        """Read all that was asked for."""
        for dtype, texts in self.asked.items():
            frame = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
            read = frame.select("text", count=timed(pl.col("text"), Column("", "", dtype)).to_physical())
            self._counts[dtype] = dict(read.iter_rows())
