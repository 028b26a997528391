"""Declared formats: they mean what Python's own reader says, nothing is cut, and one that reads nothing is told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.errors import ContractError
from tilth.schemas.judging import judge
from tilth.schemas.reading import spec_of

WALLS = st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9999, 12, 30)).map(lambda at: at.replace(microsecond=0))
DIGITS = st.text("0123456789", min_size=1, max_size=9)
FORMS = ["%Y%m%d%H%M%S%f", "%Y-%m-%d %H:%M:%S,%f", "%f %d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%F %T%%%f.%z"]


def model(dtype: Any, *formats: str) -> type[pa.DataFrameModel]:
    body = {"__annotations__": {"it": dtype}, "it": pa.Field(metadata={"formats": formats}), "__module__": __name__}
    return type("Model", (pa.DataFrameModel,), body)


def read(text: str, dtype: Any, form: str) -> Any:
    verdict = judge(pl.DataFrame({"it": [text]}), model(dtype, form))
    assert verdict.toxic.is_empty() or verdict.reasons.select("rule", "value").rows() == [("parse", text)]
    return verdict.good["it"].to_list()[0] if verdict.counts["good"] else None


def written(wall: dt.datetime, form: str, digits: str) -> str:
    parts = [wall.strftime(part) for part in form.replace("%z", "+0000").split("%f")]
    return digits.join(parts)


@given(st.sampled_from(FORMS), WALLS, DIGITS, st.sampled_from(["ms", "us"]))
def test_a_fraction_is_one_whatever_stands_before_it(form: str, wall: dt.datetime, digits: str, unit: Any) -> None:
    text = written(wall, form, digits)
    holds = len(digits) <= 6 and (unit == "us" or int(digits.ljust(6, "0")) % 1000 == 0)
    right = wall.replace(microsecond=int(digits.ljust(6, "0"))) if holds else None
    if len(digits) <= 6:
        expanded = form.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S")
        at = dt.datetime.strptime(text, expanded).replace(tzinfo=None)
        assert right is None or at == right
    assert read(text, pl.Datetime(unit), form) == right


@given(st.sampled_from(["%H%M%S%f", "%H:%M:%S,%f", "%H:%M:%S.%f"]), WALLS, DIGITS)
def test_of_a_time_of_day_to_nine_digits(form: str, wall: dt.datetime, digits: str) -> None:
    verdict = judge(pl.DataFrame({"it": [written(wall, form, digits)]}), model(pl.Time, form))
    since = (wall - wall.replace(hour=0, minute=0, second=0)) // dt.timedelta(seconds=1)
    assert verdict.good["it"].to_physical().to_list() == [since * 10**9 + int(digits.ljust(9, "0"))]


@given(WALLS)
def test_a_day_is_written_with_a_time_only_at_midnight(wall: dt.datetime) -> None:
    form = "%Y-%m-%d %H:%M:%S"
    midnight = dt.datetime.combine(wall.date(), dt.time())
    assert read(midnight.strftime(form), pl.Date, form) == wall.date()
    assert read(wall.strftime(form), pl.Date, form) == (wall.date() if wall == midnight else None)


@pytest.mark.parametrize(
    ("dtype", "form", "what"),
    [
        (pl.Datetime("us"), "%Y-%m-%d %H", "no text of format"),
        (pl.Datetime("us"), "%Y-%m-%d %I:%M", "no text of format"),
        (pl.Datetime("us"), "%H:%M:%S", "no text of format"),
        (pl.Time, "%H", "no text of format"),
        (pl.Date, "%d.%m.", "no text of format"),
        (pl.Datetime("us"), "%Y%m%d%H%M%S%f%f", "no text of format"),
        (pl.Time, "%Y-%m-%d %H:%M", "holds more than the type"),
        (pl.Time, "%H:%M%z", "holds more than the type"),
        (pl.Date, "%Y-%m-%d%z", "holds more than the type"),
        (pl.Date, "%Q", "cannot be read strictly"),
        (pl.Date, "%Y-%m-%d %", "cannot be read strictly"),
    ],
)
def test_a_format_that_reads_nothing_or_cuts_is_told_by_class_and_field(dtype: Any, form: str, what: str) -> None:
    with pytest.raises(ContractError, match=what) as caught:
        spec_of(model(dtype, "%Y-%m-%d %H:%M" if dtype == pl.Datetime("us") else form, form))
    assert caught.value.where == "Model.it" and repr(form) in str(caught.value)


OTHERS = ["%Y-%m-%d", "%d-%b-%y %I:%M %p", "%A, %d. %B %Y %H:%M", "%Y%j%H%M", "%%z %F %T%.f%:z", "%Y-%m"]


@pytest.mark.parametrize("form", OTHERS)
def test_other_formats_can_be_declared(form: str) -> None:
    for zone in (None, "Europe/Berlin"):
        spec_of(model(pl.Datetime("ms", zone), form))
