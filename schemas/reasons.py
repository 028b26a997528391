"""Why records are toxic: failed rules expanded into reasons, for the toxic records only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from tilth.schemas.casting import exactly, text_of
from tilth.schemas.spec import Severity

__all__ = ["REASON", "REASONS", "Failure", "as_json", "key_text", "one_reason", "reasons", "unescaped"]

REASON = pl.Struct(dict.fromkeys(("rule", "column", "value", "expected", "kind", "severity"), pl.String))
"""A rule that a record breaks. Kind: row | set | table | join | file; severity: error | warn (told, and no fault)."""
REASONS = pl.List(REASON)
_ESCAPES = {"\0": "\u24000", "\u2400": "\u2400\u2400"}  # the sign for NUL stands for it


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule that some records failed: which (a mask over all records), and what to tell of them."""

    rule: str
    column: str | None
    sources: tuple[str, ...]  # the raw columns whose pulled values are shown
    expected: str
    failed: pl.Series = field(compare=False)
    read: tuple[str, ...] = ()  # contract columns: what was read of them is shown instead
    kind: str = "row"
    severity: Severity = "error"


def reasons(failures: Sequence[Failure], rows: pl.DataFrame, values: pl.DataFrame, at: pl.Series) -> pl.Series:
    """One list of reasons for each row, in the order of `failures`: pulled `rows`, and the `values` read of them.

    They stand `at` in the masks.
    """
    if not failures:
        return pl.repeat([], len(at), dtype=REASONS, eager=True)
    parts = [_part(number, failure, rows, values, at) for number, failure in enumerate(failures)]
    flat = pl.concat([part for part in parts if part.height] or parts[:1]).sort("row", "rank")
    grouped = flat.group_by("row", maintain_order=True).agg(pl.struct(*REASON.to_schema()).alias("reasons"))
    if grouped.height < len(at):  # some have none
        every = pl.int_range(len(at), eager=True).cast(grouped.schema["row"]).alias("row").to_frame()
        grouped = every.join(grouped, on="row", how="left", maintain_order="left")
    return grouped["reasons"].fill_null(pl.lit([], REASONS)).cast(REASONS)


def _part(number: int, failure: Failure, rows: pl.DataFrame, values: pl.DataFrame, at: pl.Series) -> pl.DataFrame:
    here = failure.failed.gather(at).arg_true()
    if failure.read:
        value = values[here].select(_joined(failure.read, values.schema)).to_series()
    elif failure.sources:
        value = _shown(rows.select(map(exactly, failure.sources))[here])
    else:
        value = pl.repeat(None, len(here), dtype=pl.String, eager=True)
    return pl.DataFrame({"row": here, "value": value}).with_columns(
        pl.lit(number).alias("rank"),
        pl.lit(failure.rule).alias("rule"),
        pl.lit(failure.column, dtype=pl.String).alias("column"),
        pl.lit(failure.expected).alias("expected"),
        pl.lit(failure.kind).alias("kind"),
        pl.lit(failure.severity).alias("severity"),
    )


def _joined(columns: Sequence[str], types: pl.Schema) -> pl.Expr:
    return pl.concat_str([text_of(pl.col(name), types[name]) for name in columns], separator=", ")


def _shown(values: pl.DataFrame) -> pl.Series:
    if values.width == 1:
        return values.select(text_of(pl.all(), values.dtypes[0])).to_series()
    return as_json(values, values.columns)


def as_json(raw: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Each row as a JSON object of texts, names sorted, no blanks."""
    types = raw.schema  # made anew each time it is asked for
    texts = [text_of(exactly(name), types[name]).alias(name) for name in sorted(columns)]
    if not texts:
        return pl.repeat("{}", raw.height, eager=True)
    return raw.select(pl.struct(texts).struct.json_encode().alias("raw")).to_series()


def one_reason(
    rule: pl.Expr, column: str | None, value: pl.Expr | pl.Series, expected: str, *, kind: str = "set"
) -> pl.Expr:
    """A list of just one reason for each row, which condemns it."""
    why = pl.struct(
        rule=rule,
        column=pl.lit(column, pl.String),
        value=value,
        expected=pl.lit(expected),
        kind=pl.lit(kind),
        severity=pl.lit("error"),
    )
    return pl.concat_list(why).cast(REASONS).alias("reasons")


def key_text(values: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """The key as text: the value of a single column, a JSON array of several; null where any is null.

    No text of a key holds U+0000: databases end a text there, and two keys would be one.
    """
    if not key:
        return pl.repeat(None, values.height, dtype=pl.String, eager=True).alias("key")
    texts = values.select(text_of(pl.col(name), values.schema[name]) for name in key)
    if len(key) == 1:
        return _escaped(texts.to_series()).alias("key")
    quoted = [_quoted(texts[name]) for name in key]
    listed = pl.DataFrame(quoted).select(pl.concat_str(pl.all(), separator=","))
    return listed.select(pl.lit("[") + pl.first() + pl.lit("]")).to_series().alias("key")


def _escaped(text: pl.Series) -> pl.Series:
    if not text.str.contains("[\\x00\u2400]").any():
        return text
    return text.str.replace_many(_ESCAPES)


def unescaped(text: pl.Series) -> pl.Series:
    """The value of a single key column, from the key's text."""
    return text.str.replace_many({escape: plain for plain, escape in _ESCAPES.items()})


def _quoted(text: pl.Series) -> pl.Series:
    if text.str.contains(r'["\\\x00-\x1f\x7f]').any():
        encoded = pl.DataFrame({"t": text}).select(pl.struct("t").struct.json_encode().str.slice(5).str.head(-1))
        return encoded.select(pl.when(text.is_not_null()).then(pl.first())).to_series().alias(text.name)
    return ('"' + text + '"').alias(text.name)
